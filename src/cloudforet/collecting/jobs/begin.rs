//! A new job.

use bson::{DateTime, Document, doc};
use serde_json::Map;

use super::super::plugin::Plugin;
use super::super::rows::{JOB, JOB_TASK};
use super::super::task::{Collecting, SecretInfo};
use super::status::{CANCELED, FAILURE, IN_PROGRESS, PENDING, SUCCESS};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Mongo, text};
use crate::cloudforet::queue::{Queue, Task};
use crate::cloudforet::settings::new_id;

/// What a job is to do.
#[derive(Debug)]
pub(crate) struct Beginning<'a> {
    pub(crate) collector: &'a Document,
    pub(crate) plugin: &'a Plugin,
    /// The one credential that was asked for; empty for all.
    pub(crate) secret_id: &'a str,
    /// Of who asked; empty for a whole domain.
    pub(crate) workspace_id: &'a str,
    /// A job task for each.
    pub(crate) secrets: Vec<SubTask>,
}

/// One credential, and the parts of its work; at least one.
#[derive(Debug)]
pub(crate) struct SubTask {
    pub(crate) secret: SecretInfo,
    pub(crate) parts: Vec<Document>,
}

/// Writes the job down, and puts its tasks into the queue.
pub(crate) async fn begin(
    mongo: &Mongo,
    queue: &Queue,
    beginning: Beginning<'_>,
) -> Result<Document, Failure> {
    let jobs = mongo.collection(JOB.collection).await?;
    let job = job(&beginning);
    let job_id = text(&job, "job_id");
    // A newer run makes the older ones of the same kind pointless.
    let same = doc! {
        "domain_id": text(&job, "domain_id"),
        "collector_id": text(&job, "collector_id"),
        "request_workspace_id": beginning.workspace_id,
        "request_secret_id": beginning.secret_id,
        "status": IN_PROGRESS,
    };
    let now = DateTime::now();
    let canceled = doc! { "status": CANCELED, "finished_at": now, "updated_at": now };
    jobs.update_all(same, doc! { "$set": canceled }).await?;
    jobs.insert(&job).await?;
    let mut rows = Vec::new();
    let mut tasks = Vec::new();
    for one in &beginning.secrets {
        let row = job_task(&job, one);
        tasks.extend(queued(
            &beginning,
            one,
            &job_id,
            &text(&row, "job_task_id"),
        )?);
        rows.push(row);
    }
    if rows.is_empty() {
        return Ok(job);
    }
    let all = mongo.collection(JOB_TASK.collection).await?;
    let written = all.insert_new(&rows).await.map(drop);
    let pushed = match written {
        Ok(()) => queue.push(tasks).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = pushed {
        // Nobody will ever do it.
        let now = DateTime::now();
        let failed = doc! { "$set": { "status": FAILURE, "finished_at": now, "updated_at": now } };
        jobs.update(doc! { "job_id": &job_id }, failed.clone())
            .await?;
        all.update_all(doc! { "job_id": &job_id }, failed).await?;
        return Err(failure);
    }
    Ok(job)
}

fn job(beginning: &Beginning<'_>) -> Document {
    let collector = beginning.collector;
    let total = i32::try_from(beginning.secrets.len()).unwrap_or(i32::MAX);
    let now = DateTime::now();
    let mut job = doc! {
        "job_id": new_id("job"),
        "status": IN_PROGRESS,
        "total_tasks": total,
        "remained_tasks": total,
        "success_tasks": 0,
        "failure_tasks": 0,
        "counted": [],
        "request_secret_id": beginning.secret_id,
        "request_workspace_id": beginning.workspace_id,
        "resource_group": text(collector, "resource_group"),
        "collector_id": text(collector, "collector_id"),
        "plugin_id": &beginning.plugin.plugin_id,
        "workspace_id": text(collector, "workspace_id"),
        "domain_id": text(collector, "domain_id"),
        "created_at": now,
        "updated_at": now,
    };
    if total == 0 {
        job.insert("status", SUCCESS);
        job.insert("finished_at", now);
    }
    job
}

fn job_task(job: &Document, one: &SubTask) -> Document {
    let SubTask { secret, parts } = one;
    let total = i32::try_from(parts.len()).unwrap_or(i32::MAX);
    doc! {
        "job_task_id": new_id("job-task"),
        "status": PENDING,
        "provider": &secret.provider,
        "total_sub_tasks": total,
        "remained_sub_tasks": total,
        "failed_sub_tasks": 0,
        "counted": [],
        "created_count": 0,
        "updated_count": 0,
        "failure_count": 0,
        "deleted_count": 0,
        "disconnected_count": 0,
        "errors": [],
        "job_id": text(job, "job_id"),
        "collector_id": text(job, "collector_id"),
        "secret_id": &secret.secret_id,
        "service_account_id": &secret.service_account_id,
        "project_id": &secret.project_id,
        "workspace_id": &secret.workspace_id,
        "domain_id": text(job, "domain_id"),
        "created_at": DateTime::now(),
    }
}

fn queued(
    beginning: &Beginning<'_>,
    one: &SubTask,
    job_id: &str,
    job_task_id: &str,
) -> Result<Vec<Task>, Failure> {
    let parts = (0..).zip(&one.parts);
    let tasks = parts.map(|(sub_task, part)| {
        let collecting = Collecting {
            plugin_info: beginning.plugin.clone(),
            secret_info: one.secret.clone(),
            domain_id: text(beginning.collector, "domain_id"),
            collector_id: text(beginning.collector, "collector_id"),
            job_id: job_id.to_owned(),
            job_task_id: job_task_id.to_owned(),
            task_options: bson::deserialize_from_document(part.clone())
                .unwrap_or_else(|_| Map::new()),
            sub_task,
        };
        collecting.into_task()
    });
    tasks.collect()
}
