//! The server around a plugin that collects.

use std::fmt::Debug;
use std::sync::Arc;

use futures_util::stream::BoxStream;
use prost_types::Struct;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use crate::cloudforet::client::MESSAGE_LIMIT;
use crate::cloudforet::error::{Failure, StartError};
use crate::cloudforet::proto::inventory::plugin::collector_server::{Collector, CollectorServer};
use crate::cloudforet::proto::inventory::plugin::job_server::{Job, JobServer};
use crate::cloudforet::proto::inventory::plugin::{
    CollectRequest, GetTaskRequest, InitRequest, PluginInfo, ResourceInfo, TaskInfo, TasksInfo,
    VerifyRequest,
};
use crate::cloudforet::server::{self, TraceLayer};
use crate::cloudforet::settings::Settings;
use crate::cloudforet::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 2] = [
    "spaceone.api.inventory.plugin.Collector",
    "spaceone.api.inventory.plugin.Job",
];

/// Resources, made as fast as they are taken.
pub(super) type Resources = BoxStream<'static, Result<ResourceInfo, Status>>;

/// A plugin that collects.
#[tonic::async_trait]
pub(super) trait Plugin: Debug + Send + Sync + 'static {
    /// What it can do, after a look at the options.
    fn init(&self, options: Option<&Struct>) -> Result<Struct, Failure>;

    /// Whether it could collect with these.
    async fn verify(&self, request: VerifyRequest) -> Result<(), Failure>;

    /// The parts that the work falls into, at least one: `task_options` of each.
    fn tasks(&self, request: &GetTaskRequest) -> Result<Vec<Struct>, Failure>;

    /// The resources, of one part or of all.
    async fn collect(&self, request: CollectRequest) -> Result<Resources, Failure>;
}

/// A plugin behind its two gRPC services.
#[derive(Debug)]
struct Served<P>(Arc<P>);

impl<P> Clone for Served<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Serves until the signal. Ready at once: a plugin needs nobody.
pub(super) async fn serve(
    plugin: impl Plugin,
    listener: TcpListener,
    settings: &Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let served = Served(Arc::new(plugin));
    let (routes, readiness) = server::common(&SERVICES).await?;
    let routes = routes
        .add_service(
            CollectorServer::new(served.clone())
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .add_service(JobServer::new(served));
    let trace = TraceLayer::new(&settings.pod, emitter);
    let ready = async move { readiness.ready().await };
    server::serve_with(listener, routes, trace, &settings.grpc, shutdown, ready).await
}

#[tonic::async_trait]
impl<P: Plugin> Collector for Served<P> {
    async fn init(&self, request: Request<InitRequest>) -> Result<Response<PluginInfo>, Status> {
        let metadata = self.0.init(request.get_ref().options.as_ref())?;
        Ok(Response::new(PluginInfo {
            metadata: Some(metadata),
        }))
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<()>, Status> {
        self.0.verify(request.into_inner()).await?;
        Ok(Response::new(()))
    }

    type collectStream = Resources;

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Resources>, Status> {
        let resources = self.0.collect(request.into_inner()).await?;
        Ok(Response::new(resources))
    }
}

#[tonic::async_trait]
impl<P: Plugin> Job for Served<P> {
    async fn get_tasks(
        &self,
        request: Request<GetTaskRequest>,
    ) -> Result<Response<TasksInfo>, Status> {
        let tasks = self.0.tasks(request.get_ref())?.into_iter();
        let tasks = tasks.map(|options| TaskInfo {
            task_options: Some(options),
        });
        Ok(Response::new(TasksInfo {
            tasks: tasks.collect(),
        }))
    }
}
