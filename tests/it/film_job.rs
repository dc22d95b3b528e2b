//! The film of a job: from the request by way of the queue to the plugin, and what becomes of
//! hundreds of commands.

use std::sync::Arc;

use lab::cli::trace::{Style, render};
use lab::model::{
    BY_ADDRESS, Connection, DIALLED, Film, Selection, SocketPair, Span, SpanId, SpanKind, TraceId,
};
use lab::trace::assemble;

const START: u64 = 1_000_000_000;

/// A hop; times are milliseconds after the request came.
fn hop(kind: SpanKind, id: u64, parent: u64, source: &str, name: &str, at: [u64; 2]) -> Span {
    Span {
        trace: TraceId::from_random(0x4bf9),
        id: SpanId::from_random(id),
        parent: (parent > 0).then(|| SpanId::from_random(parent)),
        kind,
        source: source.to_owned(),
        name: name.to_owned(),
        start: START + at[0] * 1_000,
        duration: (at[1] - at[0]) * 1_000,
        status: "OK".to_owned(),
        inbound: None,
        outbound: None,
        attributes: serde_json::Map::new(),
    }
}

fn pair(local: &str, remote: &str) -> SocketPair {
    SocketPair {
        local: local.parse().unwrap(),
        remote: remote.parse().unwrap(),
    }
}

fn through(id: u64, service: &str, client: &str, cluster_ip: &str, endpoint: &str) -> Connection {
    Connection {
        id,
        service: service.to_owned(),
        client: client.parse().unwrap(),
        cluster_ip: cluster_ip.parse().unwrap(),
        endpoint: endpoint.parse().unwrap(),
        pod: Some(format!("{service}-a")),
        outgoing: format!("127.0.0.1:{}", 50_000 + id).parse().unwrap(),
        selection: Selection::Random { index: 0 },
        candidates: Arc::from([format!("{service}-a")]),
        drawn_at: START - 60_000_000,
        closed_at: None,
        fault: None,
        bytes_up: 0,
        bytes_down: 0,
    }
}

/// A job of three tasks, of which two are done by one worker each; the first writes a lot.
#[expect(clippy::too_many_lines, reason = "one hop after the other")]
fn job() -> Film {
    use SpanKind::{GrpcClient, GrpcServer, HttpServer, Ingress, MongoClient, RedisClient, Worker};
    let path = "POST /inventory/collector/collect";
    let mut ingress = hop(Ingress, 1, 0, "traefik-0", path, [0, 40]);
    "200".clone_into(&mut ingress.status);
    let mut api = hop(HttpServer, 2, 1, "console-api-v2-a", path, [1, 39]);
    "200".clone_into(&mut api.status);
    let call = Span {
        outbound: Some(pair("127.42.0.9:40000", "127.43.0.4:50051")),
        ..hop(
            GrpcClient,
            3,
            2,
            "console-api-v2-a",
            "Collector/collect",
            [2, 38],
        )
    };
    let serve = Span {
        inbound: Some(pair("127.42.0.7:50051", "127.0.0.1:50001")),
        ..hop(
            GrpcServer,
            4,
            3,
            "inventory-a",
            "Collector/collect",
            [3, 37],
        )
    };
    let mut push = Span {
        outbound: Some(pair("127.42.0.7:41000", "127.43.0.8:6379")),
        ..hop(
            RedisClient,
            5,
            4,
            "inventory-a",
            "RPUSH collector",
            [30, 31],
        )
    };
    push.attributes.insert("tasks".to_owned(), 3.into());
    let mut spans = vec![ingress, api, call, serve, push];
    for (number, worker) in [(100, "inventory-worker-a"), (200, "inventory-worker-b")] {
        let late = number * 20;
        let mut work = hop(
            Worker,
            number,
            5,
            worker,
            "collecting_resources",
            [late, late + 9_000],
        );
        let task = format!("job-task-{number}");
        work.attributes
            .insert("job_task_id".to_owned(), task.into());
        let mut collect = Span {
            outbound: Some(pair("127.42.0.20:42001", "127.42.0.30:50051")),
            ..hop(
                GrpcClient,
                number + 2,
                number,
                worker,
                "Collector/collect",
                [late + 900, late + 9_000],
            )
        };
        collect
            .attributes
            .insert(DIALLED.to_owned(), BY_ADDRESS.into());
        spans.extend([
            work,
            Span {
                outbound: Some(pair("127.42.0.20:42000", "127.43.0.9:50051")),
                ..hop(
                    GrpcClient,
                    number + 1,
                    number,
                    worker,
                    "Plugin/get_plugin_endpoint",
                    [late, late + 900],
                )
            },
            collect,
            Span {
                inbound: Some(pair("127.42.0.30:50051", "127.42.0.20:42001")),
                ..hop(
                    GrpcServer,
                    number + 3,
                    number + 2,
                    "plugin-sample-cloud-a",
                    "Collector/collect",
                    [late + 901, late + 902],
                )
            },
        ]);
    }
    for number in 0..100 {
        let at = 3_000 + number * 50;
        let mut update = hop(
            MongoClient,
            1_000 + number,
            100,
            "inventory-worker-a",
            "update cloud_service",
            [at, at + 10],
        );
        if number == 50 {
            "E11000 duplicate key".clone_into(&mut update.status);
        }
        spans.push(update);
    }
    let connections = [
        through(
            1,
            "inventory",
            "127.42.0.9:40000",
            "127.43.0.4:50051",
            "127.42.0.7:50051",
        ),
        through(
            2,
            "redis",
            "127.42.0.7:41000",
            "127.43.0.8:6379",
            "127.42.0.5:6379",
        ),
        through(
            3,
            "plugin",
            "127.42.0.20:42000",
            "127.43.0.9:50051",
            "127.42.0.21:50051",
        ),
    ];
    let mut film = assemble(TraceId::from_random(0x4bf9), &spans, &connections);
    film.settled = true;
    film
}

#[test]
fn the_film_of_a_job_reads_from_the_request_to_the_plugin() {
    let style = Style {
        unicode: true,
        ..Style::plain()
    };
    let text = render(&job(), None, style);
    assert_eq!(text, include_str!("../films/job.txt"), "\n{text}");
}

#[test]
fn the_leg_to_the_plugin_is_marked_and_many_commands_take_few_lines() {
    let film = job();
    let text = render(&film, None, Style::plain());
    let words: Vec<&str> = text
        .split_whitespace()
        .filter(|word| *word != "|")
        .collect();
    let words = words.join(" ");
    for expected in [
        "dialled by its own address; no ClusterIP, never balanced",
        "taken from the queue",
        "97 more update cloud_service OK",
        "E11000",
        "Not done yet: 1 task in the queue.",
        "lab trace --id",
    ] {
        assert!(words.contains(expected), "{expected}\n{text}");
    }
    // As data the film has them all.
    assert_eq!(film.spans().count(), 113);
}
