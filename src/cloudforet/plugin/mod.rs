//! The plugin service: which pod of a plugin to call, and the books of what supervisors run.
//!
//! It balances nothing itself: each question is answered with the address of one pod, the next in
//! turn, and whoever asked dials that. What should run is a row; a supervisor makes it true.

mod books;
mod deadline;
mod endpoint;
mod idle;
mod installed;
mod message;
mod publish;
mod supervisor;
mod version;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Notify;

pub(super) use self::publish::NOT_READY;
use super::client::{CallAs, Channels, MESSAGE_LIMIT, Target};
use super::database::Database;
use super::error::{Failure, StartError};
use super::proto::plugin::v1::plugin_server::PluginServer;
use super::proto::plugin::v1::supervisor_server::SupervisorServer;
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 2] = [
    "spaceone.api.plugin.v1.Plugin",
    "spaceone.api.plugin.v1.Supervisor",
];

/// What the two services share.
#[derive(Debug)]
struct Plugins {
    database: Database,
    settings: Settings,
    channels: Channels,
    repository: Target,
    /// Told when a supervisor has published: of this replica only, so nobody relies on it alone.
    published: Notify,
    shutdown: Shutdown,
}

/// Serves until the signal. Ready once MongoDB has answered.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let channels = Channels::new(&settings);
    let plugins = Arc::new(Plugins {
        database: Database::new(&settings, "plugin", &channels).await?,
        repository: channels
            .target("repository")
            .map_err(|error| StartError::Endpoint(error.to_string()))?,
        channels,
        published: Notify::new(),
        shutdown: shutdown.clone(),
        settings,
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let routes = routes
        .add_service(PluginServer::new(endpoint::Endpoints(Arc::clone(&plugins))))
        .add_service(
            SupervisorServer::new(supervisor::Supervisors(Arc::clone(&plugins)))
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        );
    let trace = TraceLayer::new(&plugins.settings.pod, emitter);
    let grpc = plugins.settings.grpc.clone();
    let work = async move {
        plugins.prepare(&readiness).await;
        idle::watch(&plugins).await;
    };
    server::serve_with(listener, routes, trace, &grpc, shutdown, Box::pin(work)).await
}

impl Plugins {
    async fn prepare(&self, readiness: &Readiness) {
        server::until_done("plugin's database", || async {
            self.database.mongo.wait().await;
            books::indexes(&self.database.mongo).await
        })
        .await;
        readiness.ready().await;
    }

    /// Calls in the service's own name.
    fn system(&self, domain_id: &str) -> Result<CallAs, Failure> {
        CallAs::system(self.settings.system_token.as_ref(), domain_id, "")
    }
}
