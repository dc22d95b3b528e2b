//! A job and its tasks, as the console API tells of them.

use serde::Serialize;
use serde_json::Value;

use super::text;

/// A run of a collector.
#[derive(Clone, Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the API, which -o json prints"
)]
pub(super) struct Job {
    pub(super) job_id: String,
    /// `IN_PROGRESS`, `SUCCESS`, `FAILURE` or `CANCELED`.
    pub(super) status: String,
    pub(super) total_tasks: u64,
    pub(super) remained_tasks: u64,
    pub(super) success_tasks: u64,
    pub(super) failure_tasks: u64,
}

/// What is done with one account.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Task {
    pub(super) job_task_id: String,
    pub(super) provider: String,
    pub(super) status: String,
    pub(super) created_count: u64,
    pub(super) updated_count: u64,
    pub(super) failure_count: u64,
    pub(super) deleted_count: u64,
    pub(super) disconnected_count: u64,
    pub(super) errors: Vec<TaskError>,
}

/// What went wrong in a task.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TaskError {
    pub(super) error_code: String,
    pub(super) message: String,
}

impl Job {
    pub(super) fn read(job: &Value) -> Self {
        Self {
            job_id: text(job, "job_id").to_owned(),
            status: text(job, "status").to_owned(),
            total_tasks: number(job, "total_tasks"),
            remained_tasks: number(job, "remained_tasks"),
            success_tasks: number(job, "success_tasks"),
            failure_tasks: number(job, "failure_tasks"),
        }
    }

    /// Whether it has not ended yet.
    pub(super) fn runs(&self) -> bool {
        matches!(self.status.as_str(), "IN_PROGRESS" | "PENDING")
    }

    pub(super) fn succeeded(&self) -> bool {
        self.status == "SUCCESS"
    }
}

impl Task {
    pub(super) fn read(task: &Value) -> Self {
        let errors = task.get("errors").and_then(Value::as_array);
        let errors = errors.into_iter().flatten().map(|error| TaskError {
            error_code: text(error, "error_code").to_owned(),
            message: text(error, "message").to_owned(),
        });
        Self {
            job_task_id: text(task, "job_task_id").to_owned(),
            provider: text(task, "provider").to_owned(),
            status: text(task, "status").to_owned(),
            created_count: number(task, "created_count"),
            updated_count: number(task, "updated_count"),
            failure_count: number(task, "failure_count"),
            deleted_count: number(task, "deleted_count"),
            disconnected_count: number(task, "disconnected_count"),
            errors: errors.collect(),
        }
    }
}

/// A number, which is left out where it is 0.
fn number(object: &Value, key: &str) -> u64 {
    object.get(key).and_then(Value::as_u64).unwrap_or_default()
}
