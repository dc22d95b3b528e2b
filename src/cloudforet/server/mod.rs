//! The gRPC server that every backend has: health, reflection, version, deadlines, drain, and a
//! span for every sampled call.

mod layer;
mod version;

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

pub(crate) use self::layer::TraceLayer;
use super::error::{Failure, StartError};
use super::proto;
use crate::model::Grpc;
use crate::net::Shutdown;

/// Whether a backend can do its work: what its readiness probe sees.
#[derive(Clone, Debug)]
pub(crate) struct Readiness(HealthReporter);

impl Readiness {
    /// The backend works.
    pub(crate) async fn ready(&self) {
        self.0.set_service_status("", ServingStatus::Serving).await;
    }
}

/// The services that all backends have, to add one's own to. Not ready yet.
pub(crate) async fn common(services: &[&str]) -> Result<(Routes, Readiness), StartError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    // Lab: the real services always report SERVING. Here the probe gates the endpoint until the
    // database has answered.
    reporter
        .set_service_status("", ServingStatus::NotServing)
        .await;
    let mut reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("grpc.health.v1.Health")
        .with_service_name("grpc.reflection.v1alpha.ServerReflection")
        .with_service_name("spaceone.api.core.v1.ServerInfo");
    for service in services {
        reflection = reflection.with_service_name(*service);
    }
    // The real clients know v1alpha only.
    let reflection = reflection
        .build_v1alpha()
        .map_err(StartError::Descriptors)?;
    let routes = Routes::new(health)
        .add_service(reflection)
        .add_service(version::service());
    Ok((routes, Readiness(reporter)))
}

/// Serves until the signal, then sends GOAWAY, finishes what is under way, and returns. Does `work`
/// meanwhile, which is dropped when the serving ends.
pub(crate) async fn serve_with(
    listener: TcpListener,
    routes: Routes,
    trace: TraceLayer,
    grpc: &Grpc,
    mut shutdown: Shutdown,
    work: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let mut server = Server::builder();
    if !grpc.max_connection_age.is_zero() {
        // Without a grace period, as gRPC's default is: with one, tonic sends no GOAWAY and only cuts.
        server = server.max_connection_age(grpc.max_connection_age);
    }
    let serving = server
        .layer(trace)
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, async move { shutdown.recv().await });
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result.map_err(StartError::Serve),
        () = work => {}
    }
    serving.await.map_err(StartError::Serve)
}

/// Repeats `attempt` until it succeeds, with a short pause that grows.
pub(crate) async fn until_done<A, F>(what: &str, attempt: A)
where
    A: Fn() -> F,
    F: Future<Output = Result<(), Failure>>,
{
    const FIRST_PAUSE: Duration = Duration::from_millis(50);
    const LONGEST_PAUSE: Duration = Duration::from_secs(2);
    let mut pause = FIRST_PAUSE;
    while let Err(error) = attempt().await {
        tracing::warn!(%error, what, "not ready yet, trying again");
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
