//! The repository service: the catalogue of plugins.
//!
//! Lab: there is one repository, here. Upstream one may also name other installations' catalogues
//! and a marketplace.

mod plugin;
mod plugin_row;

use std::sync::Arc;

use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use super::client::{Channels, MESSAGE_LIMIT};
use super::database::Database;
use super::error::{Failure, StartError};
use super::proto::repository::v1::plugin_server::PluginServer;
use super::proto::repository::v1::repository_server::{Repository, RepositoryServer};
use super::proto::repository::v1::{RepositoriesInfo, RepositoryInfo, RepositoryQuery};
use super::server::{self, Readiness, TraceLayer};
use super::settings::{Settings, stable_id};
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 2] = [
    "spaceone.api.repository.v1.Plugin",
    "spaceone.api.repository.v1.Repository",
];
const LOCAL: &str = "LOCAL";

/// What the services share.
#[derive(Debug)]
struct Catalogue {
    database: Database,
}

/// Each gRPC service is one of these around the same [`Catalogue`].
#[derive(Clone, Debug)]
struct Handler(Arc<Catalogue>);

/// Serves until the signal. Ready once the catalogue has the configured plugins.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let channels = Channels::new(&settings);
    let catalogue = Arc::new(Catalogue {
        database: Database::new(&settings, "repository", &channels).await?,
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let handler = Handler(Arc::clone(&catalogue));
    let routes = routes
        .add_service(
            PluginServer::new(handler.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .add_service(RepositoryServer::new(handler));
    let trace = TraceLayer::new(&settings.pod, emitter);
    let grpc = settings.grpc.clone();
    // Boxed, for it is large and soon done.
    let prepare = Box::pin(async move { catalogue.prepare(&settings, &readiness).await });
    server::serve_with(listener, routes, trace, &grpc, shutdown, prepare).await
}

impl Catalogue {
    async fn prepare(&self, settings: &Settings, readiness: &Readiness) {
        server::until_done("repository's database", || async {
            self.database.mongo.wait().await;
            let plugins = self.database.rows(&plugin_row::KIND).await?;
            plugins.index(true, &[&["plugin_id"]]).await?;
            self.sow(settings).await
        })
        .await;
        readiness.ready().await;
    }

    /// Makes sure of the configured plugins. What the configuration says of them holds; what people
    /// have added to a row, such as its state and tags, stays.
    async fn sow(&self, settings: &Settings) -> Result<(), Failure> {
        if settings.plugins.is_empty() {
            return Ok(());
        }
        let domain = settings.login.domain_id();
        let plugins = self.database.rows(&plugin_row::KIND).await?;
        let rows: Vec<_> = settings
            .plugins
            .iter()
            .map(|plugin| plugin_row::configured(plugin, &domain))
            .collect();
        plugins.insert_missing(&rows).await?;
        let facts = settings.plugins.iter().map(plugin_row::facts);
        plugins.upsert_all(facts.collect()).await
    }
}

/// The repository that there is.
fn local() -> RepositoryInfo {
    RepositoryInfo {
        repository_id: stable_id("repo", "local"),
        name: "Local".to_owned(),
        repository_type: LOCAL.to_owned(),
        endpoint: String::new(),
    }
}

#[tonic::async_trait]
impl Repository for Handler {
    async fn list(
        &self,
        request: Request<RepositoryQuery>,
    ) -> Result<Response<RepositoriesInfo>, Status> {
        self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.get_ref();
        let local = local();
        let asked = |given: &str, has: &str| given.is_empty() || given == has;
        let found = asked(&request.repository_id, &local.repository_id)
            && asked(&request.repository_type, LOCAL);
        Ok(Response::new(RepositoriesInfo {
            total_count: i32::from(found),
            results: found.then_some(local).into_iter().collect(),
        }))
    }
}
