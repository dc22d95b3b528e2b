//! The words of the lab: Service, EndpointSlice, Pod, Ingress, Route, Span …
//!
//! Pure data and pure matching. No tokio, no sockets, no files: everything here can be compared,
//! printed, sent as JSON, and tested without a runtime.

mod admin;
mod certificate;
mod film;
mod gateway_api;
mod grpc;
mod ingress;
mod ingress_class;
mod log;
mod pod;
mod provider;
mod route;
mod service;
mod span;
mod status;
mod traceparent;

pub use admin::{
    Change, ChangeKind, ConnectionStatus, DownRequest, KillRequest, Refusal, ReloadAnswer,
    ScaleAnswer, ScaleRequest,
};
pub use certificate::Certificate;
pub use film::{Film, FilmSummary, Hop};
pub use gateway_api::{
    BackendReference, FromNamespaces, Gateway, GatewayApi, GatewayClass, GatewayListener,
    GatewayRoute, GatewayRule, LabelDemand, LabelOperator, MatchedPath, ObjectReference,
    ParentReference, ReferenceGrant, RouteFilter, RouteKind, RouteMatch, RouteRetry,
};
pub use grpc::{Grpc, LoadBalancing};
pub use ingress::{
    BackendPort, HttpPath, Ingress, IngressBackend, IngressRule, IngressTls, PathType,
};
pub use ingress_class::{IngressClass, IngressClasses};
pub use log::{LogLine, OutputStream, Reading};
pub use pod::{
    Deployment, MAX_INGRESS_REPLICAS, MAX_REPLICAS, Pod, PodPhase, PodPort, PodTemplate, Probe,
    ProbeAction, Volume, Workload,
};
pub use provider::{AddressPool, HealthCheck, IdleEnd, IdleTimeout, Provider};
pub use route::{
    AnnotationNote, Balancing, BasicAuth, Canary, CanaryValue, ClientAuth, ClientCertificate,
    Compiled, Condition, ConnectionLimit, Cors, Decision, EntryPoint, ErrorPages, Filter, Flavour,
    ForwardAuth, GatewayPorts, HeaderChanges, HostMatch, Loser, Mirror, Network, NginxOptions,
    Objects, PathChange, PathMatch, PathRefusal, Pattern, Question, RateLimit, Redirect, Retry,
    Rewrite, Route, RouteAction, RouteBackend, RouteTable, RouteTimeouts, Session, Sources,
    Template, TemplateError, TextMatch, TlsListener, TraefikOptions, Variable, WeightedBackend,
    compile, normalise_path,
};
pub use service::{
    AppProtocol, ClusterIp, Conditions, Endpoint, EndpointAddress, EndpointSlice,
    LoadBalancerStatus, NetworkSnapshot, NodePort, Protocol, ProxyMode, ProxyProtocol, Secret,
    Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
};
pub use span::{Applied, Connection, Event, NodeLine, Selection, SocketPair, Span, SpanKind};
pub use status::{
    CertificateStatus, EndpointStatus, GatewayStatus, IngressStatus, LabPhase, Login, ObjectReport,
    PodStatus, PortStatus, ServiceStatus, Status, StoresStatus, Urls,
};
pub use traceparent::{SpanId, TraceId, Traceparent, TraceparentError};
