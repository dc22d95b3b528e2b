//! The inventory's worker: takes tasks from the queue, one at a time, and does them.
//!
//! It has no port and no Service. Nobody calls it: it asks the queue for work, the plugin service for
//! a pod of the plugin, and that pod for resources, which it writes into the inventory's database.
//! It ends between tasks or in the middle of one, and what it had taken is then done by another.

mod collect;
mod identity;
mod matching;
mod resource;
mod seen;
mod upsert;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::collecting::{self, Callees, Wanted};
use super::error::{Failure, StartError};
use super::mongo::Mongo;
use super::queue::{Consumer, HEARTBEAT, Taken, Task};
use super::settings::Settings;
use super::telemetry::{self, Context, Emitter, OpenSpan};
use crate::model::SpanKind;
use crate::net::Shutdown;

/// Before the queue is asked again when it or the store could not be reached.
const PAUSE: Duration = Duration::from_millis(500);

/// What a worker works with.
#[derive(Debug)]
struct Worker {
    mongo: Mongo,
    callees: Callees,
    consumer: Consumer,
    emitter: Emitter,
    pod: Arc<str>,
    /// Of the schedulers' clock.
    hour: Duration,
}

/// Works until the signal.
pub async fn serve(
    settings: Settings,
    emitter: Emitter,
    mut shutdown: Shutdown,
) -> Result<(), StartError> {
    let worker = Arc::new(Worker {
        mongo: Mongo::new(&settings, "inventory").await?,
        callees: Callees::new(&settings),
        consumer: Consumer::new(&settings, collecting::QUEUE)?,
        emitter,
        pod: settings.pod.as_str().into(),
        hour: settings.hour,
    });
    // A task of its own, so that a worker with much to do is not thought dead.
    let mut heart = JoinSet::new();
    let beating = Arc::clone(&worker);
    heart.spawn(async move { beating.live().await });
    tokio::select! {
        () = worker.work() => {}
        () = shutdown.recv() => {}
    }
    heart.shutdown().await;
    if let Err(failure) = worker.consumer.retire().await {
        // Then the others find out by themselves, a little later.
        tracing::warn!(%failure, "cannot give back what was taken");
    }
    Ok(())
}

impl Worker {
    /// Says that it lives, and looks after the tasks of those who do not.
    async fn live(&self) {
        let mut beats = interval(HEARTBEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let lived = async {
                self.consumer.beat().await?;
                self.consumer.put_back_of_the_dead().await
            };
            match lived.await {
                Ok(0) => {}
                Ok(tasks) => tracing::warn!(tasks, "a worker has died, its tasks are put back"),
                Err(failure) => tracing::warn!(%failure, "no heartbeat"),
            }
        }
    }

    async fn work(&self) {
        loop {
            if let Err(failure) = self.next().await {
                tracing::warn!(%failure, "a task was not done, or there is no queue");
                // Another worker may have more luck, and so may this one later.
                sleep(PAUSE).await;
                while let Err(failure) = self.consumer.put_back().await {
                    tracing::warn!(%failure, "waiting for the queue");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits for a task and does it.
    async fn next(&self) -> Result<(), Failure> {
        // Alive before anything is taken.
        self.consumer.beat().await?;
        let Some(taken) = self.consumer.take().await? else {
            return Ok(());
        };
        self.handle(&taken).await?;
        self.consumer.done(&taken).await
    }

    /// An error means that the task should be done again.
    async fn handle(&self, taken: &Taken) -> Result<(), Failure> {
        let task = match &taken.task {
            Ok(task) => task,
            Err(failure) => {
                tracing::error!(%failure, "thrown away");
                return Ok(());
            }
        };
        let wanted = match Wanted::of(task) {
            Ok(wanted) => wanted,
            Err(failure) => {
                tracing::error!(%failure, "thrown away");
                return Ok(());
            }
        };
        let context = self.context(task);
        let mut span = context
            .as_ref()
            .and_then(|context| OpenSpan::child(context, SpanKind::Worker, &task.name));
        if let Some(span) = &mut span {
            describe(span, &wanted);
        }
        let inner = span.as_ref().map(OpenSpan::context).or(context);
        // Boxed, for it is large.
        let work = Box::pin(self.perform(&wanted));
        let result = telemetry::scope(inner, work).await;
        if let Some(span) = span {
            match &result {
                Ok(outcome) => span.finish(outcome.as_str()),
                Err(failure) => span.finish(failure.to_string()),
            }
        }
        result.map(drop)
    }

    /// Says what came of it, in a word.
    async fn perform(&self, wanted: &Wanted) -> Result<String, Failure> {
        match wanted {
            Wanted::Resources(task) => self.resources(task).await,
            Wanted::Collector(run) => {
                match self
                    .callees
                    .collect(&run.domain_id, &run.collector_id)
                    .await
                {
                    Ok(job) => Ok(job.job_id),
                    // The inventory's own word is final.
                    Err(failure @ Failure::Answered(_)) => {
                        tracing::error!(%failure, collector = run.collector_id, "cannot collect");
                        Ok(failure.to_string())
                    }
                    Err(failure) => Err(failure),
                }
            }
        }
    }

    fn context(&self, task: &Task) -> Option<Context> {
        let header = task.traceparent.as_deref()?;
        Context::received(header, Arc::clone(&self.pod), self.emitter.clone())
    }
}

fn describe(span: &mut OpenSpan, wanted: &Wanted) {
    span.attribute("queue", collecting::QUEUE);
    match wanted {
        Wanted::Collector(run) => span.attribute("collector_id", run.collector_id.as_str()),
        Wanted::Resources(task) => {
            span.attribute("job_id", task.job_id.as_str());
            span.attribute("job_task_id", task.job_task_id.as_str());
            span.attribute("sub_task", task.sub_task);
        }
    }
}
