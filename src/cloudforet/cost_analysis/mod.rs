//! The cost-analysis service: what the cloud costs, by day, from plugins or from whoever writes it.
//!
//! Costs come in by jobs, see [`sync`]. A job is a row before it is anything else, so that it
//! survives the pod that began it.

mod analyze;
mod cost;
mod cost_row;
mod data_source;
mod data_source_row;
mod first_start;
mod job;
mod job_task;
mod schedule;
mod sync;

use std::sync::Arc;

use bson::{Document, doc};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tonic::metadata::MetadataMap;

use super::auth::Caller;
use super::client::{Channels, MESSAGE_LIMIT};
use super::database::Database;
use super::error::{Failure, StartError};
use super::mongo::text;
use super::proto::cost_analysis::v1 as api;
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 4] = [
    "spaceone.api.cost_analysis.v1.DataSource",
    "spaceone.api.cost_analysis.v1.Cost",
    "spaceone.api.cost_analysis.v1.Job",
    "spaceone.api.cost_analysis.v1.JobTask",
];
/// The workspace of what belongs to the domain as a whole, as upstream writes it.
const ALL_WORKSPACES: &str = "*";

/// What the services share.
#[derive(Debug)]
struct CostAnalysis {
    database: Database,
    settings: Settings,
    channels: Channels,
    emitter: Emitter,
    /// Says that there is a new job, so that it need not wait to be found.
    new_job: Notify,
}

/// Each gRPC service is one of these around the same [`CostAnalysis`].
#[derive(Clone, Debug)]
struct Handler(Arc<CostAnalysis>);

/// Serves until the signal, and works on jobs meanwhile. Ready once MongoDB has answered.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let channels = Channels::new(&settings);
    let trace = TraceLayer::new(&settings.pod, emitter.clone());
    let grpc = settings.grpc.clone();
    let service = Arc::new(CostAnalysis {
        database: Database::new(&settings, "cost_analysis", &channels).await?,
        settings,
        channels,
        emitter,
        new_job: Notify::new(),
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let handler = Handler(Arc::clone(&service));
    macro_rules! large {
        ($server:ty) => {
            <$server>::new(handler.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT)
        };
    }
    let routes = routes
        .add_service(large!(api::data_source_server::DataSourceServer<_>))
        .add_service(large!(api::cost_server::CostServer<_>))
        .add_service(large!(api::job_server::JobServer<_>))
        .add_service(large!(api::job_task_server::JobTaskServer<_>));
    let work = Box::pin(async move {
        service.prepare(&readiness).await;
        tokio::join!(schedule::watch(&service), sync::work(&service));
    });
    server::serve_with(listener, routes, trace, &grpc, shutdown, work).await
}

impl CostAnalysis {
    async fn prepare(&self, readiness: &Readiness) {
        server::until_done("cost-analysis' database", || async {
            self.database.mongo.wait().await;
            first_start::create(&self.database, &self.settings).await
        })
        .await;
        readiness.ready().await;
    }

    async fn caller(&self, metadata: &MetadataMap) -> Result<Caller, Failure> {
        self.database.verifier.caller(metadata).await
    }
}

/// What the caller may see of things that are a workspace's or the whole domain's.
fn shared_scope(caller: &Caller, workspace: &str) -> Result<Document, Failure> {
    let mut scope = doc! { "domain_id": &caller.domain_id };
    if let Some(workspace) = caller.visible_workspace(workspace)? {
        scope.insert("workspace_id", doc! { "$in": [workspace, ALL_WORKSPACES] });
    }
    Ok(scope)
}

/// Whether the caller may change a row: the owner of its workspace, or the administrator.
fn may_change(caller: &Caller, row: &Document) -> Result<(), Failure> {
    if caller.is_administrator() || caller.owned_workspace()? == text(row, "workspace_id") {
        Ok(())
    } else {
        Err(Failure::Denied)
    }
}
