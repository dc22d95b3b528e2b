//! A ClusterIP connection: the hop that knows nothing of requests, and decides where they go.

use crate::model::{Connection, Hop, Selection, SpanKind};

use super::render::Screen;
use super::style::Paint;
use super::tree::{Branch, Line};
use super::way_in::LISTED;
use super::words::{clean, count, list};

impl Screen<'_> {
    pub(super) fn connection(&self, connection: &Connection, hop: &Hop) -> Branch {
        let chosen = connection
            .pod
            .clone()
            .unwrap_or_else(|| connection.endpoint.to_string());
        let head = Line::new()
            .plain("ClusterIP ")
            .with(Paint::Strong, clean(&connection.service))
            .dim(format!(" {}", connection.cluster_ip))
            .plain(format!(" {} ", self.style.arrow()))
            .with(Paint::Strong, clean(&chosen));
        let mut details = vec![
            Line::new()
                .plain(format!(
                    "connection #{} drawn {}, ",
                    connection.id,
                    self.when(connection.drawn_at)
                ))
                .plain(drawn(connection))
                .dim(format!("; it goes on to {}", connection.endpoint)),
        ];
        if let Some(fault) = &connection.fault {
            let text = format!("broken on purpose: {}", clean(fault));
            details.push(Line::new().with(Paint::Bad, text));
        }
        let before = connection.drawn_at < self.film.started;
        let calls = hop.children.iter().find_map(Hop::span);
        if before && let Some(span) = calls {
            let call = match span.kind {
                SpanKind::GrpcServer => "call of this channel",
                SpanKind::MongoServer => "command on this connection",
                _ => "request on this connection",
            };
            details.push(Line::new().plain(format!("so every {call} lands on {}", clean(&chosen))));
        }
        if let Some(line) = self.since(connection) {
            details.push(line);
        }
        Branch {
            head,
            details,
            ..Branch::default()
        }
    }

    /// What has changed among the endpoints since the draw.
    fn since(&self, connection: &Connection) -> Option<Line> {
        let now = self.film.endpoints_now.get(&connection.service)?;
        let new: Vec<&String> = now
            .iter()
            .filter(|endpoint| !connection.candidates.contains(endpoint))
            .collect();
        if new.is_empty() {
            return None;
        }
        let names = list(new.iter().map(|name| clean(name)), LISTED);
        let (were, them) = if new.len() == 1 {
            ("was", "it")
        } else {
            ("were", "them")
        };
        Some(Line::new().with(
            Paint::Warning,
            format!(
                "{} {were} not there then, and this connection never reaches {them}: {names}",
                count(new.len(), "endpoint"),
            ),
        ))
    }
}

/// How and among whom a connection was drawn.
fn drawn(connection: &Connection) -> String {
    let total = connection.candidates.len();
    let names = list(connection.candidates.iter().map(|name| clean(name)), LISTED);
    let among = format!("among {} ({names})", count(total, "endpoint"));
    // With one to choose from, which one it was goes without saying.
    let which = |words: &str, index: usize| {
        if total > 1 {
            format!(", {words} number {}", index.saturating_add(1))
        } else {
            String::new()
        }
    };
    match connection.selection {
        Selection::Random { index } => {
            format!("uniform random {among}{}", which("the dice showed", index))
        }
        Selection::RoundRobin { index } => {
            format!("round robin {among}{}", which("it was the turn of", index))
        }
        Selection::ClientIp { client } => {
            format!("the endpoint that {client} had before (ClientIP affinity) {among}")
        }
    }
}
