//! What the film of a request learns here: two spans, the load balancer's and the ingress'.
//!
//! Nothing of this exists for a request without a film. It is told when the response body ended.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use serde_json::{Map, Value, json};

use super::connection::Client;
use super::pool::{Connection, Link};
use super::view::{Backend, View};
use crate::model::{
    Event, Question, SocketPair, Span, SpanId, SpanKind, TraceId, Traceparent, TrafficPolicy,
};
use crate::trace::Tracer;

/// The header that carries the trace.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The spans of one request while it runs.
#[derive(Debug)]
pub(super) struct Film {
    tracer: Tracer,
    balancer: Box<Span>,
    span: Box<Span>,
    started: Instant,
    algorithm: &'static str,
    request_bytes: Rc<Cell<u64>>,
}

impl Film {
    /// A film, if the request asks for one or the sampler picks it.
    pub(super) fn begin<B>(client: &Client, request: &Request<B>) -> Option<Box<Self>> {
        let (trace, parent) = match traceparent(request.headers()) {
            Some(received) if received.sampled => (received.trace, Some(received.parent)),
            None if client.settings().sampler.take() => {
                (TraceId::from_random(fastrand::u128(..)), None)
            }
            _ => return None,
        };
        let first = client.requests.replace(client.requests.get() + 1) == 0;
        let now = micros(SystemTime::now());
        let accepted = micros(client.wall);
        let inbound = Some(SocketPair {
            local: client.local,
            remote: client.remote,
        });
        let balancer = Box::new(Span {
            trace,
            id: SpanId::from_random(fastrand::u64(..)),
            parent,
            kind: SpanKind::LoadBalancer,
            source: "lb".to_owned(),
            name: format!("accept :{}", client.local.port()),
            start: if first { accepted } else { now },
            duration: if first { micros_of(client.opened) } else { 0 },
            status: "accepted".to_owned(),
            inbound,
            outbound: None,
            attributes: attributes([
                ("client", json!(client.remote)),
                ("seen_as", json!(client.seen_as)),
                (
                    "policy",
                    json!(match client.policy {
                        TrafficPolicy::Cluster => "Cluster",
                        TrafficPolicy::Local => "Local",
                    }),
                ),
                (
                    "by_header",
                    json!(client.by_header.then_some("PROXY protocol")),
                ),
                ("replica", json!(client.replica())),
                ("candidates", json!(client.candidates)),
                ("accepted_at", json!(accepted)),
                ("connection", json!(if first { "new" } else { "reused" })),
            ]),
        });
        let mut span = Box::new(Span {
            trace,
            id: SpanId::from_random(fastrand::u64(..)),
            parent: Some(balancer.id),
            kind: SpanKind::Ingress,
            source: client.replica().to_owned(),
            name: format!("{} {}", request.method(), request.uri().path()),
            start: now,
            duration: 0,
            status: String::new(),
            inbound,
            outbound: None,
            attributes: attributes([
                ("method", json!(request.method().as_str())),
                ("path", json!(request.uri().path())),
                ("http_version", json!(format!("{:?}", request.version()))),
                ("client_address", json!(client.seen_as.ip())),
            ]),
        });
        if let Some(tls) = &client.tls {
            span.attributes.extend(attributes([
                ("tls_version", json!(tls.version)),
                ("sni", json!(tls.server_name)),
                ("alpn", json!(tls.alpn)),
                ("certificate", json!(tls.certificate)),
                ("client_certificate", json!(tls.shown.as_ref().map(shown))),
            ]));
        }
        Some(Box::new(Self {
            tracer: client.tracer().clone(),
            balancer,
            span,
            started: Instant::now(),
            algorithm: "round-robin",
            request_bytes: Rc::default(),
        }))
    }

