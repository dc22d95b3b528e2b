//! Sockets without policy: bind, accept, resolve, copy, TLS, shutdown.
//!
//! Nothing here knows a Service, a Route or a pod.

mod accepted;
mod resolver;
mod shutdown;

pub use accepted::{Accepted, Handoff};
pub use resolver::Resolver;
pub use shutdown::{Shutdown, Trigger};
