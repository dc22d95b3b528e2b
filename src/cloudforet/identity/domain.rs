//! `Domain`: tenants, and the keys that verify their tokens.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{DOMAIN, Handler, Identity, USER, WORKSPACE, first_start, keys, password};
use super::{project, project_group, provider, role};
use crate::cloudforet::auth::{Claims, SYSTEM};
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text};
use crate::cloudforet::proto::core::v2::{AuthenticationRequest, AuthenticationResponse};
use crate::cloudforet::proto::identity::v2::domain_auth_info::ExternalAuthState;
use crate::cloudforet::proto::identity::v2::domain_info::State;
use crate::cloudforet::proto::identity::v2::domain_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::domain_server::Domain;
use crate::cloudforet::proto::identity::v2::{
    Admin, CreateDomainRequest, DomainAuthInfo, DomainInfo, DomainRequest, DomainSearchQuery,
    DomainStatQuery, DomainsInfo, GetDomainAuthRequest, UpdateDomainRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{changes, given};
use crate::cloudforet::settings::new_id;

#[tonic::async_trait]
impl Domain for Handler {
    async fn create(
        &self,
        request: Request<CreateDomainRequest>,
    ) -> Result<Response<DomainInfo>, Status> {
        self.0.system(request.metadata()).await?;
        let request = request.into_inner();
        let row = doc! {
            "domain_id": new_id("domain"),
            "name": required("name", &request.name)?,
            "state": "ENABLED",
            "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
            "created_at": DateTime::now(),
        };
        let admin = request.admin.as_ref().ok_or(Failure::Required("admin"))?;
        Ok(Response::new(self.0.create_domain(&row, admin).await?))
    }

    async fn update(
        &self,
        request: Request<UpdateDomainRequest>,
    ) -> Result<Response<DomainInfo>, Status> {
        self.0.system(request.metadata()).await?;
        let request = request.into_inner();
        let mut set = changes(&[("name", &request.name)]);
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        let id = &request.domain_id;
        Ok(Response::new(self.0.change_domain(id, set).await?))
    }

    /// Takes the domain away with its people, its parts and its keys. What other services have of
    /// it is out of everybody's reach from then on.
    async fn delete(&self, request: Request<DomainRequest>) -> Result<Response<()>, Status> {
        self.0.system(request.metadata()).await?;
        let id = &request.get_ref().domain_id;
        let row = self.0.one(&DOMAIN, doc! { "domain_id": id }).await?;
        let inside = doc! { "domain_id": id };
        self.0.delete_accounts(inside.clone()).await?;
        for kind in [
            &USER,
            &WORKSPACE,
            &project::KIND,
            &project_group::KIND,
            &provider::KIND,
            &role::KIND,
        ] {
            self.0
                .database
                .rows(kind)
                .await?
                .delete_all(inside.clone())
                .await?;
        }
        let secrets = self.0.database.mongo.collection(keys::COLLECTION).await?;
        secrets.delete(inside).await?;
        self.0.database.remove(&DOMAIN, &row).await?;
        Ok(Response::new(()))
    }

    async fn enable(
        &self,
        request: Request<DomainRequest>,
    ) -> Result<Response<DomainInfo>, Status> {
        self.0.system(request.metadata()).await?;
        let id = &request.get_ref().domain_id;
        let set = doc! { "state": "ENABLED" };
        Ok(Response::new(self.0.change_domain(id, set).await?))
    }

    /// Nobody gets a token of a disabled domain. Services that know its key already believe in
    /// tokens that are out until they ask for the key again.
    async fn disable(
        &self,
        request: Request<DomainRequest>,
    ) -> Result<Response<DomainInfo>, Status> {
        self.0.system(request.metadata()).await?;
        let id = &request.get_ref().domain_id;
        let set = doc! { "state": "DISABLED" };
        Ok(Response::new(self.0.change_domain(id, set).await?))
    }

    async fn get(&self, request: Request<DomainRequest>) -> Result<Response<DomainInfo>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let id = &request.get_ref().domain_id;
        if !id.is_empty() && *id != claims.did && claims.typ != SYSTEM {
            return Err(missing(id).into());
        }
        let row = self.0.one(&DOMAIN, doc! { "domain_id": id }).await?;
        Ok(Response::new(message(&row)))
    }

    async fn get_auth_info(
        &self,
        request: Request<GetDomainAuthRequest>,
    ) -> Result<Response<DomainAuthInfo>, Status> {
        let name = &request.get_ref().name;
        if name.is_empty() {
            return Err(Failure::Required("name").into());
        }
        let row = self
            .0
            .database
            .rows(&DOMAIN)
            .await?
            .find_one(doc! { "name": name })
            .await?;
        let row = row.ok_or_else(|| Failure::NotFound {
            key: "name",
            value: name.clone(),
        })?;
        Ok(Response::new(DomainAuthInfo {
            domain_id: text(&row, "domain_id"),
            name: text(&row, "name"),
            external_auth_state: ExternalAuthState::Disabled.into(),
            metadata: None,
            config: None,
        }))
    }

    async fn get_public_key(
        &self,
        request: Request<AuthenticationRequest>,
    ) -> Result<Response<AuthenticationResponse>, Status> {
        let domain_id = request.into_inner().domain_id;
        if domain_id == super::system::domain_id()
            && let Some(public_key) = self.0.settings.system_key.clone()
        {
            return Ok(Response::new(AuthenticationResponse {
                public_key,
                domain_id,
            }));
        }
        let domain = doc! { "domain_id": &domain_id };
        let row = self.0.one(&DOMAIN, domain).await?;
        if text(&row, "state") != "ENABLED" {
            return Err(missing(&domain_id).into());
        }
        let keys = self.0.keys.of(&self.0.database.mongo, &domain_id).await?;
        Ok(Response::new(AuthenticationResponse {
            public_key: keys.access.jwk().to_owned(),
            domain_id,
        }))
    }

    /// A caller sees its own domain only; the system sees all.
    async fn list(
        &self,
        request: Request<DomainSearchQuery>,
    ) -> Result<Response<DomainsInfo>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let request = request.get_ref();
        let query = request.query.clone().unwrap_or_default();
        let mut base = visible(&claims);
        base.extend(given(&[
            ("domain_id", &request.domain_id),
            ("name", &request.name),
        ]));
        if request.state() != SearchState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&DOMAIN, base, &query).await?;
        Ok(Response::new(DomainsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<DomainStatQuery>) -> Result<Response<Struct>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let base = visible(&claims);
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&DOMAIN, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl Identity {
    /// A domain with its roles and somebody who may do everything in it.
    async fn create_domain(&self, row: &Document, admin: &Admin) -> Result<DomainInfo, Failure> {
        let user = required("admin.user_id", &admin.user_id)?;
        password::acceptable(required("admin.password", &admin.password)?)?;
        let domain = text(row, "domain_id");
        let password = password::hash(&admin.password).await?;
        let mut administrator = first_start::administrator_row(&domain, user, &password);
        administrator.extend(changes(&[
            ("name", &admin.name),
            ("email", &admin.email),
            ("language", &admin.language),
            ("timezone", &admin.timezone),
        ]));
        self.database.rows(&DOMAIN).await?.insert(row).await?;
        role::create(&self.database, &domain).await?;
        self.database
            .rows(&USER)
            .await?
            .insert(&administrator)
            .await?;
        Ok(message(row))
    }

    async fn change_domain(&self, id: &str, mut set: Document) -> Result<DomainInfo, Failure> {
        let row = self.one(&DOMAIN, doc! { "domain_id": id }).await?;
        set.insert("updated_at", DateTime::now());
        let row = self.database.change(&DOMAIN, row, set).await?;
        Ok(message(&row))
    }
}

fn visible(claims: &Claims) -> Vec<Document> {
    if claims.typ == SYSTEM {
        Vec::new()
    } else {
        vec![doc! { "domain_id": &claims.did }]
    }
}

fn missing(id: &str) -> Failure {
    Failure::NotFound {
        key: DOMAIN.id,
        value: id.to_owned(),
    }
}

fn message(row: &Document) -> DomainInfo {
    DomainInfo {
        domain_id: text(row, "domain_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        tags: structure(row, "tags"),
        created_at: date(row, "created_at"),
        deleted_at: date(row, "deleted_at"),
    }
}
