//! An accepted connection on its way from the load balancer to an ingress replica.
//!
//! ServiceLB is DNAT in the kernel, so there is one TCP connection from the browser to the ingress:
//! handing the socket over is the faithful way.

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use tokio::net::TcpStream;
use tokio::sync::mpsc;

/// A connection that a host port accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The socket, nothing read from it yet.
    pub stream: TcpStream,
    /// The address that really dialled.
    pub client: SocketAddr,
    /// The client address that the ingress is to believe: the svclb pod's under
    /// `externalTrafficPolicy: Cluster`, the real one under `Local`.
    pub seen_as: SocketAddr,
    /// The host address that was dialled.
    pub local: SocketAddr,
    /// Whether the port is one for TLS.
    pub tls: bool,
    /// When it was accepted, for durations.
    pub at: Instant,
    /// When it was accepted, for people.
    pub wall: SystemTime,
    /// Names of the replicas among which this one was chosen.
    pub candidates: std::sync::Arc<[String]>,
    /// How it was decided whom the ingress sees.
    pub policy: crate::model::TrafficPolicy,
    /// Whether the connection begins with a header that says who the client is; that one is then
    /// believed in place of `seen_as`.
    pub proxy_protocol: crate::model::ProxyProtocol,
    /// What was broken about it on purpose, in words.
    pub fault: Option<String>,
    /// Counts as an open connection of the listener for as long as it lives.
    pub permit: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// A replica's door: accepted connections go in.
#[derive(Clone, Debug)]
pub struct Handoff {
    /// The replica's name, such as `traefik-0`.
    pub replica: String,
    /// Bounded by the replica; a full or closed door makes the load balancer try the next one.
    pub connections: mpsc::Sender<Accepted>,
}
