//! As much of a Kubernetes API as kubectl asks before it looks at files: which kinds there are.

use std::net::SocketAddr;

use axum::Json;
use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::ingress_support::localhost;

/// Name, version and kinds.
type Group = (&'static str, &'static str, &'static [Kind]);
/// Plural, kind, whether in a namespace.
type Kind = (&'static str, &'static str, bool);

/// Groups with their version, and the kinds in them: plural, kind, whether in a namespace.
const GROUPS: [Group; 4] = [
    (
        "",
        "v1",
        &[
            ("namespaces", "Namespace", false),
            ("services", "Service", true),
            ("configmaps", "ConfigMap", true),
            ("secrets", "Secret", true),
            ("persistentvolumeclaims", "PersistentVolumeClaim", true),
        ],
    ),
    ("apps", "v1", &[("deployments", "Deployment", true)]),
    (
        "networking.k8s.io",
        "v1",
        &[
            ("ingresses", "Ingress", true),
            ("ingressclasses", "IngressClass", false),
        ],
    ),
    (
        "discovery.k8s.io",
        "v1",
        &[("endpointslices", "EndpointSlice", true)],
    ),
];

/// Serves it until the test ends.
pub(super) async fn start() -> SocketAddr {
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route(
            "/api",
            get(async || Json(json!({"kind": "APIVersions", "versions": ["v1"]}))),
        )
        .route("/apis", get(async || Json(groups())))
        .route("/api/v1", get(async || Json(resources(""))))
        .route(
            "/apis/{group}/v1",
            get(async |Path(group): Path<String>| Json(resources(&group))),
        );
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn groups() -> Value {
    let named = GROUPS.iter().filter(|(name, ..)| !name.is_empty());
    let groups = named.map(|(name, version, _)| {
        let version = json!({"groupVersion": format!("{name}/{version}"), "version": version});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    });
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()})
}

fn resources(group: &str) -> Value {
    let (name, version, kinds) = GROUPS.iter().find(|(name, ..)| *name == group).unwrap();
    let resources = kinds.iter().map(|(plural, kind, namespaced)| {
        json!({
            "name": plural, "singularName": kind.to_lowercase(), "kind": kind,
            "namespaced": namespaced, "verbs": ["create", "get", "list", "patch"],
        })
    });
    let group_version = if name.is_empty() {
        (*version).to_owned()
    } else {
        format!("{name}/{version}")
    };
    json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": resources.collect::<Vec<_>>(),
    })
}
