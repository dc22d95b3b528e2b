//! What a route does with a request beside forwarding it, and with the response on its way back.
//!
//! Shaped like Gateway API's HTTPRoute filters; what only an Ingress annotation can ask for is
//! here too, so that both flavours compile into the same words. The data path applies filters in
//! the order in which a route lists them.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{HostMatch, Pattern};

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Changes headers on the way to the endpoint.
    RequestHeaders(HeaderChanges),
    /// Changes headers on the way to the client.
    ResponseHeaders(HeaderChanges),
    /// Answers with a redirect; no later filter runs.
    Redirect(Redirect),
    /// Changes host and path on the way to the endpoint.
    Rewrite(Rewrite),
    /// Sends a copy to another backend and ignores its answer.
    Mirror(Mirror),
    /// Answers preflights and adds `Access-Control-*` to the others.
    Cors(Cors),
    /// Refuses client addresses (403).
    Sources(Sources),
    /// Asks for a user and a password (401).
    BasicAuth(BasicAuth),
    /// Asks another server whether the request may pass.
    ForwardAuth(ForwardAuth),
    /// Refuses requests that come too often.
    RateLimit(RateLimit),
    /// Refuses more requests at a time than so many.
    Connections(ConnectionLimit),
    /// Refuses request bodies of more bytes (413).
    BodyLimit(u64),
    /// Answers of these statuses come from an error page's backend instead.
    ErrorPages(ErrorPages),
    /// What is done with a client's certificate.
    ClientCertificate(ClientCertificate),
    /// Refusals of which one letting the request pass is enough (NGINX's `satisfy: any`); if none
    /// does, the answer is the last one's.
    AnyOf(Vec<Filter>),
}

/// Changes of headers, in the order remove, set, add. Names are in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChanges {
    /// Gone, however often they are there.
    pub remove: Vec<String>,
    /// There once, with this value.
    pub set: Vec<(String, String)>,
    /// There once more.
    pub add: Vec<(String, String)>,
}

/// Where a redirect leads. What is not said stays as the client wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// A host without port. Only configured text, never the client's.
    pub host: Option<String>,
    /// Left out of the Location where it is the scheme's own.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<PathChange>,
    /// A whole Location instead of the fields above: a [`Template`](super::Template).
    pub location: Option<String>,
    /// The status, 302 where nothing is said.
    pub status: u16,
    /// Only requests for this very path are redirected; the others pass.
    pub only_path: Option<String>,
}

/// Changes on the way to the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The `Host` that the endpoint sees.
    pub host: Option<String>,
    /// The path that it sees. The query is kept.
    pub path: Option<PathChange>,
    /// Sent as `X-Forwarded-Prefix`.
    pub forwarded_prefix: Option<String>,
}

/// How a path changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathChange {
    /// To this one.
    Full(String),
    /// The prefix that the route matched becomes this one, element by element.
    Prefix(String),
    /// The whole path becomes this, in which `${1}` stands for what the route's regular expression
    /// captured and `$$` for a dollar sign: the language of `regex::Captures::expand`.
    Captures(String),
}

/// A copy of requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    /// Who gets it: a position in [`RouteTable::backends`](super::RouteTable::backends).
    pub backend: usize,
    /// Of all requests, so many: `numerator` of `denominator`.
    pub numerator: u32,
    /// At least 1.
    pub denominator: u32,
}

/// Cross-origin resource sharing (the Fetch standard).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    /// `*`, origins, or origins with `*` for any number of leading labels.
    pub origins: Vec<String>,
    /// `*` or methods.
    pub methods: Vec<String>,
    /// `*` or header names.
    pub headers: Vec<String>,
    /// Response headers that scripts may read.
    pub expose: Vec<String>,
    /// Whether a preflight is told them as well, as Gateway API's conformance suite has it; it needs
    /// them not (the Fetch standard, section 3.2.4).
    pub expose_in_preflight: bool,
    /// Whether cookies may be sent.
    pub credentials: bool,
    /// How long a browser may remember a preflight.
    pub max_age: Option<Duration>,
    /// What a preflight is answered: 204 with NGINX, 200 with Traefik.
    pub preflight_status: u16,
}

/// Which client certificates a host's TLS handshake asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// For these server names (SNI).
    pub host: HostMatch,
    /// The Secret whose `ca.crt` signs them.
    pub secret: String,
    /// Whether a client without a certificate, or with a wrong one, fails in the handshake
    /// (Traefik) or gets as far as a filter that answers 400 (NGINX).
    pub in_handshake: bool,
    /// Whether one is needed at all.
    pub required: bool,
    /// Certificates between a client's and the CA's.
    pub depth: u8,
}

