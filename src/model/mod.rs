//! The words of the lab: Service, EndpointSlice, Pod, Ingress, Route, Span …
//!
//! Pure data and pure matching. No tokio, no sockets, no files: everything here can be compared,
//! printed, sent as JSON, and tested without a runtime.

mod admin;
mod film;
mod ingress;
mod log;
mod pod;
mod route;
mod service;
mod span;
mod status;
mod traceparent;

pub use admin::{DownRequest, Refusal, ScaleAnswer, ScaleRequest};
pub use film::{Film, FilmSummary, Hop};
pub use ingress::{
    BackendPort, HttpPath, Ingress, IngressBackend, IngressRule, IngressTls, PathType,
};
pub use log::{LogLine, OutputStream, Reading};
pub use pod::{
    Deployment, MAX_REPLICAS, Pod, PodPhase, PodPort, PodTemplate, Probe, ProbeAction, Volume,
    Workload,
};
pub use route::{
    Compiled, Decision, Diagnostic, Flavour, HostMatch, Loser, NginxOptions, PathMatch,
    PathRefusal, Route, RouteAction, RouteBackend, RouteTable, RouteTimeouts, TraefikOptions,
    WeightedBackend, compile, normalise_path,
};
pub use service::{
    AppProtocol, ClusterIp, Conditions, Endpoint, EndpointAddress, EndpointSlice,
    LoadBalancerStatus, NetworkSnapshot, NodePort, Protocol, ProxyMode, Secret, Service,
    ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
};
pub use span::{Applied, Connection, Event, NodeLine, Selection, SocketPair, Span, SpanKind};
pub use status::{
    EndpointStatus, LabPhase, Login, PodStatus, PortStatus, ServiceStatus, Status, StoresStatus,
    Urls,
};
pub use traceparent::{SpanId, TraceId, Traceparent, TraceparentError};
