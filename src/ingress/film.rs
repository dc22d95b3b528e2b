//! What the film of a request learns here: two spans, the load balancer's and the ingress'.
//!
//! Nothing of this exists for a request without a film. It is told when the response body ended. An
//! access log and a recording learn of a request in the same moments, and keep an untold film for it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, StatusCode};
use serde_json::{Map, Value, json};

use super::access_log::{Entry, Outcome};
use super::connection::Client;
use super::pool::{Connection, Link};
use super::take::{Copied, Heads, Take};
use super::view::{Backend, View};
use super::way_in;
use crate::model::{Event, Fault, Question, Route, Span, TraceId, Traceparent};
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
    /// Whether the spans are told, or only the access log.
    told: bool,
    entry: Option<Box<Entry>>,
    take: Option<Box<Take>>,
}

impl Film {
    /// A film, if the request asks for one, the sampler picks it, or an access log is kept.
    pub(super) fn begin<B>(
        client: &Client,
        request: &Request<B>,
        now: Instant,
    ) -> Option<Box<Self>> {
        let received = traceparent(request.headers());
        let settings = client.settings();
        let told = match received {
            Some(received) => received.sampled,
            None => settings.sampler.take(now),
        };
        let recorded = settings.tape.runs();
        if !told && settings.access_log.is_none() && !recorded {
            return None;
        }
        let mut film = Self::start(client, Some(request), received, told, now);
        let log = settings.access_log.as_ref();
        film.entry = log.map(|log| log.begin(client, request));
        film.take = recorded.then(|| Take::begin(client, request));
        Some(film)
    }

    /// The film of what has failed, told from now on, if there is room for one more: `film` is the one
    /// that is there for the access log. There may be no request, where nobody could read one.
    pub(super) fn afterwards<B>(
        client: &Client,
        request: Option<&Request<B>>,
        film: Option<Box<Self>>,
        begun: Instant,
    ) -> Option<Box<Self>> {
        if !client.settings().failures.take(Instant::now()) {
            return film;
        }
        let mut film = film.unwrap_or_else(|| {
            // Who does not want a trace still has an id that the answer can name.
            let received = request.and_then(|request| traceparent(request.headers()));
            Self::start(client, request, received, true, begun)
        });
        film.told = true;
        film.note("filmed", json!("afterwards"));
        Some(film)
    }

    /// Whether the spans are told.
    pub(super) fn is_told(&self) -> bool {
        self.told
    }

