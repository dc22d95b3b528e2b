//! Routes in one internal form, shaped like Gateway API's HTTPRoute.
//!
//! Ingress objects are compiled into a [`RouteTable`] by a [`Flavour`]; what the flavours do
//! differently is decided there, once, and not for each request. The data path only asks
//! [`RouteTable::find`]; [`RouteTable::explain`] gives the same answer with reasons.

mod compile;
mod explain;
mod filter;
mod flavour;
mod gateway;
mod matches;
mod path;
mod table;
mod template;

#[cfg(test)]
mod conformance;

use std::fmt;
use std::time::Duration;

use super::AppProtocol;

pub use compile::{Compiled, Objects, compile};
pub use explain::{Decision, Loser};
pub use filter::{
    BasicAuth, ClientAuth, ClientCertificate, ConnectionLimit, Cors, ErrorPages, Filter,
    ForwardAuth, HeaderChanges, Mirror, Network, PathChange, RateLimit, Redirect, Rewrite, Sources,
};
pub use flavour::{AnnotationNote, Flavour, NginxOptions, TraefikOptions};
pub use gateway::GatewayPorts;
pub use matches::{Condition, EntryPoint, Pattern, Question, TextMatch};
pub use path::{PathRefusal, normalise_path};
pub use table::{RouteTable, TlsListener};
pub use template::{Template, TemplateError, Variable};

/// One way from a host and a path to an action.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Route {
    /// As the flavour itself would write the rule; shown in films.
    pub name: String,
    /// The Ingress it comes from, or kind and name of the Gateway API's route.
    pub ingress: String,
    /// Which hosts.
    pub host: HostMatch,
    /// Which paths, in the form that [`normalise_path`] gives.
    pub path: PathMatch,
    /// What else is asked of a request; all must hold.
    pub conditions: Vec<Condition>,
    /// Higher is tried first; what it is made of depends on the flavour.
    pub priority: i64,
    /// Whether a request in clear text is sent to HTTPS instead, before any filter.
    pub redirect_https: bool,
    /// Whether that redirect leaves out a slash at the end of the path, as NGINX' does.
    pub redirect_drops_slash: bool,
    /// What is done with a request and its response, in this order.
    pub filters: Vec<Filter>,
    /// Where a request goes that no filter answered.
    pub action: RouteAction,
    /// Some requests go elsewhere (NGINX's canary); asked before the action.
    pub canary: Option<Canary>,
    /// Limits that the rule sets; the replica's defaults apply where it does not.
    pub timeouts: RouteTimeouts,
    /// Whether and when another try is made; the flavour's own rule if there is none.
    pub retry: Option<Retry>,
    /// Whether a Service without endpoints answers 404 and not 503: Traefik without
    /// `allowEmptyServices` has no router for it then.
    pub empty_is_404: bool,
    /// Whether it is tried for hosts that have more specific rules, whatever the flavour does: Gateway
    /// API's routes are.
    pub falls_through: bool,
}

/// Which hosts a route is for. Names are lower case, without port and trailing dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// Every host, also none.
    Any,
    /// This name.
    Exact(String),
    /// One label in front of this suffix, which begins with a dot (Ingress).
    Wildcard(String),
    /// One or more labels in front of this suffix, which begins with a dot (Gateway API).
    Suffix(String),
}

/// Which paths a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathMatch {
    /// The whole path.
    Exact(String),
    /// Element by element; kept without trailing slash, so `/` is empty.
    Prefix(String),
    /// Character by character.
    CharacterPrefix(String),
    /// Paths in which the pattern is found.
    Regex(Pattern),
}

/// What a route does.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteAction {
    /// To one of these, by weight; at least one.
    Forward(Vec<WeightedBackend>),
    /// To the same path with a slash at its end (301).
    AppendSlash,
    /// Nothing can serve it, for this reason (503 with Ingress, 500 with Gateway API).
    Unavailable {
        /// One sentence without full stop.
        reason: String,
        /// 500 or 503.
        status: u16,
    },
}

/// A share of a route's requests.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedBackend {
    /// Position in [`RouteTable::backends`]; a share that leads nowhere (Gateway API's invalid
    /// reference) answers 500.
    pub backend: Option<usize>,
    /// Relative to the other weights of the route. 0 gets nothing.
    pub weight: u32,
    /// Applied after the route's own, for this share only.
    pub filters: Vec<Filter>,
}

/// NGINX's canary: a header decides, else a cookie, else the weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canary {
    /// Position in [`RouteTable::backends`].
    pub backend: usize,
    /// A header (in lower case) whose value `always` or `never` decides, or a value that means
    /// always.
    pub header: Option<(String, CanaryValue)>,
    /// A cookie whose value `always` or `never` decides.
    pub cookie: Option<String>,
    /// Of `total` undecided requests, so many.
    pub weight: u32,
    /// At least 1; 100 unless said otherwise.
    pub total: u32,
}

/// Which header value leads to the canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanaryValue {
    /// `always` does, `never` does not, others do not decide.
    AlwaysNever,
    /// This one does, others do not decide.
    Exact(String),
    /// What matches does, others do not decide.
    Matches(Pattern),
}

