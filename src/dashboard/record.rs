//! `GET /api/record`: requests as they come; `POST /api/route`: where one would go.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;

use super::{AdminError, AdminState, scale, stream as ndjson};
use crate::model::{
    Flavour, GatewayPorts, NginxOptions, Objects, RECORDING, Recorded, RecordingHead, RouteAnswer,
    RouteRequest, TraefikOptions, compile,
};
use crate::registry::Cluster;

/// What is written down.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecordQuery {
    /// Also what proves who somebody is.
    #[serde(default)]
    secrets: bool,
}

/// The head of a recording, and requests until the client goes or the lab stops.
pub(super) async fn record(
    State(state): State<AdminState>,
    query: Result<Query<RecordQuery>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let cluster = state.registry.snapshot();
    let head = RecordingHead {
        lab_recording: RECORDING,
        lab: state.facts.borrow().name.clone(),
        flavour: cluster.ingress_classes.load_balancer.clone(),
    };
    let recorded = state.records.record().map(move |recorded| match recorded {
        Ok(recorded) if query.secrets => ndjson::line(&*recorded),
        Ok(recorded) => ndjson::line(&Recorded::clone(&recorded).without_secrets()),
        Err(missed) => ndjson::line(&json!({ "missed": missed })),
    });
    let mut shutdown = state.shutdown.clone();
    let recorded = recorded.take_until(async move { shutdown.recv().await });
    let head = stream::iter([ndjson::line(&head)]);
    Ok(ndjson::lines(head.chain(recorded)))
}

/// What the lab's Ingresses would do with a request in either flavour.
pub(super) async fn route(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<RouteAnswer>, AdminError> {
    let RouteRequest { flavour, request } = scale::read(&body)?;
    let cluster = state.registry.snapshot();
    let redirect_https = state.facts.borrow().export.redirect_https;
    let own = &cluster.ingress_classes.load_balancer;
    let flavour = flavour.as_ref().unwrap_or(own);
    let named = match flavour.as_str() {
        "traefik" => Flavour::Traefik(TraefikOptions {
            redirect_https,
            ..TraefikOptions::default()
        }),
        "nginx" => Flavour::Nginx(NginxOptions { redirect_https }),
        other => {
            let told = format!("there is no flavour {other}; there are traefik and nginx");
            return Err(AdminError::Body(told));
        }
    };
    let answer = if flavour == own {
        // What runs, with all that the config says of it.
        RouteAnswer::of(&cluster.routes, &named, &request)
    } else {
        RouteAnswer::of(&compiled(&cluster, &named), &named, &request)
    };
    Ok(Json(answer))
}

/// The Ingresses that the lab serves, as if they were of the other controller's class.
fn compiled(cluster: &Cluster, flavour: &Flavour) -> crate::model::RouteTable {
    let ingresses = cluster.ingresses.values().map(|ingress| &**ingress);
    let served = cluster.ingress_classes.served(ingresses);
    let balancer = cluster.services.get(&cluster.ingress_classes.load_balancer);
    let ports: BTreeMap<&str, u16> = balancer
        .iter()
        .flat_map(|service| &service.ports)
        .map(|port| (port.name.as_str(), port.port))
        .collect();
    let port = |name: &str, usual: u16| ports.get(name).copied().unwrap_or(usual);
    let ports = GatewayPorts {
        http: port("web", 80),
        https: port("websecure", 443),
    };
    let objects = Objects::new(&cluster.services)
        .secrets(&cluster.secrets)
        .gateways(&cluster.gateway_api, ports);
    compile(served, &objects, flavour).table
}
