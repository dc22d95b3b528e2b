//! Synchronisation: jobs are found, claimed, worked on, and taken over from pods that died.
//!
//! The rule: who works on a job answers for it for [`LEASE`], and says so again every
//! [`HEARTBEAT`]. A job in progress that nobody answers for is free; whoever finds it begins it
//! anew, which is safe, for the same cost told again is the same row. After [`ATTEMPTS`] it has
//! failed: a job that took so many pods with it would take the next one too.

mod costs;
mod plugin;
mod run;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::Status;

pub(super) use plugin::Plugin;
pub(super) use secrets::{Place, Secret, forget_secret, keep_secret, secrets_of};

use super::{CostAnalysis, job, job_task};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{number, text};
use crate::cloudforet::telemetry::{self, Context};

/// Long enough for a pod that is only slow.
const LEASE: Duration = Duration::from_secs(30);
/// Also how soon a job that was cancelled stops.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// How often a job is looked for that another replica was told of, or left.
const LOOK: Duration = Duration::from_secs(5);
const ATTEMPTS: i32 = 3;
/// Jobs that one pod works on at a time.
const AT_ONCE: usize = 4;

/// Works on jobs, to the end of the service. Those under way then are free for others.
pub(super) async fn work(service: &Arc<CostAnalysis>) {
    let mut running = JoinSet::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while running.len() < AT_ONCE {
            match claim(service).await {
                Ok(Some(job)) => {
                    let service = Arc::clone(service);
                    running.spawn(async move { Box::pin(run(&service, &job)).await });
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "jobs could not be looked for");
                    break;
                }
            }
        }
        tokio::select! {
            () = service.new_job.notified() => {}
            _ = look.tick() => {}
            Some(_) = running.join_next() => {}
        }
    }
}

/// A job that is this pod's from now on.
async fn claim(service: &CostAnalysis) -> Result<Option<Document>, Failure> {
    let rows = service.database.rows(&job::KIND).await?;
    loop {
        let now = DateTime::now();
        let free = doc! { "status": "IN_PROGRESS", "claimed_until": { "$lt": now } };
        let Some(job) = rows.find_one(free).await? else {
            return Ok(None);
        };
        let seen = doc! {
            "job_id": text(&job, "job_id"),
            "status": "IN_PROGRESS",
            "claimed_until": job.get("claimed_until").cloned().unwrap_or_default(),
        };
        let claim = doc! {
            "$set": { "claimed_until": until(), "updated_at": now },
            "$inc": { "attempts": 1 },
        };
        if rows.update(seen, claim).await? == 1 {
            return Ok(Some(job));
        }
        // Another replica was faster.
    }
}

fn until() -> DateTime {
    let lease = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
    DateTime::from_millis(DateTime::now().timestamp_millis().saturating_add(lease))
}

/// Does a job that was claimed, as part of the request that asked for it.
async fn run(service: &CostAnalysis, job: &Document) {
    let context = job.get_str("traceparent").ok().and_then(|header| {
        let pod = service.settings.pod.as_str().into();
        Context::received(header, pod, service.emitter.clone())
    });
    let done = async {
        if number(job, "attempts") >= ATTEMPTS {
            let problem = Status::aborted(format!(
                "ERROR_SYNC_ABANDONED: {ATTEMPTS} pods have begun this job and none has ended it"
            ));
            return finish(service, job, Some(&problem)).await;
        }
        tokio::select! {
            result = Box::pin(run::run(service, job)) => match result {
                Ok(failed) => finish(service, job, failed.as_ref()).await,
                Err(failure) => finish(service, job, Some(&failure.into())).await,
            },
            () = answer_for(service, job) => drop_tasks(service, job, "CANCELED").await,
        }
    };
    // Boxed, for it is large.
    if let Err(error) = telemetry::scope(context, Box::pin(done)).await {
        let job = text(job, "job_id");
        tracing::error!(%error, job, "a job's end could not be written");
    }
}

/// Keeps the job this pod's. Returns when it is not in progress any more.
async fn answer_for(service: &CostAnalysis, job: &Document) {
    let mine = doc! { "job_id": text(job, "job_id"), "status": "IN_PROGRESS" };
    // No part of any film: it would have nothing but heartbeats.
    telemetry::scope(None, async {
        loop {
            sleep(HEARTBEAT).await;
            let set = doc! { "$set": { "claimed_until": until(), "updated_at": DateTime::now() } };
            let beat = async {
                let rows = service.database.rows(&job::KIND).await?;
                rows.update(mine.clone(), set).await
            };
            match beat.await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a job's heartbeat could not be written"),
            }
        }
    })
    .await;
}

/// Writes how a job ended, unless it was cancelled meanwhile.
async fn finish(
    service: &CostAnalysis,
    job: &Document,
    problem: Option<&Status>,
) -> Result<(), Failure> {
    let id = text(job, "job_id");
    let now = DateTime::now();
    let mut set = doc! {
        "status": if problem.is_some() { "FAILURE" } else { "SUCCESS" },
        "running": &id,
        "updated_at": now,
        "finished_at": now,
    };
    if let Some(problem) = problem {
        set.extend(error_of(problem));
    }
    let rows = service.database.rows(&job::KIND).await?;
    let in_progress = doc! { "job_id": &id, "status": "IN_PROGRESS" };
    rows.update(in_progress, doc! { "$set": set }).await?;
    drop_tasks(service, job, "CANCELED").await
}

/// What is left of a job's tasks will not be done.
async fn drop_tasks(
    service: &CostAnalysis,
    job: &Document,
    status: &'static str,
) -> Result<(), Failure> {
    let rows = service.database.rows(&job_task::KIND).await?;
    let left = doc! {
        "job_id": text(job, "job_id"),
        "status": { "$in": ["PENDING", "IN_PROGRESS"] },
    };
    let set = doc! { "$set": { "status": status, "finished_at": DateTime::now() } };
    rows.update_all(left, set).await?;
    Ok(())
}

/// `ERROR_X: words` as the two fields that jobs and tasks have for it.
fn error_of(status: &Status) -> Document {
    let message = status.message();
    let (code, words) = match message.split_once(": ") {
        Some((code, words)) if code.starts_with("ERROR_") => (code, words),
        _ => ("ERROR_UNKNOWN", message),
    };
    doc! { "error_code": code, "error_message": words }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_code_and_words() {
        let of = |message: &str| error_of(&Status::internal(message));
        assert_eq!(
            of("ERROR_X: no such thing: y"),
            doc! { "error_code": "ERROR_X", "error_message": "no such thing: y" }
        );
        assert_eq!(
            of("tcp: broken"),
            doc! { "error_code": "ERROR_UNKNOWN", "error_message": "tcp: broken" }
        );
    }
}
