//! The spans of recent requests, by trace id; the ones not touched for longest go first.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::model::{FilmSummary, Span, SpanId, SpanKind, TraceId};

use super::Limits;

/// Of commands of one hop that are alike, so many keep their text: a job that writes ten thousand
/// rows says the same thing a hundred times.
const WITH_TEXT: u32 = 4;
/// The attribute that has it.
const TEXT: &str = "command";
/// Spans that a summary looks through: summaries are made four times a second.
const LOOKED_AT: usize = 128;

/// The spans of one request.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) spans: Vec<Span>,
    pub(super) left_out: u64,
    pub(super) last: Instant,
    bytes: usize,
    touched: u64,
    /// Commands to stores.
    commands: usize,
    /// Commands by the hop that sent them and by their names.
    alike: HashMap<(Option<SpanId>, String), u32>,
}

#[derive(Debug)]
pub(super) struct Films {
    reels: HashMap<TraceId, Reel>,
    /// Trace ids by the turn in which they were last touched.
    order: BTreeMap<u64, TraceId>,
    turn: u64,
    bytes: usize,
    limits: Limits,
}

impl Films {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            reels: HashMap::new(),
            order: BTreeMap::new(),
            turn: 0,
            bytes: 0,
            limits,
        }
    }

    /// Adds a span to its film, or begins one. `false` if the film is full.
    pub(super) fn record(&mut self, span: Span, now: Instant) -> bool {
        let trace = span.trace;
        self.turn += 1;
        let reel = self.reels.entry(trace).or_insert_with(|| Reel {
            spans: Vec::new(),
            left_out: 0,
            last: now,
            bytes: 0,
            touched: 0,
            commands: 0,
            alike: HashMap::new(),
        });
        self.order.remove(&reel.touched);
        reel.touched = self.turn;
        reel.last = now;
        self.order.insert(self.turn, trace);
        let is_command = matches!(
            span.kind,
            SpanKind::MongoClient | SpanKind::MongoServer | SpanKind::RedisClient
        );
        // Calls come to an end after the commands that they cause: there has to be room for them.
        let most_commands = self.limits.spans_per_film / 4 * 3;
        let no_room = reel.spans.len() >= self.limits.spans_per_film
            || is_command && reel.commands >= most_commands;
        if no_room {
            reel.left_out += 1;
            return false;
        }
        let mut span = span;
        if is_command {
            reel.commands += 1;
            reel.shorten(&mut span);
        }
        let bytes = weight(&span);
        reel.bytes += bytes;
        self.bytes += bytes;
        reel.spans.push(span);
        self.evict();
        true
    }

    pub(super) fn get(&self, trace: TraceId) -> Option<&Reel> {
        self.reels.get(&trace)
    }

    pub(super) fn len(&self) -> usize {
        self.reels.len()
    }

    /// The newest films whose first hop is known, newest first.
    pub(super) fn recent(&self, count: usize) -> Vec<FilmSummary> {
        self.order
            .values()
            .rev()
            .filter_map(|trace| self.reels.get(trace))
            .filter_map(summary)
            .take(count)
            .collect()
    }

    /// The newest films that began then or later, newest first.
    pub(super) fn since(&self, moment: u64, count: usize) -> Vec<TraceId> {
        let began = |reel: &Reel| {
            let roots = reel.spans.iter();
            let mut roots = roots.filter(|span| span.kind == SpanKind::Ingress);
            let first = || reel.spans.iter().map(|span| span.start).min();
            roots.next().map(|span| span.start).or_else(first)
        };
        let newest = self.order.values().rev();
        newest
            .filter(|trace| {
                let reel = self.reels.get(trace);
                reel.and_then(began).is_some_and(|began| began >= moment)
            })
            .take(count)
            .copied()
            .collect()
    }

    /// One film always stays, so that a single huge one can still be seen.
    fn evict(&mut self) {
        while self.reels.len() > self.limits.films
            || (self.bytes > self.limits.film_bytes && self.reels.len() > 1)
        {
            let Some((_, trace)) = self.order.pop_first() else {
                return;
            };
            if let Some(reel) = self.reels.remove(&trace) {
                self.bytes -= reel.bytes;
            }
        }
    }
}