/// Which client addresses may pass: one of `allow` unless that is empty, and none of `deny`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// Networks.
    pub allow: Vec<Network>,
    /// Networks.
    pub deny: Vec<Network>,
}

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Its address.
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub prefix: u8,
}

/// Users and the hashes of their passwords (`htpasswd`).
#[derive(Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// Shown in the browser's question.
    pub realm: String,
    /// Name and hash.
    pub users: Vec<(String, String)>,
}

/// Another server decides: 2xx lets pass, everything else is the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForwardAuth {
    /// `http://service.namespace…/path`, a Service of the lab: a [`Template`](super::Template).
    pub url: String,
    /// GET unless said otherwise.
    pub method: Option<String>,
    /// Where an unauthenticated user is sent (302) instead of the 401: a
    /// [`Template`](super::Template).
    pub signin: Option<String>,
    /// Headers of its answer that the endpoint gets.
    pub response_headers: Vec<String>,
}

/// A limit per client address and replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in a period.
    pub requests: u32,
    /// The period.
    pub period: Duration,
    /// So many more at once before the first is refused.
    pub burst: u32,
    /// 503 with NGINX, 429 with Traefik.
    pub status: u16,
}

/// A limit of requests at a time, per client address and replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// At a time.
    pub requests: u32,
    /// 503 with NGINX, 429 with Traefik.
    pub status: u16,
}

/// Error pages from a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorPages {
    /// Statuses that are replaced.
    pub statuses: Vec<u16>,
    /// Who makes the page: a position in [`RouteTable::backends`](super::RouteTable::backends).
    pub backend: usize,
    /// Told in `X-Ingress-Name`, `X-Service-Name` and `X-Service-Port`.
    pub facts: [String; 3],
}

/// A client's certificate, which the handshake has checked as the host's TLS options say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Without one (or with a wrong one, where the handshake let it pass) the answer is 400.
    pub required: bool,
    /// The subject must match, else 403.
    pub subject: Option<Pattern>,
    /// Sent on as `ssl-client-cert`, URL-encoded PEM.
    pub pass: bool,
}

impl std::fmt::Debug for BasicAuth {
    /// Never the hashes.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("BasicAuth")
            .field("realm", &self.realm)
            .field("users", &self.users.len())
            .finish()
    }
}

impl Network {
    /// Reads `10.0.0.0/8`, or an address alone.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix
                .trim()
                .parse()
                .ok()
                .filter(|prefix| *prefix <= whole)?,
            None => whole,
        };
        Some(Self { address, prefix })
    }

    /// Its first and its last address.
    pub fn range(&self) -> (IpAddr, IpAddr) {
        match self.address {
            IpAddr::V4(address) => {
                let rest = u32::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                let bits = address.to_bits();
                let ends = [bits & !rest, bits | rest].map(std::net::Ipv4Addr::from_bits);
                (ends[0].into(), ends[1].into())
            }
            IpAddr::V6(address) => {
                let rest = u128::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
                let bits = address.to_bits();
                let ends = [bits & !rest, bits | rest].map(std::net::Ipv6Addr::from_bits);
                (ends[0].into(), ends[1].into())
            }
        }
    }

    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let cut = |bits: u128, width: u8| bits.checked_shr((width - self.prefix).into());
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                cut(own.to_bits().into(), 32) == cut(other.to_bits().into(), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                cut(own.to_bits(), 128) == cut(other.to_bits(), 128)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_what_its_prefix_says() {
        let network = |text| Network::parse(text).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(network("10.0.0.0/8").contains(address("10.9.8.7")));
        assert!(!network("10.0.0.0/8").contains(address("11.0.0.0")));
        assert!(network("0.0.0.0/0").contains(address("1.2.3.4")));
        let range = |text| network(text).range();
        let ends = (address("10.1.2.8"), address("10.1.2.15"));
        assert_eq!(range("10.1.2.9/29"), ends);
        assert_eq!(range("10.1.2.9").0, address("10.1.2.9"));
        assert_eq!(range("0.0.0.0/0").1, address("255.255.255.255"));
        assert_eq!(range("::/0").0, address("::"));
        assert!(network("10.0.0.1").contains(address("::ffff:10.0.0.1")));
        assert!(network("::/0").contains(address("fe80::1")));
        for bad in ["10.0.0.0/33", "x", "10.0.0.0/-1", "/8"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
