//! What has happened, counted as it is told: by pod, by connection, and the ways of the newest
//! requests. Reading it asks no hop anything.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::model::{
    Flow, LATENCY_BUCKETS, PodTraffic, Span, SpanId, SpanKind, TraceId, Traffic, latency_bucket,
};

use super::films::Films;

/// Pods that are counted; far more than run on a laptop. A line of a pod may name any source, so there
/// has to be a bound.
const PODS: usize = 2_048;
/// Connections whose calls are counted.
const RIDES: usize = 16_384;
/// Requests whose ways are remembered until everybody who looks has been told.
const WAYS: usize = 512;
/// Ways that are told at once. More dots than these nobody can follow.
const WAYS_AT_ONCE: usize = 48;
/// Pods tell a hop through a pipe; the way of a request is complete so long after its first hop was told.
const SETTLING: Duration = Duration::from_millis(200);

/// What one pod did since the start.
#[derive(Clone, Debug)]
struct PodTally {
    served: u64,
    failed: u64,
    latency: [u64; LATENCY_BUCKETS],
}

/// A request whose way can be told.
#[derive(Clone, Copy, Debug)]
struct Way {
    number: u64,
    trace: TraceId,
    first: SpanId,
    told: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pods: BTreeMap<String, PodTally>,
    rides: HashMap<SocketAddr, u64>,
    ways: VecDeque<Way>,
    filmed: u64,
    numbered: u64,
}

/// How far somebody who looks on has been told.
#[derive(Debug, Default)]
pub(super) struct Mark {
    pods: BTreeMap<String, PodTally>,
    filmed: u64,
    requests: u64,
    way: u64,
}

impl Tally {
    /// Counts a span.
    pub(super) fn count(&mut self, span: &Span) {
        if span.kind == SpanKind::Ingress {
            self.filmed += 1;
        }
        if span.kind.calls()
            && let Some(pair) = span.outbound
            && (self.rides.len() < RIDES || self.rides.contains_key(&pair.local))
        {
            *self.rides.entry(pair.local).or_default() += 1;
        }
        let is_first = matches!(span.kind, SpanKind::Ingress | SpanKind::Worker);
        if is_first || span.kind.serves() {
            self.count_served(span);
        }
        if is_first {
            self.numbered += 1;
            if self.ways.len() >= WAYS {
                self.ways.pop_front();
            }
            self.ways.push_back(Way {
                number: self.numbered,
                trace: span.trace,
                first: span.id,
                told: Instant::now(),
            });
        }
    }

    fn count_served(&mut self, span: &Span) {
        if !self.pods.contains_key(&span.source) {
            if self.pods.len() >= PODS {
                return;
            }
            let nothing = PodTally {
                served: 0,
                failed: 0,
                latency: [0; LATENCY_BUCKETS],
            };
            self.pods.insert(span.source.clone(), nothing);
        }
        if let Some(pod) = self.pods.get_mut(&span.source) {
            pod.served += 1;
            pod.failed += u64::from(has_failed(span));
            pod.latency[latency_bucket(span.duration)] += 1;
        }
    }

    /// Calls that rode on the connection from this address.
    pub(super) fn rides(&self, client: SocketAddr) -> u64 {
        self.rides.get(&client).copied().unwrap_or(0)
    }

    /// The connection from this address has ended; the next one from there is another.
    pub(super) fn connection_ended(&mut self, client: SocketAddr) {
        self.rides.remove(&client);
    }

    /// The pod is gone.
    pub(super) fn pod_ended(&mut self, pod: &str) {
        self.pods.remove(pod);
    }

    /// What happened since `mark`, which is moved on. `requests` counts those of the ingress.
    pub(super) fn since(&self, mark: &mut Mark, films: &Films, requests: u64, at: u64) -> Traffic {
        let mut traffic = Traffic {
            at,
            requests: requests.saturating_sub(mark.requests),
            filmed: self.filmed.saturating_sub(mark.filmed),
            ..Traffic::default()
        };
        for (name, now) in &self.pods {
            let before = mark.pods.get(name);
            if before.is_some_and(|before| before.served == now.served) {
                continue;
            }
            traffic.pods.insert(name.clone(), now.less(before));
            mark.pods.insert(name.clone(), now.clone());
        }
        mark.pods.retain(|name, _| self.pods.contains_key(name));
        (mark.requests, mark.filmed) = (requests, self.filmed);
        let settled = |way: &&Way| way.told.elapsed() >= SETTLING;
        let new = self.ways.iter().filter(|way| way.number > mark.way);
        let new: Vec<&Way> = new.take_while(settled).collect();
        if let Some(last) = new.last() {
            mark.way = last.number;
        }
        let skipped = new.len().saturating_sub(WAYS_AT_ONCE);
        traffic.flows = new[skipped..]
            .iter()
            .filter_map(|way| flow(films, way))
            .collect();
        traffic
    }

    /// A mark at this moment: what happened before is not told.
    pub(super) fn mark(&self, requests: u64) -> Mark {
        Mark {
            pods: self.pods.clone(),
            filmed: self.filmed,
            requests,
            way: self.numbered,
        }
    }
}

