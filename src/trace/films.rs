//! The spans of recent requests, by trace id; the ones not touched for longest go first.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use crate::model::{FilmSummary, Span, SpanKind, TraceId};

use super::Limits;

/// The spans of one request.
#[derive(Debug)]
pub(super) struct Reel {
    pub(super) spans: Vec<Span>,
    pub(super) left_out: u64,
    pub(super) last: Instant,
    bytes: usize,
    touched: u64,
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
        });
        self.order.remove(&reel.touched);
        reel.touched = self.turn;
        reel.last = now;
        self.order.insert(self.turn, trace);
        if reel.spans.len() >= self.limits.spans_per_film {
            reel.left_out += 1;
            return false;
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
    })
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
