//! One hand-made request for the tests of this room: the list of cloud services.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{Connection, Selection, SocketPair, Span, SpanId, SpanKind, TraceId};

/// When the request arrives, in microseconds.
pub(super) const ARRIVAL: u64 = 200_000_000;

pub(super) fn trace() -> TraceId {
    TraceId::from_random(0x4bf9)
}

pub(super) fn id(number: u64) -> SpanId {
    SpanId::from_random(number)
}

pub(super) fn pair(local: &str, remote: &str) -> SocketPair {
    SocketPair {
        local: address(local),
        remote: address(remote),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A span that starts `number` microseconds after the arrival.
pub(super) fn span(kind: SpanKind, number: u64, parent: Option<u64>) -> Span {
    Span {
        trace: trace(),
        id: id(number),
        parent: parent.map(id),
        kind,
        source: "inventory-a".into(),
        name: format!("hop {number}"),
        start: ARRIVAL + number,
        duration: 1_000 - number,
        status: "OK".into(),
        inbound: None,
        outbound: None,
        attributes: serde_json::Map::new(),
    }
}

/// A connection from console-api-v2 to the one inventory pod, drawn a minute before the request.
pub(super) fn connection(id: u64) -> Connection {
    Connection {
        id,
        service: "inventory".into(),
        client: address("127.42.0.9:40000"),
        cluster_ip: address("127.43.0.4:50051"),
        endpoint: address("127.42.0.7:50051"),
        pod: Some("inventory-a".into()),
        outgoing: address("127.0.0.1:50000"),
        selection: Selection::Random { index: 0 },
        candidates: Arc::from(["inventory-a".to_owned()]),
        drawn_at: ARRIVAL - 60_000_000 + id,
        closed_at: None,
        fault: None,
        bytes_up: 0,
        bytes_down: 0,
    }
}

/// The connections of the request: gRPC and MongoDB.
pub(super) fn connections() -> Vec<Connection> {
    let mongodb = Connection {
        service: "mongodb".into(),
        client: address("127.42.0.7:41000"),
        cluster_ip: address("127.43.0.2:27017"),
        endpoint: address("127.42.0.3:27017"),
        pod: Some("mongodb-0".into()),
        outgoing: address("127.0.0.1:51000"),
        candidates: Arc::from(["mongodb-0".to_owned()]),
        ..connection(2)
    };
    vec![connection(1), mongodb]
}

/// The spans of the request, in order of start.
pub(super) fn spans() -> Vec<Span> {
    vec![
        Span {
            source: "lb".into(),
            ..span(SpanKind::LoadBalancer, 1, Some(99))
        },
        Span {
            source: "traefik-0".into(),
            outbound: Some(pair("127.0.0.1:45000", "127.42.0.9:8080")),
            ..span(SpanKind::Ingress, 2, Some(99))
        },
        Span {
            source: "console-api-v2-a".into(),
            inbound: Some(pair("127.42.0.9:8080", "127.0.0.1:45000")),
            ..span(SpanKind::HttpServer, 3, Some(2))
        },
        Span {
            source: "console-api-v2-a".into(),
            outbound: Some(pair("127.42.0.9:40000", "127.43.0.4:50051")),
            ..span(SpanKind::GrpcClient, 4, Some(3))
        },
        Span {
            inbound: Some(pair("127.42.0.7:50051", "127.0.0.1:50000")),
            ..span(SpanKind::GrpcServer, 5, Some(4))
        },
        span(SpanKind::MongoClient, 6, Some(5)),
        Span {
            source: "mongodb-0".into(),
            inbound: Some(pair("127.42.0.3:27017", "127.0.0.1:51000")),
            ..span(SpanKind::MongoServer, 7, Some(6))
        },
    ]
}
