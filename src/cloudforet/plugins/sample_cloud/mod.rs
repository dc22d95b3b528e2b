//! The `sample-cloud` plugin: as many resources as one likes, of a provider that does not exist.
//!
//! The same options make the same resources, whoever asks and however the work is divided, so a
//! second collection changes nothing and a missing resource is one that was left out on purpose.

mod cloud;
mod order;

use futures_util::{StreamExt, stream};
use prost_types::Struct;
use tokio::net::TcpListener;

use self::cloud::Cloud;
use self::order::Order;
use super::server::{self, Plugin, Resources};
use super::{options, resource};
use crate::cloudforet::error::{Failure, StartError};
use crate::cloudforet::proto::inventory::plugin::{CollectRequest, GetTaskRequest, VerifyRequest};
use crate::cloudforet::settings::Settings;
use crate::cloudforet::telemetry::Emitter;
use crate::net::Shutdown;

/// Resources that a cloud's API would give in one answer.
const PAGE: u64 = 100;

/// The plugin.
#[derive(Debug)]
struct SampleCloud;

/// Serves until the signal.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    server::serve(SampleCloud, listener, &settings, emitter, shutdown).await
}

#[tonic::async_trait]
impl Plugin for SampleCloud {
    fn init(&self, options: Option<&Struct>) -> Result<Struct, Failure> {
        Order::of(options, None)?;
        Ok(resource::metadata(&order::schema()))
    }

    async fn verify(&self, request: VerifyRequest) -> Result<(), Failure> {
        Order::of(request.options.as_ref(), request.secret_data.as_ref()).map(drop)
    }

    fn tasks(&self, request: &GetTaskRequest) -> Result<Vec<Struct>, Failure> {
        let order = Order::of(request.options.as_ref(), request.secret_data.as_ref())?;
        Ok(order.parts())
    }

    async fn collect(&self, request: CollectRequest) -> Result<Resources, Failure> {
        let order = Order::of(request.options.as_ref(), request.secret_data.as_ref())?;
        let part = order.part(request.task_options.as_ref())?;
        let latency = order.latency;
        let cloud = Cloud::of(order);
        // Whoever begins brings what the others refer to.
        let first = if part.start == 0 {
            cloud.kinds_and_places()
        } else {
            Vec::new()
        };
        let end = part.end;
        let pages = part
            .step_by(usize::try_from(PAGE).unwrap_or(usize::MAX))
            .map(move |start| start..(start + PAGE).min(end));
        let pages = stream::iter(pages).then(move |page| async move {
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            page
        });
        let services = pages.flat_map(move |page| {
            let cloud = cloud.clone();
            stream::iter(page.filter_map(move |index| cloud.service(index)))
        });
        Ok(stream::iter(first).chain(services).map(Ok).boxed())
    }
}
