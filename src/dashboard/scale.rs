//! What changes the lab: `POST /api/scale` and `POST /api/down`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::error::TrySendError;

use super::{AdminError, AdminState};
use crate::model::{DownRequest, ScaleAnswer, ScaleRequest};
use crate::registry;

/// A write to the registry; the controllers do the rest.
pub(super) async fn scale(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<ScaleAnswer>, AdminError> {
    let request: ScaleRequest = read(&body)?;
    let ScaleRequest { service, replicas } = request;
    let before = registry::scale(&state.registry, &service, replicas)?;
    Ok(Json(ScaleAnswer {
        service,
        replicas,
        before,
    }))
}

/// Hands the wish to the app, which stops everything in its order.
pub(super) async fn down(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<(StatusCode, Json<DownRequest>), AdminError> {
    let request: DownRequest = read(&body)?;
    match state.stop.try_send(request) {
        // A full channel holds the wish of somebody else, which is the same.
        Ok(()) | Err(TrySendError::Full(_)) => Ok((StatusCode::ACCEPTED, Json(request))),
        Err(TrySendError::Closed(_)) => Err(AdminError::Stopping),
    }
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdminError> {
    serde_json::from_slice(body).map_err(|error| AdminError::Body(error.to_string()))
}
