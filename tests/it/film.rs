//! From the lines that pods write to the tree in the terminal.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::cli::trace::{Style, render};
use lab::model::{Event, Film, OutputStream};
use lab::trace::{Limits, Theatre, Tracer};

/// What the lab's own process tells through the channel.
const IN_PROCESS: [&str; 4] = [
    r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000001","parent":"00000000000000ff","kind":"load-balancer","source":"lb","name":"accept","start":1000000000,"duration":20,"status":"OK","inbound":{"local":"127.0.0.1:8443","remote":"127.0.0.1:52114"},"attributes":{"client":"127.0.0.1:52114","seen_as":"10.42.0.2:52114","policy":"Cluster","replica":"traefik-0","candidates":["traefik-0"]}}"#,
    r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000002","parent":"00000000000000ff","kind":"ingress","source":"traefik-0","name":"POST /inventory/cloud-service/list","start":1000000100,"duration":6149,"status":"200","outbound":{"local":"127.0.0.1:45000","remote":"127.42.0.9:8080"},"attributes":{"tls_version":"TLS 1.3","sni":"console-api-v2.lab.localhost","certificate":"CN=lab","alpn":"h2","route":"console-api-v2","route_why":"host console-api-v2.lab.localhost, path / (Prefix)","losers":[{"route":"console","reason":"host differs"}],"service":"console-api-v2","endpoint":"127.42.0.9:8080","pod":"console-api-v2-x7k2p","candidates":["console-api-v2-x7k2p"],"selection":"round-robin","upstream_connection":"reused","upstream_protocol":"HTTP/1.1","request_bytes":512,"response_bytes":8120}}"#,
    r#"{"event":"connection","id":12,"service":"inventory","client":"127.42.0.9:40000","cluster_ip":"127.43.0.4:50051","endpoint":"127.42.0.7:50051","pod":"inventory-a1b2c","outgoing":"127.0.0.1:50000","selection":{"algorithm":"random","index":0},"candidates":["inventory-a1b2c"],"drawn_at":800000000}"#,
    r#"{"event":"connection","id":3,"service":"mongodb","client":"127.42.0.7:41000","cluster_ip":"127.43.0.2:27017","endpoint":"127.42.0.3:27017","pod":"mongodb-00000","outgoing":"127.0.0.1:51000","selection":{"algorithm":"random","index":0},"candidates":["mongodb-00000"],"drawn_at":1000002000}"#,
];

/// What pods write to their stdout.
const BY_PODS: [(&str, &str); 6] = [
    (
        "mongodb-00000",
        r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000007","parent":"0000000000000006","kind":"mongo-server","name":"find cloud_service","start":1000002100,"duration":210,"status":"OK","inbound":{"local":"127.42.0.3:27017","remote":"127.0.0.1:51000"}}"#,
    ),
    (
        "inventory-a1b2c",
        r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000006","parent":"0000000000000005","kind":"mongo-client","name":"find cloud_service","start":1000001900,"duration":440,"status":"OK","attributes":{"database":"inventory","collection":"cloud_service","command":"{\"filter\":{\"domain_id\":\"domain-1\"},\"limit\":15}","documents":15}}"#,
    ),
    ("inventory-a1b2c", r#"{"level":"INFO","message":"listed"}"#),
    (
        "inventory-a1b2c",
        r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000005","parent":"0000000000000004","kind":"grpc-server","name":"CloudService/list","start":1000001800,"duration":4100,"status":"OK","inbound":{"local":"127.42.0.7:50051","remote":"127.0.0.1:50000"}}"#,
    ),
    (
        "console-api-v2-x7k2p",
        r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000004","parent":"0000000000000003","kind":"grpc-client","name":"CloudService/list","start":1000001000,"duration":4700,"status":"OK","outbound":{"local":"127.42.0.9:40000","remote":"127.43.0.4:50051"},"attributes":{"service":"inventory.CloudService","method":"list","channel":"reused","connected_at":800000000}}"#,
    ),
    (
        "console-api-v2-x7k2p",
        r#"{"event":"span","trace":"4bf92f3577b34da6a3ce929d0e0e4736","id":"0000000000000003","parent":"0000000000000002","kind":"http-server","name":"POST /inventory/cloud-service/list","start":1000000500,"duration":5200,"status":"200","inbound":{"local":"127.42.0.9:8080","remote":"127.0.0.1:45000"}}"#,
    ),
];

async fn film() -> Film {
    let theatre = Theatre::new(Limits::default());
    for (pod, line) in BY_PODS {
        theatre.ingest_line(pod, OutputStream::Stdout, line);
    }
    let (tracer, events) = Tracer::channel(16);
    for line in IN_PROCESS {
        tracer.emit(serde_json::from_str::<Event>(line).unwrap());
    }
    drop(tracer);
    theatre.receive(events).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736".parse().unwrap();
    let film = theatre.wait_for(trace, Duration::from_secs(30)).await;
    assert_eq!(theatre.counts().lines, 1);
    assert_eq!(theatre.open_counts().len(), 2);
    film.unwrap()
}

#[tokio::test]
async fn the_film_of_a_list_reads_hop_by_hop() {
    let mut film = film().await;
    assert!(film.settled);
    film.endpoints_now = BTreeMap::from([(
        "inventory".to_owned(),
        ["a1b2c", "d3e4f", "g5h6i"]
            .map(|suffix| format!("inventory-{suffix}"))
            .to_vec(),
    )]);
    let style = Style {
        unicode: true,
        ..Style::plain()
    };
    let request = "POST https://console-api-v2.lab.localhost:8443/inventory/cloud-service/list";
    let text = render(&film, Some(request), style);
    assert_eq!(text, include_str!("../cases/film.txt"), "\n{text}");
}

#[tokio::test]
async fn without_unicode_the_tree_is_ascii_and_no_line_is_wider_than_the_terminal() {
    let film = film().await;
    for width in [60, 80, 120] {
        let style = Style {
            width,
            ..Style::plain()
        };
        let text = render(&film, None, style);
        assert!(text.is_ascii(), "{text}");
        for line in text.lines() {
            assert!(line.len() <= width, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }
}

#[tokio::test]
async fn colours_change_nothing_but_colours() {
    let film = film().await;
    let painted = render(
        &film,
        None,
        Style {
            colour: true,
            ..Style::plain()
        },
    );
    let mut bare = String::new();
    for (index, part) in painted.split('\u{1b}').enumerate() {
        let text = match part.split_once('m') {
            Some((_, text)) if index > 0 => text,
            _ => part,
        };
        bare.push_str(text);
    }
    assert_ne!(painted, bare);
    assert_eq!(bare, render(&film, None, Style::plain()));
}

#[tokio::test]
async fn a_film_survives_json() {
    let film = film().await;
    let text = serde_json::to_string(&film).unwrap();
    assert_eq!(serde_json::from_str::<Film>(&text).unwrap(), film);
}
