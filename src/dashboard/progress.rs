//! `GET /api/progress`: the status now and after each change.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::stream;
use serde::Deserialize;
use tokio::time::{Duration, sleep};

use super::{AdminError, AdminState, Facts, stream as ndjson};
use crate::model::{LabPhase, Status};
use crate::net::Shutdown;
use crate::registry::Reader;

/// Several changes within this time are told as one: faster than the eye, slower than a burst of
/// probes.
const PAUSE: Duration = Duration::from_millis(10);

/// How long to tell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgressQuery {
    /// Go on when everything is ready.
    #[serde(default)]
    follow: bool,
}

/// One reader of the stream.
struct Watcher {
    state: AdminState,
    reader: Reader,
    facts: tokio::sync::watch::Receiver<Facts>,
    shutdown: Shutdown,
    last: Option<Status>,
    follow: bool,
    done: bool,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    query: Result<Query<ProgressQuery>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let watcher = Watcher {
        reader: state.registry.reader(),
        facts: state.facts.clone(),
        shutdown: state.shutdown.clone(),
        last: None,
        follow: query.follow,
        done: false,
        state,
    };
    let changes = stream::unfold(watcher, async |mut watcher| {
        let status = watcher.next().await?;
        Some((ndjson::line(&status), watcher))
    });
    Ok(ndjson::lines(changes))
}

impl Watcher {
    /// The next status that differs from the last one told.
    async fn next(&mut self) -> Option<Status> {
        if self.done {
            return None;
        }
        loop {
            // What changes from here on wakes us up again.
            self.facts.mark_unchanged();
            self.reader.latest();
            let status = self.state.status();
            if self.last.as_ref() != Some(&status) {
                self.done = !self.follow && is_final(&status);
                self.last = Some(status.clone());
                return Some(status);
            }
            tokio::select! {
                () = self.shutdown.recv() => return None,
                changed = self.facts.changed() => changed.ok()?,
                changed = self.reader.changed() => drop(changed?),
            }
            tokio::select! {
                () = self.shutdown.recv() => return None,
                () = sleep(PAUSE) => {}
            }
        }
    }
}

/// Whether nothing more is to be waited for.
fn is_final(status: &Status) -> bool {
    status.ready || matches!(status.phase, LabPhase::Failed | LabPhase::Stopping)
}
