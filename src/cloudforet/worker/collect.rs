//! A sub-task: asks the plugin for resources and writes them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bson::{DateTime, doc};
use tokio::time::sleep;
use tonic::Code;

use super::Worker;
use super::resource::{Item, REGION, Resource, SERVICE, Shape, TYPE, read};
use super::upsert::{BATCH, Fate};
use crate::cloudforet::collecting::{
    Collecting, Outcome, Problem, TakenUp, finish, is_wanted, settle, take_up,
};
use crate::cloudforet::error::Failure;

/// Before the plugin is asked again, from another pod of it if there is one: together longer than
/// its pod takes to be started again.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];
/// How often the job is looked at while its task is under way.
const LOOK: Duration = Duration::from_secs(1);
/// Problems that a sub-task tells of.
const MOST_PROBLEMS: usize = 10;

/// Why a sub-task was not done.
enum Trouble {
    /// The plugin, or a service on the way to it, could not be reached or broke off.
    Lost(Problem),
    /// There is no sense in trying again.
    Final(Problem),
    /// The store has failed: nothing can be written down, not even that.
    Store(Failure),
}

/// What has come of the sub-task so far.
struct Progress<'a> {
    task: &'a Collecting,
    outcome: Outcome,
    /// When the job task was made, if somebody has begun this sub-task before: what is younger was
    /// made by them.
    since: Option<DateTime>,
    /// Rows that this worker has made.
    made: HashSet<String>,
    waiting: [(&'static Shape, Vec<Resource>); 3],
}

impl Worker {
    /// Does a sub-task, and says what came of it in a word.
    pub(super) async fn resources(&self, task: &Collecting) -> Result<String, Failure> {
        let mut word = "OK".to_owned();
        match take_up(&self.mongo, task).await? {
            TakenUp::Gone => return Ok("GONE".to_owned()),
            TakenUp::Finished => {}
            TakenUp::Refused(problem) => {
                problem.code().clone_into(&mut word);
                let outcome = Outcome {
                    problems: vec![problem],
                    ..Outcome::default()
                };
                finish(&self.mongo, task, &outcome).await?;
            }
            TakenUp::Go { created_at, again } => {
                let outcome = self.attempts(task, again.then_some(created_at)).await?;
                if let Some(problem) = outcome.problems.first() {
                    problem.code().clone_into(&mut word);
                }
                finish(&self.mongo, task, &outcome).await?;
            }
        }
        settle(&self.mongo, task, async || self.sweep(task).await).await?;
        Ok(word)
    }

    async fn attempts(
        &self,
        task: &Collecting,
        since: Option<DateTime>,
    ) -> Result<Outcome, Failure> {
        let mut pauses = PAUSES.into_iter();
        let mut made = HashSet::new();
        loop {
            let mut progress = Progress::new(task, since, made);
            let problem = match self.attempt(&mut progress).await {
                Ok(()) => return Ok(progress.outcome),
                Err(Trouble::Store(failure)) => return Err(failure),
                Err(Trouble::Final(problem)) => problem,
                Err(Trouble::Lost(problem)) => {
                    if let Some(pause) = pauses.next() {
                        tracing::warn!(?problem, "the plugin is lost, asking for it again");
                        sleep(pause).await;
                        made = progress.made;
                        continue;
                    }
                    problem
                }
            };
            progress.outcome.problems.insert(0, problem);
            return Ok(progress.outcome);
        }
    }

    async fn attempt(&self, progress: &mut Progress<'_>) -> Result<(), Trouble> {
        let task = progress.task;
        let secret = &task.secret_info;
        let data = self
            .callees
            .secret_data(&task.domain_id, &secret.workspace_id, &secret.secret_id)
            .await
            .map_err(|failure| trouble("ERROR_UNKNOWN", failure))?;
        let plugin = &task.plugin_info;
        let pod = self.callees.pod(&task.domain_id, plugin);
        let pod = pod
            .await
            .map_err(|failure| trouble("ERROR_PLUGIN", failure))?;
        let mut answers = pod
            .collect(plugin, data, &task.options())
            .await
            .map_err(|status| broken(&status))?;
        let mut looked = Instant::now();
        while let Some(info) = answers.next().await.map_err(|status| broken(&status))? {
            match read(&info, task) {
                Item::Resource(shape, resource) => self.add(progress, shape, resource).await?,
                Item::Ignored => {}
                Item::Wrong(problem) => progress.fail(problem),
            }
            if looked.elapsed() >= LOOK {
                looked = Instant::now();
                if !is_wanted(&self.mongo, task).await? {
                    self.flush_all(progress).await?;
                    return Err(Trouble::Final(Problem::canceled()));
                }
            }
        }
        self.flush_all(progress).await
    }

    async fn add(
        &self,
        progress: &mut Progress<'_>,
        shape: &'static Shape,
        resource: Resource,
    ) -> Result<(), Trouble> {
        let slot = progress.waiting.iter_mut().position(|(known, waiting)| {
            let same = known.kind.collection == shape.kind.collection;
            if same {
                waiting.push(resource.clone());
            }
            same && waiting.len() >= BATCH
        });
        match slot {
            Some(slot) => self.flush(progress, slot).await,
            None => Ok(()),
        }
    }

    async fn flush_all(&self, progress: &mut Progress<'_>) -> Result<(), Trouble> {
        for slot in 0..progress.waiting.len() {
            self.flush(progress, slot).await?;
        }
        Ok(())
    }

    async fn flush(&self, progress: &mut Progress<'_>, slot: usize) -> Result<(), Trouble> {
        let (shape, waiting) = &mut progress.waiting[slot];
        let shape: &'static Shape = shape;
        let resources = std::mem::take(waiting);
        if resources.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = resources.iter().map(name).collect();
        let fates = self.upsert(shape, resources, progress.task).await?;
        let counts = shape.has_state;
        let mut seen = Vec::new();
        for (fate, name) in fates.into_iter().zip(names) {
            let about = doc! { "collection": shape.kind.collection, "resource": name };
            match fate {
                Fate::Created(id) => {
                    progress.outcome.created += u32::from(counts);
                    progress.made.insert(id.clone());
                    seen.push(id);
                }
                Fate::Updated { id, created_at } => {
                    let ours = progress.made.remove(&id)
                        || progress.since.is_some_and(|since| created_at >= since);
                    if ours {
                        progress.outcome.created += u32::from(counts);
                    } else {
                        progress.outcome.updated += u32::from(counts);
                    }
                    seen.push(id);
                }
                Fate::TooMany => {
                    let message = "Several resources match the rule.";
                    progress.fail(Problem::new("ERROR_TOO_MANY_MATCH", message).with(about));
                }
                Fate::Refused(reason) => {
                    progress.fail(Problem::new("ERROR_UNKNOWN", &reason).with(about));
                }
            }
        }
        if counts {
            seen.sort();
            seen.dedup();
            self.note(progress.task, &seen).await?;
        }
        Ok(())
    }
}

impl<'a> Progress<'a> {
    fn new(task: &'a Collecting, since: Option<DateTime>, made: HashSet<String>) -> Self {
        Self {
            task,
            outcome: Outcome::default(),
            since,
            made,
            waiting: [&TYPE, &REGION, &SERVICE].map(|shape| (shape, Vec::new())),
        }
    }

    /// A resource was not written.
    fn fail(&mut self, problem: Problem) {
        self.outcome.failed += 1;
        if self.outcome.problems.len() < MOST_PROBLEMS {
            self.outcome.problems.push(problem);
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Store(failure)
    }
}

/// What people know a resource by.
fn name(resource: &Resource) -> String {
    let rule = resource.rules.first();
    rule.map(ToString::to_string).unwrap_or_default()
}

/// A call of a service has failed.
fn trouble(code: &'static str, failure: Failure) -> Trouble {
    let problem = Problem::new(code, &failure.to_string());
    match failure {
        Failure::Upstream(_) => Trouble::Lost(problem),
        Failure::Answered(status) if status.code() == Code::Unavailable => Trouble::Lost(problem),
        _ => Trouble::Final(problem),
    }
}

/// The plugin's answer has failed. What it says itself is final; that it says nothing more is not.
fn broken(status: &tonic::Status) -> Trouble {
    let problem = Problem::new("ERROR_PLUGIN", status.message());
    let lost = matches!(
        status.code(),
        Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Internal
    ) && !status.message().starts_with("ERROR_");
    if lost {
        Trouble::Lost(problem)
    } else {
        Trouble::Final(problem)
    }
}
