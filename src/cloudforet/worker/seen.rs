//! Which resources a collector has seen, and what becomes of those that it does not see any more.
//!
//! After each run of a collector with one credential, what that run has not seen, and no run within
//! the last hour, is missed once more; what is missed three times in a row is deleted.

use std::time::Duration;

use bson::{Bson, DateTime, Document, doc};

use super::Worker;
use super::identity::Identity;
use crate::cloudforet::collecting::{COLLECTION_STATE, Collecting};
use crate::cloudforet::error::Failure;
use crate::cloudforet::inventory::CLOUD_SERVICE;
use crate::cloudforet::mongo::{Found, text};

/// So many runs in a row have to miss a resource.
const MISSED: i32 = 3;
/// Rows that are deleted in one go: the built-in store looks so many ids up in an index.
const AT_ONCE: i64 = 100;

impl Worker {
    /// Notes that the task has seen these, by their `cloud_service_id`s.
    pub(super) async fn note(&self, task: &Collecting, services: &[String]) -> Result<(), Failure> {
        if services.is_empty() {
            return Ok(());
        }
        let states = self.mongo.collection(COLLECTION_STATE).await?;
        let of = |service: &String| {
            let parts = [&task.collector_id, &task.secret_info.secret_id, service];
            Identity::of(&parts.map(String::as_str), &doc! {}, 0).row
        };
        let ids: Vec<_> = services.iter().map(of).collect();
        let these = doc! { "_id": { "$in": &ids } };
        let now = DateTime::now();
        let set = doc! {
            "job_task_id": &task.job_task_id,
            "disconnected_count": 0,
            "updated_at": now,
        };
        let known = states
            .update_all(these.clone(), doc! { "$set": &set })
            .await?;
        if known >= ids.len() as u64 {
            return Ok(());
        }
        let found = Found {
            filter: these,
            projection: Some(doc! { "_id": 1 }),
            ..Found::default()
        };
        let known: Vec<_> = if known == 0 {
            Vec::new()
        } else {
            let rows = states.find(found).await?;
            rows.iter()
                .filter_map(|row| row.get_object_id("_id").ok())
                .collect()
        };
        let new: Vec<Document> = ids
            .iter()
            .zip(services)
            .filter(|(id, _)| !known.contains(id))
            .map(|(id, service)| {
                let mut row = doc! {
                    "_id": id,
                    "collector_id": &task.collector_id,
                    "secret_id": &task.secret_info.secret_id,
                    "cloud_service_id": service,
                    "domain_id": &task.domain_id,
                };
                row.extend(set.clone());
                row
            })
            .collect();
        // Another worker may have been faster with the same.
        states.insert_new(&new).await.map(drop)
    }

    /// Counts what the task's run has missed, and deletes what was missed too often. Says how many
    /// are missed now, and how many were deleted. Doing it twice for one run changes nothing more.
    pub(super) async fn sweep(&self, task: &Collecting) -> Result<(u64, u64), Failure> {
        let states = self.mongo.collection(COLLECTION_STATE).await?;
        let ours = doc! {
            "collector_id": &task.collector_id,
            "secret_id": &task.secret_info.secret_id,
            "domain_id": &task.domain_id,
        };
        let mut missed = ours.clone();
        missed.extend(doc! {
            "updated_at": { "$lt": before(self.hour) },
            "job_task_id": { "$ne": &task.job_task_id },
            "missed_by": { "$ne": &task.job_task_id },
        });
        let count = doc! {
            "$inc": { "disconnected_count": 1 },
            "$set": { "missed_by": &task.job_task_id },
        };
        let missed = states.update_all(missed, count).await?;
        let mut gone = ours;
        gone.insert("disconnected_count", doc! { "$gte": MISSED });
        let services = self.mongo.collection(CLOUD_SERVICE.collection).await?;
        let mut deleted = 0;
        loop {
            let rows = states
                .find(Found {
                    filter: gone.clone(),
                    limit: AT_ONCE,
                    ..Found::default()
                })
                .await?;
            if rows.is_empty() {
                return Ok((missed.saturating_sub(deleted), deleted));
            }
            let ids: Vec<String> = rows
                .iter()
                .map(|row| text(row, "cloud_service_id"))
                .collect();
            let theirs = doc! {
                CLOUD_SERVICE.id: { "$in": ids },
                "domain_id": &task.domain_id,
                "state": { "$ne": "DELETED" },
            };
            let set = doc! { "state": "DELETED", "deleted_at": DateTime::now() };
            deleted += services.update_all(theirs, doc! { "$set": set }).await?;
            let ids: Vec<Bson> = rows
                .iter()
                .filter_map(|row| row.get("_id").cloned())
                .collect();
            states.delete_all(doc! { "_id": { "$in": ids } }).await?;
        }
    }
}

/// So long ago.
fn before(age: Duration) -> DateTime {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(DateTime::now().timestamp_millis().saturating_sub(age))
}
