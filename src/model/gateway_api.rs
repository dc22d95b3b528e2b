//! Objects of `gateway.networking.k8s.io`, as far as the lab reads them.
//!
//! Names are those of the specification; form was checked where they were read. What becomes of
//! them is a [`Route`](super::Route); nothing on the data path reads these.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::route::{
    Cors, HeaderChanges, HostMatch, Pattern, Redirect, Rewrite, Session, TextMatch,
};

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayApi {
    /// GatewayClass objects; the one of the lab's own controller needs none.
    pub classes: Vec<GatewayClass>,
    /// In the order of the files.
    pub gateways: Vec<Gateway>,
    /// HTTPRoutes and GRPCRoutes, in the order of the files.
    pub routes: Vec<GatewayRoute>,
    /// Which references may leave their namespace.
    pub grants: Vec<ReferenceGrant>,
    /// Labels of namespaces that were written.
    pub namespaces: BTreeMap<String, BTreeMap<String, String>>,
}

/// A `GatewayClass`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayClass {
    /// Its name.
    pub name: String,
    /// `spec.controllerName`
    pub controller: String,
}

/// A `Gateway`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Unique among Gateways.
    pub name: String,
    /// Where it lives.
    pub namespace: String,
    /// `spec.gatewayClassName`
    pub class: String,
    /// `spec.listeners`
    pub listeners: Vec<GatewayListener>,
}

/// One entry of `spec.listeners`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayListener {
    /// Unique in the Gateway.
    pub name: String,
    /// Which hosts it is for.
    pub host: HostMatch,
    /// As clients are thought to dial it.
    pub port: u16,
    /// `HTTP`, `HTTPS`, or one that the lab has not.
    pub protocol: String,
    /// `tls.mode: Passthrough`
    pub passthrough: bool,
    /// `tls.certificateRefs`
    pub certificates: Vec<ObjectReference>,
    /// `allowedRoutes.namespaces`
    pub from: FromNamespaces,
    /// `allowedRoutes.kinds`; empty for all that fit the protocol.
    pub kinds: Vec<String>,
}

/// `allowedRoutes.namespaces`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum FromNamespaces {
    /// The Gateway's own.
    #[default]
    Same,
    /// Every one.
    All,
    /// Those with such labels.
    Selector(Vec<LabelDemand>),
}

/// One demand of a label selector; all must be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelDemand {
    /// Name of the label.
    pub label: String,
    /// How it is compared.
    pub operator: LabelOperator,
    /// With what; empty where only its presence counts.
    pub values: Vec<String>,
}

/// `operator` of a label selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelOperator {
    /// One of the values.
    In,
    /// Absent, or none of the values.
    NotIn,
    /// There.
    Exists,
    /// Absent.
    DoesNotExist,
}

/// A reference to an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectReference {
    /// Empty for the core group.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// The namespace of the one who refers, if nothing is said.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Of a Service.
    pub port: Option<u16>,
}

/// A `ReferenceGrant`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReferenceGrant {
    /// Its name.
    pub name: String,
    /// Whose objects may be referred to.
    pub namespace: String,
    /// Group, kind and namespace of who may refer.
    pub from: Vec<(String, String, String)>,
    /// Group, kind and, unless all are meant, name of what they may refer to.
    pub to: Vec<(String, String, Option<String>)>,
}

/// What a route speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteKind {
    /// `GRPCRoute`
    Grpc,
    /// `HTTPRoute`
    Http,
}

/// An `HTTPRoute` or a `GRPCRoute`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRoute {
    /// Which of them.
    pub kind: RouteKind,
    /// Unique among those of its kind.
    pub name: String,
    /// Where it lives.
    pub namespace: String,
    /// `metadata.creationTimestamp`, in the one form of the API server, which sorts as text.
    pub created: Option<String>,
    /// `spec.parentRefs`
    pub parents: Vec<ParentReference>,
    /// `spec.hostnames`
    pub hosts: Vec<HostMatch>,
    /// `spec.rules`
    pub rules: Vec<GatewayRule>,
}

/// One entry of `spec.parentRefs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentReference {
    /// Its port is that of listeners.
    pub object: ObjectReference,
    /// Name of a listener.
    pub section: Option<String>,
}

/// One entry of `spec.rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayRule {
    /// May be empty.
    pub name: String,
    /// One of them must fit; at least one.
    pub matches: Vec<RouteMatch>,
    /// In the order in which they were written.
    pub filters: Vec<RouteFilter>,
    /// May be empty.
    pub backends: Vec<BackendReference>,
    /// `timeouts.request`; zero is none.
    pub request_timeout: Option<Duration>,
    /// `timeouts.backendRequest`; zero is none.
    pub backend_timeout: Option<Duration>,
    /// `retry`
    pub retry: Option<RouteRetry>,
    /// `sessionPersistence`, or why it cannot be had.
    pub session: Option<Result<Session, String>>,
}

