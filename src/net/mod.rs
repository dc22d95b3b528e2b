//! Sockets without policy: bind, accept, resolve, copy, TLS, shutdown.
//!
//! Nothing here knows a Service, a Route or a pod.

mod accept;
mod accepted;
mod any_server;
mod bind;
mod ca;
mod certificates;
mod client_auth;
mod copy;
mod files;
mod holder;
mod late;
mod proxy_protocol;
mod resolver;
mod shutdown;
#[cfg(target_os = "linux")]
mod splice;
mod x509;

pub use accept::Acceptor;
pub use accepted::{Accepted, Handoff};
pub use any_server::takes_any_server;
pub use bind::{BindError, bind};
pub use ca::{Authority, CaError, PERMITTED_NAMES, permitted};
pub use certificates::{CertificateError, Certificates, Served, inspect};
pub use client_auth::{ClientGate, ShownCertificate};
pub use copy::{Copier, Traffic, reset};
pub(crate) use files::{File, Files};
pub use holder::{Holder, holder_of};
pub use proxy_protocol::{HeaderError, proxy_header, take_proxy_header};
pub use resolver::Resolver;
pub use shutdown::{Shutdown, Trigger};
pub use x509::{CertificateFacts, covers, read as read_certificate};
