//! `GET /api/forward`: the one pod that a port-forward leads to.
//!
//! As with kubectl, a Service is only a way to name a pod: the first ready one is taken, and nothing
//! is balanced.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::{AdminError, AdminState};
use crate::model::{ForwardTarget, Service};
use crate::registry::Cluster;

/// Where to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ForwardQuery {
    /// A pod, or a Service.
    target: String,
    /// Of a pod what its program listens on; of a Service its own, by number or name.
    port: String,
}

pub(super) async fn find(
    State(state): State<AdminState>,
    query: Result<Query<ForwardQuery>, QueryRejection>,
) -> Result<Json<ForwardTarget>, AdminError> {
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let cluster = state.registry.snapshot();
    let found = match cluster.services.get(&query.target) {
        Some(service) => of_service(&cluster, service, &query.port),
        None => of_pod(&cluster, &query.target, &query.port),
    };
    found.map(Json)
}

fn of_service(
    cluster: &Cluster,
    service: &Service,
    port: &str,
) -> Result<ForwardTarget, AdminError> {
    let name = &service.name;
    let refused = |why: String| AdminError::NoForward(why);
    let index = match port.parse() {
        Ok(number) => service.port_index(number),
        Err(_) => service.port_index_by_name(port),
    };
    let index = index.ok_or_else(|| {
        let ports = service.ports.iter().map(|port| port.port.to_string());
        let ports: Vec<_> = ports.collect();
        refused(format!(
            "Service {name} has no port {port}; it has {}",
            ports.join(", ")
        ))
    })?;
    let slice = cluster.slices.get(name);
    let mut usable = slice.into_iter().flat_map(|slice| slice.usable());
    let endpoint = usable
        .next()
        .ok_or_else(|| refused(format!("no endpoint of Service {name} is ready")))?;
    let address = endpoint.addresses.get(index).ok_or_else(|| {
        refused(format!(
            "the endpoints of Service {name} have no port {port}"
        ))
    })?;
    Ok(ForwardTarget {
        pod: endpoint
            .pod
            .clone()
            .unwrap_or_else(|| address.pod.to_string()),
        port: service.ports[index].target_port,
        address: address.host,
        others: usable.count(),
    })
}

fn of_pod(cluster: &Cluster, name: &str, port: &str) -> Result<ForwardTarget, AdminError> {
    let pod = cluster.pods.get(name);
    let pod =
        pod.ok_or_else(|| AdminError::NoForward(format!("there is no Service and no pod {name}")))?;
    let found = pod.ports.iter().find(|one| one.port.to_string() == port);
    let found = found.ok_or_else(|| {
        let ports = pod.ports.iter().map(|one| one.port.to_string());
        let ports: Vec<_> = ports.collect();
        AdminError::NoForward(match ports.as_slice() {
            [] => format!("pod {name} has no port now"),
            ports => format!("pod {name} has no port {port}; it has {}", ports.join(", ")),
        })
    })?;
    Ok(ForwardTarget {
        pod: name.to_owned(),
        port: found.port,
        address: found.host,
        others: 0,
    })
}
