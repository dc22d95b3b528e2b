//! What a hop tells about a request: spans (L7) and connections (L4).
//!
//! Pods and the node write these as JSON lines to stdout, one [`Event`] a line, among their
//! ordinary log lines; the data path hands them over in memory. `trace` joins them into films:
//! spans by trace id and parent, connections to spans by socket address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{SpanId, TraceId};

/// An attribute of calls: how the other side was chosen, if not by name.
pub const DIALLED: &str = "dialled";
/// [`DIALLED`] by the pod's own address, which somebody told.
pub const BY_ADDRESS: &str = "address";

/// A line of a pod's or the node's stdout that belongs to the film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
#[expect(
    clippy::large_enum_variant,
    reason = "connections are as frequent as spans, and a box for each would buy nothing"
)]
pub enum Event {
    /// One hop of one request.
    Span(Box<Span>),
    /// One connection that `kube_proxy` drew an endpoint for.
    Connection(Connection),
}

/// The node's word that a snapshot of the registry is in effect: a line of its stdout beside the
/// [`Event`]s, and no part of any film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "applied")]
pub struct Applied {
    /// Of the snapshot.
    pub generation: u64,
    /// What of it could not be put into effect, in words; empty if all was.
    pub problems: Vec<String>,
}

/// A line of the node's stdout that is meant for the lab.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every line is an event; a box would only add an allocation"
)]
pub enum NodeLine {
    /// A snapshot is in effect.
    Applied(Applied),
    /// Part of the film.
    Event(Event),
}

/// One hop of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// The request.
    pub trace: TraceId,
    /// This hop.
    pub id: SpanId,
    /// The hop that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SpanId>,
    /// What kind of hop.
    pub kind: SpanKind,
    /// Who emitted it: a pod's name, `lb`, `traefik-0` … Filled in by the reader for lines of pods.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// `POST /inventory/cloud-service/list`, `CloudService/list`, `find cloud_service` …
    pub name: String,
    /// Microseconds since the Unix epoch.
    pub start: u64,
    /// Microseconds.
    pub duration: u64,
    /// `200`, `OK`, `NOT_FOUND` …; what this protocol calls its outcome.
    pub status: String,
    /// The connection the request came in on, as this hop sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inbound: Option<SocketPair>,
    /// The connection this hop used to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbound: Option<SocketPair>,
    /// Everything else that this kind of hop knows, by name.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub attributes: serde_json::Map<String, serde_json::Value>,
}

/// What kind of hop a span describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SpanKind {
    /// The load balancer gave the accepted connection to an ingress replica.
    LoadBalancer,
    /// The ingress routed a request.
    Ingress,
    /// A pod served an HTTP request.
    HttpServer,
    /// A pod called a gRPC method.
    GrpcClient,
    /// A pod served a gRPC method.
    GrpcServer,
    /// A pod sent a command to MongoDB.
    MongoClient,
    /// The built-in store executed a command.
    MongoServer,
    /// A pod sent a command to Redis.
    RedisClient,
    /// A worker did a task that another pod had put into a queue.
    Worker,
}

/// Both ends of a TCP connection as one side sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SocketPair {
    /// The address at this side.
    pub local: SocketAddr,
    /// The address at the other side.
    pub remote: SocketAddr,
}

/// A connection through a ClusterIP: what `kube_proxy` knows, and it knows nothing of L7.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Counts up from the start of this `kube_proxy`.
    pub id: u64,
    /// The Service whose ClusterIP was dialled.
    pub service: String,
    /// Who dialled.
    pub client: SocketAddr,
    /// ClusterIP and port.
    pub cluster_ip: SocketAddr,
    /// The endpoint that was drawn.
    pub endpoint: SocketAddr,
    /// The pod at that endpoint, if it is one of the lab's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The address from which `kube_proxy` dialled the endpoint: what the pod sees as its client.
    pub outgoing: SocketAddr,
    /// How it was drawn.
    pub selection: Selection,
    /// Among which pods (or addresses).
    pub candidates: Arc<[String]>,
    /// Microseconds since the Unix epoch when the draw was made.
    pub drawn_at: u64,
    /// Microseconds since the Unix epoch when it ended; `None` while it is open. The same
    /// connection is told twice: at the draw, and at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<u64>,
    /// The fault that acts on it, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// Bytes from client to pod, known at the end.
    #[serde(default)]
    pub bytes_up: u64,
    /// Bytes from pod to client, known at the end.
    #[serde(default)]
    pub bytes_down: u64,
}

/// The algorithm that chose an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "algorithm")]
pub enum Selection {
    /// Uniform; `index` is what the dice showed among `candidates`.
    Random {
        /// Position among the candidates.
        index: usize,
    },
    /// The next in turn.
    RoundRobin {
        /// Position among the candidates.
        index: usize,
    },
    /// The same endpoint as the last connection of this client address.
    ClientIp {
        /// The address that is remembered.
        client: IpAddr,
    },
}
