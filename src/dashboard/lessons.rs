//! Lessons: `GET /api/lessons`, `/api/lessons/current`, and `POST` of start, next, check and stop.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use super::{AdminError, AdminState, scale};
use crate::lessons::{LessonError, Place};
use crate::model::{LessonMove, LessonStart, LessonSummary, LessonView};

type Answer = Result<Json<LessonView>, AdminError>;

pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<LessonSummary>> {
    Json(state.lessons.list())
}

/// The lesson that is under way; `null` if none is.
pub(super) async fn current(
    State(state): State<AdminState>,
) -> Result<Json<Option<LessonView>>, AdminError> {
    match state.lessons.current(&place(&state)) {
        Err(LessonError::None) => Ok(Json(None)),
        other => Ok(Json(Some(other?))),
    }
}

pub(super) async fn start(State(state): State<AdminState>, body: Bytes) -> Answer {
    let wanted: LessonStart = scale::read(&body)?;
    Ok(Json(state.lessons.start(&wanted, &place(&state))?))
}

pub(super) async fn check(State(state): State<AdminState>, body: Bytes) -> Answer {
    let wish: LessonMove = scale::read(&body)?;
    let mut shutdown = state.shutdown.clone();
    let place = place(&state);
    let view = tokio::select! {
        view = state.lessons.check(&wish, &place) => view?,
        () = shutdown.recv() => return Err(AdminError::Stopping),
    };
    Ok(Json(view))
}

pub(super) async fn next(State(state): State<AdminState>, body: Bytes) -> Answer {
    let wish: LessonMove = scale::read(&body)?;
    let mut shutdown = state.shutdown.clone();
    let place = place(&state);
    let view = tokio::select! {
        view = state.lessons.next(&wish, &place) => view?,
        () = shutdown.recv() => return Err(AdminError::Stopping),
    };
    Ok(Json(view))
}

pub(super) async fn stop(State(state): State<AdminState>) -> Answer {
    Ok(Json(state.lessons.stop(&place(&state))?))
}

fn place(state: &AdminState) -> Place {
    let facts = state.facts.borrow();
    Place {
        lab: facts.name.clone(),
        ca: facts.ca_certificate.clone(),
    }
}
