//! From the lab's spans to OTLP's: kinds, status, and attributes by OpenTelemetry's semantic
//! conventions where they have a name; everything else is called `lab.…`.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value as Json;

use super::message::{
    AnyValue, ArrayValue, ExportRequest, KeyValue, Resource, ResourceSpans, Scope, ScopeSpans,
    Span, Status, Value,
};
use crate::model::{self, SpanKind};

/// Names that gRPC's statuses have in the lab, by their numbers.
const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// `STATUS_CODE_ERROR`; what is no error is left unset, as the conventions ask.
const ERROR: i32 = 2;

/// All spans of a batch, by who told them.
pub(super) fn request(lab: &str, spans: &[model::Span]) -> ExportRequest {
    let mut sources: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for told in spans {
        sources.entry(&told.source).or_default().push(span(told));
    }
    let resource_spans = sources.into_iter().map(|(source, spans)| ResourceSpans {
        resource: Some(resource(lab, source)),
        scope_spans: vec![ScopeSpans {
            scope: Some(Scope {
                name: "lab".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            spans,
        }],
    });
    ExportRequest {
        resource_spans: resource_spans.collect(),
    }
}

/// A pod is an instance of its Deployment, and pods are called `<deployment>-<suffix>`.
fn resource(lab: &str, source: &str) -> Resource {
    let deployment = source.rsplit_once('-').map_or(source, |(name, _)| name);
    let mut attributes = Attributes::default();
    attributes.text("service.name", deployment);
    attributes.text("service.namespace", lab);
    attributes.text("service.instance.id", source);
    if source != deployment {
        attributes.text("k8s.pod.name", source);
    }
    Resource {
        attributes: attributes.0,
    }
}

fn span(told: &model::Span) -> Span {
    let (kind, client) = kind(told.kind);
    let mut attributes = Attributes::default();
    for (name, value) in &told.attributes {
        attributes.add(told.kind, name, value);
    }
    let peer = if client { told.outbound } else { told.inbound };
    if let Some(pair) = peer {
        attributes.address("network.peer", pair.remote);
        attributes.address("network.local", pair.local);
    }
    let failed = outcome(told, &mut attributes);
    let message = told.text("error").unwrap_or_default();
    Span {
        trace: told.trace.to_bytes().to_vec(),
        id: told.id.to_bytes().to_vec(),
        parent: told
            .parent
            .map(|parent| parent.to_bytes().to_vec())
            .unwrap_or_default(),
        name: told.name.clone(),
        kind,
        start: told.start.saturating_mul(1000),
        end: told.end().saturating_mul(1000),
        attributes: attributes.0,
        status: failed.then(|| Status {
            message: message.to_owned(),
            code: ERROR,
        }),
    }
}

/// `SpanKind`, and whether it is the calling side.
fn kind(kind: SpanKind) -> (i32, bool) {
    const INTERNAL: i32 = 1;
    const SERVER: i32 = 2;
    const CLIENT: i32 = 3;
    const CONSUMER: i32 = 5;
    match kind {
        SpanKind::LoadBalancer => (INTERNAL, false),
        SpanKind::Ingress | SpanKind::HttpServer | SpanKind::GrpcServer | SpanKind::MongoServer => {
            (SERVER, false)
        }
        SpanKind::GrpcClient | SpanKind::MongoClient | SpanKind::RedisClient => (CLIENT, true),
        SpanKind::Worker => (CONSUMER, false),
    }
}

/// Writes down what the protocol calls its outcome; whether it is an error.
fn outcome(told: &model::Span, attributes: &mut Attributes) -> bool {
    let status = told.status.as_str();
    let failed = match told.kind {
        SpanKind::LoadBalancer => false,
        SpanKind::Ingress | SpanKind::HttpServer => {
            let code = status.parse::<i64>().ok();
            if let Some(code) = code {
                attributes.put("http.response.status_code", Value::Int(code));
            }
            // What the client did wrong is no error of a server.
            code.is_none_or(|code| code >= 500)
        }
        SpanKind::GrpcClient | SpanKind::GrpcServer => {
            attributes.text("rpc.system", "grpc");
            let number = GRPC_STATUSES.iter().position(|name| *name == status);
            if let Some(number) = number.and_then(|number| i64::try_from(number).ok()) {
                attributes.put("rpc.grpc.status_code", Value::Int(number));
            }
            status != "OK"
        }
        SpanKind::MongoClient | SpanKind::MongoServer => {
            database("mongodb", told, attributes);
            status != "OK"
        }
        SpanKind::RedisClient => {
            database("redis", told, attributes);
            status != "OK"
        }
        SpanKind::Worker => status != "OK",
    };
    if failed {
        attributes.text(
            "error.type",
            if status.is_empty() { "_OTHER" } else { status },
        );
    }
    failed
}

/// A command is the first word of the span's name: `find cloud_service`.
fn database(system: &str, told: &model::Span, attributes: &mut Attributes) {
    attributes.text("db.system.name", system);
    if let Some(command) = told.name.split(' ').next() {
        attributes.text("db.operation.name", command);
    }
}

#[derive(Debug, Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn put(&mut self, key: &str, value: Value) {
        // A name may stand once.
        if self.0.iter().any(|known| known.key == key) {
            return;
        }
        self.0.push(KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
        });
    }

    fn text(&mut self, key: &str, value: &str) {
        self.put(key, Value::Text(value.to_owned()));
    }

    fn address(&mut self, start: &str, address: SocketAddr) {
        self.text(&format!("{start}.address"), &address.ip().to_string());
        self.put(&format!("{start}.port"), Value::Int(address.port().into()));
    }

    /// An attribute of the lab's under the name that the conventions have for it.
    fn add(&mut self, kind: SpanKind, name: &str, value: &Json) {
        let http = matches!(kind, SpanKind::Ingress | SpanKind::HttpServer);
        let grpc = matches!(kind, SpanKind::GrpcClient | SpanKind::GrpcServer);
        let key = match name {
            "method" if http => "http.request.method",
            "path" if http => "url.path",
            "host" if http => "server.address",
            "client_address" => "client.address",
            "sni" => "tls.client.server_name",
            "request_bytes" if http => "http.request.body.size",
            "response_bytes" if http => "http.response.body.size",
            "database" => "db.namespace",
            "collection" => "db.collection.name",
            "command" => "db.query.text",
            "http_version" | "tls_version" => {
                let version = value.as_str().unwrap_or_default();
                let number = version.rsplit(['/', ' ']).next().unwrap_or_default();
                let key = match name {
                    "http_version" => "network.protocol.version",
                    _ => "tls.protocol.version",
                };
                // `HTTP/2.0` is called 2.
                return self.text(key, number.trim_end_matches(".0"));
            }
            "method" if grpc => {
                let path = value.as_str().unwrap_or_default().trim_start_matches('/');
                let (service, method) = path.rsplit_once('/').unwrap_or(("", path));
                if !service.is_empty() {
                    self.text("rpc.service", service);
                }
                return self.text("rpc.method", method);
            }
            // It becomes the message of the status.
            "error" => return,
            other => {
                let key = format!("lab.{other}");
                return self.put(&key, any(value));
            }
        };
        self.put(key, any(value));
    }
}

