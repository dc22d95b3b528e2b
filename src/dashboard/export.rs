//! `GET /api/export/kubernetes`: what runs, as manifests.

use axum::Json;
use axum::extract::State;

use super::AdminState;
use crate::export;
use crate::model::Exported;

pub(super) async fn kubernetes(State(state): State<AdminState>) -> Json<Exported> {
    let options = state.facts.borrow().export.clone();
    Json(export::kubernetes(&state.registry.snapshot(), &options))
}
