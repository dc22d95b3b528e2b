//! Spans and connections of one request become a film.
//!
//! Pure, and blind to the order of arrival: any permutation gives the same film. No span is ever
//! lost. What cannot be proven by addresses hangs where the span ids put it and says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    BY_ADDRESS, Connection, DIALLED, Event, Film, Hop, SocketPair, Span, SpanId, SpanKind, TraceId,
};

use super::join::{Joiner, Match};

/// No real request nests deeper; JSON parsers stop at 128 levels, and a hop takes two.
const DEPTH: usize = 40;

/// Between the clocks of two processes on one machine, in microseconds.
const SLACK: u64 = 2_000;

/// What is special about a call to a pod whose address somebody told.
const POINT_TO_POINT: &str = "dialled by its own address; no ClusterIP, never balanced";

/// The film of `trace` as far as these spans and connections tell it.
pub fn assemble<'a>(
    trace: TraceId,
    spans: impl IntoIterator<Item = &'a Span>,
    connections: impl IntoIterator<Item = &'a Connection>,
) -> Film {
    let scene = Scene::new(spans, connections);
    let hops = scene.hops();
    let first = scene
        .spans
        .values()
        .filter(|span| span.kind == SpanKind::Ingress)
        .chain(scene.spans.values())
        .min_by_key(|span| (span.kind != SpanKind::Ingress, span.start, span.id));
    Film {
        trace,
        started: first.map_or(0, |span| span.start),
        duration: first.map_or(0, |span| span.duration),
        status: first.map(|span| span.status.clone()).unwrap_or_default(),
        name: first.map(|span| span.name.clone()).unwrap_or_default(),
        settled: false,
        left_out: 0,
        hops,
        endpoints_now: BTreeMap::new(),
    }
}

/// Everything known of one request while its tree is being built.
struct Scene<'a> {
    spans: BTreeMap<SpanId, &'a Span>,
    /// In order of start.
    children: BTreeMap<SpanId, Vec<&'a Span>>,
    joiner: Joiner<'a>,
}

impl<'a> Scene<'a> {
    fn new(
        spans: impl IntoIterator<Item = &'a Span>,
        connections: impl IntoIterator<Item = &'a Connection>,
    ) -> Self {
        let mut by_id: BTreeMap<SpanId, &Span> = BTreeMap::new();
        for span in spans {
            let kept = by_id.entry(span.id).or_insert(span);
            // Two spans of one id are a bug of a pod; which one is kept must not depend on order.
            if tie_break(span) > tie_break(kept) {
                *kept = span;
            }
        }
        let mut children: BTreeMap<SpanId, Vec<&Span>> = BTreeMap::new();
        for &span in by_id.values() {
            if let Some(parent) = cause(span, &by_id) {
                children.entry(parent).or_default().push(span);
            }
        }
        for siblings in children.values_mut() {
            siblings.sort_by_key(|span| in_order(span));
        }
        Self {
            spans: by_id,
            children,
            joiner: Joiner::new(connections),
        }
    }

    /// The tree from its first hops on. Spans that only a ring of parents leads to (a bug of a pod,
    /// or malice) become first hops as well.
    fn hops(&self) -> Vec<Hop> {
        let mut ordered: Vec<&Span> = self.spans.values().copied().collect();
        ordered.sort_by_key(|span| in_order(span));
        let mut placed = BTreeSet::new();
        let mut hops = Vec::new();
        let (first, rest): (Vec<&Span>, Vec<&Span>) = ordered
            .into_iter()
            .partition(|span| cause(span, &self.spans).is_none());
        for span in first.into_iter().chain(rest) {
            if placed.insert(span.id) {
                let entry = matches!(span.kind, SpanKind::LoadBalancer | SpanKind::Ingress);
                let mut hop = self.build(span, entry, &mut placed, DEPTH);
                if !entry {
                    hop.note = Some("the hop that caused it is not known".into());
                }
                hops.push(hop);
            }
        }
        hops
    }

