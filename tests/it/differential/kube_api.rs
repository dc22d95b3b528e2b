//! A Kubernetes API that can only be read: lists and watches of objects that never change.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use futures_util::stream::{self, StreamExt as _};
use http::{StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::objects::Objects;
use crate::ingress_support::localhost;

/// Resources by the end of their path, their kind and version.
const RESOURCES: [(&str, &str, &str); 7] = [
    ("ingresses", "Ingress", "networking.k8s.io/v1"),
    ("ingressclasses", "IngressClass", "networking.k8s.io/v1"),
    ("services", "Service", "v1"),
    ("endpointslices", "EndpointSlice", "discovery.k8s.io/v1"),
    ("secrets", "Secret", "v1"),
    ("nodes", "Node", "v1"),
    ("configmaps", "ConfigMap", "v1"),
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Options {
    #[serde(default)]
    watch: bool,
    #[serde(default)]
    send_initial_events: bool,
}

/// Serves these objects.
pub(super) async fn start(objects: Arc<Objects>) -> SocketAddr {
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(objects);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn answer(
    State(objects): State<Arc<Objects>>,
    uri: Uri,
    Query(options): Query<Options>,
) -> Response {
    if uri.path() == "/version" {
        let version = json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0"});
        return Json(version).into_response();
    }
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let Some((_, kind, version)) = RESOURCES.iter().find(|(name, ..)| *name == last) else {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
            "reason": "NotFound", "code": 404});
        return (StatusCode::NOT_FOUND, Json(status)).into_response();
    };
    let items: Vec<Value> = objects.of(kind).into_iter().map(stored).collect();
    if !options.watch {
        return Json(json!({
            "kind": format!("{kind}List"), "apiVersion": version,
            "metadata": {"resourceVersion": "1"}, "items": items,
        }))
        .into_response();
    }
    let mut events = Vec::new();
    if options.send_initial_events {
        let added = |object| json!({"type": "ADDED", "object": object});
        events.extend(items.into_iter().map(added));
        events.push(json!({"type": "BOOKMARK", "object": {
            "kind": kind, "apiVersion": version,
            "metadata": {
                "resourceVersion": "1",
                "annotations": {"k8s.io/initial-events-end": "true"},
            },
        }}));
    }
    let lines = events.into_iter().map(|event| format!("{event}\n"));
    let body = stream::iter(lines).chain(stream::pending());
    let body = Body::from_stream(body.map(Ok::<_, Infallible>));
    ([("content-type", "application/json")], body).into_response()
}

/// An object as it is stored: with what the API adds.
fn stored(object: &Value) -> Value {
    let mut object = object.clone();
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let metadata = object["metadata"].as_object_mut().unwrap();
    metadata.insert("uid".to_owned(), json!(format!("uid-of-{name}")));
    metadata.insert("resourceVersion".to_owned(), json!("1"));
    metadata.insert("generation".to_owned(), json!(1));
    metadata.insert(
        "creationTimestamp".to_owned(),
        json!("2026-01-01T00:00:00Z"),
    );
    if object["kind"] == "Secret"
        && let Some(texts) = object["stringData"].as_object().cloned()
    {
        use base64::Engine as _;
        for (key, text) in texts {
            let text = text.as_str().unwrap();
            let data = base64::engine::general_purpose::STANDARD.encode(text);
            object["data"][key] = json!(data);
        }
    }
    object
}
