//! Sockets without policy: bind, accept, resolve, copy, TLS, shutdown.
//!
//! Nothing here knows a Service, a Route or a pod.

mod accept;
mod accepted;
mod bind;
mod ca;
mod certificates;
mod client_auth;
mod copy;
mod holder;
mod resolver;
mod shutdown;
#[cfg(target_os = "linux")]
mod splice;
mod x509;

pub use accept::Acceptor;
pub use accepted::{Accepted, Handoff};
pub use bind::{BindError, bind};
pub use ca::{Authority, CaError, PERMITTED_NAMES, permitted};
pub use certificates::{CertificateError, Certificates, Served, inspect};
pub use client_auth::{ClientGate, ShownCertificate};
pub use copy::{Traffic, copy_both_ways, reset};
pub use holder::Holder;
pub use resolver::Resolver;
pub use shutdown::{Shutdown, Trigger};
pub use x509::{CertificateFacts, covers, read as read_certificate};