    fn build(
        &self,
        span: &'a Span,
        joined: bool,
        placed: &mut BTreeSet<SpanId>,
        depth: usize,
    ) -> Hop {
        let mut hop = Hop {
            what: Event::Span(Box::new(span.clone())),
            joined,
            note: None,
            children: Vec::new(),
        };
        let children: Vec<&Span> = self
            .children
            .get(&span.id)
            .into_iter()
            .flatten()
            .copied()
            .filter(|_| depth > 0)
            .filter(|child| placed.insert(child.id))
            .collect();
        if span.kind.calls() && !children.iter().any(|child| child.kind.serves()) {
            self.call_without_answer(span, &mut hop);
        }
        for child in children {
            if span.kind.calls() && child.kind.serves() {
                self.answer(span, child, &mut hop, placed, depth);
            } else {
                let mut below = self.build(child, true, placed, depth.saturating_sub(1));
                if child.kind == SpanKind::Worker {
                    below.note = Some(taken_late(span, child));
                }
                hop.children.push(below);
            }
        }
        hop
    }

    /// A call whose other side told nothing: the connection may still be known.
    fn call_without_answer(&self, span: &Span, hop: &mut Hop) {
        let found = self
            .joiner
            .find(span.outbound, None, span.start, span.end());
        match (span.kind, found) {
            (_, Some(found)) => {
                hop.children.push(connection_hop(found, true));
                if span.kind == SpanKind::MongoClient {
                    hop.note = Some("this store does not tell its side".into());
                }
            }
            (SpanKind::MongoClient, None) => {
                hop.note = Some("this store does not tell its side".into());
            }
            (SpanKind::GrpcClient, None) if is_to_one_pod(span) => {
                hop.note = Some(POINT_TO_POINT.into());
            }
            (SpanKind::GrpcClient | SpanKind::RedisClient, None) if span.outbound.is_some() => {
                hop.joined = false;
                hop.note = Some("no ClusterIP connection is known for this call".into());
            }
            _ => {}
        }
    }

    /// A call and the pod that answered it, with the connection between them if there is one.
    fn answer(
        &self,
        caller: &Span,
        server: &'a Span,
        hop: &mut Hop,
        placed: &mut BTreeSet<SpanId>,
        depth: usize,
    ) {
        let deeper = depth.saturating_sub(2);
        let Some(found) =
            self.joiner
                .find(caller.outbound, server.inbound, caller.start, caller.end())
        else {
            let direct = is_direct(caller, server);
            if is_to_one_pod(caller) {
                hop.note = Some(POINT_TO_POINT.into());
            } else if direct && caller.kind == SpanKind::GrpcClient {
                hop.note = Some("direct, not balanced".into());
            }
            hop.children
                .push(self.build(server, direct, placed, deeper));
            return;
        };
        let below = self.build(server, found.server, placed, deeper);
        let same = |child: &&mut Hop| child.connection() == Some(found.connection);
        if let Some(known) = hop.children.iter_mut().find(same) {
            known.children.push(below);
            return;
        }
        let proven = found.caller || caller.outbound.is_none();
        let mut between = connection_hop(found, proven);
        between.children.push(below);
        hop.children.push(between);
    }
}

fn connection_hop(found: Match<'_>, joined: bool) -> Hop {
    Hop {
        what: Event::Connection(found.connection.clone()),
        joined,
        note: None,
        children: Vec::new(),
    }
}

/// Whether the caller had been told the address of the one pod that it called.
fn is_to_one_pod(caller: &Span) -> bool {
    caller.text(DIALLED) == Some(BY_ADDRESS)
}

/// How a worker came by its task: nothing leads from the one to the other but the queue.
fn taken_late(put: &Span, worker: &Span) -> String {
    let late = worker.start.saturating_sub(put.end()) / 1_000;
    let late = match late {
        0..1_000 => format!("{late} ms"),
        1_000..120_000 => format!("{}.{} s", late / 1_000, late % 1_000 / 100),
        _ => format!("{} min", late / 60_000),
    };
    format!("taken from the queue {late} after it was put there; nobody waits for the answer")
}

