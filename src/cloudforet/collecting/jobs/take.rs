//! A worker takes a sub-task up.

use bson::{Bson, DateTime, doc};

use super::super::rows::{JOB, JOB_TASK};
use super::super::task::Collecting;
use super::Problem;
use super::status::{CANCELED, IN_PROGRESS, PENDING};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Mongo, number, text};

/// A task that was begun so often and never finished has killed its workers.
const MOST_ATTEMPTS: i32 = 10;

/// What there is to do.
#[derive(Debug)]
pub(crate) enum TakenUp {
    /// Collect.
    Go {
        /// When the job task was made.
        created_at: DateTime,
        /// Somebody has begun it before.
        again: bool,
    },
    /// It was finished before; what follows from that may not have been done.
    Finished,
    /// It must not be done.
    Refused(Problem),
    /// Its job task was deleted.
    Gone,
}

/// Marks the job task as under way.
pub(crate) async fn take_up(mongo: &Mongo, task: &Collecting) -> Result<TakenUp, Failure> {
    let rows = mongo.collection(JOB_TASK.collection).await?;
    let this = doc! { "job_task_id": &task.job_task_id, "domain_id": &task.domain_id };
    let attempts = format!("attempts.{}", task.sub_task);
    let begun = rows
        .modify(this.clone(), doc! { "$inc": { attempts: 1 } })
        .await?;
    let Some(row) = begun else {
        return Ok(TakenUp::Gone);
    };
    let number_here = Bson::Int32(i32::try_from(task.sub_task).unwrap_or(i32::MAX));
    let counted = row.get_array("counted").ok();
    if counted.is_some_and(|counted| counted.contains(&number_here)) {
        return Ok(TakenUp::Finished);
    }
    let attempts = row.get_document("attempts").ok();
    let attempts = attempts.map_or(1, |all| number(all, &task.sub_task.to_string()));
    if attempts > MOST_ATTEMPTS {
        let message = format!("the task was begun {MOST_ATTEMPTS} times and never finished");
        return Ok(TakenUp::Refused(Problem::new("ERROR_UNKNOWN", &message)));
    }
    if !is_wanted(mongo, task).await? {
        return Ok(TakenUp::Refused(Problem::canceled()));
    }
    if text(&row, "status") == PENDING {
        let mut pending = this;
        pending.insert("status", PENDING);
        let set = doc! { "status": IN_PROGRESS, "started_at": DateTime::now() };
        rows.update(pending, doc! { "$set": set }).await?;
    }
    Ok(TakenUp::Go {
        created_at: row
            .get_datetime("created_at")
            .copied()
            .unwrap_or(DateTime::MIN),
        again: attempts > 1,
    })
}

/// Whether anybody still waits for the task's job.
pub(crate) async fn is_wanted(mongo: &Mongo, task: &Collecting) -> Result<bool, Failure> {
    let jobs = mongo.collection(JOB.collection).await?;
    let this = doc! { "job_id": &task.job_id, "domain_id": &task.domain_id };
    let job = jobs.find_one(this).await?;
    Ok(job.is_some_and(|job| text(&job, "status") == IN_PROGRESS))
}

impl Problem {
    /// Of a task whose job was canceled.
    pub(crate) fn canceled() -> Self {
        Self::new(
            "ERROR_COLLECT_CANCELED",
            &format!("The job has been {}.", CANCELED.to_ascii_lowercase()),
        )
    }
}
