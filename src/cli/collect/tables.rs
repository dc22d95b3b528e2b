//! What came of a job, for people.

use super::super::printer::table;
use super::super::trace::words::clean;
use super::Collected;

/// The tasks, what went wrong in them, and the job.
pub(super) fn collected(collected: &Collected) -> String {
    let Collected {
        collector,
        job,
        tasks,
        ..
    } = collected;
    let mut parts = Vec::new();
    if !tasks.is_empty() {
        let rows = tasks.iter().map(|task| {
            let mut row = vec![
                clean(&task.job_task_id),
                clean(&task.provider),
                clean(&task.status),
            ];
            let counts = [
                task.created_count,
                task.updated_count,
                task.failure_count,
                task.disconnected_count + task.deleted_count,
            ];
            row.extend(counts.map(|count| count.to_string()));
            row
        });
        parts.push(table(
            &[
                "TASK", "PROVIDER", "STATE", "CREATED", "UPDATED", "FAILED", "GONE",
            ],
            rows.collect(),
        ));
    }
    for task in tasks {
        for error in &task.errors {
            parts.push(format!(
                "task {}: {}: {}",
                clean(&task.job_task_id),
                clean(&error.error_code),
                clean(&error.message)
            ));
        }
    }
    let state = if job.runs() { "runs" } else { &job.status };
    parts.push(format!(
        "job {} of {}: {}",
        clean(&job.job_id),
        clean(collector),
        clean(state)
    ));
    parts.join("\n")
}