/// Whether the two talked over one TCP connection with nothing between them. The ingress reaches
/// pods of Docker at a published port, so there the pod's name has to do.
fn is_direct(caller: &Span, server: &Span) -> bool {
    let mirrored =
        |out: SocketPair, inn: SocketPair| out.local == inn.remote && out.remote == inn.local;
    let named = caller.kind == SpanKind::Ingress && caller.text("pod") == Some(&*server.source);
    named
        || caller
            .outbound
            .zip(server.inbound)
            .is_some_and(|(out, inn)| mirrored(out, inn))
}

/// The span that caused this one, if it is part of the film.
fn cause(span: &Span, spans: &BTreeMap<SpanId, &Span>) -> Option<SpanId> {
    let told = span
        .parent
        .filter(|parent| *parent != span.id && spans.contains_key(parent));
    match span.kind {
        // The load balancer knows no L7: both it and the ingress name the client as their cause.
        SpanKind::Ingress if told.is_none() => latest(spans, |candidate| {
            candidate.kind == SpanKind::LoadBalancer
                && candidate.parent == span.parent
                && candidate.start <= span.start
        }),
        // A driver that could not say which command it was names the hop above.
        SpanKind::MongoServer => {
            let above = told?;
            if spans.get(&above)?.kind == SpanKind::MongoClient {
                return told;
            }
            latest(spans, |candidate| {
                candidate.kind == SpanKind::MongoClient
                    && candidate.parent == span.parent
                    && candidate.start <= span.start.saturating_add(SLACK)
                    && candidate.end().saturating_add(SLACK) >= span.end()
            })
            .or(told)
        }
        _ => told,
    }
}

fn latest(spans: &BTreeMap<SpanId, &Span>, fits: impl Fn(&Span) -> bool) -> Option<SpanId> {
    spans
        .values()
        .filter(|candidate| fits(candidate))
        .max_by_key(|candidate| (candidate.start, candidate.id))
        .map(|candidate| candidate.id)
}

fn in_order(span: &Span) -> (u64, SpanId) {
    (span.start, span.id)
}

