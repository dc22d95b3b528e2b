//! The console: the web page, embedded in the binary, and the configuration it starts from.
//!
//! The page finds its APIs through `/config/production.json`, which is made for the host the page
//! was opened at: one console serves several domains and any port.

mod app;
mod assets;
mod endpoints;

use std::io;

use serde::Deserialize;
use tokio::net::TcpListener;

use super::http;
use super::telemetry::Emitter;
use crate::net::Shutdown;

pub use app::app;

/// What the console must be told.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Name of this pod, told with each answer.
    pub pod: String,
    /// Template of console-api's base URL. `{scheme}`, `{domain}` and `{port}` stand for those of
    /// the page: the domain is the page's host without its first label, the port has its colon.
    pub console_api: String,
    /// Template of console-api-v2's base URL, as above.
    pub console_api_v2: String,
    /// The page's base URL to assume when the request names no host with a domain, such as an
    /// address.
    pub page: String,
    /// The Cloudforet domain that people log in to.
    pub domain_name: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pod: String::new(),
            console_api: "{scheme}://console-api.{domain}{port}".into(),
            console_api_v2: "{scheme}://console-api-v2.{domain}{port}".into(),
            page: "https://console.lab.localhost:8443".into(),
            domain_name: "spaceone".into(),
        }
    }
}

/// Serves the console until the signal.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> io::Result<()> {
    http::serve(listener, app(settings, emitter), shutdown).await
}
