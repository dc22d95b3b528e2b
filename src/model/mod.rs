//! The words of the lab: Service, EndpointSlice, Pod, Ingress, Route, Span …
//!
//! Pure data and pure matching. No tokio, no sockets, no files: everything here can be compared,
//! printed, sent as JSON, and tested without a runtime.

mod admin;
mod applied;
mod certificate;
mod evenness;
mod fault;
mod film;
mod gateway_api;
mod grpc;
mod ingress;
mod ingress_class;
mod lesson;
mod lesson_view;
mod live;
mod load;
mod log;
mod otlp;
mod placeholder;
mod plugin;
mod pod;
mod provider;
mod recording;
mod route;
mod rule_answer;
mod service;
mod span;
mod status;
mod traceparent;
mod traffic;

pub use admin::{
    Change, ChangeKind, ConnectionStatus, DownRequest, Exported, ExportedFile, ForwardTarget,
    KillRequest, Refusal, ReloadAnswer, ScaleAnswer, ScaleRequest, SessionCode, SessionToken,
};
pub use applied::{AppliedConfig, Setting};
pub use certificate::Certificate;
pub use evenness::{Evenness, Fairness};
pub use fault::{Draws, Fault, FaultKind, FaultRequest, Faults, FaultyPod, Place, UndoRequest};
pub use film::{Click, ClickAnswer, Film, FilmSummary, Hop};
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
pub use lesson::{
    Check, Connections, FilmCheck, HopKind, Lesson, LessonCommand, PodCount, Prediction, Step,
};
pub use lesson_view::{
    CommandView, LessonMove, LessonStart, LessonSummary, LessonView, Observation, Outcome,
    PredictionView, StepView, Verdict,
};
pub use live::{Flow, LATENCY_BUCKETS, Pin, PodTraffic, Traffic, latency_bucket};
pub use load::{
    Latency, LoadError, LoadLine, LoadProgress, LoadRequest, LoadResult, LoadStopped,
    MAX_LOAD_CONNECTIONS, MAX_LOAD_DURATION, MAX_LOAD_RATE, MAX_LOAD_TIMEOUT, PodShare,
};
pub use log::{LogLine, OutputStream, Reading};
pub use otlp::OtlpTarget;
pub use placeholder::{PLACEHOLDERS, Piece, Placeholder, pieces};
pub use plugin::{
    COLLECTOR, Container, DATA_SOURCE, Disk, Interface, Machine, Plugin, PluginPod, PodWish,
    Processes, RunningPlugin, Told, WantedPlugin,
};
pub use pod::{
    Deployment, MAX_INGRESS_REPLICAS, MAX_REPLICAS, Pod, PodPhase, PodPort, PodTemplate, Probe,
    ProbeAction, Volume, Workload,
};
pub use provider::{AddressPool, HealthCheck, IdleEnd, IdleTimeout, Provider};
pub use recording::{
    RECORDING, Recorded, RecordedAnswer, RecordedRequest, RecordingHead, RouteAnswer, RouteRequest,
};
pub use route::{
    AnnotationNote, Balancing, BasicAuth, Canary, CanaryValue, ClientAuth, ClientCertificate,
    Compiled, Condition, ConnectionLimit, Cors, Decision, EntryPoint, ErrorPages, Filter, Flavour,
    ForwardAuth, GatewayPorts, HeaderChanges, HostMatch, Loser, Mirror, Network, NginxOptions,
    Objects, PathChange, PathMatch, PathRefusal, Pattern, Question, RateLimit, Redirect, Retry,
    Rewrite, Route, RouteAction, RouteBackend, RouteTable, RouteTimeouts, Session, Sources,
    Template, TemplateError, TextMatch, TlsListener, TraefikOptions, Variable, WeightedBackend,
    compile, normalise_path,
};
pub use rule_answer::{LosingRule, RuleAnswer, RuleDestination, RuleName, RuleQuestion};
pub use service::{
    AppProtocol, ClusterIp, Conditions, Endpoint, EndpointAddress, EndpointSlice,
    LoadBalancerStatus, NetworkSnapshot, NodePort, Protocol, ProxyMode, ProxyProtocol, Secret,
    Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
};
pub use span::{
    Applied, BY_ADDRESS, Connection, DIALLED, Event, NodeLine, Selection, SocketPair, Span,
    SpanKind,
};
pub use status::{
    CertificateStatus, DeploymentStatus, EndpointStatus, FaultStatus, GatewayStatus, IngressStatus,
    LabPhase, Login, ObjectReport, PluginStatus, PodStatus, PortStatus, ServiceStatus, Status,
    StoresStatus, Urls,
};
pub use traceparent::{SpanId, TraceId, Traceparent, TraceparentError};
pub use traffic::{DURATION_BOUNDS, Durations, EndpointTraffic, RequestCount, ServiceTraffic};
