//! A film as a tree in the terminal, hop by hop, in plain words.
//!
//! Load balancer, ingress and the first pod stand below one another, because they are the way in;
//! from there on each call stands below the hop that made it. Pure: the same film and style give
//! the same text.

use crate::model::{Connection, Event, Film, Hop, Selection, Span, SpanKind};

use super::style::{Paint, Style};
use super::tree::{Branch, Line, draw, draw_line};
use super::words::{age, bytes, clean, count, duration, list, shorten, value};

/// Names listed before "and N more": a screen has no room for every pod of a large Service.
const LISTED: usize = 6;

/// Characters of a MongoDB command that are shown.
const COMMAND: usize = 160;

/// The film as text. `request` is what was asked for, as the user knows it; without it the first
/// hop's own words are used.
pub fn render(film: &Film, request: Option<&str>, style: Style) -> String {
    let screen = Screen { film, style };
    let mut text = draw_line(&screen.title(request), style);
    let mut branches = Vec::new();
    for hop in &film.hops {
        screen.way_in(hop, &mut branches);
    }
    text.push_str(&draw(&branches, style));
    for line in screen.doubts() {
        text.push_str(&draw_line(&line, style));
    }
    text
}

struct Screen<'a> {
    film: &'a Film,
    style: Style,
}

