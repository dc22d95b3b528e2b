//! `ServiceAccount`: accounts at providers, each with the secret that opens it.
//!
//! The account's row is written first and says PENDING until its secret is stored, so that what is
//! left behind by a crash can be seen and repaired.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::service_account_row::{KIND, message, new_row};
use super::{Handler, Identity, project, provider};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::database::scope;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::identity::v2::service_account_server::ServiceAccount;
use crate::cloudforet::proto::identity::v2::{
    CreateServiceAccountRequest, ServiceAccountAnalyzeQuery, ServiceAccountInfo,
    ServiceAccountRequest, ServiceAccountSearchQuery, ServiceAccountStatQuery, ServiceAccountsInfo,
    UpdateServiceAccountRequest, UpdateServiceAccountSecretRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{changes, given};

#[tonic::async_trait]
impl ServiceAccount for Handler {
    async fn create(
        &self,
        request: Request<CreateServiceAccountRequest>,
    ) -> Result<Response<ServiceAccountInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let mut request = request.into_inner();
        let secret_data = request.secret_data.take();
        let row = self.0.create_account(&caller, &request).await?;
        let Some(data) = secret_data else {
            return Ok(Response::new(message(&row)));
        };
        let schema = &request.secret_schema_id;
        let stored = match self.0.create_secret(&row, schema, data).await {
            Ok(secret_id) => self.0.with_secret(row.clone(), &secret_id, schema).await,
            Err(failure) => Err(failure),
        };
        if stored.is_err() {
            self.0
                .database
                .rows(&KIND)
                .await?
                .delete(by_id(&row))
                .await?;
        }
        Ok(Response::new(message(&stored?)))
    }

    async fn update(
        &self,
        request: Request<UpdateServiceAccountRequest>,
    ) -> Result<Response<ServiceAccountInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let id = &request.service_account_id;
        let row = self.0.owned_account(&caller, id).await?;
        if !request.project_id.is_empty() {
            let scope = scope(&caller, "")?;
            let project = &request.project_id;
            self.0.database.one(&project::KIND, scope, project).await?;
        }
        let mut set = changes(&[
            ("name", &request.name),
            ("project_id", &request.project_id),
            ("service_account_mgr_id", &request.service_account_mgr_id),
        ]);
        for (key, value) in [("data", &request.data), ("tags", &request.tags)] {
            if let Some(value) = value {
                set.insert(key, to_document(value));
            }
        }
        set.insert("updated_at", DateTime::now());
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update_secret_data(
        &self,
        request: Request<UpdateServiceAccountSecretRequest>,
    ) -> Result<Response<ServiceAccountInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let mut request = request.into_inner();
        no_trusted_account(&request.trusted_account_id)?;
        let data = request.secret_data.take();
        let data = data.ok_or(Failure::Required("secret_data"))?;
        let id = &request.service_account_id;
        let row = self.0.owned_account(&caller, id).await?;
        let schema = &request.secret_schema_id;
        let mut secret_id = text(&row, "secret_id");
        if secret_id.is_empty() {
            secret_id = self.0.create_secret(&row, schema, data).await?;
        } else {
            self.0.update_secret(&row, schema, data).await?;
        }
        let row = self.0.with_secret(row, &secret_id, schema).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete_secret_data(
        &self,
        request: Request<ServiceAccountRequest>,
    ) -> Result<Response<ServiceAccountInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let id = &request.get_ref().service_account_id;
        let row = self.0.owned_account(&caller, id).await?;
        self.0.delete_secret(&row).await?;
        let set = doc! { "secret_id": "", "secret_schema_id": "", "state": "PENDING" };
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(
        &self,
        request: Request<ServiceAccountRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let id = &request.get_ref().service_account_id;
        let row = self.0.owned_account(&caller, id).await?;
        self.0.delete_secret(&row).await?;
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn get(
        &self,
        request: Request<ServiceAccountRequest>,
    ) -> Result<Response<ServiceAccountInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().service_account_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<ServiceAccountSearchQuery>,
    ) -> Result<Response<ServiceAccountsInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("service_account_id", &request.service_account_id),
            ("name", &request.name),
            ("state", &request.state),
            ("provider", &request.provider),
            ("project_id", &request.project_id),
            ("trusted_account_id", &request.trusted_account_id),
            ("secret_schema_id", &request.secret_schema_id),
            ("secret_id", &request.secret_id),
        ]));
        // False cannot be told from not given.
        base.extend(
            request
                .has_secret
                .then(|| doc! { "secret_id": { "$ne": "" } }),
        );
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(ServiceAccountsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn analyze(
        &self,
        request: Request<ServiceAccountAnalyzeQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.analyze(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }

    async fn stat(
        &self,
        request: Request<ServiceAccountStatQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl Identity {
    async fn create_account(
        &self,
        caller: &Caller,
        request: &CreateServiceAccountRequest,
    ) -> Result<Document, Failure> {
        let workspace = caller.owned_workspace()?;
        no_trusted_account(&request.trusted_account_id)?;
        let mut row = new_row(request)?;
        let domain = doc! { "domain_id": &caller.domain_id };
        let mut place = domain.clone();
        place.insert("workspace_id", workspace);
        let project = &request.project_id;
        let (projects, providers) = (&project::KIND, &provider::KIND);
        self.database.one(projects, place.clone(), project).await?;
        self.database
            .one(providers, domain, &request.provider)
            .await?;
        row.extend(place);
        let rows = self.database.rows(&KIND).await?;
        rows.insert(&row).await?;
        // As it is stored, with the id by which it is changed.
        self.database
            .one(&KIND, Document::new(), &text(&row, KIND.id))
            .await
    }

    /// An account that the caller may change.
    async fn owned_account(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        caller.owned_workspace()?;
        self.database.one(&KIND, scope(caller, "")?, id).await
    }

    async fn with_secret(
        &self,
        row: Document,
        secret_id: &str,
        schema_id: &str,
    ) -> Result<Document, Failure> {
        let mut set = doc! { "secret_id": secret_id, "state": "ACTIVE" };
        set.extend(changes(&[("secret_schema_id", schema_id)]));
        self.database.change(&KIND, row, set).await
    }

    /// Deletes all accounts of a workspace and their secrets.
    pub(super) async fn delete_accounts(&self, place: Document) -> Result<(), Failure> {
        let found = crate::cloudforet::mongo::Found {
            filter: place,
            ..Default::default()
        };
        for row in self.database.rows(&KIND).await?.find(found).await? {
            self.delete_secret(&row).await?;
            self.database.remove(&KIND, &row).await?;
        }
        Ok(())
    }
}

fn by_id(row: &Document) -> Document {
    doc! { KIND.id: text(row, KIND.id) }
}

/// Upstream a secret may be completed by that of another account. Here each stands for itself.
fn no_trusted_account(id: &str) -> Result<(), Failure> {
    if id.is_empty() {
        return Ok(());
    }
    Err(Failure::NotFound {
        key: "trusted_account_id",
        value: id.to_owned(),
    })
}
