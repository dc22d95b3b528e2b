//! Old jobs.

use std::time::Duration;

use bson::{Bson, DateTime, doc};

use super::super::rows::{JOB, JOB_TASK};
use super::status::{FAILURE, IN_PROGRESS, PENDING};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Found, Mongo, text};

/// A job that takes longer than this has failed, in hours of the schedulers.
const TIME_OUT: u32 = 2;
/// However fast their clock runs, a collect takes real time.
const LEAST_TIME_OUT: Duration = Duration::from_secs(60);
/// Jobs are kept for sixty days, in hours of the schedulers.
const KEPT: u32 = 60 * 24;
/// Jobs that are removed in one go.
const AT_ONCE: i64 = 100;

/// Fails the jobs that nobody will finish, and removes those of long ago.
pub(crate) async fn clean_up(mongo: &Mongo, hour: Duration) -> Result<(), Failure> {
    let jobs = mongo.collection(JOB.collection).await?;
    let tasks = mongo.collection(JOB_TASK.collection).await?;
    let now = DateTime::now();
    let stuck = doc! {
        "status": IN_PROGRESS,
        "created_at": { "$lt": before((hour * TIME_OUT).max(LEAST_TIME_OUT)) },
    };
    let ended = doc! { "status": FAILURE, "finished_at": now };
    loop {
        let stuck = some(stuck.clone());
        let ids: Vec<Bson> = ids(&jobs.find(stuck).await?);
        if ids.is_empty() {
            break;
        }
        let theirs = doc! { "job_id": { "$in": &ids } };
        let mut under_way = theirs.clone();
        under_way.insert("status", doc! { "$in": [PENDING, IN_PROGRESS] });
        let error = doc! {
            "error_code": "ERROR_UNKNOWN",
            "message": "The job has not ended in time.",
            "additional": {},
        };
        let update = doc! { "$set": ended.clone(), "$push": { "errors": error } };
        tasks.update_all(under_way, update).await?;
        let mut unfinished = theirs;
        unfinished.insert("status", IN_PROGRESS);
        let mut set = ended.clone();
        set.insert("updated_at", now);
        jobs.update_all(unfinished, doc! { "$set": set }).await?;
    }
    let old = doc! { "created_at": { "$lt": before(hour * KEPT) } };
    loop {
        let ids = ids(&jobs.find(some(old.clone())).await?);
        if ids.is_empty() {
            return Ok(());
        }
        let theirs = doc! { "job_id": { "$in": &ids } };
        tasks.delete_all(theirs.clone()).await?;
        jobs.delete_all(theirs).await?;
    }
}

fn some(filter: bson::Document) -> Found {
    Found {
        filter,
        projection: Some(doc! { "_id": 0, "job_id": 1 }),
        limit: AT_ONCE,
        ..Found::default()
    }
}

fn ids(rows: &[bson::Document]) -> Vec<Bson> {
    rows.iter().map(|row| text(row, "job_id").into()).collect()
}

/// So long ago.
fn before(age: Duration) -> DateTime {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(DateTime::now().timestamp_millis().saturating_sub(age))
}
