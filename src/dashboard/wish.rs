//! What only the app can do: `POST /api/reload` and `POST /api/kill`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use tokio::sync::oneshot;

use super::{AdminError, AdminState, scale};
use crate::model::{KillRequest, ReloadAnswer};

/// A wish, and where its answer goes.
#[derive(Debug)]
pub enum Wish {
    /// Read the files again. The error says what is wrong with them.
    Reload(oneshot::Sender<Result<ReloadAnswer, String>>),
    /// End the program of a pod by SIGKILL, or an ingress replica.
    Kill {
        /// Name of the pod, which existed a moment ago.
        pod: String,
        /// The error is the runtime's.
        answer: oneshot::Sender<Result<(), String>>,
    },
}

/// Reads the files again and writes what differs.
pub(super) async fn reload(
    State(state): State<AdminState>,
) -> Result<Json<ReloadAnswer>, AdminError> {
    let (sender, answer) = oneshot::channel();
    tell(&state, Wish::Reload(sender)).await?;
    let answer = answer.await.map_err(|_| AdminError::Stopping)?;
    answer.map(Json).map_err(AdminError::Config)
}

/// Breaks a pod.
pub(super) async fn kill(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<KillRequest>, AdminError> {
    let request: KillRequest = scale::read(&body)?;
    if !state.registry.snapshot().pods.contains_key(&request.pod) {
        return Err(AdminError::NoSuchPod(request.pod));
    }
    let (sender, answer) = oneshot::channel();
    let wish = Wish::Kill {
        pod: request.pod.clone(),
        answer: sender,
    };
    tell(&state, wish).await?;
    let answer = answer.await.map_err(|_| AdminError::Stopping)?;
    answer.map_err(AdminError::Failed)?;
    Ok(Json(request))
}

async fn tell(state: &AdminState, wish: Wish) -> Result<(), AdminError> {
    let told = state.wishes.send(wish).await;
    told.map_err(|_| AdminError::Stopping)
}
