//! A recorded session: what the ingress was asked and what came of it, as `lab record` writes it.
//!
//! A file of JSON documents, one a line: first a [`RecordingHead`], then a [`Recorded`] for each
//! request, and a `{"missed": N}` where so many came too fast to be written down.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::route::{Filter, Flavour, Question, RouteAction, RouteTable, normalise_path};

/// The version of the format.
pub const RECORDING: u32 = 1;

/// Headers that prove who somebody is.
const SECRETS: [&str; 6] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
];

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingHead {
    /// [`RECORDING`]
    pub lab_recording: u32,
    /// The lab's name.
    pub lab: String,
    /// `traefik` or `nginx`.
    pub flavour: String,
}

/// A request and its answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Microseconds since the Unix epoch when the ingress read the request.
    pub at: u64,
    /// What was asked.
    pub request: RecordedRequest,
    /// What came of it.
    pub answer: RecordedAnswer,
}

/// What was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// Whether it came over TLS.
    pub tls: bool,
    /// The method.
    pub method: String,
    /// As the client wrote it, with its port.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// All others, in order.
    pub headers: Vec<(String, String)>,
    /// Names of headers that were not written down.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// In Base64; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body was too large to be kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub body_left_out: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedAnswer {
    /// HTTP's status.
    pub status: u16,
    /// The Ingress whose rule matched, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<String>,
    /// Service and port that got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The endpoint that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Why the proxy answered itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Of the answer, in order.
    pub headers: Vec<(String, String)>,
}

/// `POST /api/route`: where would this go?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteRequest {
    /// `traefik` or `nginx`; the one that runs if absent.
    #[serde(default)]
    pub flavour: Option<String>,
    /// The body does not matter.
    pub request: RecordedRequest,
}

/// The answer to [`RouteRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteAnswer {
    /// The Ingress whose rule matches, if one does.
    pub ingress: Option<String>,
    /// The status of an answer that no pod is asked for.
    pub status: Option<u16>,
    /// Services and ports among which one gets it.
    pub services: Vec<String>,
}

impl Recorded {
    /// The same with nothing in it that proves who somebody is.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        let is_secret = |name: &str| SECRETS.contains(&name);
        let secrets = self.request.headers.iter();
        let secrets = secrets.filter(|(name, _)| is_secret(name));
        self.request.left_out = secrets.map(|(name, _)| name.clone()).collect();
        self.request.headers.retain(|(name, _)| !is_secret(name));
        self.answer.headers.retain(|(name, _)| !is_secret(name));
        self
    }
}

impl RouteAnswer {
    /// What a flavour's table says of a request: rule, redirects to HTTPS or to another path, and whom
    /// it leads to. What filters do on the way is not looked at.
    pub fn of(table: &RouteTable, flavour: &Flavour, request: &RecordedRequest) -> Self {
        let refused = Self {
            status: Some(400),
            ..Self::default()
        };
        let (path, query) = match request.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (request.target.as_str(), None),
        };
        let Ok(path) = normalise_path(path) else {
            return refused;
        };
        let host = request.host.to_ascii_lowercase();
        let port = |c: char| c.is_ascii_digit();
        let name = match host.rsplit_once(':') {
            Some((name, digits)) if digits.chars().all(port) => name,
            _ => &host,
        };
        let pairs = request.headers.iter().filter_map(|(name, value)| {
            let name = HeaderName::try_from(name).ok()?;
            Some((name, HeaderValue::try_from(value).ok()?))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        let question = Question {
            host: name.trim_end_matches('.'),
            path: &path,
            method: &request.method,
            headers: &headers,
            query,
            tls: request.tls,
        };
        let Some(route) = table.find(&question) else {
            return Self {
                status: Some(404),
                ..Self::default()
            };
        };
        let mut answer = Self {
            ingress: Some(route.ingress.clone()),
            ..Self::default()
        };
        if route.redirect_https && !request.tls {
            let safe = matches!(request.method.as_str(), "GET" | "HEAD");
            answer.status = Some(match flavour {
                Flavour::Traefik(_) if safe => 301,
                _ => 308,
            });
            return answer;
        }
        let redirects = route.filters.iter().find_map(|filter| match filter {
            Filter::Redirect(redirect) => {
                let only = redirect.only_path.as_ref();
                only.is_none_or(|only| *only == *path)
                    .then_some(redirect.status)
            }
            _ => None,
        });
        if redirects.is_some() {
            answer.status = redirects;
            return answer;
        }
        match &route.action {
            RouteAction::Forward(shares) => {
                let weighty = shares.iter().filter(|share| share.weight > 0);
                let chosen = weighty.filter_map(|share| table.backends().get(share.backend?));
                let named = chosen.map(|found| format!("{}:{}", found.service, found.port));
                answer.services = named.collect();
                answer.services.sort();
            }
            RouteAction::AppendSlash => answer.status = Some(301),
            RouteAction::Unavailable { status, .. } => answer.status = Some(*status),
        }
        answer
    }
}
