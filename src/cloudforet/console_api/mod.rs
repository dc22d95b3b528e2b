//! console-api: REST in, gRPC out. Both versions that the console calls, from one implementation.
//!
//! The routes are a convention, not a table: `POST /inventory/cloud-service/list` is
//! `inventory.CloudService.list`, and which of these exist is what the backends' reflection says.
//! So a replaced backend brings its own API along. What differs between the versions is in
//! [`Version`] and `addons`.

mod addons;
mod app;
mod backends;
mod codec;
mod cors;
mod docs;
mod error;
mod json;
mod names;
mod openapi;
mod openapi_schema;
mod reflection;

use std::io;

use tokio::net::TcpListener;

use super::telemetry::Emitter;
use super::{Settings, http};
use crate::net::Shutdown;

pub use app::app;

/// Which of the two APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// console-api: needs a token for nearly everything, and has the add-ons.
    V1,
    /// console-api-v2: leaves tokens to the backends.
    V2,
}

/// Serves one version until the signal.
pub async fn serve(
    listener: TcpListener,
    version: Version,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> io::Result<()> {
    http::serve(listener, app(version, &settings, emitter), shutdown).await
}