impl Screen<'_> {
    fn title(&self, request: Option<&str>) -> Line {
        let film = self.film;
        let line = Line::new()
            .with(Paint::Strong, clean(request.unwrap_or(&film.name)))
            .plain(format!(" {} ", self.style.arrow()))
            .with(outcome(&film.status), clean(&film.status))
            .plain(format!(" in {}", duration(film.duration)));
        line.dim(format!("   trace {}", film.trace))
    }

    fn doubts(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut doubt = |text: String| lines.push(Line::new().with(Paint::Warning, text));
        if !self.film.settled {
            doubt("The film may not be complete: some hops have not told yet.".into());
        }
        if self.film.left_out > 0 {
            doubt(format!(
                "{} more found no room in this film.",
                count(
                    usize::try_from(self.film.left_out).unwrap_or(usize::MAX),
                    "hop"
                )
            ));
        }
        lines
    }

    /// The hops before the first pod become siblings, so that the tree begins where calls fan out.
    fn way_in(&self, hop: &Hop, branches: &mut Vec<Branch>) {
        let kind = hop.span().map(|span| span.kind);
        if matches!(kind, Some(SpanKind::LoadBalancer | SpanKind::Ingress)) {
            branches.push(self.alone(hop));
            for child in &hop.children {
                self.way_in(child, branches);
            }
        } else {
            branches.push(self.branch(hop));
        }
    }

    fn branch(&self, hop: &Hop) -> Branch {
        let mut branch = self.alone(hop);
        branch.children = hop
            .children
            .iter()
            .map(|child| self.branch(child))
            .collect();
        branch
    }

    fn alone(&self, hop: &Hop) -> Branch {
        let mut branch = match &hop.what {
            Event::Span(span) => self.span(span, hop),
            Event::Connection(connection) => self.connection(connection, hop),
        };
        if let Some(note) = &hop.note {
            let paint = if hop.joined {
                Paint::Dim
            } else {
                Paint::Warning
            };
            branch.details.push(Line::new().with(paint, clean(note)));
        } else if !hop.joined {
            branch.details.push(Line::new().with(
                Paint::Warning,
                "placed here by its parent's id; no address proves it",
            ));
        }
        branch
    }

    fn span(&self, span: &Span, hop: &Hop) -> Branch {
        match span.kind {
            SpanKind::LoadBalancer => self.load_balancer(span),
            SpanKind::Ingress => self.ingress(span),
            SpanKind::HttpServer | SpanKind::GrpcServer | SpanKind::MongoServer => served(span),
            SpanKind::GrpcClient => self.grpc_call(span, hop),
            SpanKind::MongoClient => mongo_call(span),
        }
    }

    fn load_balancer(&self, span: &Span) -> Branch {
        let arrow = self.style.arrow();
        let mut head = Line::new().with(Paint::Strong, "load balancer");
        let client = attribute(span, "client").or_else(|| Some(span.inbound?.remote.to_string()));
        if let Some(client) = client {
            head = head.plain(format!("   {client}"));
            if let Some(inbound) = span.inbound {
                head = head.dim(format!(" {arrow} {}", inbound.local));
            }
        }
        let mut details = Vec::new();
        if let Some(seen_as) = attribute(span, "seen_as") {
            let policy = attribute(span, "policy")
                .map(|policy| format!(" (externalTrafficPolicy {policy})"))
                .unwrap_or_default();
            details.push(
                Line::new().plain(format!("the ingress sees the client as {seen_as}{policy}")),
            );
        }
        if let Some(replica) = attribute(span, "replica") {
            let among = among(span).map_or(String::new(), |among| format!(", one of {among}"));
            details.push(Line::new().plain(format!("gave the connection to {replica}{among}")));
        }
        Branch {
            head,
            details,
            ..Branch::default()
        }
    }

    fn ingress(&self, span: &Span) -> Branch {
        let head = Line::new().with(Paint::Strong, format!("ingress {}", clean(&span.source)));
        let mut details = Vec::new();
        let mut detail = |line: Line| details.push(line);
        if let Some(front) = front(span) {
            detail(Line::new().plain(front));
        }
        if let Some(route) = attribute(span, "route") {
            let why = attribute(span, "route_why").map_or(String::new(), |why| format!(": {why}"));
            detail(
                Line::new()
                    .plain("rule ")
                    .with(Paint::Strong, route)
                    .plain(format!(" won{why}")),
            );
        }
        if let Some(losers) = losers(span) {
            detail(Line::new().dim(format!("lost: {losers}")));
        }
        if let Some(line) = self.drawn_by_ingress(span) {
            detail(line);
        }
        if let Some(error) = attribute(span, "error") {
            detail(
                Line::new()
                    .with(Paint::Bad, "the ingress answered itself: ")
                    .plain(error),
            );
        }
        detail(answered(span));
        Branch {
            head,
            details,
            ..Branch::default()
        }
    }

    /// `service inventory → inventory-a 10.42.0.7:50051, round robin among 2 (…), reused …`
    fn drawn_by_ingress(&self, span: &Span) -> Option<Line> {
        let service = attribute(span, "service")?;
        let mut line = Line::new().plain(format!("service {service}"));
        let pod = attribute(span, "pod");
        let endpoint = attribute(span, "endpoint");
        if pod.is_some() || endpoint.is_some() {
            line = line.plain(format!(" {} ", self.style.arrow()));
        }
        if let Some(pod) = pod {
            line = line.with(Paint::Strong, pod).plain(" ");
        }
        if let Some(endpoint) = endpoint {
            line = line.dim(endpoint);
        }
        let mut rest = String::new();
        if let Some(selection) = attribute(span, "selection") {
            rest += &format!(", {}", selection.replace('-', " "));
        }
        if let Some(among) = among(span) {
            rest += &format!(" among {among}");
        }
        if let Some(age) = attribute(span, "upstream_connection") {
            rest += &format!(", {age} connection");
        }
        if let Some(protocol) = attribute(span, "upstream_protocol") {
            rest += &format!(", {protocol}");
        }
        Some(line.plain(rest))
    }

    fn grpc_call(&self, span: &Span, hop: &Hop) -> Branch {
        let called = match (attribute(span, "service"), attribute(span, "method")) {
            (Some(service), Some(method)) if !method.contains('/') => format!("{service}/{method}"),
            (_, Some(method)) => method,
            _ => clean(&span.name),
        };
        let mut details = Vec::new();
        // With the connection below, its own line says when it was drawn.
        if let Some(at) = span.number("connected_at")
            && !hop
                .children
                .iter()
                .any(|child| child.connection().is_some())
        {
            details.push(Line::new().plain(format!("channel opened {}", self.when(at))));
        }
        Branch {
            head: Line::new()
                .plain("gRPC ")
                .with(Paint::Strong, called)
                .plain("   ")
                .with(outcome(&span.status), clean(&span.status))
                .plain(format!("   {}", duration(span.duration))),
            details,
            ..Branch::default()
        }
    }

    fn connection(&self, connection: &Connection, hop: &Hop) -> Branch {
        let chosen = connection
            .pod
            .clone()
            .unwrap_or_else(|| connection.endpoint.to_string());
        let mut head = Line::new()
            .plain("ClusterIP ")
            .with(Paint::Strong, clean(&connection.service))
            .dim(format!(" {}", connection.cluster_ip))
            .plain(format!(" {} ", self.style.arrow()))
            .with(Paint::Strong, clean(&chosen));
        if connection.pod.is_some() {
            head = head.dim(format!(" {}", connection.endpoint));
        }
        let mut details = vec![Line::new().plain(format!(
            "connection #{} drawn {}: {}",
            connection.id,
            self.when(connection.drawn_at),
            drawn(connection)
        ))];
        let before = connection.drawn_at < self.film.started;
        let calls = hop.children.iter().filter_map(Hop::span).next();
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
        let (are, them) = if new.len() == 1 {
            ("was", "it")
        } else {
            ("were", "them")
        };
        Some(Line::new().with(
            Paint::Warning,
            format!(
                "{} {are} not there then: {names}; this connection never reaches {them}",
                count(new.len(), "endpoint of now").replace("endpoint of nows", "endpoints of now")
            ),
        ))
    }

    /// A moment relative to the request, which is what matters about a connection.
    fn when(&self, moment: u64) -> String {
        let started = self.film.started;
        if moment < started {
            format!("{} before this request", age(started - moment))
        } else {
            format!("for this request, {} into it", duration(moment - started))
        }
    }
}

