//! Routes in one internal form, shaped like Gateway API's HTTPRoute.
//!
//! Ingress objects are compiled into a [`RouteTable`] by a [`Flavour`]; what the flavours do
//! differently is decided there, once, and not for each request. The data path only asks
//! [`RouteTable::find`]; [`RouteTable::explain`] gives the same answer with reasons.

mod compile;
mod explain;
mod flavour;
mod path;
mod table;

#[cfg(test)]
mod conformance;

use std::fmt;
use std::time::Duration;

use super::AppProtocol;

pub use compile::{Compiled, Diagnostic, compile};
pub use explain::{Decision, Loser};
pub use flavour::{Flavour, NginxOptions, TraefikOptions};
pub use path::{PathRefusal, normalise_path};
pub use table::RouteTable;

/// One way from a host and a path to an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// As the flavour itself would write the rule; shown in films.
    pub name: String,
    /// The Ingress it comes from.
    pub ingress: String,
    /// Which hosts.
    pub host: HostMatch,
    /// Which paths, in the form that [`normalise_path`] gives.
    pub path: PathMatch,
    /// Higher is tried first; what it is made of depends on the flavour.
    pub priority: i64,
    /// What is done with a request.
    pub action: RouteAction,
    /// Limits that the rule sets; the replica's defaults apply where it does not.
    pub timeouts: RouteTimeouts,
    /// Whether a request in clear text is sent to HTTPS instead.
    pub redirect_https: bool,
}

/// Which hosts a route is for. Names are lower case, without port and trailing dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// Every host, also none.
    Any,
    /// This name.
    Exact(String),
    /// One label in front of this suffix, which begins with a dot.
    Wildcard(String),
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
}

/// What a route does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteAction {
    /// To one of these, by weight; at least one.
    Forward(Vec<WeightedBackend>),
    /// To the same path with a slash at its end (301).
    AppendSlash,
    /// Nothing can serve it, for this reason (503).
    Unavailable(String),
}

/// A share of a route's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightedBackend {
    /// Position in [`RouteTable::backends`].
    pub backend: usize,
    /// Relative to the other weights of the route.
    pub weight: u32,
}

/// A Service port that routes lead to.
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
}

/// Limits for the requests of one route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTimeouts {
    /// Until the endpoint's response head is there.
    pub response: Option<Duration>,
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
        }
    }
}

impl fmt::Display for HostMatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => formatter.write_str("*"),
            Self::Exact(name) => formatter.write_str(name),
            Self::Wildcard(suffix) => write!(formatter, "*{suffix}"),
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
        }
    }
}

/// What follows the first label, with its dot; `None` for a single label.
fn wildcard_suffix(host: &str) -> Option<&str> {
    match host.find('.') {
        Some(dot) if dot > 0 => Some(&host[dot..]),
        _ => None,
    }
}
