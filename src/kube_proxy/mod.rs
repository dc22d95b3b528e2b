//! ClusterIPs: one draw for each connection, then bytes both ways.
//!
//! For every Service port with an address to listen on there is a listener exactly while there is
//! an endpoint to give connections to: without one, the kernel itself refuses. What happens on the
//! connections (HTTP, gRPC, anything) is not looked at; a connection stays with the endpoint it was
//! given, whatever happens to the Service afterwards.
//!
//! - [`serve`] follows the registry and touches only what a change has touched.
//! - `tcp` and `udp` own the sockets of one Service port each.
//! - `connection` is the life of one TCP connection.
//! - [`start`] gives all that a thread of its own.
//!
//! Lab: kube-proxy rewrites packets in the kernel; this one accepts and dials again, so a client
//! is accepted before the endpoint is. An endpoint that cannot be reached shows as a reset instead
//! of a refusal, and the pod sees an address of the proxy as its client.

mod backends;
mod connection;
mod port;
mod reconcile;
mod tcp;
mod thread;
mod udp;

use std::time::Duration;

use tokio::sync::watch;

pub use reconcile::serve;
pub use thread::{Running, start};

/// How `kube_proxy` behaves, and where it reports.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an endpoint may take to accept. It is beside the client on the same machine: one
    /// that has not answered after this time is not there.
    pub connect_timeout: Duration,
    /// How long open connections may go on after the signal to stop.
    pub drain: Duration,
    /// How long the pairing of a UDP client with its endpoint outlives their last datagram.
    pub udp_idle: Duration,
    /// Between two attempts to bind what could not be bound, if the registry does not change.
    pub retry: Duration,
    /// Whether `loadBalancerSourceRanges` hold for its ports: those of the host, not ClusterIPs.
    pub only_source_ranges: bool,
    /// Makes the draws repeatable.
    pub seed: Option<u64>,
    /// Told after each change that was put into effect.
    pub status: watch::Sender<Status>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            drain: Duration::from_secs(10),
            // The kernel's own value for a flow that was answered once
            // (nf_conntrack_udp_timeout).
            udp_idle: Duration::from_secs(30),
            retry: Duration::from_secs(1),
            only_source_ranges: false,
            seed: None,
            status: watch::Sender::new(Status::default()),
        }
    }
}

/// What is in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Generation of the registry's picture that was put into effect; `None` before the first.
    pub generation: Option<u64>,
    /// Service ports that are open.
    pub open: usize,
    /// Service ports that should be open and are not.
    pub problems: Vec<Problem>,
}

/// Why a Service port is not open although it has endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the Service.
    pub service: String,
    /// Its port.
    pub port: u16,
    /// In words, with the address.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "service {} port {}: {}",
            self.service, self.port, self.message
        )
    }
}
