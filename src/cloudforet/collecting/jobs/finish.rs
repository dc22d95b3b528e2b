//! A sub-task is finished, perhaps its job task with it, and perhaps the job.

use bson::{DateTime, Document, doc};

use super::super::rows::{JOB, JOB_TASK};
use super::super::task::Collecting;
use super::status::{FAILURE, IN_PROGRESS, PENDING, SUCCESS};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Collection, Mongo, number, text};

/// Errors that a job task keeps: the first ones tell what is wrong, and a row has its limit.
const MOST_ERRORS: i32 = 100;

/// What came of a sub-task.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) created: u32,
    pub(crate) updated: u32,
    /// Resources that were not written.
    pub(crate) failed: u32,
    /// The first of what went wrong. A sub-task without problems is a success.
    pub(crate) problems: Vec<Problem>,
}

/// Something that went wrong, as the job task's errors have it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Problem {
    code: &'static str,
    message: String,
    additional: Document,
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(code: &'static str, message: &str) -> Self {
        Self {
            code,
            message: message.to_owned(),
            additional: Document::new(),
        }
    }

    /// Says more about it.
    pub(crate) fn with(mut self, additional: Document) -> Self {
        self.additional = additional;
        self
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    fn row(&self) -> Document {
        doc! {
            "error_code": self.code,
            "message": &self.message,
            "additional": self.additional.clone(),
        }
    }
}

/// Counts a sub-task, once.
pub(crate) async fn finish(
    mongo: &Mongo,
    task: &Collecting,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let rows = mongo.collection(JOB_TASK.collection).await?;
    let count = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let failed = i32::from(!outcome.problems.is_empty());
    let errors: Vec<Document> = outcome.problems.iter().map(Problem::row).collect();
    let number = count(task.sub_task);
    let mut uncounted = this(task);
    uncounted.insert("counted", doc! { "$ne": number });
    let update = doc! {
        "$addToSet": { "counted": number },
        "$inc": {
            "remained_sub_tasks": -1,
            "failed_sub_tasks": failed,
            "created_count": count(outcome.created),
            "updated_count": count(outcome.updated),
            "failure_count": count(outcome.failed),
        },
        "$push": { "errors": { "$each": errors, "$slice": MOST_ERRORS } },
    };
    rows.update(uncounted, update).await.map(drop)
}

/// Ends the job task if all its sub-tasks are counted, and the job if all its job tasks are.
///
/// `sweep` is what has to be done when all went well: it looks for what was not seen any more, and
/// says how many resources are missed, and how many were deleted.
pub(crate) async fn settle(
    mongo: &Mongo,
    task: &Collecting,
    sweep: impl AsyncFnOnce() -> Result<(u64, u64), Failure>,
) -> Result<(), Failure> {
    let rows = mongo.collection(JOB_TASK.collection).await?;
    let Some(row) = rows.find_one(this(task)).await? else {
        return Ok(());
    };
    if number(&row, "remained_sub_tasks") > 0 {
        return Ok(());
    }
    let failed = number(&row, "failed_sub_tasks") > 0;
    let status = text(&row, "status");
    if status == PENDING || status == IN_PROGRESS {
        let (missed, deleted) = if failed { (0, 0) } else { sweep().await? };
        end_job_task(&rows, task, failed, (missed, deleted)).await?;
    }
    count_job_task(mongo, task, failed).await
}

async fn end_job_task(
    rows: &Collection,
    task: &Collecting,
    failed: bool,
    (missed, deleted): (u64, u64),
) -> Result<(), Failure> {
    let count = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
    let mut under_way = this(task);
    under_way.insert("status", doc! { "$in": [PENDING, IN_PROGRESS] });
    let set = doc! {
        "status": if failed { FAILURE } else { SUCCESS },
        "disconnected_count": count(missed),
        "deleted_count": count(deleted),
        "finished_at": DateTime::now(),
    };
    rows.update(under_way, doc! { "$set": set }).await.map(drop)
}

async fn count_job_task(mongo: &Mongo, task: &Collecting, failed: bool) -> Result<(), Failure> {
    let jobs = mongo.collection(JOB.collection).await?;
    let job = doc! { "job_id": &task.job_id, "domain_id": &task.domain_id };
    let mut uncounted = job.clone();
    uncounted.insert("counted", doc! { "$ne": &task.job_task_id });
    let kind = if failed {
        "failure_tasks"
    } else {
        "success_tasks"
    };
    let update = doc! {
        "$addToSet": { "counted": &task.job_task_id },
        "$inc": { "remained_tasks": -1, kind: 1 },
        "$set": { "updated_at": DateTime::now() },
    };
    jobs.update(uncounted, update).await?;
    for (status, fits) in [(FAILURE, doc! { "$gt": 0 }), (SUCCESS, doc! { "$lte": 0 })] {
        let mut ended = job.clone();
        ended.extend(doc! {
            "status": IN_PROGRESS,
            "remained_tasks": { "$lte": 0 },
            "failure_tasks": fits,
        });
        let now = DateTime::now();
        let set = doc! { "status": status, "finished_at": now, "updated_at": now };
        jobs.update(ended, doc! { "$set": set }).await?;
    }
    Ok(())
}

fn this(task: &Collecting) -> Document {
    doc! { "job_task_id": &task.job_task_id, "domain_id": &task.domain_id }
}
