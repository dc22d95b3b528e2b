//! The hops before the first pod: load balancer and ingress.

use crate::model::Span;

use super::render::{Screen, attribute, outcome};
use super::style::Paint;
use super::tree::{Branch, Line};
use super::words::{bytes, clean, duration, list, value};

/// Names listed before "and N more": a screen has no room for every pod of a large Service.
pub(super) const LISTED: usize = 6;

impl Screen<'_> {
    pub(super) fn load_balancer(&self, span: &Span) -> Branch {
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
            let policy =
                attribute(span, "by_header").map(|header| format!(" (its {header} header)"));
            let policy = policy.or_else(|| {
                let policy = attribute(span, "policy")?;
                Some(format!(" (externalTrafficPolicy {policy})"))
            });
            let policy = policy.unwrap_or_default();
            details.push(
                Line::new().plain(format!("the ingress sees the client as {seen_as}{policy}")),
            );
        }
        if let Some(replica) = attribute(span, "replica") {
            let among = among(span).map_or(String::new(), |among| format!(", one of {among}"));
            details.push(Line::new().plain(format!("gave the connection to {replica}{among}")));
        }
        details.extend(broken(span));
        Branch {
            head,
            details,
            ..Branch::default()
        }
    }

    pub(super) fn ingress(&self, span: &Span) -> Branch {
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
        broken(span).into_iter().for_each(&mut detail);
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
        let mut rest = Vec::new();
        let mut choice = selection(span).map_or(String::new(), |how| how.replace('-', " "));
        if let Some(among) = among(span) {
            choice = format!("{choice} among {among}");
        }
        if !choice.is_empty() {
            rest.push(choice.trim().to_owned());
        }
        if let Some(age) = attribute(span, "upstream_connection") {
            rest.push(format!("{age} connection"));
        }
        if let Some(protocol) = attribute(span, "upstream_protocol") {
            rest.push(protocol);
        }
        Some(line.plain(after(&rest)))
    }
}

/// What was broken on purpose.
fn broken(span: &Span) -> Vec<Line> {
    let faults = span.attributes.get("faults");
    let faults = faults.and_then(serde_json::Value::as_array);
    let line = |fault| Line::new().with(Paint::Bad, format!("broken on purpose: {}", value(fault)));
    faults.into_iter().flatten().map(line).collect()
}

/// What the client met: TLS, name, certificate, protocol.
fn front(span: &Span) -> Option<String> {
    let mut parts = Vec::new();
    if let Some(version) = attribute(span, "tls_version") {
        parts.push(version.clone());
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
    let mut rest = Vec::new();
    if let Some(count) = span.number("request_bytes") {
        rest.push(format!("{} in", bytes(count)));
    }
    if let Some(count) = span.number("response_bytes") {
        rest.push(format!("{} out", bytes(count)));
    }
    rest.push(duration(span.duration));
    Line::new()
        .with(outcome(&span.status), clean(&span.status))
        .plain(after(&rest))
}

/// Parts that go on after something, each with a comma before it.
fn after(parts: &[String]) -> String {
    parts.iter().flat_map(|part| [", ", part]).collect()
}

/// `3 ready (a, b, c)`
fn among(span: &Span) -> Option<String> {
    let candidates = span.attributes.get("candidates")?.as_array()?;
    if candidates.is_empty() {
        return None;
    }
    let names = list(candidates.iter().map(value), LISTED);
    Some(match candidates.len() {
        1 => "1 ready".to_owned(),
        total => format!("{total} ready ({names})"),
    })
}

/// The algorithm's name, told as such or within an object.
fn selection(span: &Span) -> Option<String> {
    let told = span.attributes.get("selection")?;
    Some(value(told.get("algorithm").unwrap_or(told)))
}
