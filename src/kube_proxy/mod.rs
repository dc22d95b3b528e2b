//! ClusterIPs: one draw for each connection, then bytes both ways.
//!
//! For every Service port with an address to listen on there is a listener exactly while there is
//! an endpoint to give connections to: without one, the kernel itself refuses; and where a traffic
//! policy `Local` leaves none of those there are, it drops what comes. What happens on the
//! connections (HTTP, gRPC, anything) is not looked at; a connection stays with the endpoint it was
//! given, whatever happens to the Service afterwards.
//!
//! - [`serve`] follows the registry and touches only what a change has touched.
//! - `tcp` and `udp` own the sockets of one Service port each.
//! - `connection` is the life of one TCP connection, `idle` its end for want of words.
//! - `faults` is what is broken on purpose. Datagrams are spared.
//! - [`start`] gives all that a thread of its own.
//!
//! Lab: kube-proxy rewrites packets in the kernel; this one accepts and dials again, so a client
//! is accepted before the endpoint is. An endpoint that cannot be reached shows as a reset instead
//! of a refusal, and the pod sees an address of the proxy as its client.

mod backends;
mod connection;
mod faults;
mod idle;
mod port;
mod reconcile;
mod tcp;
mod thread;
mod udp;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::model::IdleTimeout;

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
    /// What is different for host ports; `None` for ClusterIPs.
    pub outside: Option<Outside>,
    /// By what `sessionAffinity` measures its time-out.
    pub clock: Clock,
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
            outside: None,
            clock: Clock::default(),
            seed: None,
            status: watch::Sender::new(Status::default()),
        }
    }
}

/// What is different for traffic that comes from outside the pod network, by a NodePort or a load
/// balancer: `externalTrafficPolicy` rules, and a load balancer has `loadBalancerSourceRanges`, the
/// PROXY protocol, and perhaps an idle time-out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outside {
    /// As whom endpoints see clients under `externalTrafficPolicy: Cluster`, where that is an address
    /// of this host.
    pub own_address: Option<IpAddr>,
    /// What becomes of silent connections of load balancers; `None` for nothing.
    pub idle: Option<IdleTimeout>,
}

/// Tells the time; a test may turn it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// A clock that shows what this returns.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn now(&self) -> Instant {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Instant::now)
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Clock").finish_non_exhaustive()
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