/// A Service port that routes lead to, and how its endpoints are chosen and dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteBackend {
    /// Name of the Service.
    pub service: String,
    /// Number of the port.
    pub port: u16,
    /// Position of the port in the Service and in each endpoint's addresses.
    pub port_index: usize,
    /// What the endpoint speaks.
    pub app_protocol: AppProtocol,
    /// Whether it speaks it over TLS.
    pub tls: bool,
    /// Whether the ClusterIP is dialled and not a pod (`service-upstream`, `nativelb`).
    pub through_cluster_ip: bool,
    /// Whether the endpoint sees its own address as Host, and not what the client asked for
    /// (`passhostheader: "false"`).
    pub own_host: bool,
    /// How an endpoint is chosen for a request.
    pub selection: Balancing,
    /// Keeps a client with its endpoint.
    pub session: Option<Session>,
}

/// How an endpoint is chosen for a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Balancing {
    /// In turn.
    #[default]
    RoundRobin,
    /// The better of two drawn at random, by how fast they answered lately (NGINX's `ewma`,
    /// Traefik's `p2c`).
    LeastLatency,
    /// By the hash of a text made of the request: a [`Template`].
    HashBy(String),
}

/// A cookie that names an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Name of the cookie.
    pub cookie: String,
    /// `Path`.
    pub path: Option<String>,
    /// `Domain`.
    pub domain: Option<String>,
    /// `Max-Age` and `Expires`.
    pub max_age: Option<Duration>,
    /// `SameSite`.
    pub same_site: Option<String>,
    /// `Secure`.
    pub secure: bool,
    /// `HttpOnly`.
    pub http_only: bool,
    /// A client whose endpoint is gone keeps the new one (NGINX: `persistent`, and always with
    /// Traefik) or may be moved to spread the load (`balanced`).
    pub persistent: bool,
}

/// Limits for the requests of one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// For a connection to an endpoint.
    pub connect: Option<Duration>,
    /// How long the endpoint may take nothing of the request; over HTTP/1.1 only.
    pub send: Option<Duration>,
    /// From the request's last byte until the endpoint's response head is there, for each try.
    pub response: Option<Duration>,
    /// Between two pieces of the response body.
    pub read: Option<Duration>,
    /// From the request head to the response head, all tries together.
    pub request: Option<Duration>,
}

/// Another try with another endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries in all, the first one included; 1 is none.
    pub tries: u32,
    /// After a connection that failed, or was closed before an answer.
    pub on_error: bool,
    /// After no answer in time.
    pub on_timeout: bool,
    /// After an answer of one of these statuses.
    pub statuses: Vec<u16>,
    /// Also requests that may do something twice (POST, PATCH).
    pub non_idempotent: bool,
    /// Before each new try.
    pub backoff: Duration,
    /// No new try begins after this time.
    pub within: Option<Duration>,
}

impl HostMatch {
    /// Reads a host of an Ingress rule.
    pub fn parse(host: Option<&str>) -> Self {
        let host = host.unwrap_or_default().trim_end_matches('.');
        match host.strip_prefix('*') {
            _ if host.is_empty() || host == "*" => Self::Any,
            Some(suffix) => Self::Wildcard(suffix.to_ascii_lowercase()),
            None => Self::Exact(host.to_ascii_lowercase()),
        }
    }

    /// Whether a canonical host (lower case, no port) is meant.
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name == host,
            Self::Wildcard(suffix) => wildcard_suffix(host) == Some(suffix),
            Self::Suffix(suffix) => host
                .strip_suffix(suffix.as_str())
                .is_some_and(|labels| !labels.is_empty()),
        }
    }
}

impl fmt::Display for HostMatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Exact(name) => formatter.write_str(name),
            Self::Wildcard(suffix) | Self::Suffix(suffix) => write!(formatter, "*{suffix}"),
        }
    }
}

impl PathMatch {
    /// An element-wise prefix; a slash at its end means nothing.
    pub fn prefix(path: &str) -> Self {
        Self::Prefix(path.trim_end_matches('/').to_owned())
    }

    /// Whether a normalised path is meant.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(whole) => path == whole,
            Self::CharacterPrefix(prefix) => path.starts_with(prefix.as_str()),
            Self::Regex(pattern) => pattern.regex().is_match(path),
            Self::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        }
    }
}

impl fmt::Display for PathMatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => write!(formatter, "exactly {path}"),
            Self::Prefix(path) => write!(formatter, "prefix {path}/"),
            Self::CharacterPrefix(path) => write!(formatter, "characters {path}…"),
            Self::Regex(pattern) => write!(formatter, "pattern {}", pattern.regex()),
        }
    }
}

impl Route {
    /// A route to an action, with nothing asked or done beside.
    pub fn new(name: String, ingress: &str, host: HostMatch, path: PathMatch) -> Self {
        Self {
            name,
            ingress: ingress.to_owned(),
            host,
            path,
            conditions: Vec::new(),
            priority: 0,
            redirect_https: false,
            redirect_drops_slash: false,
            filters: Vec::new(),
            action: RouteAction::Forward(Vec::new()),
            canary: None,
            timeouts: RouteTimeouts::default(),
            retry: None,
            empty_is_404: false,
            falls_through: false,
        }
    }

    /// Whether all that it asks of a request holds, its host aside.
    pub fn matches(&self, question: &Question<'_>) -> bool {
        self.path.matches(question.path)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(question))
    }
}

/// What follows the first label, with its dot; `None` for a single label.
fn wildcard_suffix(host: &str) -> Option<&str> {
    match host.find('.') {
        Some(dot) if dot > 0 => Some(&host[dot..]),
        _ => None,
    }
}
