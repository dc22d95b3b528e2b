//! One request on its way onto a tape: its head, a small body, and what came of it.
//!
//! The spans of a request are finished with the answer's body, and the answer's head is only what the
//! client gets when every filter has seen it. Whichever is last puts the request onto the tape.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request};

use super::connection::Client;
use super::film::TRACEPARENT;
use super::view::Backend;
use crate::model::{Recorded, RecordedRequest, Route, Span};
use crate::trace::Tape;

/// Larger bodies are left out: a recording is for replaying clicks, not uploads.
const BODY_LIMIT: usize = 64 * 1024;

/// A request that is being recorded.
#[derive(Debug)]
pub(super) struct Take {
    recorded: Recorded,
    body: Copied,
    heads: Heads,
}

/// The answer's head, for whoever sees it last.
#[derive(Clone, Debug)]
pub(super) struct Heads(Rc<RefCell<Parts>>);

#[derive(Debug)]
struct Parts {
    tape: Tape,
    headers: Option<Vec<(String, String)>>,
    done: Option<Recorded>,
}

/// The request's body so far; `None` once it is too large.
#[derive(Clone, Debug)]
pub(super) struct Copied(Rc<RefCell<Option<Vec<u8>>>>);

impl Take {
    /// What is known at the beginning.
    pub(super) fn begin<B>(client: &Client, request: &Request<B>) -> Box<Self> {
        let headers = request.headers();
        let host = request.uri().authority().map(ToString::to_string);
        let host = host.or_else(|| Some(text(headers.get(HOST)?)));
        let target = request.uri().path_and_query();
        let mut all = pairs(headers);
        // Of this connection and this trace, not of what was asked.
        let own = [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TRACEPARENT];
        all.retain(|(name, _)| !own.iter().any(|own| own.as_str() == name));
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = at.unwrap_or_default().as_micros();
        Box::new(Self {
            recorded: Recorded {
                at: u64::try_from(at).unwrap_or(u64::MAX),
                request: RecordedRequest {
                    tls: client.tls.is_some(),
                    method: request.method().to_string(),
                    host: host.unwrap_or_default(),
                    target: target.map_or("/", |target| target.as_str()).to_owned(),
                    headers: all,
                    ..RecordedRequest::default()
                },
                ..Recorded::default()
            },
            body: Copied(Rc::new(RefCell::new(Some(Vec::new())))),
            heads: Heads(Rc::new(RefCell::new(Parts {
                tape: client.settings().tape.clone(),
                headers: None,
                done: None,
            }))),
        })
    }

    pub(super) fn heads(&self) -> Heads {
        self.heads.clone()
    }

    pub(super) fn body(&self) -> Copied {
        self.body.clone()
    }

    /// The rule that matched.
    pub(super) fn follows(&mut self, route: &Route) {
        self.recorded.answer.ingress = Some(route.ingress.clone());
    }

    /// The endpoint that was tried last.
    pub(super) fn selected(&mut self, backend: &Backend, index: usize) {
        let answer = &mut self.recorded.answer;
        answer.service = Some(format!("{}:{}", backend.service, backend.port));
        answer.pod = Some(backend.endpoints[index].name.clone());
    }

    /// The answer's body has ended.
    pub(super) fn finish(mut self, span: &Span) {
        let request = &mut self.recorded.request;
        match self.body.0.borrow_mut().take() {
            Some(body) if body.is_empty() => {}
            Some(body) => {
                let engine = base64::engine::general_purpose::STANDARD;
                request.body = Some(engine.encode(body));
            }
            None => request.body_left_out = true,
        }
        let answer = &mut self.recorded.answer;
        answer.status = span.status.parse().unwrap_or_default();
        answer.error = span.text("error").map(str::to_owned);
        let mut parts = self.heads.0.borrow_mut();
        parts.done = Some(self.recorded);
        parts.put();
    }
}

impl Heads {
    /// The answer as the client gets it.
    pub(super) fn are(&self, headers: &HeaderMap) {
        let mut parts = self.0.borrow_mut();
        parts.headers = Some(pairs(headers));
        parts.put();
    }
}

impl Parts {
    fn put(&mut self) {
        if self.headers.is_none() {
            return;
        }
        if let Some(mut recorded) = self.done.take() {
            recorded.answer.headers = self.headers.take().unwrap_or_default();
            self.tape.put(recorded);
        }
    }
}

impl Copied {
    /// The next piece went by.
    pub(super) fn add(&self, piece: &Bytes) {
        let mut kept = self.0.borrow_mut();
        if let Some(body) = &mut *kept {
            if body.len() + piece.len() > BODY_LIMIT {
                *kept = None;
            } else {
                body.extend_from_slice(piece);
            }
        }
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
