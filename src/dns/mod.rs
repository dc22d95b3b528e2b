//! Cluster DNS: names of Services to addresses, as the Kubernetes DNS specification has them.
//!
//! Answers come from the registry's newest picture, so a change is visible to the next question.
//! What is not ours is forwarded, if there is somewhere to forward it to.
//!
//! - `zone` knows what the names mean; it sees the registry and no packet.
//! - `message` turns a packet into a reply.
//! - `server` owns the sockets, `forward` the questions that are for others.

mod forward;
mod message;
mod server;
mod zone;

use std::net::SocketAddr;
use std::time::Duration;

pub use forward::name_servers;
pub use server::serve;

/// The domain that this server knows everything about.
pub const CLUSTER_DOMAIN: &str = "cluster.local";

/// How cluster DNS behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who is asked about names that are not ours, in this order. Must not lead back here; the
    /// server's own address is left out.
    pub upstream: Vec<SocketAddr>,
    /// How long one of them may take.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            upstream: Vec::new(),
            // A client asks again after five seconds (resolv.conf's default); two servers fit.
            timeout: Duration::from_secs(2),
        }
    }
}
