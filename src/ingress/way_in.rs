//! The two spans of a film as they are when the request is there: what is known of the way in.

use http::Request;
use serde_json::json;

use super::connection::Client;
use super::film::{attributes, micros, micros_of};
use crate::model::{SocketPair, Span, SpanId, SpanKind, TraceId, TrafficPolicy};

/// The load balancer's span and the ingress' own. `first` says that no request on this connection was
/// filmed before, `now` when it came, in microseconds since the Unix epoch.
pub(super) fn spans<B>(
    client: &Client,
    request: Option<&Request<B>>,
    (trace, parent): (TraceId, Option<SpanId>),
    first: bool,
    now: u64,
) -> (Box<Span>, Box<Span>) {
    let accepted = micros(client.wall);
    let inbound = Some(SocketPair {
        local: client.local,
        remote: client.remote,
    });
    let balancer = Box::new(Span {
        trace,
        id: SpanId::from_random(fastrand::u64(..)),
        parent,
        kind: SpanKind::LoadBalancer,
        source: "lb".to_owned(),
        name: format!("accept :{}", client.local.port()),
        start: if first { accepted } else { now },
        duration: if first { micros_of(client.opened) } else { 0 },
        status: "accepted".to_owned(),
        inbound,
        outbound: None,
        attributes: attributes([
            ("client", json!(client.remote)),
            ("seen_as", json!(client.seen_as)),
            (
                "policy",
                json!(match client.policy {
                    TrafficPolicy::Cluster => "Cluster",
                    TrafficPolicy::Local => "Local",
                }),
            ),
            (
                "by_header",
                json!(client.by_header.then_some("PROXY protocol")),
            ),
            ("replica", json!(client.replica())),
            ("candidates", json!(client.candidates)),
            ("faults", json!(client.fault.as_ref().map(|fault| [fault]))),
            ("accepted_at", json!(accepted)),
            ("connection", json!(if first { "new" } else { "reused" })),
        ]),
    });
    let mut span = Box::new(Span {
        trace,
        id: SpanId::from_random(fastrand::u64(..)),
        parent: Some(balancer.id),
        kind: SpanKind::Ingress,
        source: client.replica().to_owned(),
        name: request.map_or_else(
            || "what is no request".to_owned(),
            |request| format!("{} {}", request.method(), request.uri().path()),
        ),
        start: now,
        duration: 0,
        status: String::new(),
        inbound,
        outbound: None,
        attributes: attributes([
            ("method", json!(request.map(|it| it.method().as_str()))),
            ("path", json!(request.map(|it| it.uri().path()))),
            (
                "http_version",
                json!(request.map(|it| format!("{:?}", it.version()))),
            ),
            ("client_address", json!(client.seen_as.ip())),
        ]),
    });
    if let Some(tls) = &client.tls {
        span.attributes.extend(attributes([
            ("tls_version", json!(tls.version)),
            ("sni", json!(tls.server_name)),
            ("alpn", json!(tls.alpn)),
            ("certificate", json!(tls.certificate)),
            ("client_certificate", json!(tls.shown.as_ref().map(shown))),
        ]));
    }
    (balancer, span)
}

/// A client's certificate in words.
fn shown(certificate: &crate::net::ShownCertificate) -> String {
    let verdict = if certificate.verified {
        "verified"
    } else {
        "not verified"
    };
    format!("{} ({verdict})", certificate.subject)
}
