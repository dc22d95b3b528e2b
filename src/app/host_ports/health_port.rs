//! `healthCheckNodePort`: where a load balancer asks whether this machine has an endpoint of a
//! Service with `externalTrafficPolicy: Local`.
//!
//! The answer is kube-proxy's (its package `healthcheck`): 200 or 503, with the number of local
//! endpoints as JSON and as a weight.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use tokio::task::JoinSet;

use crate::model::{Service, ServiceType, TrafficPolicy};
use crate::net::bind;
use crate::registry::Registry;

/// kube-proxy's header for load balancers that weigh nodes.
const WEIGHT: &str = "x-load-balancing-endpoint-weight";

/// The servers, by Service.
#[derive(Debug)]
pub(super) struct HealthPorts {
    registry: Registry,
    address: IpAddr,
    /// Port and task; dropping the set ends the task and closes the socket.
    running: BTreeMap<String, (u16, JoinSet<()>)>,
    problems: BTreeMap<String, String>,
}

impl HealthPorts {
    pub(super) fn new(registry: Registry, address: IpAddr) -> Self {
        Self {
            registry,
            address,
            running: BTreeMap::new(),
            problems: BTreeMap::new(),
        }
    }

    /// Why a Service's port is not open.
    pub(super) fn problems(&self) -> &BTreeMap<String, String> {
        &self.problems
    }

    /// Serves the ports that there are now, and no others. What could not be bound is tried again
    /// with the next change.
    pub(super) fn keep(&mut self, cluster: &crate::registry::Cluster) {
        let services = cluster.services.values();
        let wanted: BTreeMap<&str, u16> = services
            .filter_map(|service| Some((service.name.as_str(), port(service)?)))
            .collect();
        self.problems.clear();
        self.running
            .retain(|name, (port, _)| wanted.get(name.as_str()) == Some(port));
        for (name, port) in wanted {
            if self.running.contains_key(name) {
                continue;
            }
            match bind(SocketAddr::new(self.address, port)) {
                Ok(listener) => {
                    let (registry, service) = (self.registry.clone(), name.to_owned());
                    let app = Router::new().fallback(async move || answer(&registry, &service));
                    let mut task = JoinSet::new();
                    task.spawn(async move {
                        // Its errors are of connections, and those end by themselves.
                        let _ = axum::serve(listener, app).await;
                    });
                    self.running.insert(name.to_owned(), (port, task));
                }
                Err(error) => {
                    let reason = error.to_string().replace('\n', "; ");
                    let problem = format!("healthCheckNodePort {port} is not open: {reason}");
                    self.problems.insert(name.to_owned(), problem);
                }
            }
        }
    }
}

fn port(service: &Service) -> Option<u16> {
    let asked = service.kind == ServiceType::LoadBalancer
        && service.external_traffic_policy == TrafficPolicy::Local;
    service
        .health_check_node_port
        .filter(|_| asked)
        .map(|port| port.0)
}

fn answer(registry: &Registry, name: &str) -> Response {
    let cluster = registry.snapshot();
    let slice = cluster.slices.get(name);
    let local = slice.map_or(0, |slice| slice.usable_here().count());
    let namespace = cluster
        .services
        .get(name)
        .map_or("", |service| service.namespace.as_str());
    let status = if local > 0 {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({
        "service": { "namespace": namespace, "name": name },
        "localEndpoints": local,
        "serviceProxyHealthy": true,
    });
    (status, [(WEIGHT, local.to_string())], Json(body)).into_response()
}