    /// The trace id, for a header.
    pub(super) fn trace(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.span.trace.to_string()).ok()
    }

    /// What the endpoint is to be told.
    pub(super) fn propagate(&self, headers: &mut HeaderMap) {
        let next = Traceparent {
            trace: self.span.trace,
            parent: self.span.id,
            sampled: true,
        };
        if let Ok(value) = HeaderValue::try_from(next.to_string()) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// A counter for the request body.
    pub(super) fn counter(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.request_bytes)
    }

    /// Which rule, and why no other.
    pub(super) fn routed(&mut self, view: &View, question: &Question<'_>) {
        let decision = view.routes.explain(question);
        let losers: Vec<_> = decision
            .losers
            .iter()
            .map(|loser| json!({ "route": loser.route.name, "reason": loser.reason }))
            .collect();
        self.span.attributes.extend(attributes([
            ("host", json!(question.host)),
            ("route", json!(decision.winner.map(|route| &route.name))),
            (
                "ingress",
                json!(decision.winner.map(|route| &route.ingress)),
            ),
            ("route_why", json!(decision.why)),
            ("losers", json!(losers)),
        ]));
    }

    /// How the endpoint is chosen.
    pub(super) fn picked(&mut self, algorithm: &'static str) {
        self.algorithm = algorithm;
    }

    /// What filters did, in words.
    pub(super) fn filtered(&mut self, done: &[String]) {
        if !done.is_empty() {
            self.span
                .attributes
                .insert("filters".to_owned(), json!(done));
        }
    }

    /// Which endpoint, among which.
    pub(super) fn selected(&mut self, backend: &Backend, index: usize, retry: usize) {
        let algorithm = self.algorithm;
        let target = &backend.endpoints[index];
        let candidates: Vec<_> = backend
            .endpoints
            .iter()
            .map(|target| &target.name)
            .collect();
        self.span.attributes.extend(attributes([
            (
                "service",
                json!(format!("{}:{}", backend.service, backend.port)),
            ),
            ("endpoint", json!(target.pool.address)),
            ("pod", json!(target.name)),
            ("candidates", json!(candidates)),
            (
                "selection",
                json!({ "algorithm": algorithm, "index": index }),
            ),
        ]));
        if retry > 0 {
            self.span
                .attributes
                .insert("retries".to_owned(), json!(retry));
        }
    }

    /// Over which connection.
    pub(super) fn carried(&mut self, connection: &Connection) {
        self.span.outbound = Some(connection.pair);
        self.span.attributes.extend(attributes([
            (
                "upstream_connection",
                json!(if connection.reused { "reused" } else { "new" }),
            ),
            (
                "upstream_protocol",
                json!(match connection.link {
                    Link::H1(_) => "http/1.1",
                    Link::H2(_) => "h2c",
                }),
            ),
        ]));
    }

    /// The response head is there.
    pub(super) fn answered(&mut self, status: StatusCode) {
        self.span.status = status.as_u16().to_string();
        let waited = micros_of(self.started.elapsed());
        self.span
            .attributes
            .insert("first_byte".to_owned(), json!(waited));
    }

    /// The proxy answers itself.
    pub(super) fn failed(&mut self, status: StatusCode, reason: &str) {
        self.answered(status);
        self.span
            .attributes
            .insert("error".to_owned(), json!(reason));
    }

    /// The client did not wait for the answer; 499 is what nginx logs for it.
    pub(super) fn abandoned(&mut self) {
        "499".clone_into(&mut self.span.status);
        self.span
            .attributes
            .insert("error".to_owned(), json!("the client went away"));
    }

    /// The response body ended after so many bytes.
    pub(super) fn finish(mut self, sent: u64, complete: bool) {
        self.span.duration = micros_of(self.started.elapsed());
        self.span.attributes.extend(attributes([
            ("request_bytes", json!(self.request_bytes.get())),
            ("response_bytes", json!(sent)),
        ]));
        if !complete && !self.span.attributes.contains_key("error") {
            self.span
                .attributes
                .insert("error".to_owned(), json!("the response body broke off"));
        }
        self.tracer.emit(Event::Span(self.balancer));
        self.tracer.emit(Event::Span(self.span));
    }
}

/// The header, if there is exactly a good one.
fn traceparent(headers: &HeaderMap) -> Option<Traceparent> {
    headers.get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}

fn attributes<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, micros_of)
}

/// Saturates after half a million years.
pub(super) fn micros_of(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// A client's certificate in words.
fn shown(certificate: &crate::net::ShownCertificate) -> String {
    let verdict = if certificate.verified {
        "verified"
    } else {
        "not verified"
    };
    format!("{} ({verdict})", certificate.subject)
}