/// One entry of `matches`: all of it must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMatch {
    /// Path, or what of it gRPC calls service and method.
    pub path: MatchedPath,
    /// HTTP's method.
    pub method: Option<String>,
    /// Names in lower case, each once.
    pub headers: Vec<(String, TextMatch)>,
    /// Query parameters, each once.
    pub query: Vec<(String, TextMatch)>,
}

/// `path` of an HTTPRoute, `method` of a GRPCRoute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchedPath {
    /// The whole path.
    Exact(String),
    /// Element by element.
    Prefix(String),
    /// A pattern.
    Regex {
        /// For the whole path.
        pattern: Pattern,
        /// Characters, as it was written.
        length: usize,
    },
    /// A call, by the letters of its names.
    Call {
        /// With its package.
        service: Option<String>,
        /// Its name.
        method: Option<String>,
    },
    /// A call by patterns, for the whole of each name; the lengths as they were written.
    CallPattern {
        /// For the whole path.
        pattern: Pattern,
        /// Characters of the service's.
        service: usize,
        /// Characters of the method's.
        method: usize,
    },
}

/// One entry of `filters`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteFilter {
    /// `RequestHeaderModifier`
    RequestHeaders(HeaderChanges),
    /// `ResponseHeaderModifier`
    ResponseHeaders(HeaderChanges),
    /// `RequestRedirect`
    Redirect(Redirect),
    /// `URLRewrite`
    Rewrite(Rewrite),
    /// `RequestMirror`
    Mirror {
        /// Who gets the copies.
        to: ObjectReference,
        /// Of `denominator` requests, so many.
        numerator: u32,
        /// At least 1.
        denominator: u32,
    },
    /// `CORS`
    Cors(Cors),
    /// A filter that the lab has not, by its type; requests must not pass without it.
    Unknown(String),
}

/// One entry of `backendRefs`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendReference {
    /// What gets the requests.
    pub object: ObjectReference,
    /// Relative to the others of the rule; 1 if nothing is said.
    pub weight: u32,
    /// For its share of the requests alone.
    pub filters: Vec<RouteFilter>,
}

/// `retry`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteRetry {
    /// Statuses after which another try is made, beside failed connections.
    pub codes: Vec<u16>,
    /// Tries beside the first.
    pub attempts: u32,
    /// Before each of them.
    pub backoff: Duration,
}

impl RouteKind {
    /// As manifests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
        }
    }
}

impl fmt::Display for GatewayListener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.protocol, self.port, self.host)
    }
}

impl LabelDemand {
    /// Whether an object with these labels meets it.
    pub fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.label);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            LabelOperator::In => listed,
            LabelOperator::NotIn => !listed,
            LabelOperator::Exists => value.is_some(),
            LabelOperator::DoesNotExist => value.is_none(),
        }
    }
}

impl GatewayApi {
    /// Whether an object of this group, kind and namespace may refer to the other one, which lives in
    /// `target`.
    pub fn permits(
        &self,
        (group, kind, namespace): (&str, &str, &str),
        object: &ObjectReference,
        target: &str,
    ) -> bool {
        if namespace == target {
            return true;
        }
        let grants = self.grants.iter().filter(|grant| grant.namespace == target);
        grants.into_iter().any(|grant| {
            let from = grant.from.iter().any(|(known, of, from)| {
                (known.as_str(), of.as_str(), from.as_str()) == (group, kind, namespace)
            });
            let to = grant.to.iter().any(|(known, of, name)| {
                (known, of) == (&object.group, &object.kind)
                    && name.as_ref().is_none_or(|name| *name == object.name)
            });
            from && to
        })
    }

    /// Whether routes of a namespace may be attached.
    pub fn admits(&self, from: &FromNamespaces, own: &str, namespace: &str) -> bool {
        match from {
            FromNamespaces::Same => own == namespace,
            FromNamespaces::All => true,
            FromNamespaces::Selector(demands) => {
                let mut labels = self.namespaces.get(namespace).cloned().unwrap_or_default();
                // The API server gives every namespace this one.
                labels.insert(
                    "kubernetes.io/metadata.name".to_owned(),
                    namespace.to_owned(),
                );
                demands.iter().all(|demand| demand.holds(&labels))
            }
        }
    }
}
