//! Getting at a pod: finds the plugin in the books, has it installed if it is not there, waits until
//! a pod is ready, and takes the next one in turn.
//!
//! Any replica may be asked and any may hear of the supervisor, so waiting means looking at the row
//! again. Upstream looks every four seconds for ten minutes, longer than its callers wait.

use std::net::SocketAddr;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tonic::Status;

use super::Plugins;
use super::books::{self, ACTIVE, ENABLED, ERROR, INSTALLED, PROVISIONING};
use crate::cloudforet::client::dial;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{text, texts};
use crate::cloudforet::telemetry;

/// Between two looks at the row, unless this replica is told sooner.
const PAUSE: Duration = Duration::from_millis(250);
/// A supervisor that has just been started is heard of well within this.
const SUPERVISOR_PATIENCE: Duration = Duration::from_secs(20);
/// A plugin that cannot run may have been mended a moment ago; the supervisor says so by then.
const ERROR_PATIENCE: Duration = Duration::from_secs(3);
/// A pod that is there takes a connection in much less.
const DIAL_PATIENCE: Duration = Duration::from_secs(1);

/// A plugin that somebody wants to call.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) plugin_id: String,
    pub(super) version: String,
    pub(super) domain_id: String,
}

/// A pod that takes connections.
#[derive(Debug)]
pub(super) struct Drawn {
    /// `grpc://10.42.0.7:50051`.
    pub(super) endpoint: String,
    /// Of the plugin.
    pub(super) resource_type: String,
}

/// What one look has shown.
enum Look {
    Ready(Drawn),
    NobodyToRunIt,
    /// Why there is no pod yet, and whether that will not change by waiting.
    NotYet {
        reason: String,
        hopeless: bool,
    },
}

impl Plugins {
    /// One pod, after waiting for it until `patience` has run out.
    pub(super) async fn draw(&self, wanted: &Wanted, patience: Duration) -> Result<Drawn, Failure> {
        let begun = Instant::now();
        let deadline = begun + patience;
        // The film tells the first look only: the others are all alike.
        let mut look = self.look_and_listen(wanted, deadline).await?;
        loop {
            let elapsed = begun.elapsed();
            let enough = elapsed >= patience;
            match look {
                Look::Ready(drawn) => return Ok(drawn),
                Look::NobodyToRunIt if enough || elapsed >= SUPERVISOR_PATIENCE => {
                    return Err(Failure::NoSupervisor(wanted.plugin_id.clone()));
                }
                Look::NotYet { reason, hopeless }
                    if enough || hopeless && elapsed >= ERROR_PATIENCE =>
                {
                    return Err(Failure::InstallTimeout {
                        plugin_id: wanted.plugin_id.clone(),
                        version: wanted.version.clone(),
                        reason,
                    });
                }
                Look::NobodyToRunIt | Look::NotYet { .. } => {}
            }
            look = telemetry::scope(None, Box::pin(self.look_and_listen(wanted, deadline))).await?;
        }
    }

    /// Looks; unless a pod is ready, returns when it is time to look again.
    async fn look_and_listen(&self, wanted: &Wanted, deadline: Instant) -> Result<Look, Failure> {
        let published = self.published.notified();
        tokio::pin!(published);
        // What is published while we look counts.
        published.as_mut().enable();
        let look = self.look(wanted).await?;
        if matches!(look, Look::Ready(_)) {
            return Ok(look);
        }
        let mut shutdown = self.shutdown.clone();
        let again = async {
            tokio::select! {
                () = published => Ok(()),
                () = sleep(PAUSE) => Ok(()),
                // Without an error code, so that the caller tries again, at another replica.
                () = shutdown.recv() => Err(Status::unavailable("the pod is going away")),
            }
        };
        match timeout_at(deadline, again).await {
            Ok(Err(status)) => Err(Failure::Answered(Box::new(status))),
            Ok(Ok(())) | Err(_) => Ok(look),
        }
    }

