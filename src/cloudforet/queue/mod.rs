//! A queue of tasks: a Redis list, as upstream's, that loses nothing.
//!
//! Upstream a worker pops a task (BLPOP), and if it dies then, the task is gone. Here it moves the
//! task into a list of its own (BLMOVE into `<queue>:taken:<worker>`) and removes it there when it
//! is done. As long as the worker lives it keeps `<queue>:alive:<worker>` from expiring; the other
//! workers move what a dead one had taken back to the front of the queue. A task may thus be done
//! twice, and never not at all.

mod consumer;
mod task;

use std::time::Duration;

use redis::cmd;

pub(crate) use self::consumer::{Consumer, HEARTBEAT, Taken};
pub(crate) use self::task::Task;
use super::error::{Failure, StartError};
use super::redis::{PATIENCE, Redis, hop};
use super::settings::Settings;

/// Where tasks are put.
#[derive(Debug)]
pub(crate) struct Queue {
    redis: Redis,
    name: &'static str,
}

impl Queue {
    /// Connects with the first task.
    pub(crate) fn new(settings: &Settings, name: &'static str) -> Result<Self, StartError> {
        Ok(Self {
            redis: Redis::new(settings, PATIENCE)?,
            name,
        })
    }

    /// Puts tasks at the end, all or none, as part of the request under way.
    pub(crate) async fn push(&self, mut tasks: Vec<Task>) -> Result<(), Failure> {
        if tasks.is_empty() {
            return Ok(());
        }
        let mut hop = hop(&format!("RPUSH {}", self.name));
        hop.attribute("tasks", tasks.len());
        let mut command = cmd("RPUSH");
        command.arg(self.name);
        for task in &mut tasks {
            task.traceparent = hop.traceparent.map(|header| header.to_string());
            command.arg(task.to_json()?);
        }
        self.redis.run_as(hop, &command).await
    }

    /// Whether nobody has claimed `what` before, within `lifetime`.
    pub(crate) async fn claim(&self, what: &str, lifetime: Duration) -> Result<bool, Failure> {
        let mut command = cmd("SET");
        command
            .arg(self.claimed(what))
            .arg(1)
            .arg("NX")
            .arg("EX")
            .arg(lifetime.as_secs().max(1));
        let set: Option<String> = self.redis.run(&command).await?;
        Ok(set.is_some())
    }

    /// Gives a claim back.
    pub(crate) async fn disclaim(&self, what: &str) -> Result<(), Failure> {
        let mut command = cmd("DEL");
        command.arg(self.claimed(what));
        self.redis.run(&command).await
    }

    fn claimed(&self, what: &str) -> String {
        format!("{}:claimed:{what}", self.name)
    }
}