fn any(value: &Json) -> Value {
    match value {
        Json::String(text) => Value::Text(text.clone()),
        Json::Bool(bool) => Value::Bool(*bool),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Value::Int(int),
            (None, Some(double)) => Value::Double(double),
            (None, None) => Value::Text(number.to_string()),
        },
        Json::Array(values) if values.iter().all(Json::is_string) => {
            let values = values.iter().map(|value| AnyValue {
                value: Some(any(value)),
            });
            Value::Array(ArrayValue {
                values: values.collect(),
            })
        }
        // Conventions know no objects; who looks for them finds JSON.
        other => Value::Text(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{SpanId, TraceId};

    fn told(kind: SpanKind, status: &str, attributes: &Json) -> model::Span {
        model::Span {
            trace: TraceId::from_random(0xab),
            id: SpanId::from_random(0xcd),
            parent: Some(SpanId::from_random(0xef)),
            kind,
            source: "inventory-x7k2p".to_owned(),
            name: "find cloud_service".to_owned(),
            start: 5,
            duration: 7,
            status: status.to_owned(),
            inbound: None,
            outbound: None,
            attributes: attributes.as_object().unwrap().clone(),
        }
    }

    fn value(span: &Span, key: &str) -> Option<Value> {
        let found = span.attributes.iter().find(|one| one.key == key)?;
        found.value.clone()?.value
    }

    #[test]
    fn attributes_have_the_names_of_the_conventions() {
        let attributes = json!({"method": "POST", "path": "/a", "http_version": "HTTP/2.0",
            "tls_version": "TLS 1.3", "candidates": ["a", "b"], "selection": {"index": 1}});
        let found = span(&told(SpanKind::Ingress, "404", &attributes));
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        assert_eq!(value(&found, "http.request.method"), text("POST"));
        assert_eq!(value(&found, "network.protocol.version"), text("2"));
        assert_eq!(value(&found, "tls.protocol.version"), text("1.3"));
        assert_eq!(
            value(&found, "http.response.status_code"),
            Some(Value::Int(404))
        );
        assert_eq!(value(&found, "lab.selection"), text("{\"index\":1}"));
        assert_eq!(
            (found.status, found.kind),
            (None, 2),
            "a 404 is no error of the server"
        );
        assert_eq!((found.start, found.end), (5_000, 12_000));

        let attributes = json!({"method": "/spaceone.api.inventory.v1.Region/list", "error": "no"});
        let found = span(&told(SpanKind::GrpcClient, "NOT_FOUND", &attributes));
        assert_eq!(
            value(&found, "rpc.service"),
            text("spaceone.api.inventory.v1.Region")
        );
        assert_eq!(value(&found, "rpc.method"), text("list"));
        assert_eq!(value(&found, "rpc.grpc.status_code"), Some(Value::Int(5)));
        let status = found.status.unwrap();
        assert_eq!(
            (status.message.as_str(), status.code, found.kind),
            ("no", ERROR, 3)
        );
    }

    #[test]
    fn spans_are_grouped_by_their_source() {
        let spans = [
            told(
                SpanKind::MongoClient,
                "OK",
                &json!({"database": "inventory"}),
            ),
            told(SpanKind::GrpcServer, "OK", &json!({})),
        ];
        let request = request("lab", &spans);
        assert_eq!(request.resource_spans.len(), 1);
        let found = &request.resource_spans[0];
        assert_eq!(found.scope_spans[0].spans.len(), 2);
        let name = &found.resource.as_ref().unwrap().attributes[0];
        assert_eq!(name.key, "service.name");
        let text = Value::Text("inventory".to_owned());
        assert_eq!(name.value.as_ref().unwrap().value, Some(text));
        let mongo = &found.scope_spans[0].spans[0];
        assert_eq!(
            value(mongo, "db.operation.name"),
            Some(Value::Text("find".to_owned()))
        );
    }
}
