//! `Secret`: making, finding and deleting secrets, and reading what they hold.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, SECRET, Secrets};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::database::{required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text};
use crate::cloudforet::proto::secret::v1::create_secret_request::ResourceGroup;
use crate::cloudforet::proto::secret::v1::secret_info::{
    ResourceGroup as InfoResourceGroup, State,
};
use crate::cloudforet::proto::secret::v1::secret_query::State as QueryState;
use crate::cloudforet::proto::secret::v1::secret_server::Secret;
use crate::cloudforet::proto::secret::v1::{
    CreateSecretRequest, GetSecretDataRequest, SecretDataInfo, SecretInfo, SecretQuery,
    SecretRequest, SecretStatQuery, SecretsInfo, UpdateSecretDataRequest, UpdateSecretRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{changes, given};
use crate::cloudforet::settings::new_id;

#[tonic::async_trait]
impl Secret for Handler {
    async fn create(
        &self,
        request: Request<CreateSecretRequest>,
    ) -> Result<Response<SecretInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let mut request = request.into_inner();
        let data = request.data.take().ok_or(Failure::Required("data"))?;
        let row = self.0.new_row(&caller, &request).await?;
        // What it holds first: nobody must find a secret without.
        let id = text(&row, SECRET.id);
        self.0.store(&id, &data).await?;
        self.0.database.rows(&SECRET).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateSecretRequest>,
    ) -> Result<Response<SecretInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.0.changeable(&caller, &request.secret_id).await?;
        let mut set = changes(&[("name", &request.name), ("project_id", &request.project_id)]);
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        Ok(Response::new(self.0.change(row, set).await?))
    }

    async fn delete(&self, request: Request<SecretRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().secret_id;
        let row = self.0.changeable(&caller, id).await?;
        self.0.database.remove(&SECRET, &row).await?;
        self.0.forget(id).await?;
        Ok(Response::new(()))
    }

    async fn enable(
        &self,
        request: Request<SecretRequest>,
    ) -> Result<Response<SecretInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().secret_id;
        let row = self.0.changeable(&caller, id).await?;
        let set = doc! { "state": "ENABLED" };
        Ok(Response::new(self.0.change(row, set).await?))
    }

    async fn disable(
        &self,
        request: Request<SecretRequest>,
    ) -> Result<Response<SecretInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().secret_id;
        let row = self.0.changeable(&caller, id).await?;
        let set = doc! { "state": "DISABLED" };
        Ok(Response::new(self.0.change(row, set).await?))
    }

    async fn update_data(
        &self,
        request: Request<UpdateSecretDataRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let mut request = request.into_inner();
        let data = request.data.take().ok_or(Failure::Required("data"))?;
        let row = self.0.changeable(&caller, &request.secret_id).await?;
        self.0.store(&request.secret_id, &data).await?;
        let set = changes(&[("schema_id", &request.schema_id)]);
        self.0.change(row, set).await?;
        Ok(Response::new(()))
    }

    async fn get_data(
        &self,
        request: Request<GetSecretDataRequest>,
    ) -> Result<Response<SecretDataInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        if !caller.is_system() {
            return Err(Failure::Denied.into());
        }
        let GetSecretDataRequest {
            secret_id,
            domain_id,
        } = request.get_ref();
        let mut scope = scope(&caller, "")?;
        if !domain_id.is_empty() {
            scope = doc! { "domain_id": domain_id };
        }
        let row = self.0.database.one(&SECRET, scope, secret_id).await?;
        if text(&row, "state") != "ENABLED" {
            return Err(Failure::Invalid {
                key: "secret_id",
                reason: "the secret is disabled".to_owned(),
            }
            .into());
        }
        Ok(Response::new(SecretDataInfo {
            encrypted: false,
            encrypt_options: None,
            data: Some(self.0.reveal(secret_id).await?),
        }))
    }

    async fn get(&self, request: Request<SecretRequest>) -> Result<Response<SecretInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().secret_id;
        let scope = scope(&caller, "")?;
        let row = self.0.database.one(&SECRET, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<SecretQuery>) -> Result<Response<SecretsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("secret_id", &request.secret_id),
            ("name", &request.name),
            ("schema_id", &request.schema_id),
            ("provider", &request.provider),
            ("project_id", &request.project_id),
            ("service_account_id", &request.service_account_id),
            ("trusted_secret_id", &request.trusted_secret_id),
        ]));
        if request.state() != QueryState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&SECRET, base, &query).await?;
        Ok(Response::new(SecretsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<SecretStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&SECRET, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl Secrets {
    /// A new secret, without what it holds.
    async fn new_row(
        &self,
        caller: &Caller,
        request: &CreateSecretRequest,
    ) -> Result<Document, Failure> {
        let name = required("name", &request.name)?;
        let group = request.resource_group();
        let workspace = match group {
            ResourceGroup::Domain if caller.is_administrator() => String::new(),
            ResourceGroup::Domain => return Err(Failure::Denied),
            _ => place(caller, &request.workspace_id)?,
        };
        if !request.trusted_secret_id.is_empty() {
            return Err(Failure::NotFound {
                key: "trusted_secret_id",
                value: request.trusted_secret_id.clone(),
            });
        }
        let mut project = request.project_id.clone();
        let mut provider = String::new();
        if !request.service_account_id.is_empty() {
            let account = &request.service_account_id;
            let account = self.account(&caller.domain_id, &workspace, account).await?;
            provider = account.provider;
            if project.is_empty() {
                project = account.project_id;
            }
        }
        let group = match group {
            ResourceGroup::None if project.is_empty() => ResourceGroup::Workspace,
            ResourceGroup::None => ResourceGroup::Project,
            given => given,
        };
        Ok(doc! {
            "secret_id": new_id("secret"),
            "name": name,
            "state": "ENABLED",
            "schema_id": &request.schema_id,
            "provider": provider,
            "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
            "resource_group": group.as_str_name(),
            "domain_id": &caller.domain_id,
            "workspace_id": workspace,
            "project_id": project,
            "service_account_id": &request.service_account_id,
            "created_at": DateTime::now(),
        })
    }

    /// A secret that the caller sees and may change.
    async fn changeable(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        if !caller.is_administrator() {
            caller.owned_workspace()?;
        }
        self.database.one(&SECRET, scope(caller, "")?, id).await
    }

    async fn change(&self, row: Document, mut set: Document) -> Result<SecretInfo, Failure> {
        set.insert("updated_at", DateTime::now());
        Ok(message(&self.database.change(&SECRET, row, set).await?))
    }
}

/// The workspace that a new secret is for.
fn place(caller: &Caller, asked: &str) -> Result<String, Failure> {
    let workspace = caller.visible_workspace(asked)?;
    if !caller.is_administrator() {
        caller.owned_workspace()?;
    }
    Ok(workspace
        .ok_or(Failure::Required("workspace_id"))?
        .to_owned())
}

fn message(row: &Document) -> SecretInfo {
    SecretInfo {
        secret_id: text(row, "secret_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        schema_id: text(row, "schema_id"),
        provider: text(row, "provider"),
        tags: structure(row, "tags"),
        resource_group: InfoResourceGroup::from_str_name(&text(row, "resource_group"))
            .unwrap_or_default()
            .into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        project_id: text(row, "project_id"),
        service_account_id: text(row, "service_account_id"),
        trusted_secret_id: String::new(),
        created_at: date(row, "created_at"),
    }
}