fn tie_break(span: &Span) -> (u64, u64, &str, &str, &str) {
    (
        span.start,
        span.duration,
        &span.source,
        &span.name,
        &span.status,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::{ARRIVAL, connection, connections, pair, span, spans, trace};

    /// `source` of spans, `Service #id` of connections, by depth.
    fn outline(film: &Film) -> Vec<String> {
        fn add(hop: &Hop, depth: usize, lines: &mut Vec<String>) {
            let text = match &hop.what {
                Event::Span(span) => format!("{:?} {}", span.kind, span.source),
                Event::Connection(known) => format!("{} #{}", known.service, known.id),
            };
            let doubt = if hop.joined { "" } else { " ?" };
            lines.push(format!("{}{text}{doubt}", "  ".repeat(depth)));
            for child in &hop.children {
                add(child, depth + 1, lines);
            }
        }
        let mut lines = Vec::new();
        for hop in &film.hops {
            add(hop, 0, &mut lines);
        }
        lines
    }

    const WHOLE: [&str; 9] = [
        "LoadBalancer lb",
        "  Ingress traefik-0",
        "    HttpServer console-api-v2-a",
        "      GrpcClient console-api-v2-a",
        "        inventory #1",
        "          GrpcServer inventory-a",
        "            MongoClient inventory-a",
        "              mongodb #2",
        "                MongoServer mongodb-0",
    ];

    #[test]
    fn connections_stand_between_the_call_and_the_answer() {
        let film = assemble(trace(), &spans(), &connections());
        assert_eq!(outline(&film), WHOLE);
        assert_eq!((film.started, film.duration), (ARRIVAL + 2, 998));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let mut random = fastrand::Rng::with_seed(7);
        let whole = assemble(trace(), &spans(), &connections());
        for _ in 0..500 {
            let (mut spans, mut connections) = (spans(), connections());
            connections.push(Connection {
                closed_at: Some(ARRIVAL - 1),
                ..connection(9)
            });
            random.shuffle(&mut spans);
            random.shuffle(&mut connections);
            assert_eq!(assemble(trace(), &spans, &connections), whole);
        }
    }

    #[test]
    fn of_several_connections_of_one_address_the_one_open_at_the_time_counts() {
        let earlier = Connection {
            drawn_at: ARRIVAL - 90_000_000,
            closed_at: Some(ARRIVAL - 70_000_000),
            ..connection(7)
        };
        let later = Connection {
            drawn_at: ARRIVAL + 500_000_000,
            ..connection(8)
        };
        let mut connections = connections();
        connections.insert(0, later);
        connections.push(earlier);
        let film = assemble(trace(), &spans(), &connections);
        assert_eq!(outline(&film), WHOLE);
    }

    #[test]
    fn without_its_connection_an_answer_hangs_by_the_span_ids_and_says_so() {
        let film = assemble(trace(), &spans(), &connections()[1..]);
        assert_eq!(outline(&film)[4], "        GrpcServer inventory-a ?");
        assert_eq!(film.spans().count(), spans().len());
    }

    #[test]
    fn one_proven_side_is_enough_for_a_connection_and_the_other_is_doubted() {
        let mut spans = spans();
        spans[4].inbound = Some(pair("127.42.0.8:50051", "127.0.0.1:50009"));
        let film = assemble(trace(), &spans, &connections());
        assert_eq!(outline(&film)[4], "        inventory #1");
        assert_eq!(outline(&film)[5], "          GrpcServer inventory-a ?");
    }

    #[test]
    fn a_store_that_tells_nothing_leaves_a_note() {
        let film = assemble(trace(), &spans()[..6], &connections());
        assert_eq!(
            outline(&film).last().unwrap().trim(),
            "MongoClient inventory-a"
        );
        assert!(film.walk().last().unwrap().note.is_some());
    }

    #[test]
    fn a_pod_dialled_by_its_own_address_is_not_balanced() {
        let mut spans = spans();
        spans[3].outbound = Some(pair("127.42.0.9:40001", "127.42.0.7:50051"));
        spans[4].inbound = Some(pair("127.42.0.7:50051", "127.42.0.9:40001"));
        let film = assemble(trace(), &spans, &connections());
        assert_eq!(outline(&film)[4], "        GrpcServer inventory-a");
        let call = film.walk().nth(3).unwrap();
        assert_eq!(call.note.as_deref(), Some("direct, not balanced"));
    }

    /// A job's request: a task is put into Redis's list, a worker asks where the plugin is, and
    /// dials that pod.
    fn job() -> (Vec<Span>, Vec<Connection>) {
        const LATER: u64 = 90_000_000;
        let later = |kind, number, parent, source: &str| Span {
            source: source.into(),
            start: ARRIVAL + LATER + number,
            ..span(kind, number, Some(parent))
        };
        let mut all = spans();
        all.truncate(5);
        all.push(Span {
            outbound: Some(pair("127.42.0.7:41001", "127.43.0.8:6379")),
            ..span(SpanKind::RedisClient, 6, Some(5))
        });
        all.push(later(SpanKind::Worker, 10, 6, "worker-a"));
        all.push(Span {
            outbound: Some(pair("127.42.0.20:42000", "127.43.0.9:50051")),
            ..later(SpanKind::GrpcClient, 11, 10, "worker-a")
        });
        all.push(Span {
            inbound: Some(pair("127.42.0.21:50051", "127.0.0.1:52000")),
            ..later(SpanKind::GrpcServer, 12, 11, "plugin-a")
        });
        let mut call = Span {
            outbound: Some(pair("127.42.0.20:42001", "127.42.0.30:50051")),
            ..later(SpanKind::GrpcClient, 13, 10, "worker-a")
        };
        call.attributes.insert(DIALLED.into(), BY_ADDRESS.into());
        all.push(call);
        all.push(Span {
            inbound: Some(pair("127.42.0.30:50051", "127.42.0.20:42001")),
            ..later(SpanKind::GrpcServer, 14, 13, "sample-cloud-a")
        });
        all.push(Span {
            duration: 5,
            ..later(SpanKind::MongoClient, 15, 10, "worker-a")
        });
        let through = |id, service: &str, ends: SocketPair, outgoing: SocketPair| Connection {
            service: service.into(),
            client: ends.local,
            cluster_ip: ends.remote,
            outgoing: outgoing.local,
            endpoint: outgoing.remote,
            ..connection(id)
        };
        let mut connections = connections();
        connections.push(through(
            3,
            "redis",
            pair("127.42.0.7:41001", "127.43.0.8:6379"),
            pair("127.0.0.1:53000", "127.42.0.5:6379"),
        ));
        connections.push(through(
            4,
            "plugin",
            pair("127.42.0.20:42000", "127.43.0.9:50051"),
            pair("127.0.0.1:52000", "127.42.0.21:50051"),
        ));
        (all, connections)
    }

    #[test]
    fn a_job_goes_on_in_the_worker_that_took_its_task() {
        let (spans, connections) = job();
        let film = assemble(trace(), &spans, &connections);
        let expected = [
            "          GrpcServer inventory-a",
            "            RedisClient inventory-a",
            "              redis #3",
            "              Worker worker-a",
            "                GrpcClient worker-a",
            "                  plugin #4",
            "                    GrpcServer plugin-a",
            "                GrpcClient worker-a",
            "                  GrpcServer sample-cloud-a",
            "                MongoClient worker-a",
        ];
        assert_eq!(outline(&film)[5..], expected);
        let notes: Vec<&str> = film.walk().filter_map(|hop| hop.note.as_deref()).collect();
        assert_eq!(
            notes[..2],
            [
                "taken from the queue 89.9 s after it was put there; nobody waits for the answer",
                POINT_TO_POINT,
            ]
        );
        // What the job does later does not make the request longer.
        assert_eq!((film.started, film.duration), (ARRIVAL + 2, 998));
    }

    #[test]
    fn a_plugin_that_tells_nothing_was_still_dialled_by_its_own_address() {
        let (mut spans, connections) = job();
        spans.retain(|span| span.source != "sample-cloud-a");
        let film = assemble(trace(), &spans, &connections);
        let note = |hop: &Hop| hop.note.as_deref() == Some(POINT_TO_POINT);
        let call = film.walk().find(|hop| note(hop)).unwrap();
        assert!(call.joined && call.children.is_empty());
    }

    #[test]
    fn a_command_named_by_the_hop_above_finds_its_own_call() {
        let mut spans = spans();
        spans[6].parent = spans[5].parent;
        let film = assemble(trace(), &spans, &connections());
        assert_eq!(outline(&film), WHOLE);
    }

    #[test]
    fn no_span_is_lost_whatever_the_parents_say() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..200 {
            let count = random.u64(1..200);
            let spans: Vec<Span> = (1..=count)
                .map(|number| {
                    let kind = *random
                        .choice(&[
                            SpanKind::HttpServer,
                            SpanKind::GrpcClient,
                            SpanKind::Ingress,
                        ])
                        .unwrap();
                    span(kind, number, Some(random.u64(1..=count)))
                })
                .collect();
            let film = assemble(trace(), &spans, &connections());
            let ids: BTreeSet<SpanId> = film.spans().map(|span| span.id).collect();
            assert_eq!(ids.len(), spans.len());
            assert_eq!(film.spans().count(), spans.len());
        }
    }

    #[test]
    fn a_very_deep_film_still_survives_json() {
        let spans: Vec<Span> = (1..=900)
            .map(|number| span(SpanKind::GrpcServer, number, Some(number.max(2) - 1)))
            .collect();
        let film = assemble(trace(), &spans, &[]);
        let text = serde_json::to_string(&film).unwrap();
        assert_eq!(serde_json::from_str::<Film>(&text).unwrap(), film);
    }
}