impl PodTally {
    fn less(&self, before: Option<&Self>) -> PodTraffic {
        // A pod that was started again counts from nothing.
        let before = before.filter(|before| before.served <= self.served);
        let earlier = |index: usize| before.map_or(0, |before| before.latency[index]);
        let latency = self.latency.iter().enumerate();
        let latency = latency.map(|(index, count)| (index, count.saturating_sub(earlier(index))));
        let less = |now: u64, earlier: Option<u64>| now.saturating_sub(earlier.unwrap_or(0));
        PodTraffic {
            served: less(self.served, before.map(|before| before.served)),
            failed: less(self.failed, before.map(|before| before.failed)),
            latency: latency.filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// Whether the server is to blame: HTTP 5xx, and the gRPC codes that say so.
fn has_failed(span: &Span) -> bool {
    match span.status.as_str() {
        "UNKNOWN" | "INTERNAL" | "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "DATA_LOSS" | "FAILURE" => {
            true
        }
        // 0 is what the ingress says of a client that went away.
        status => status.len() == 3 && status.starts_with('5'),
    }
}

/// The way that began with this span, and with the one before it at the host port.
fn flow(films: &Films, way: &Way) -> Option<Flow> {
    let reel = films.get(way.trace)?;
    let first = reel.spans.iter().find(|span| span.id == way.first)?;
    let mut flow = Flow {
        status: first.status.clone(),
        duration: first.duration,
        ..Flow::of(way.trace)
    };
    let mut children: HashMap<SpanId, Vec<&Span>> = HashMap::new();
    for span in &reel.spans {
        if let Some(parent) = span.parent {
            children.entry(parent).or_default().push(span);
        }
    }
    if let Some(before) = first.parent
        && let Some(span) = reel.spans.iter().find(|span| span.id == before)
    {
        add(&mut flow, &span.source, &first.source);
    }
    let mut waiting = vec![first];
    // A parent's children are younger than it, so this ends; spans of a film are bounded besides.
    let mut steps = reel.spans.len();
    while let Some(span) = waiting.pop() {
        let mut below = children.remove(&span.id).unwrap_or_default();
        below.sort_by_key(|child| std::cmp::Reverse(child.start));
        if below.is_empty()
            && let Some(store) = store_of(span.kind)
        {
            add(&mut flow, &span.source, store);
        }
        for child in &below {
            if child.kind != SpanKind::Worker {
                add(&mut flow, &span.source, &child.source);
            }
        }
        waiting.extend(
            below
                .into_iter()
                .filter(|child| child.kind != SpanKind::Worker),
        );
        steps -= 1;
        if steps == 0 {
            break;
        }
    }
    Some(flow)
}

fn store_of(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::MongoClient => Some("service:mongodb"),
        SpanKind::RedisClient => Some("service:redis"),
        _ => None,
    }
}

fn add(flow: &mut Flow, from: &str, to: &str) {
    if from == to || from.is_empty() || to.is_empty() {
        return;
    }
    let edge = (from.to_owned(), to.to_owned());
    if !flow.edges.contains(&edge) {
        flow.edges.push(edge);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Limits;
    use crate::trace::samples::{spans, trace};

    fn told() -> (Tally, Films) {
        let mut films = Films::new(Limits::default());
        let mut tally = Tally::default();
        for span in spans() {
            tally.count(&span);
            films.record(span, Instant::now());
        }
        (tally, films)
    }

    #[test]
    fn each_pod_is_told_once_of_what_it_served() {
        let (tally, films) = told();
        let mut mark = Mark::default();
        let first = tally.since(&mut mark, &films, 3, 1);
        assert_eq!((first.requests, first.filmed), (3, 1));
        assert!(!first.pods.is_empty());
        for pod in first.pods.values() {
            let counted: u64 = pod.latency.iter().map(|(_, count)| count).sum();
            assert_eq!(counted, pod.served);
        }
        let second = tally.since(&mut mark, &films, 3, 2);
        assert!(second.pods.is_empty() && second.requests == 0 && second.filmed == 0);
    }

    #[test]
    fn a_way_leads_from_caller_to_called_and_is_told_once() {
        let (mut tally, films) = told();
        let mut mark = Mark::default();
        assert!(tally.since(&mut mark, &films, 0, 1).flows.is_empty());
        for way in &mut tally.ways {
            way.told -= SETTLING;
        }
        let flows = tally.since(&mut mark, &films, 0, 2).flows;
        assert_eq!(flows.len(), 1);
        assert_eq!(flows[0].trace, trace().to_string());
        for (from, to) in &flows[0].edges {
            assert_ne!(from, to);
        }
        assert!(flows[0].edges.len() >= 3, "{:?}", flows[0].edges);
        assert!(tally.since(&mut mark, &films, 0, 3).flows.is_empty());
    }

    #[test]
    fn whoever_begins_to_look_is_not_told_of_the_past() {
        let (tally, films) = told();
        let mut mark = tally.mark(7);
        let traffic = tally.since(&mut mark, &films, 9, 1);
        assert_eq!((traffic.requests, traffic.filmed), (2, 0));
        assert!(traffic.pods.is_empty());
    }

    #[test]
    fn blame_is_the_servers_alone() {
        let mut span = spans().remove(0);
        for (status, failed) in [
            ("200", false),
            ("404", false),
            ("502", true),
            ("OK", false),
            ("NOT_FOUND", false),
            ("UNAVAILABLE", true),
            ("0", false),
        ] {
            span.status = status.to_owned();
            assert_eq!(has_failed(&span), failed, "{status}");
        }
    }
}
