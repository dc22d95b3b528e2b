//! The film of one request: what every hop told, joined into one ordered tree.
//!
//! Pure data. How spans and connections become a film is the business of `trace`; how a film
//! becomes lines on a terminal is the command's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Connection, Event, Span, SpanKind, TraceId};

/// One request, hop by hop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Film {
    /// The request.
    pub trace: TraceId,
    /// Microseconds since the Unix epoch when the ingress saw the request (or the earliest hop
    /// that is known).
    pub started: u64,
    /// Microseconds, as that hop measured them.
    pub duration: u64,
    /// What that hop answered: `200`, `502` …
    pub status: String,
    /// What that hop calls the request: `POST /inventory/cloud-service/list`.
    pub name: String,
    /// Whether nothing more is expected.
    pub settled: bool,
    /// Spans that were told but found no room.
    #[serde(default)]
    pub left_out: u64,
    /// The first hops, in order of their start; one, unless something is missing.
    pub hops: Vec<Hop>,
    /// Ready endpoints by Service at the time the film was asked for: a connection that was drawn
    /// earlier may not know all of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints_now: BTreeMap<String, Vec<String>>,
}

/// One hop and what it caused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// A span (L7), or the connection (L4) that carried the call.
    #[serde(flatten)]
    pub what: Event,
    /// Whether addresses prove that this hop belongs where it hangs. Without proof it hangs where
    /// the span ids put it.
    pub joined: bool,
    /// What is special or missing, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What it caused, in order of start.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Hop>,
}

/// `POST /api/click`: one request whose film is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Click {
    /// Asked by GET; whatever host it names, it goes to the lab. Without one the console API is asked
    /// for cloud services, or else the console for its page.
    #[serde(default)]
    pub url: Option<String>,
}

/// The answer to [`Click`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClickAnswer {
    /// Of the film.
    pub trace: TraceId,
    /// Of the answer; null if none came in time.
    pub status: Option<u16>,
}

/// One line of a list of films.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilmSummary {
    /// The request.
    pub trace: TraceId,
    /// Microseconds since the Unix epoch.
    pub started: u64,
    /// Microseconds.
    pub duration: u64,
    /// As in [`Film::status`].
    pub status: String,
    /// As in [`Film::name`].
    pub name: String,
    /// How many spans are known.
    pub spans: usize,
    /// Pods and ingress replicas that told of it, in the order in which they did.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Where the ingress answered itself, the code of why (`no-endpoint` …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Film {
    /// All hops, a parent before its children.
    pub fn walk(&self) -> impl Iterator<Item = &Hop> {
        let mut waiting: Vec<&Hop> = self.hops.iter().rev().collect();
        std::iter::from_fn(move || {
            let hop = waiting.pop()?;
            waiting.extend(hop.children.iter().rev());
            Some(hop)
        })
    }

    /// All spans in the order of [`Self::walk`].
    pub fn spans(&self) -> impl Iterator<Item = &Span> {
        self.walk().filter_map(Hop::span)
    }

    /// All connections in the order of [`Self::walk`].
    pub fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.walk().filter_map(Hop::connection)
    }
}

impl Hop {
    /// The span, if it is one.
    pub fn span(&self) -> Option<&Span> {
        match &self.what {
            Event::Span(span) => Some(span),
            Event::Connection(_) => None,
        }
    }

    /// The connection, if it is one.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.what {
            Event::Span(_) => None,
            Event::Connection(connection) => Some(connection),
        }
    }
}

impl Span {
    /// Microseconds since the Unix epoch when the hop was done.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.duration)
    }

    /// An attribute that is a text.
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.as_str()
    }

    /// An attribute that is a whole number.
    pub fn number(&self, attribute: &str) -> Option<u64> {
        self.attributes.get(attribute)?.as_u64()
    }
}

impl SpanKind {
    /// Whether this hop called another one and waited for it.
    pub fn calls(self) -> bool {
        matches!(
            self,
            Self::Ingress | Self::GrpcClient | Self::MongoClient | Self::RedisClient
        )
    }

    /// Whether this hop is a pod's answer to a call. A worker answers nobody: who put the task into
    /// the queue has long been answered, and no connection leads from there to the worker.
    pub fn serves(self) -> bool {
        matches!(
            self,
            Self::HttpServer | Self::GrpcServer | Self::MongoServer
        )
    }
}

impl Connection {
    /// Whether it was open at some moment between these two (microseconds since the Unix epoch).
    pub fn open_between(&self, from: u64, to: u64) -> bool {
        self.drawn_at <= to && self.closed_at.is_none_or(|closed| closed >= from)
    }
}
