//! The secret service: credentials of accounts, encrypted in the store.
//!
//! What a secret is about (its name, whose it is) and what it holds lie in two collections, so that
//! no question about the first can ever show the second. Only the system reads what secrets hold.

mod data;
mod seeds;
mod service;
mod vault;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::client::{CallAs, Channels, MESSAGE_LIMIT};
use super::database::Database;
use super::error::{Failure, StartError};
use super::proto::identity::v2::{ServiceAccountInfo, ServiceAccountRequest};
use super::proto::secret::v1::secret_server::SecretServer;
use super::resource::Kind;
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 1] = ["spaceone.api.secret.v1.Secret"];
const GET_ACCOUNT: &str = "/spaceone.api.identity.v2.ServiceAccount/get";

const SECRET: Kind = Kind {
    collection: "secret",
    id: "secret_id",
    minimal: &[
        "secret_id",
        "name",
        "state",
        "provider",
        "service_account_id",
    ],
    keyword: &["secret_id", "name", "provider"],
};

/// What the service works with.
#[derive(Debug)]
struct Secrets {
    database: Database,
    vault: vault::Vault,
    settings: Settings,
    channels: Channels,
}

/// The gRPC service.
#[derive(Clone, Debug)]
struct Handler(Arc<Secrets>);

/// Serves until the signal. `data` is the folder of the key that all replicas share; without one
/// there is no service, for a key that dies with its pod would leave secrets that nobody can read.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    data: Option<PathBuf>,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let folder = data.ok_or_else(|| {
        StartError::Key("there is no folder for it (hint: LAB_DATA names one)".to_owned())
    })?;
    let channels = Channels::new(&settings);
    let trace = TraceLayer::new(&settings.pod, emitter);
    let grpc = settings.grpc.clone();
    let secrets = Arc::new(Secrets {
        database: Database::new(&settings, "secret", &channels).await?,
        vault: vault::Vault::open(&folder)?,
        settings,
        channels,
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let routes = routes.add_service(
        SecretServer::new(Handler(Arc::clone(&secrets)))
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT),
    );
    // Boxed, for it is large and soon done.
    let prepare = Box::pin(async move { secrets.prepare(&readiness).await });
    server::serve_with(listener, routes, trace, &grpc, shutdown, prepare).await
}

impl Secrets {
    async fn prepare(&self, readiness: &Readiness) {
        server::until_done("secret's database", || async {
            self.database.mongo.wait().await;
            let secrets = self.database.rows(&SECRET).await?;
            secrets.index(true, &[&["secret_id"]]).await?;
            let data = self.database.mongo.collection(data::COLLECTION).await?;
            data.index(true, &[&["secret_id"]]).await?;
            self.sow().await
        })
        .await;
        readiness.ready().await;
    }

    /// The account that a secret is of: whose provider and project it has too.
    async fn account(
        &self,
        domain: &str,
        workspace: &str,
        service_account_id: &str,
    ) -> Result<ServiceAccountInfo, Failure> {
        let identity = self.channels.target("identity");
        let identity = identity.map_err(|error| Failure::Upstream(error.to_string()))?;
        let token = self.settings.system_token.as_ref();
        let system = CallAs::system(token, domain, workspace)?;
        let request = ServiceAccountRequest {
            service_account_id: service_account_id.to_owned(),
        };
        Ok(identity.call(GET_ACCOUNT, request, &system).await?)
    }
}
