//! The identity service: who may sign in, and the tokens that prove it.
//!
//! Lab: one service with the parts that signing in needs. Roles are two: the domain's administrator,
//! and everybody else, who may do nothing yet.

mod attempts;
mod domain;
mod endpoint;
mod first_start;
mod keys;
mod password;
mod sign;
mod token;
mod user;
mod user_profile;
mod workspace;

use std::sync::Arc;

use bson::{Document, doc};
use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;

use super::auth::{self, Claims};
use super::client::MESSAGE_LIMIT;
use super::error::{Failure, StartError};
use super::mongo::{Collection, Mongo};
use super::proto::core::v2::Query;
use super::proto::identity::v2::domain_server::DomainServer;
use super::proto::identity::v2::endpoint_server::EndpointServer;
use super::proto::identity::v2::token_server::TokenServer;
use super::proto::identity::v2::user_profile_server::UserProfileServer;
use super::proto::identity::v2::user_server::UserServer;
use super::proto::identity::v2::workspace_server::WorkspaceServer;
use super::resource::{self, Conditions, Kind, Page};
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 6] = [
    "spaceone.api.identity.v2.Token",
    "spaceone.api.identity.v2.Domain",
    "spaceone.api.identity.v2.UserProfile",
    "spaceone.api.identity.v2.User",
    "spaceone.api.identity.v2.Workspace",
    "spaceone.api.identity.v2.Endpoint",
];

const DOMAIN: Kind = Kind {
    collection: "domain",
    id: "domain_id",
    minimal: &["domain_id", "name", "state"],
    keyword: &["domain_id", "name"],
};
const WORKSPACE: Kind = Kind {
    collection: "workspace",
    id: "workspace_id",
    minimal: &["workspace_id", "name", "state"],
    keyword: &["workspace_id", "name"],
};
const USER: Kind = Kind {
    collection: "user",
    id: "user_id",
    minimal: &["user_id", "name", "state"],
    keyword: &["user_id", "name", "email"],
};

/// What the services share.
#[derive(Debug)]
struct Identity {
    mongo: Mongo,
    settings: Settings,
    keys: keys::Keys,
}

/// Each gRPC service is one of these around the same [`Identity`].
#[derive(Clone, Debug)]
struct Handler(Arc<Identity>);

/// Serves until the signal. Ready once MongoDB has answered and the first domain exists.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let trace = TraceLayer::new(&settings.pod, emitter);
    let grpc = settings.grpc.clone();
    let identity = Arc::new(Identity {
        mongo: Mongo::new(&settings, "identity").await?,
        settings,
        keys: keys::Keys::default(),
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let handler = Handler(Arc::clone(&identity));
    let routes = routes
        .add_service(TokenServer::new(handler.clone()))
        .add_service(DomainServer::new(handler.clone()))
        .add_service(UserProfileServer::new(handler.clone()))
        .add_service(
            UserServer::new(handler.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .add_service(WorkspaceServer::new(handler.clone()))
        .add_service(EndpointServer::new(handler));
    // Boxed, for it is large and soon done.
    let prepare = Box::pin(async move { identity.prepare(&readiness).await });
    server::serve_with(listener, routes, trace, &grpc, shutdown, prepare).await
}

impl Identity {
    async fn prepare(&self, readiness: &Readiness) {
        server::until_done("identity's database", || async {
            self.mongo.wait().await;
            first_start::create(&self.mongo, &self.settings.login).await
        })
        .await;
        readiness.ready().await;
        // Making a key pair takes longer than everything else; the first call that needs it waits.
        server::until_done("the domain's keys", || async {
            let domain = self.settings.login.domain_id();
            self.keys.of(&self.mongo, &domain).await.map(drop)
        })
        .await;
    }

    async fn rows(&self, kind: &Kind) -> Result<Collection, Failure> {
        self.mongo.collection(kind.collection).await
    }

    async fn one(&self, kind: &Kind, filter: Document) -> Result<Document, Failure> {
        let value = filter.get_str(kind.id).unwrap_or_default().to_owned();
        if value.is_empty() {
            return Err(Failure::Required(kind.id));
        }
        let row = self.rows(kind).await?.find_one(filter).await?;
        row.ok_or(Failure::NotFound {
            key: kind.id,
            value,
        })
    }

    async fn list(&self, kind: &Kind, base: Vec<Document>, query: &Query) -> Result<Page, Failure> {
        let conditions = Conditions::of(&query.filter, &query.filter_or)?;
        let keyword = super::query::keyword(&query.keyword, kind.keyword)?;
        let filter = conditions.into_filter(base, keyword);
        resource::list(&self.rows(kind).await?, kind, filter, query).await
    }

    /// What the token of a call says, whatever its scope.
    async fn claims(&self, metadata: &MetadataMap) -> Result<Claims, Failure> {
        let token = auth::token(metadata)?;
        self.verified(token, "ACCESS_TOKEN").await
    }

    async fn verified(&self, token: &str, typ: &str) -> Result<Claims, Failure> {
        let domain = auth::unverified_domain(token)?;
        // An unknown domain is an invalid token, and must not make a key pair.
        let found = self
            .rows(&DOMAIN)
            .await?
            .find_one(doc! { "domain_id": &domain })
            .await?;
        if found.is_none() {
            return Err(auth::invalid("Domain not found."));
        }
        let keys = self.keys.of(&self.mongo, &domain).await?;
        let pair = if typ == "REFRESH_TOKEN" {
            &keys.refresh
        } else {
            &keys.access
        };
        auth::verify(token, pair.verifying(), typ)
    }

    /// The claims of a token of the domain's administrator.
    async fn administrator(&self, metadata: &MetadataMap) -> Result<Claims, Failure> {
        let claims = self.claims(metadata).await?;
        match claims.rol.as_deref() {
            Some("DOMAIN_ADMIN") => Ok(claims),
            _ => Err(Failure::Denied),
        }
    }
}
