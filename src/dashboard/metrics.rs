//! `GET /metrics` for Prometheus, and `GET /api/traffic`, the ingress' counters as JSON.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;

use super::AdminState;
use super::exposition::Page;
use crate::model::ServiceTraffic;
use crate::registry::Cluster;

/// Prometheus' text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn traffic(State(state): State<AdminState>) -> Json<Vec<ServiceTraffic>> {
    Json(counted(&state, &state.registry.snapshot()))
}

pub(super) async fn show(State(state): State<AdminState>) -> Response {
    let cluster = state.registry.snapshot();
    let mut page = Page::default();
    about(&mut page, &state);
    requests(&mut page, &counted(&state, &cluster));
    connections(&mut page, &state);
    pods(&mut page, &cluster);
    films(&mut page, &state);
    ([(CONTENT_TYPE, FORMAT)], page.into_text()).into_response()
}

/// What the ingress has counted, of endpoints that exist: pods come and go, and a name for each would
/// fill whoever keeps them.
fn counted(state: &AdminState, cluster: &Cluster) -> Vec<ServiceTraffic> {
    let mut counted = state.records.traffic();
    for service in &mut counted {
        // What the lab does not run is named by its address.
        let exists = |pod: &str| cluster.pods.contains_key(pod) || pod.contains([':', ' ']);
        service.endpoints.retain(|endpoint| exists(&endpoint.pod));
    }
    counted
}

fn about(page: &mut Page, state: &AdminState) {
    let facts = state.facts.borrow();
    let labels = [
        ("lab", &*facts.name),
        ("runtime", &*facts.runtime),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    page.family("lab_info", "gauge", "Always 1; the labels say what runs.")
        .sample(&labels, 1);
}

fn requests(page: &mut Page, counted: &[ServiceTraffic]) {
    let mut family = page.family(
        "lab_ingress_requests_total",
        "counter",
        "Requests that the ingress answered; the service is empty where none was reached, and 499 is a client that did not wait.",
    );
    for service in counted {
        for request in &service.requests {
            let code = request.code.to_string();
            let labels = [
                ("service", &*service.service),
                ("code", &*code),
                ("method", &*request.method),
            ];
            family.sample(&labels, request.count);
        }
    }
    let mut family = page.family(
        "lab_ingress_request_duration_seconds",
        "histogram",
        "From the head of a request to the head of its answer.",
    );
    for service in counted {
        family.histogram(&[("service", &service.service)], &service.duration);
    }
    let endpoints = || {
        counted.iter().flat_map(|service| {
            let endpoints = service.endpoints.iter();
            endpoints.map(|endpoint| {
                let labels = [("service", &*service.service), ("pod", &*endpoint.pod)];
                (labels, endpoint)
            })
        })
    };
    let mut family = page.family(
        "lab_ingress_endpoint_requests_total",
        "counter",
        "Requests by the endpoint that the ingress chose.",
    );
    for (labels, endpoint) in endpoints() {
        family.sample(&labels, endpoint.duration.count());
    }
    let mut family = page.family(
        "lab_ingress_endpoint_errors_total",
        "counter",
        "Of these, answers of 500 and above, and answers that did not come.",
    );
    for (labels, endpoint) in endpoints() {
        family.sample(&labels, endpoint.errors);
    }
}

fn connections(page: &mut Page, state: &AdminState) {
    let mut open: BTreeMap<(String, String), u64> = BTreeMap::new();
    for connection in state.records.open_connections() {
        let endpoint = || connection.endpoint.to_string();
        let pod = connection.pod.clone().unwrap_or_else(endpoint);
        *open.entry((connection.service, pod)).or_default() += 1;
    }
    let mut family = page.family(
        "lab_connections_open",
        "gauge",
        "Open connections through ClusterIPs and host ports, by the endpoint that was drawn.",
    );
    for ((service, pod), count) in &open {
        family.sample(&[("service", service), ("pod", pod)], *count);
    }
    let mut family = page.family(
        "lab_connections_total",
        "counter",
        "Connections through ClusterIPs and host ports for which an endpoint was drawn.",
    );
    for (service, count) in &state.records.drawn() {
        family.sample(&[("service", service)], *count);
    }
}

fn pods(page: &mut Page, cluster: &Cluster) {
    let pods = || {
        cluster.pods.values().map(|pod| {
            let labels = [("deployment", &*pod.deployment), ("pod", &*pod.name)];
            (labels, pod)
        })
    };
    let mut family = page.family("lab_pod_ready", "gauge", "1 while the pod's probe passes.");
    for (labels, pod) in pods() {
        family.sample(&labels, u64::from(pod.ready && !pod.terminating));
    }
    let mut family = page.family(
        "lab_pod_restarts_total",
        "counter",
        "How often the pod's program was started again.",
    );
    for (labels, pod) in pods() {
        family.sample(&labels, u64::from(pod.restarts));
    }
    let mut family = page.family(
        "lab_deployment_replicas",
        "gauge",
        "How many pods are wanted.",
    );
    for deployment in cluster.deployments.values() {
        let labels = [("deployment", &*deployment.name)];
        family.sample(&labels, u64::from(deployment.replicas));
    }
}

fn films(page: &mut Page, state: &AdminState) {
    let counts = state.records.counts();
    for (name, kind, help, value) in [
        (
            "lab_film_spans_total",
            "counter",
            "Spans that became part of a film.",
            counts.spans,
        ),
        (
            "lab_film_spans_left_out_total",
            "counter",
            "Spans for which a film had no room.",
            counts.spans_left_out,
        ),
        (
            "lab_otlp_spans_sent_total",
            "counter",
            "Spans that the receiver of OTLP has taken.",
            counts.exported,
        ),
        (
            "lab_otlp_spans_dropped_total",
            "counter",
            "Spans that no receiver of OTLP has taken, or that found no room on the way.",
            counts.not_exported,
        ),
        (
            "lab_films_kept",
            "gauge",
            "Films that can be asked for.",
            counts.films,
        ),
        (
            "lab_log_lines_total",
            "counter",
            "Lines that pods wrote for people.",
            counts.lines,
        ),
    ] {
        page.family(name, kind, help).sample(&[], value);
    }
}
