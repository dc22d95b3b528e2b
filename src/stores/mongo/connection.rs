//! One connection: requests in, answers out, a span for each traced command.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bson::{Bson, Document};
use serde_json::{Map, Value};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::commands;
use super::failure::Failure;
use super::server::Server;
use super::wire::{self, Request};
use crate::model::{Event, SocketPair, Span, SpanId, SpanKind, Traceparent};
use crate::net::Shutdown;

/// What a command tells about itself, for its span.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// `IXSCAN name` or `COLLSCAN`.
    pub(super) plan: OnceLock<String>,
    /// Documents that were looked at.
    pub(super) examined: Arc<AtomicU64>,
    /// Documents that were returned or changed.
    pub(super) documents: AtomicU64,
}

/// Serves it until it ends, or until the signal finds it waiting.
pub(super) async fn run(server: &Arc<Server>, stream: TcpStream, mut shutdown: Shutdown) {
    let pair = match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(remote)) => SocketPair { local, remote },
        _ => return,
    };
    // Answers are whole messages; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let request = tokio::select! {
            () = shutdown.recv() => return,
            request = wire::read(&mut reader) => request,
        };
        let request = match request {
            Ok(Some(request)) => request,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(client = %pair.remote, %error, "connection given up");
                return;
            }
        };
        let answer = answer(server, &request, pair).await;
        if !request.silent
            && writer
                .write_all(&wire::reply(&request, &answer))
                .await
                .is_err()
        {
            return;
        }
    }
}

async fn answer(server: &Arc<Server>, request: &Request, pair: SocketPair) -> Document {
    if let Some(kind) = request.refused {
        return Failure::unsupported(&format!("the BSON type {kind}")).to_reply();
    }
    let traced = match request.body.get("comment") {
        Some(Bson::String(comment)) => comment
            .parse::<Traceparent>()
            .ok()
            .filter(|trace| trace.sampled),
        _ => None,
    };
    let report = Arc::new(Report::default());
    let (wall, start) = (SystemTime::now(), Instant::now());
    let result = commands::run(server, request, pair.remote, &report).await;
    let (reply, status) = match result {
        Ok(reply) => {
            let status = if reply.contains_key("writeErrors") {
                "WriteError".to_owned()
            } else {
                "OK".to_owned()
            };
            (reply, status)
        }
        Err(failure) => (failure.to_reply(), failure.code_name()),
    };
    if let Some(trace) = traced {
        let span = span(
            server,
            &request.body,
            trace,
            pair,
            &report,
            status,
            wall,
            start,
        );
        (server.emit)(Event::Span(Box::new(span)));
    }
    reply
}

#[expect(
    clippy::too_many_arguments,
    reason = "everything that a span consists of"
)]
fn span(
    server: &Server,
    body: &Document,
    trace: Traceparent,
    pair: SocketPair,
    report: &Report,
    status: String,
    wall: SystemTime,
    start: Instant,
) -> Span {
    let command = body.keys().next().cloned().unwrap_or_default();
    let collection = body
        .get_str("collection")
        .or_else(|_| body.get_str(&command))
        .unwrap_or_default();
    let micros =
        |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let mut attributes = Map::new();
    let mut add = |name: &str, value: Value| drop(attributes.insert(name.to_owned(), value));
    add("database", body.get_str("$db").unwrap_or_default().into());
    add("collection", collection.into());
    add("command", command.clone().into());
    add("documents", report.documents.load(Ordering::Relaxed).into());
    if let Some(plan) = report.plan.get() {
        add("plan", plan.clone().into());
        add("examined", report.examined.load(Ordering::Relaxed).into());
    }
    Span {
        trace: trace.trace,
        id: SpanId::from_random(fastrand::u64(..)),
        parent: Some(trace.parent),
        kind: SpanKind::MongoServer,
        source: server.pod.clone(),
        name: format!("{command} {collection}").trim_end().to_owned(),
        start: wall.duration_since(UNIX_EPOCH).map_or(0, micros),
        duration: micros(start.elapsed()),
        status,
        inbound: Some(pair),
        outbound: None,
        attributes,
    }
}

/// The client's address as `whatsmyuri` answers it.
pub(super) fn uri(client: SocketAddr) -> String {
    client.to_string()
}
