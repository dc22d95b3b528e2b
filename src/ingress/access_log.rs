//! Access logs: one line a request, in the form of the controller that the lab behaves like, or as
//! JSON. Off unless asked for; then a line costs what it costs there, and waits for nobody.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use base64::Engine as _;
use http::header::{AUTHORIZATION, HOST, REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;

use super::connection::Client;
use super::view::Backend;
use crate::model::{HostMatch, PathMatch, Route};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest text of a client's in a line; Traefik and nginx have no limit but that of headers.
const LONGEST: usize = 2048;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// Common Log Format with Traefik's own fields behind it.
    Traefik,
    /// ingress-nginx's `log-format-upstream` as it comes.
    Nginx,
    /// One object, with names that stay.
    Json,
}

/// A line, and the replica that wrote it.
pub type AccessLine = (String, String);

/// Where lines go; cheap to clone.
#[derive(Clone, Debug)]
pub struct AccessLog {
    format: AccessFormat,
    lines: mpsc::Sender<AccessLine>,
    /// Requests since the start of all replicas, as Traefik counts them.
    count: Arc<AtomicU64>,
}

/// What a line says of one request.
#[derive(Debug)]
pub(super) struct Entry {
    log: AccessLog,
    at: SystemTime,
    client: IpAddr,
    user: Option<String>,
    method: String,
    host: String,
    target: String,
    version: Version,
    referer: String,
    agent: String,
    /// Bytes of the request's head, as HTTP/1.1 writes it.
    head: u64,
    request_id: Option<String>,
    tls: Option<&'static str>,
    /// Rule and Ingress.
    route: Option<(String, String)>,
    upstream: Option<Upstream>,
}

#[derive(Debug)]
struct Upstream {
    namespace: String,
    service: String,
    port: u16,
    pod: String,
    address: String,
    scheme: &'static str,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome<'a> {
    pub(super) replica: &'a str,
    pub(super) status: &'a str,
    /// Microseconds, until the answer's last byte.
    pub(super) duration: u64,
    /// Microseconds, until its head.
    pub(super) first_byte: Option<u64>,
    /// Bytes of its body.
    pub(super) sent: u64,
    /// Bytes of the request's body.
    pub(super) received: u64,
    pub(super) trace: Option<&'a str>,
    pub(super) error: Option<&'a str>,
}

// === impl AccessLog ===

impl AccessLog {
    /// A log that hands its lines over; what finds no room is lost.
    pub fn new(format: AccessFormat, lines: mpsc::Sender<AccessLine>) -> Self {
        Self {
            format,
            lines,
            count: Arc::default(),
        }
    }

    /// What is known of a request at its beginning.
    pub(super) fn begin<B>(&self, client: &Client, request: &Request<B>) -> Box<Entry> {
        let headers = request.headers();
        let text = |name: HeaderName| {
            let value = headers.get(name).map(HeaderValue::as_bytes);
            let text = String::from_utf8_lossy(value.unwrap_or_default());
            text.chars().take(LONGEST).collect::<String>()
        };
        let target = request.uri().path_and_query();
        let target = target.map_or("/", |target| target.as_str());
        let authority = request
            .uri()
            .authority()
            .map(|host| host.as_str().to_owned());
        let line = request.method().as_str().len() + target.len() + " HTTP/1.1\r\n\r\n".len() + 1;
        let fields = headers.iter();
        let fields = fields.map(|(name, value)| name.as_str().len() + value.len() + 4);
        Box::new(Entry {
            log: self.clone(),
            at: SystemTime::now(),
            client: client.seen_as.ip(),
            user: user(headers),
            method: request.method().as_str().to_owned(),
            host: authority.unwrap_or_else(|| text(HOST)),
            target: target.chars().take(LONGEST).collect(),
            version: request.version(),
            referer: text(REFERER),
            agent: text(USER_AGENT),
            head: (line + fields.sum::<usize>()) as u64,
            request_id: None,
            tls: client.tls.as_ref().map(|tls| tls.version),
            route: None,
            upstream: None,
        })
    }
}

/// The name of a client that shows one (`Authorization: Basic`).
fn user(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let encoded = value.strip_prefix("Basic ")?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, _) = text.split_once(':')?;
    (!user.is_empty()).then(|| user.to_owned())
}

// === impl Entry ===

impl Entry {
    /// The rule that matched.
    pub(super) fn follows(&mut self, route: &Route) {
        self.route = Some((router(route), route.ingress.clone()));
    }

