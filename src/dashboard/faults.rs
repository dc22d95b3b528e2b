//! `GET /api/faults`, `POST /api/faults` and `POST /api/faults/undo`.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use super::{AdminError, AdminState, scale};
use crate::model::{Fault, FaultKind, FaultRequest, Place, UndoRequest};
use crate::net::permitted;
use crate::registry::{self, FaultError};

type Told = Json<Vec<Arc<Fault>>>;

/// Those that act, in the order of their ids.
pub(super) async fn list(State(state): State<AdminState>) -> Told {
    Json(state.registry.snapshot().faults.to_vec())
}

/// Begins one.
pub(super) async fn add(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<Arc<Fault>>, AdminError> {
    let request: FaultRequest = scale::read(&body)?;
    if matches!(request.kind, FaultKind::Clock { .. }) && !permitted(&request.target) {
        let cluster = state.registry.snapshot();
        let hosts = cluster.routes.routes().iter();
        let is_host = hosts
            .into_iter()
            .any(|route| route.host.matches(&request.target));
        if is_host {
            return Err(AdminError::Fault(FaultError::Unfit {
                kind: request.kind.name(),
                targets: "a host that the lab's CA may issue for",
                place: Place::Host(request.target),
                fitting: Vec::new(),
            }));
        }
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
    let fault = registry::add_fault(&state.registry, request, now)?;
    tracing::info!("{fault} begins");
    Ok(Json(fault))
}

/// Undoes one, or all.
pub(super) async fn undo(State(state): State<AdminState>, body: Bytes) -> Result<Told, AdminError> {
    let request: UndoRequest = scale::read(&body)?;
    let undone = registry::undo_faults(&state.registry, request.id)?;
    for fault in undone.iter() {
        tracing::info!("{fault} is undone");
    }
    Ok(Json(undone.to_vec()))
}
