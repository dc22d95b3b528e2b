//! The `host` plugin: the machine that the lab runs on, as cloud resources.
//!
//! A pod cannot see the machine (a container least of all), so the lab is asked for the facts.

mod facts;
mod machine;

use bson::doc;
use futures_util::{StreamExt, stream};
use prost_types::Struct;
use tokio::net::TcpListener;

pub use self::facts::{Answer, Facts};
use super::options::Options;
use super::resource;
use super::server::{self, Plugin, Resources};
use crate::cloudforet::error::{Failure, StartError};
use crate::cloudforet::proto::inventory::plugin::{CollectRequest, GetTaskRequest, VerifyRequest};
use crate::cloudforet::settings::Settings;
use crate::cloudforet::telemetry::Emitter;
use crate::net::Shutdown;

/// The plugin.
#[derive(Debug)]
struct Host(Facts);

/// Serves until the signal.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    facts: Facts,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    server::serve(Host(facts), listener, &settings, emitter, shutdown).await
}

#[tonic::async_trait]
impl Plugin for Host {
    fn init(&self, options: Option<&Struct>) -> Result<Struct, Failure> {
        without_options(options)?;
        let schema = doc! { "type": "object", "additionalProperties": false, "properties": {} };
        Ok(resource::metadata(&schema))
    }

    async fn verify(&self, request: VerifyRequest) -> Result<(), Failure> {
        without_options(request.options.as_ref())?;
        self.0.machine().await.map(drop)
    }

    fn tasks(&self, request: &GetTaskRequest) -> Result<Vec<Struct>, Failure> {
        without_options(request.options.as_ref())?;
        Ok(vec![Struct::default()])
    }

    async fn collect(&self, request: CollectRequest) -> Result<Resources, Failure> {
        without_options(request.options.as_ref())?;
        let machine = self.0.machine().await?;
        let resources = machine::resources(&machine).into_iter().map(Ok);
        Ok(stream::iter(resources).boxed())
    }
}

/// There is nothing to set.
fn without_options(options: Option<&Struct>) -> Result<(), Failure> {
    Options::of(options, "options", &[]).map(drop)
}
