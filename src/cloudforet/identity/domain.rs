//! `Domain`: tenants, and the keys that verify their tokens.

use bson::{Document, doc};
use tonic::{Request, Response, Status};

use super::{DOMAIN, Handler};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text};
use crate::cloudforet::proto::core::v2::{AuthenticationRequest, AuthenticationResponse};
use crate::cloudforet::proto::identity::v2::domain_auth_info::ExternalAuthState;
use crate::cloudforet::proto::identity::v2::domain_info::State;
use crate::cloudforet::proto::identity::v2::domain_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::domain_server::Domain;
use crate::cloudforet::proto::identity::v2::{
    DomainAuthInfo, DomainInfo, DomainRequest, DomainSearchQuery, DomainsInfo, GetDomainAuthRequest,
};
use crate::cloudforet::resource::given;

#[tonic::async_trait]
impl Domain for Handler {
    async fn get(&self, request: Request<DomainRequest>) -> Result<Response<DomainInfo>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let id = &request.get_ref().domain_id;
        if !id.is_empty() && *id != claims.did {
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
        self.0
            .one(&DOMAIN, doc! { "domain_id": &domain_id })
            .await?;
        let keys = self.0.keys.of(&self.0.mongo, &domain_id).await?;
        Ok(Response::new(AuthenticationResponse {
            public_key: keys.access.jwk().to_owned(),
            domain_id,
        }))
    }

    /// Lab: a caller sees its own domain only; the real service shows all to the system's token.
    async fn list(
        &self,
        request: Request<DomainSearchQuery>,
    ) -> Result<Response<DomainsInfo>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let request = request.get_ref();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![doc! { "domain_id": claims.did }];
        base.extend(given(&[
            ("domain_id", &request.domain_id),
            ("name", &request.name),
        ]));
        if request.state() != SearchState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        let (rows, total_count) = self.0.list(&DOMAIN, base, &query).await?;
        Ok(Response::new(DomainsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
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
