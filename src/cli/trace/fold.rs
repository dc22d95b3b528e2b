//! Of many hops that are alike, the first few and how many more there are: a job sends the same
//! commands again and again, and may have many tasks.

use std::collections::BTreeMap;

use crate::model::{Hop, Span, SpanKind};

use super::render::outcome;
use super::style::Paint;
use super::tree::{Branch, Line};
use super::words::{clean, count, duration, list};

/// So many that are alike are all shown.
const FEW: usize = 4;
/// Of more than that, so many are.
const SHOWN: usize = 2;
/// Sources that are named.
const NAMED: usize = 3;

/// What is shown below a hop.
pub(super) enum Shown<'a> {
    /// A hop with all that is below it.
    Whole(&'a Hop),
    /// Several that are like the ones before.
    More(Vec<&'a Span>),
}

/// The children of a hop, as they are shown. What failed is never hidden behind what did not: the
/// first few failures are shown as well.
pub(super) fn fold(children: &[Hop]) -> Vec<Shown<'_>> {
    let mut members: BTreeMap<&str, usize> = BTreeMap::new();
    for span in children.iter().filter_map(repeated) {
        *members.entry(&span.name).or_default() += 1;
    }
    let mut seen: BTreeMap<(&str, bool), usize> = BTreeMap::new();
    let mut shown = Vec::new();
    let mut hidden: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for hop in children {
        let Some(span) = repeated(hop).filter(|span| members[&*span.name] > FEW) else {
            shown.push(Shown::Whole(hop));
            continue;
        };
        let good = outcome(&span.status) == Paint::Good;
        let so_far = seen.entry((&span.name, good)).or_default();
        *so_far += 1;
        if *so_far <= SHOWN {
            shown.push(Shown::Whole(hop));
        } else {
            hidden.entry(&span.name).or_default().push(span);
        }
    }
    shown.extend(hidden.into_values().map(Shown::More));
    shown
}

/// Hops that there may be any number of.
fn repeated(hop: &Hop) -> Option<&Span> {
    hop.span().filter(|span| {
        matches!(
            span.kind,
            SpanKind::MongoClient | SpanKind::RedisClient | SpanKind::Worker
        )
    })
}

/// `37 more   find cloud_service   OK   120 ms together`
pub(super) fn more(spans: &[&Span]) -> Branch {
    let name = spans.first().map_or("", |span| &span.name);
    let together = spans.iter().map(|span| span.duration).sum();
    let failed = spans
        .iter()
        .filter(|span| outcome(&span.status) != Paint::Good)
        .count();
    let (paint, outcome) = if failed == 0 {
        (Paint::Good, "OK".to_owned())
    } else {
        (Paint::Bad, format!("{failed} failed"))
    };
    let head = Line::new()
        .plain(format!("{} more   ", spans.len()))
        .with(Paint::Strong, clean(name))
        .plain("   ")
        .with(paint, outcome)
        .plain(format!("   {} together", duration(together)));
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.kind == SpanKind::Worker) {
        *sources.entry(&span.source).or_default() += 1;
    }
    let by = sources
        .iter()
        .map(|(source, tasks)| format!("{} by {}", count(*tasks, "task"), clean(source)));
    Branch {
        head,
        details: (!sources.is_empty())
            .then(|| Line::new().plain(list(by, NAMED)))
            .into_iter()
            .collect(),
        ..Branch::default()
    }
}
