//! How far a job is: on a terminal one line with a bar, redrawn; else a line each time that a task
//! has ended.

use std::io::{self, IsTerminal as _};

use super::super::printer::Printer;
use super::job::{Job, Task};

/// Width of the bar.
const BAR: u64 = 20;

/// Shows a job.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    printer: &'a Printer,
    terminal: bool,
    /// What was told last, where that is not redrawn.
    told: Option<(String, u64)>,
}

impl<'a> Progress<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            terminal: io::stderr().is_terminal(),
            told: None,
        }
    }

    /// Shows what is new.
    pub(super) fn show(&mut self, job: &Job, tasks: &[Task]) {
        let line = line(job, tasks);
        if self.terminal {
            self.printer.draw(&format!("\r\x1b[2K{}{line}", bar(job)));
            return;
        }
        let now = (job.status.clone(), job.remained_tasks);
        if self.told.as_ref() != Some(&now) {
            self.printer.note(&line);
            self.told = Some(now);
        }
    }

    /// Leaves the last line as it is.
    pub(super) fn end(&self) {
        if self.terminal {
            self.printer.draw("\n");
        }
    }
}

fn ended(job: &Job) -> u64 {
    job.total_tasks.saturating_sub(job.remained_tasks)
}

fn bar(job: &Job) -> String {
    let done = (BAR * ended(job)).checked_div(job.total_tasks);
    let done = usize::try_from(done.unwrap_or(BAR).min(BAR)).unwrap_or_default();
    let rest = usize::try_from(BAR).unwrap_or_default() - done;
    format!("[{}{}] ", "#".repeat(done), "-".repeat(rest))
}

fn line(job: &Job, tasks: &[Task]) -> String {
    let sum = |count: fn(&Task) -> u64| tasks.iter().map(count).sum::<u64>();
    format!(
        "{} of {} tasks, {} created, {} updated, {} failed",
        ended(job),
        job.total_tasks,
        sum(|task| task.created_count),
        sum(|task| task.updated_count),
        sum(|task| task.failure_count),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bar_is_as_full_as_the_job_is_done() {
        let job =
            |total, remained| Job::read(&json!({"total_tasks": total, "remained_tasks": remained}));
        assert_eq!(bar(&job(4, 4)), format!("[{}] ", "-".repeat(20)));
        assert_eq!(bar(&job(4, 1)), format!("[{}-----] ", "#".repeat(15)));
        assert_eq!(bar(&job(0, 0)), format!("[{}] ", "#".repeat(20)));
        let tasks = [
            json!({"created_count": 2}),
            json!({"created_count": 3, "failure_count": 1}),
        ];
        let tasks: Vec<Task> = tasks.iter().map(Task::read).collect();
        assert_eq!(
            line(&job(4, 1), &tasks),
            "3 of 4 tasks, 5 created, 0 updated, 1 failed"
        );
    }
}