    async fn look(&self, wanted: &Wanted) -> Result<Look, Failure> {
        let supervisors = self
            .supervisors(doc! {
                "state": ENABLED,
                "$and": [books::open_to(&wanted.domain_id)],
            })
            .await?;
        let ids: Vec<String> = supervisors
            .iter()
            .map(|supervisor| text(supervisor, "supervisor_id"))
            .collect();
        let here = doc! {
            "plugin_id": &wanted.plugin_id,
            "version": &wanted.version,
            "supervisor_id": { "$in": ids },
        };
        let Some(row) = self.next_in_turn(here).await? else {
            return self.install(wanted, &supervisors).await;
        };
        if text(&row, "state") == ACTIVE
            && let Some(endpoint) = self.answering(&row).await
        {
            return Ok(Look::Ready(Drawn {
                endpoint,
                resource_type: text(&row, "resource_type"),
            }));
        }
        let supervisor = supervisors
            .iter()
            .find(|one| text(one, "supervisor_id") == text(&row, "supervisor_id"));
        Ok(Look::NotYet {
            reason: reason(&row, supervisor),
            hopeless: text(&row, "state") == ERROR,
        })
    }

    /// The plugin's row, moved on by one pod. That somebody wants it keeps it from being removed.
    async fn next_in_turn(&self, here: Document) -> Result<Option<Document>, Failure> {
        let rows = self.database.rows(&INSTALLED).await?;
        let update = doc! {
            "$inc": { "current_index": 1_i64 },
            "$set": { "endpoint_called_at": DateTime::now() },
        };
        rows.modify(here, update).await
    }

    /// Enters the plugin in the books of one of the supervisors.
    async fn install(&self, wanted: &Wanted, supervisors: &[Document]) -> Result<Look, Failure> {
        let plugin = self
            .catalogued(&wanted.plugin_id, &wanted.version, &wanted.domain_id)
            .await?;
        let heard: Vec<&Document> = supervisors
            .iter()
            .filter(|supervisor| books::is_heard(supervisor))
            .collect();
        let Some(&supervisor) = fastrand::choice(&heard) else {
            return Ok(Look::NobodyToRunIt);
        };
        let now = DateTime::now();
        let row = doc! {
            "plugin_id": &wanted.plugin_id,
            "version": &wanted.version,
            "supervisor_id": text(supervisor, "supervisor_id"),
            "domain_id": text(supervisor, "domain_id"),
            "resource_type": plugin.resource_type,
            "state": PROVISIONING,
            "endpoint": "",
            "endpoints": [],
            // The first to be drawn is the one at 1, and so on around.
            "current_index": 0_i64,
            "managed": false,
            "endpoint_called_at": now,
            "created_at": now,
            "updated_at": now,
        };
        match self.database.rows(&INSTALLED).await?.insert(&row).await {
            // Another call was faster.
            Ok(()) | Err(Failure::Exists(_)) => Ok(Look::NotYet {
                reason: reason(&row, Some(supervisor)),
                hopeless: false,
            }),
            Err(failure) => Err(failure),
        }
    }

    /// The pod whose turn it is, or the next after it that takes a connection: the books may not
    /// know yet that a pod is gone.
    // Lab: upstream hands out what the books say, and the caller meets the dead pod.
    async fn answering(&self, row: &Document) -> Option<String> {
        let mut endpoints = texts(row, "endpoints");
        if endpoints.is_empty() {
            return None;
        }
        let turn = row.get_i64("current_index").unwrap_or_default();
        let turn = usize::try_from(turn).unwrap_or_default() % endpoints.len();
        endpoints.rotate_left(turn);
        for endpoint in endpoints {
            let address = endpoint.strip_prefix("grpc://").unwrap_or(&endpoint);
            let Ok(address) = address.parse::<SocketAddr>() else {
                // A name is for its caller to resolve.
                return Some(endpoint);
            };
            let dialled = timeout(DIAL_PATIENCE, dial(address, self.settings.source())).await;
            if matches!(dialled, Ok(Ok(_))) {
                return Some(endpoint);
            }
        }
        None
    }
}

/// Why there is no pod, in words.
fn reason(row: &Document, supervisor: Option<&Document>) -> String {
    if let Some(silent) = supervisor.filter(|supervisor| !books::is_heard(supervisor)) {
        return format!(
            "the supervisor {} was last heard of {} s ago",
            text(silent, "name"),
            books::silence(silent).as_secs()
        );
    }
    let told = text(row, "reason");
    if !told.is_empty() {
        told
    } else if text(row, "state") == ACTIVE {
        "none of its pods takes connections".to_owned()
    } else {
        "the supervisor has not started it yet".to_owned()
    }
}