    #[expect(
        clippy::unnecessary_box_returns,
        reason = "a film is large, and is passed on from one to the next"
    )]
    fn start<B>(
        client: &Client,
        request: Option<&Request<B>>,
        received: Option<Traceparent>,
        told: bool,
        begun: Instant,
    ) -> Box<Self> {
        let fresh = || TraceId::from_random(fastrand::u128(..));
        let trace = received.map_or_else(fresh, |received| received.trace);
        let parent = received.map(|received| received.parent);
        let before = client.requests.get();
        client.requests.set(before + u64::from(told));
        let first = before == 0;
        let now = micros(SystemTime::now()).saturating_sub(micros_of(begun.elapsed()));
        let (balancer, span) = way_in::spans(client, request, (trace, parent), first, now);
        Box::new(Self {
            tracer: client.tracer().clone(),
            balancer,
            span,
            started: begun,
            algorithm: "round-robin",
            request_bytes: Rc::default(),
            told,
            entry: None,
            take: None,
        })
    }

    /// The request, if it is told of.
    pub(super) fn trace(&self) -> Option<TraceId> {
        self.told.then_some(self.span.trace)
    }

    fn note(&mut self, name: &str, value: Value) {
        self.span.attributes.insert(name.to_owned(), value);
    }

    /// What the endpoint is to be told.
    pub(super) fn propagate(&mut self, headers: &mut HeaderMap) {
        if let Some(entry) = &mut self.entry {
            entry.sends(headers);
        }
        if !self.told {
            return;
        }
        let next = Traceparent {
            trace: self.span.trace,
            parent: self.span.id,
            sampled: true,
        };
        if let Ok(value) = HeaderValue::try_from(next.to_string()) {
            headers.insert(TRACEPARENT, value);
        }
    }

    /// Who is to see the answer's head, if the request is recorded.
    pub(super) fn heads(&self) -> Option<Heads> {
        Some(self.take.as_ref()?.heads())
    }

    /// Who is to see the request's body, if it is recorded.
    pub(super) fn copied(&self) -> Option<Copied> {
        Some(self.take.as_ref()?.body())
    }

    /// A counter for the request body.
    pub(super) fn counter(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.request_bytes)
    }

    /// Which rule, for the access log.
    pub(super) fn follows(&mut self, route: &Route) {
        if let Some(entry) = &mut self.entry {
            entry.follows(route);
        }
        if let Some(take) = &mut self.take {
            take.follows(route);
        }
    }

    /// Which rule, and why no other.
    pub(super) fn routed(&mut self, view: &View, question: &Question<'_>) {
        if !self.told {
            return;
        }
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

    /// Which rule it really was, where the request says another one by now: then nobody knows why.
    pub(super) fn was_under(&mut self, route: Option<&str>) {
        let told = self.span.text("route");
        if let Some(route) = route.filter(|route| told != Some(route)) {
            self.note("route", json!(route));
            for reason in ["ingress", "route_why", "losers"] {
                self.span.attributes.remove(reason);
            }
        }
    }

    /// How the endpoint is chosen.
    pub(super) fn picked(&mut self, algorithm: &'static str) {
        self.algorithm = algorithm;
    }

    /// What filters did, in words.
    pub(super) fn filtered(&mut self, done: &[String]) {
        if !done.is_empty() {
            self.note("filters", json!(done));
        }
    }

    /// Of this Service no endpoint is ready.
    pub(super) fn nobody(&mut self, service: &str) {
        self.note("service", json!(service));
        self.note("candidates", json!([]));
    }

    /// Which endpoints there were.
    pub(super) fn among(&mut self, backend: &Backend) {
        let service = format!("{}:{}", backend.service, backend.port);
        let endpoints = backend.endpoints.iter();
        let candidates: Vec<_> = endpoints.map(|target| &target.name).collect();
        self.note("service", json!(service));
        self.note("candidates", json!(candidates));
    }

    /// Which endpoint, among which.
    pub(super) fn selected(&mut self, backend: &Backend, index: usize, retry: usize) {
        if let Some(entry) = &mut self.entry {
            entry.selected(backend, index);
        }
        if let Some(take) = &mut self.take {
            take.selected(backend, index);
        }
        let algorithm = self.algorithm;
        let target = &backend.endpoints[index];
        self.among(backend);
        self.span.attributes.extend(attributes([
            ("endpoint", json!(target.pool.address)),
            ("pod", json!(target.name)),
            (
                "selection",
                json!({ "algorithm": algorithm, "index": index }),
            ),
        ]));
        if retry > 0 {
            self.note("retries", json!(retry));
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
        self.note("first_byte", json!(waited));
    }

    /// The proxy answers itself. `code` is what scripts and pages know the reason by.
    pub(super) fn failed(&mut self, status: StatusCode, code: &str, reason: &str) {
        self.answered(status);
        self.note("error", json!(reason));
        self.note("error_code", json!(code));
    }

    /// A fault acts on the request.
    pub(super) fn broken(&mut self, fault: &Fault) {
        let told = self.span.attributes.entry("faults");
        if let Value::Array(told) = told.or_insert_with(|| json!([])) {
            told.push(json!(fault.to_string()));
        }
    }

    /// The client did not wait for the answer; 499 is what nginx logs for it.
    pub(super) fn abandoned(&mut self) {
        "499".clone_into(&mut self.span.status);
        self.note("error", json!("the client went away"));
        self.note("error_code", json!("client-gone"));
    }

    /// The response body ended after so many bytes.
    pub(super) fn finish(mut self, sent: u64, complete: bool) {
        self.span.duration = micros_of(self.started.elapsed());
        self.span.attributes.extend(attributes([
            ("request_bytes", json!(self.request_bytes.get())),
            ("response_bytes", json!(sent)),
        ]));
        if !complete && !self.span.attributes.contains_key("error") {
            self.note("error", json!("the response body broke off"));
            self.note("error_code", json!("broken-off"));
        }
        if let Some(entry) = self.entry.take() {
            let trace = self.told.then(|| self.span.trace.to_string());
            entry.finish(Outcome {
                replica: &self.span.source,
                status: &self.span.status,
                duration: self.span.duration,
                first_byte: self.span.number("first_byte"),
                sent,
                received: self.request_bytes.get(),
                trace: trace.as_deref(),
                error: self.span.text("error"),
            });
        }
        if let Some(take) = self.take.take() {
            take.finish(&self.span);
        }
        if !self.told {
            return;
        }
        self.tracer.emit(Event::Span(self.balancer));
        self.tracer.emit(Event::Span(self.span));
    }
}

/// The header, if there is exactly a good one.
fn traceparent(headers: &HeaderMap) -> Option<Traceparent> {
    headers.get(TRACEPARENT)?.to_str().ok()?.parse().ok()
}

pub(super) fn attributes<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    pairs
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub(super) fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, micros_of)
}

/// Saturates after half a million years.
pub(super) fn micros_of(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
