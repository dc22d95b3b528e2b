//! What changes the lab: `POST /api/scale` and `POST /api/down`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use http::StatusCode;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc::error::TrySendError;

use super::{AdminError, AdminState};
use crate::model::{DownRequest, ScaleAnswer, ScaleRequest};

/// The limit of `replicas` in `lab.toml` too.
const REPLICAS_LIMIT: u32 = 200;

/// A write to the registry; the controllers do the rest.
pub(super) async fn scale(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<ScaleAnswer>, AdminError> {
    let request: ScaleRequest = read(&body)?;
    if request.replicas > REPLICAS_LIMIT {
        return Err(AdminError::TooMany(request.replicas, REPLICAS_LIMIT));
    }
    let ScaleRequest { service, replicas } = request;
    let before = state.registry.change(|cluster| {
        if !cluster.services.contains_key(&service) {
            let deployments = cluster.deployments.values();
            let known: Vec<_> = deployments
                .filter_map(|deployment| deployment.service.as_deref())
                .collect();
            return Err(AdminError::UnknownService {
                service: service.clone(),
                known: known.join(", "),
            });
        }
        let deployment = cluster
            .deployments
            .values_mut()
            .find(|deployment| deployment.service.as_ref() == Some(&service))
            .ok_or_else(|| AdminError::NoPods(service.clone()))?;
        let before = deployment.replicas;
        Arc::make_mut(deployment).replicas = replicas;
        Ok(before)
    })?;
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

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, AdminError> {
    serde_json::from_slice(body).map_err(|error| AdminError::Body(error.to_string()))
}