/// A pod that answered.
fn served(span: &Span) -> Branch {
    let mut head = Line::new()
        .with(Paint::Strong, clean(&span.source))
        .plain(format!("   {}   ", clean(&span.name)))
        .with(outcome(&span.status), clean(&span.status))
        .plain(format!("   {}", duration(span.duration)));
    if let Some(inbound) = span.inbound {
        head = head.dim(format!("   at {}", inbound.local));
    }
    Branch {
        head,
        ..Branch::default()
    }
}

fn mongo_call(span: &Span) -> Branch {
    let mut head = Line::new()
        .plain("MongoDB ")
        .with(Paint::Strong, clean(&span.name))
        .plain("   ")
        .with(outcome(&span.status), clean(&span.status))
        .plain(format!("   {}", duration(span.duration)));
    let returned = span.number("documents").or_else(|| span.number("n"));
    if let Some(documents) = returned {
        let documents = usize::try_from(documents).unwrap_or(usize::MAX);
        head = head.dim(format!("   {}", count(documents, "document")));
    }
    let command = attribute_json(span, "command");
    Branch {
        head,
        details: command
            .into_iter()
            .map(|command| Line::new().dim(shorten(&command, COMMAND)))
            .collect(),
        ..Branch::default()
    }
}

/// What the client met: TLS, name, certificate, protocol.
fn front(span: &Span) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(version) = attribute(span, "tls_version") {
        parts.push(version.replace('_', " ").replace("TLSv", "TLS "));
    }
    if let Some(sni) = attribute(span, "sni") {
        parts.push(format!("SNI {sni}"));
    }
    if let Some(certificate) = attribute(span, "certificate") {
        parts.push(format!("certificate {certificate}"));
    }
    let protocol = attribute(span, "alpn").or_else(|| attribute(span, "http_version"));
    parts.extend(protocol);
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn losers(span: &Span) -> Option<String> {
    let losers = span.attributes.get("losers")?.as_array()?;
    let described = losers.iter().map(|loser| {
        let text = |name: &str| loser.get(name).map(value);
        match (text("route"), text("reason")) {
            (Some(route), Some(reason)) => format!("{route} ({reason})"),
            _ => value(loser),
        }
    });
    (!losers.is_empty()).then(|| list(described, LISTED))
}

fn answered(span: &Span) -> Line {
    let mut rest = String::new();
    if let Some(count) = span.number("request_bytes") {
        rest += &format!(", {} in", bytes(count));
    }
    if let Some(count) = span.number("response_bytes") {
        rest += &format!(", {} out", bytes(count));
    }
    Line::new()
        .with(outcome(&span.status), clean(&span.status))
        .plain(format!("{rest}, {}", duration(span.duration)))
}

/// `3 (a, b, c)`
fn among(span: &Span) -> Option<String> {
    let candidates = span.attributes.get("candidates")?.as_array()?;
    let names = list(candidates.iter().map(value), LISTED);
    Some(format!("{} ({names})", candidates.len()))
}

/// How and among whom a connection was drawn.
fn drawn(connection: &Connection) -> String {
    let total = connection.candidates.len();
    let names = list(connection.candidates.iter().map(|name| clean(name)), LISTED);
    let only = total == 1;
    match connection.selection {
        Selection::Random { .. } if only => format!("uniform random, with {names} alone to choose"),
        Selection::Random { index } => {
            format!("uniform random, the dice showed {index} (from 0) among {names}")
        }
        Selection::RoundRobin { .. } if only => format!("round robin, with {names} alone"),
        Selection::RoundRobin { index } => {
            format!("round robin, it was the turn of {index} (from 0) among {names}")
        }
        Selection::ClientIp { client } => {
            format!("ClientIP affinity, as the last connection of {client}, among {names}")
        }
    }
}

/// An attribute in words.
fn attribute(span: &Span, name: &str) -> Option<String> {
    let text = value(span.attributes.get(name)?);
    (!text.is_empty()).then_some(text)
}

/// An attribute that is JSON, whether it came as such or as text.
fn attribute_json(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.get(name)?;
    Some(found.as_str().map_or_else(|| found.to_string(), clean))
}

/// What a status means, whatever the protocol calls it.
fn outcome(status: &str) -> Paint {
    match status.as_bytes() {
        [b'1' | b'2', _, _] | b"OK" | b"ok" => Paint::Good,
        [b'3' | b'4', _, _] => Paint::Warning,
        b"" => Paint::Plain,
        _ => Paint::Bad,
    }
}
