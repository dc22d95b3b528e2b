//! The identity service: who may sign in, the tokens that prove it, and what a domain is made of.
//!
//! Lab: users have no role bindings. Roles that count are two: the domain's administrator, who is
//! the owner of every workspace it asks a token for, and everybody else, who may see their own
//! profile.

mod attempts;
mod domain;
mod endpoint;
mod first_start;
mod keys;
mod password;
mod project;
mod project_group;
mod provider;
mod role;
mod secrets;
mod seeds;
mod service_account;
mod service_account_row;
mod sign;
mod system;
mod token;
mod user;
mod user_profile;
mod workspace;

use std::sync::Arc;

use bson::{Document, doc};
use tokio::net::TcpListener;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;

use super::auth::{self, ACCESS, Caller, Claims, REFRESH};
use super::client::{Channels, MESSAGE_LIMIT};
use super::database::Database;
use super::error::{Failure, StartError};
use super::mongo::text;
use super::proto::identity::v2 as api;
use super::resource::Kind;
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

pub use system::SystemCredentials;

const SERVICES: [&str; 11] = [
    "spaceone.api.identity.v2.Token",
    "spaceone.api.identity.v2.Domain",
    "spaceone.api.identity.v2.UserProfile",
    "spaceone.api.identity.v2.User",
    "spaceone.api.identity.v2.Workspace",
    "spaceone.api.identity.v2.Endpoint",
    "spaceone.api.identity.v2.Project",
    "spaceone.api.identity.v2.ProjectGroup",
    "spaceone.api.identity.v2.ServiceAccount",
    "spaceone.api.identity.v2.Provider",
    "spaceone.api.identity.v2.Role",
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
    /// Its verifier is not used: the keys are here.
    database: Database,
    settings: Settings,
    keys: keys::Keys,
    channels: Channels,
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
    let channels = Channels::new(&settings);
    let identity = Arc::new(Identity {
        database: Database::new(&settings, "identity", &channels).await?,
        settings,
        keys: keys::Keys::default(),
        channels,
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let routes = add_services(routes, &Handler(Arc::clone(&identity)));
    // Boxed, for it is large and soon done.
    let prepare = Box::pin(async move { identity.prepare(&readiness).await });
    server::serve_with(listener, routes, trace, &grpc, shutdown, prepare).await
}

fn add_services(routes: Routes, handler: &Handler) -> Routes {
    macro_rules! large {
        ($server:ty) => {
            <$server>::new(handler.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT)
        };
    }
    routes
        .add_service(api::token_server::TokenServer::new(handler.clone()))
        .add_service(large!(api::domain_server::DomainServer<_>))
        .add_service(api::user_profile_server::UserProfileServer::new(
            handler.clone(),
        ))
        .add_service(large!(api::user_server::UserServer<_>))
        .add_service(large!(api::workspace_server::WorkspaceServer<_>))
        .add_service(api::endpoint_server::EndpointServer::new(handler.clone()))
        .add_service(large!(api::project_server::ProjectServer<_>))
        .add_service(large!(api::project_group_server::ProjectGroupServer<_>))
        .add_service(large!(api::service_account_server::ServiceAccountServer<_>))
        .add_service(large!(api::provider_server::ProviderServer<_>))
        .add_service(large!(api::role_server::RoleServer<_>))
}

impl Identity {
    async fn prepare(&self, readiness: &Readiness) {
        server::until_done("identity's database", || async {
            self.database.mongo.wait().await;
            first_start::create(&self.database, &self.settings.login).await?;
            seeds::sow(&self.database, &self.settings).await
        })
        .await;
        readiness.ready().await;
        // Making a key pair takes longer than everything else; the first call that needs it waits.
        server::until_done("the domain's keys", || async {
            let domain = self.settings.login.domain_id();
            self.keys.of(&self.database.mongo, &domain).await.map(drop)
        })
        .await;
    }

    /// The one row that `filter` names by its id.
    async fn one(&self, kind: &Kind, mut filter: Document) -> Result<Document, Failure> {
        let id = match filter.remove(kind.id) {
            Some(bson::Bson::String(id)) => id,
            _ => String::new(),
        };
        self.database.one(kind, filter, &id).await
    }

    /// What the token of a call says, whatever its scope.
    async fn claims(&self, metadata: &MetadataMap) -> Result<Claims, Failure> {
        let token = auth::token(metadata)?;
        self.verified(token, ACCESS).await
    }

    /// Who calls, for what belongs to a domain or workspace.
    async fn caller(&self, metadata: &MetadataMap) -> Result<Caller, Failure> {
        Caller::of(self.claims(metadata).await?, metadata)
    }

    async fn verified(&self, token: &str, typ: &str) -> Result<Claims, Failure> {
        let domain = auth::unverified_domain(token)?;
        if typ == ACCESS
            && domain == system::domain_id()
            && let Some(key) = &self.settings.system_key
        {
            return auth::verify(token, &auth::key_from_jwk(key)?, &[auth::SYSTEM]);
        }
        // An unknown domain is an invalid token, and must not make a key pair.
        let found = self
            .database
            .rows(&DOMAIN)
            .await?
            .find_one(doc! { "domain_id": &domain })
            .await?
            .ok_or_else(|| auth::invalid("Domain not found."))?;
        if text(&found, "state") != "ENABLED" {
            return Err(auth::invalid("Domain is not enabled."));
        }
        let keys = self.keys.of(&self.database.mongo, &domain).await?;
        let pair = if typ == REFRESH {
            &keys.refresh
        } else {
            &keys.access
        };
        auth::verify(token, pair.verifying(), &[typ])
    }

    /// The domain's administrator, or the system on a domain's behalf.
    async fn administrator(&self, metadata: &MetadataMap) -> Result<Caller, Failure> {
        let caller = self.caller(metadata).await?;
        if caller.is_administrator() {
            Ok(caller)
        } else {
            Err(Failure::Denied)
        }
    }

    /// Nobody but the system.
    async fn system(&self, metadata: &MetadataMap) -> Result<(), Failure> {
        if self.caller(metadata).await?.is_system() {
            Ok(())
        } else {
            Err(Failure::Denied)
        }
    }
}