impl Reel {
    /// Takes the text away from a command that is like several before it.
    fn shorten(&mut self, span: &mut Span) {
        if span.attributes.contains_key(TEXT) {
            let alike = self
                .alike
                .entry((span.parent, span.name.clone()))
                .or_default();
            *alike += 1;
            if *alike > WITH_TEXT {
                span.attributes.remove(TEXT);
            }
        }
    }
}

fn summary(reel: &Reel) -> Option<FilmSummary> {
    let root = reel
        .spans
        .iter()
        .find(|span| span.kind == SpanKind::Ingress)?;
    Some(FilmSummary {
        trace: root.trace,
        started: root.start,
        duration: root.duration,
        status: root.status.clone(),
        name: root.name.clone(),
        spans: reel.spans.len(),
        sources: sources(&reel.spans),
        error: root.text("error_code").map(str::to_owned),
    })
}

/// Who told of a request. The many spans of a job are of the few that its first ones are of.
fn sources(spans: &[Span]) -> Vec<String> {
    let mut sources: Vec<String> = Vec::new();
    for span in spans.iter().take(LOOKED_AT) {
        if span.kind != SpanKind::LoadBalancer && !sources.contains(&span.source) {
            sources.push(span.source.clone());
        }
    }
    sources
}

/// Bytes that a span takes, roughly: its own fields, and its texts as they are on the heap.
fn weight(span: &Span) -> usize {
    let attributes: usize = span
        .attributes
        .iter()
        .map(|(name, value)| name.len() + value_weight(value) + 64)
        .sum();
    size_of::<Span>() + span.name.len() + span.source.len() + span.status.len() + attributes
}

fn value_weight(value: &serde_json::Value) -> usize {
    use serde_json::Value;
    match value {
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(|value| value_weight(value) + 32).sum(),
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| name.len() + value_weight(value) + 64)
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::span;

    fn numbered(trace: u128, id: u64) -> Span {
        Span {
            trace: TraceId::from_random(trace),
            ..span(SpanKind::Ingress, id, None)
        }
    }

    #[test]
    fn the_film_not_touched_for_longest_goes_first() {
        let limits = Limits {
            films: 2,
            ..Limits::default()
        };
        let mut films = Films::new(limits);
        let now = Instant::now();
        films.record(numbered(1, 1), now);
        films.record(numbered(2, 1), now);
        films.record(numbered(1, 2), now);
        films.record(numbered(3, 1), now);
        assert_eq!(films.len(), 2);
        assert!(films.get(TraceId::from_random(2)).is_none());
        let newest: Vec<usize> = films.recent(9).iter().map(|film| film.spans).collect();
        assert_eq!(newest, [1, 2]);
    }

    #[test]
    fn a_full_film_counts_what_it_leaves_out() {
        let limits = Limits {
            spans_per_film: 2,
            ..Limits::default()
        };
        let mut films = Films::new(limits);
        for id in 1..=5 {
            films.record(numbered(1, id), Instant::now());
        }
        let reel = films.get(TraceId::from_random(1)).unwrap();
        assert_eq!((reel.spans.len(), reel.left_out), (2, 3));
    }

    #[test]
    fn many_commands_leave_room_for_what_ends_after_them_and_say_the_same_only_a_few_times() {
        let limits = Limits {
            spans_per_film: 40,
            ..Limits::default()
        };
        let mut films = Films::new(limits);
        for id in 1..=100 {
            let mut command = Span {
                name: "update cloud_service".to_owned(),
                ..span(SpanKind::MongoClient, id, Some(1_000))
            };
            command.attributes.insert(TEXT.to_owned(), "{}".into());
            films.record(command, Instant::now());
        }
        let worker = span(SpanKind::Worker, 1_000, None);
        assert!(films.record(worker.clone(), Instant::now()));
        let reel = films.get(worker.trace).unwrap();
        assert_eq!((reel.spans.len(), reel.left_out), (31, 70));
        let told = reel.spans.iter().filter(|span| span.text(TEXT).is_some());
        assert_eq!(told.count(), 4);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let limits = Limits {
            film_bytes: 20_000,
            ..Limits::default()
        };
        let mut films = Films::new(limits);
        for trace in 1..=100 {
            let mut big = numbered(trace, 1);
            big.name = "x".repeat(4_000);
            films.record(big, Instant::now());
        }
        assert!(films.len() <= 5, "{} films", films.len());
        assert!(films.get(TraceId::from_random(100)).is_some());
    }
}
