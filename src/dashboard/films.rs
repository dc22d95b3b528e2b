//! `GET /api/films` and `GET /api/films/{trace}`.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Duration;

use super::{AdminError, AdminState};
use crate::model::{Endpoint, Film};
use crate::registry::Cluster;

/// Milliseconds; the last spans of a request arrive within a few of its answer.
const LONGEST_WAIT: u64 = 30_000;

/// How long to wait for what has not arrived yet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilmQuery {
    /// Milliseconds.
    #[serde(default)]
    wait: u64,
}

pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<Value>> {
    Json(state.records.films())
}

pub(super) async fn show(
    State(state): State<AdminState>,
    Path(trace): Path<String>,
    query: Result<Query<FilmQuery>, QueryRejection>,
) -> Result<Json<Film>, AdminError> {
    let trace = trace.parse().map_err(|_| AdminError::NoSuchFilm)?;
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let wait = Duration::from_millis(query.wait.min(LONGEST_WAIT));
    let mut shutdown = state.shutdown.clone();
    let film = tokio::select! {
        film = state.records.film(trace, wait) => film,
        () = shutdown.recv() => None,
    };
    let mut film = film.ok_or(AdminError::NoSuchFilm)?;
    film.endpoints_now = usable_endpoints(&state.registry.snapshot());
    Ok(Json(film))
}

/// Whom a connection drawn now could get, by Service: what one that was drawn earlier could not
/// know.
fn usable_endpoints(cluster: &Cluster) -> BTreeMap<String, Vec<String>> {
    let name = |endpoint: &Endpoint| {
        let address = || {
            endpoint
                .addresses
                .first()
                .map(|address| address.pod.to_string())
        };
        endpoint.pod.clone().or_else(address)
    };
    let slices = cluster.slices.iter();
    slices
        .map(|(service, slice)| (service.clone(), slice.usable().filter_map(name).collect()))
        .collect()
}
