//! Sockets without policy: bind, accept, resolve, copy, TLS, shutdown.
//!
//! Nothing here knows a Service, a Route or a pod.

mod accepted;
mod copy;
mod resolver;
mod shutdown;

pub use accepted::{Accepted, Handoff};
pub use copy::{Traffic, copy_both_ways, reset};
pub use resolver::Resolver;
pub use shutdown::{Shutdown, Trigger};
