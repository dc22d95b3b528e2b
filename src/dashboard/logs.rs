//! `GET /api/logs`: what pods wrote, and what they write.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;

use super::{AdminError, AdminState, LogSelection, stream as ndjson};

/// Lines of each pod that are shown when nothing is said; what fits a screen.
const TAIL: usize = 50;

/// Whose lines, how many, and for how long.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogsQuery {
    service: Option<String>,
    pod: Option<String>,
    tail: Option<usize>,
    #[serde(default)]
    follow: bool,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    query: Result<Query<LogsQuery>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    // Whichever controller it is.
    let service = query.service.map(|name| match name.as_str() {
        "ingress" => {
            let cluster = state.registry.snapshot();
            cluster.ingress_classes.load_balancer.clone()
        }
        _ => name,
    });
    let selection = LogSelection {
        service,
        pod: query.pod,
    };
    let tail = query.tail.unwrap_or(TAIL);
    let (past, live) = if query.follow {
        let (past, live) = state.records.follow_logs(&selection, tail);
        (past, Some(live))
    } else {
        (state.records.logs(&selection, tail), None)
    };
    if past.is_empty() {
        exists(&state, &selection)?;
    }
    let past = stream::iter(past).map(|line| ndjson::line(&line));
    let Some(live) = live else {
        return Ok(ndjson::lines(past));
    };
    let mut shutdown = state.shutdown.clone();
    let live = live
        .map(|line| ndjson::line(&line))
        .take_until(async move { shutdown.recv().await });
    Ok(ndjson::lines(past.chain(live)))
}

/// A pod without lines is no mistake; a pod that does not exist is.
fn exists(state: &AdminState, selection: &LogSelection) -> Result<(), AdminError> {
    let cluster = state.registry.snapshot();
    if let Some(service) = &selection.service
        && !cluster.services.contains_key(service)
        && !cluster.deployments.contains_key(service)
    {
        return Err(AdminError::NoSuchService(service.clone()));
    }
    if let Some(pod) = &selection.pod
        && !cluster.pods.contains_key(pod)
    {
        return Err(AdminError::NoSuchPod(pod.clone()));
    }
    Ok(())
}