    /// What the endpoint is told.
    pub(super) fn sends(&mut self, headers: &HeaderMap) {
        let id = headers
            .get(X_REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        self.request_id = id.map(str::to_owned);
    }

    /// The endpoint that was tried last.
    pub(super) fn selected(&mut self, backend: &Backend, index: usize) {
        let target = &backend.endpoints[index];
        self.upstream = Some(Upstream {
            namespace: backend.namespace().to_owned(),
            service: backend.service.clone(),
            port: backend.port,
            pod: target.name.clone(),
            address: target.pool.address.to_string(),
            scheme: target.pool.spoken.scheme(),
        });
    }

    /// Writes the line.
    pub(super) fn finish(self, outcome: Outcome<'_>) {
        let number = self.log.count.fetch_add(1, Ordering::Relaxed) + 1;
        let line = match self.log.format {
            AccessFormat::Traefik => self.traefik(&outcome, number),
            AccessFormat::Nginx => self.nginx(&outcome),
            AccessFormat::Json => self.json(&outcome),
        };
        // A full channel loses lines: requests do not wait for those who read about them.
        let _ = self.log.lines.try_send((outcome.replica.to_owned(), line));
    }

    /// `client - user [time] "request" status bytes "referer" "agent" number "router" "server" 3ms`
    fn traefik(&self, outcome: &Outcome<'_>, number: u64) -> String {
        let router = match &self.route {
            Some((router, _)) => {
                // Routers of the entry point that comes with TLS are copies with its name in front.
                let entry = if self.tls.is_some() { "websecure" } else { "" };
                let namespace = self.upstream.as_ref().map(|found| found.namespace.as_str());
                let key = format!("{entry}-{}-{router}", namespace.unwrap_or("cloudforet"));
                format!("{}@kubernetes", normalised(&key))
            }
            None => "-".to_owned(),
        };
        let server = match &self.upstream {
            Some(found) => format!("{}://{}", found.scheme, found.address),
            None => "-".to_owned(),
        };
        // As it comes, Traefik drops headers, and knows users only from a middleware of its own.
        format!(
            "{} - - [{}] \"{} {} {}\" {} {} \"-\" \"-\" {number} \"{router}\" \"{server}\" {}ms",
            self.client,
            self.time(),
            self.method,
            quoted(&self.target),
            self.protocol(),
            outcome.status,
            outcome.sent,
            outcome.duration / 1000,
        )
    }

    /// `log-format-upstream` of ingress-nginx.
    fn nginx(&self, outcome: &Outcome<'_>) -> String {
        let mut line = format!(
            "{} - {} [{}] \"{} {} {}\" {} {} \"{}\" \"{}\" {} {} ",
            self.client,
            dash(self.user.as_deref().unwrap_or_default()),
            self.time(),
            self.method,
            escaped(&self.target),
            self.protocol(),
            outcome.status,
            outcome.sent,
            dash(&escaped(&self.referer)),
            dash(&escaped(&self.agent)),
            self.head + outcome.received,
            seconds(outcome.duration),
        );
        // Writing to a String cannot fail.
        let _ = match &self.upstream {
            Some(found) => write!(
                line,
                "[{}-{}-{}] [] {} {} {} {}",
                found.namespace,
                found.service,
                found.port,
                found.address,
                outcome.sent,
                seconds(outcome.duration),
                outcome.status,
            ),
            None => write!(line, "[] [] - - - -"),
        };
        let _ = write!(
            line,
            " {}",
            dash(self.request_id.as_deref().unwrap_or_default())
        );
        line
    }

    fn json(&self, outcome: &Outcome<'_>) -> String {
        let route = self.route.as_ref();
        let upstream = self.upstream.as_ref();
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let line = json!({
            "time": OffsetDateTime::from(self.at).format(&Rfc3339).ok(),
            "client": self.client,
            "user": self.user,
            "method": self.method,
            "host": self.host,
            "path": self.target,
            "protocol": self.protocol(),
            "tls": self.tls,
            "status": outcome.status.parse::<u16>().ok(),
            "duration_ms": whole_millis(outcome.duration),
            "first_byte_ms": outcome.first_byte.map(whole_millis),
            "request_bytes": outcome.received,
            "response_bytes": outcome.sent,
            "referer": text(&self.referer),
            "user_agent": text(&self.agent),
            "ingress": route.map(|(_, ingress)| ingress),
            "service": upstream.map(|found| &found.service),
            "port": upstream.map(|found| found.port),
            "pod": upstream.map(|found| &found.pod),
            "endpoint": upstream.map(|found| &found.address),
            "request_id": self.request_id,
            "trace": outcome.trace,
            "error": outcome.error,
        });
        line.to_string()
    }

    /// As both write it, in UTC.
    fn time(&self) -> String {
        let at = OffsetDateTime::from(self.at);
        let month = at.month().to_string();
        let (hour, minute, second) = at.to_hms();
        format!(
            "{:02}/{}/{}:{hour:02}:{minute:02}:{second:02} +0000",
            at.day(),
            month.get(..3).unwrap_or_default(),
            at.year()
        )
    }

    fn protocol(&self) -> &'static str {
        match self.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            _ => "HTTP/1.1",
        }
    }
}

/// The part of Traefik's name for a router that the rule gives: Ingress, host and path.
fn router(route: &Route) -> String {
    let host = match &route.host {
        HostMatch::Any => String::new(),
        HostMatch::Exact(host) => host.clone(),
        HostMatch::Wildcard(suffix) | HostMatch::Suffix(suffix) => format!("*{suffix}"),
    };
    let path = match &route.path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) | PathMatch::CharacterPrefix(path) => path,
        PathMatch::Regex(_) => "",
    };
    format!("{}-{host}{path}", route.ingress)
}

/// Letters and digits, with one dash for everything between them.
fn normalised(text: &str) -> String {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// A client's text that stays within its quotes and on its line.
fn quoted(text: &str) -> String {
    let safe = |c: char| !c.is_control();
    text.chars()
        .filter(|c| safe(*c))
        .collect::<String>()
        .replace('"', "\\\"")
}

/// As nginx' `escape=default`.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut done, byte| {
        if matches!(byte, b'"' | b'\\' | 0x7f..) || byte < b' ' {
            let _ = write!(done, "\\x{byte:02X}");
        } else {
            done.push(char::from(byte));
        }
        done
    })
}

/// Seconds with milliseconds.
fn seconds(micros: u64) -> String {
    let millis = micros / 1000;
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Milliseconds with three digits behind the point.
fn whole_millis(micros: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
    let millis = micros as f64;
    millis / 1000.0
}
