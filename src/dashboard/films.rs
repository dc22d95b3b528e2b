//! `GET /api/films` and `GET /api/films/{trace}`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Duration;

use super::{AdminError, AdminState};

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
) -> Result<Json<Value>, AdminError> {
    let trace = trace.parse().map_err(|_| AdminError::NoSuchFilm)?;
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let wait = Duration::from_millis(query.wait.min(LONGEST_WAIT));
    let mut shutdown = state.shutdown.clone();
    let film = tokio::select! {
        film = state.records.film(trace, wait) => film,
        () = shutdown.recv() => None,
    };
    let film = film.ok_or(AdminError::NoSuchFilm)?;
    Ok(Json(film))
}
