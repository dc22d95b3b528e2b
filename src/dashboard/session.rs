//! How a browser gets the token: `POST /api/session` gives a code that is good once and soon over, for a
//! link; the page hands it in at `POST /api/session/redeem`.
//!
//! So the token stands in no address, no process list and no history.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;

use super::{AdminError, AdminState, new_token, scale};
use crate::model::{SessionCode, SessionToken};

/// Long enough for a browser to start on a busy machine.
const LIFE: Duration = Duration::from_secs(60);
/// Codes that wait; whoever asks for more has not used the ones before.
const WAITING: usize = 16;

/// Codes that were given and not handed in yet; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Codes {
    /// A std mutex: it is held for a look through a short list, never across an await.
    given: Arc<Mutex<Vec<(String, Instant)>>>,
}

impl Codes {
    fn give(&self) -> Result<String, AdminError> {
        let code = new_token().map_err(|error| AdminError::Failed(error.to_string()))?;
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|(_, since)| since.elapsed() < LIFE);
        if given.len() >= WAITING {
            given.remove(0);
        }
        given.push((code.clone(), Instant::now()));
        Ok(code)
    }

    /// Whether the code is good; it is not a second time.
    fn take(&self, code: &str) -> bool {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let found = given.iter().position(|(known, _)| known == code);
        found.is_some_and(|index| given.remove(index).1.elapsed() < LIFE)
    }
}

/// A code for a link.
pub(super) async fn give(State(state): State<AdminState>) -> Result<Json<SessionCode>, AdminError> {
    let code = state.codes.give()?;
    Ok(Json(SessionCode { code }))
}

/// The token for a code.
pub(super) async fn redeem(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<SessionToken>, AdminError> {
    let SessionCode { code } = scale::read(&body)?;
    if !state.codes.take(&code) {
        return Err(AdminError::Code);
    }
    let token = state.token.to_string();
    Ok(Json(SessionToken { token }))
}
