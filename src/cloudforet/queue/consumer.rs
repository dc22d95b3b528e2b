//! One worker at a queue.

use std::time::Duration;

use redis::cmd;

use super::task::Task;
use crate::cloudforet::error::{Failure, StartError};
use crate::cloudforet::redis::{PATIENCE, Redis};
use crate::cloudforet::settings::{Settings, new_id};

/// A worker that has not been heard of for this long is dead: seconds, as the issue of a killed
/// worker should be seen in class, and three heartbeats, as one may be late.
const DEAD_AFTER: Duration = Duration::from_secs(3);
/// How often a worker says that it lives, and looks for others that do not.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long one wait for a task lasts. Short, so that a connection that died without a word is
/// noticed soon.
const WAIT: Duration = Duration::from_secs(5);

/// A worker's end of a queue.
#[derive(Debug)]
pub(crate) struct Consumer {
    redis: Redis,
    /// For the command that blocks.
    waiting: Redis,
    name: &'static str,
    taken: String,
    alive: String,
}

/// A task that this worker has taken.
#[derive(Debug)]
pub(crate) struct Taken {
    /// What is to do, if it can be read.
    pub(crate) task: Result<Task, Failure>,
    /// As it lies in the list.
    text: String,
}

impl Consumer {
    /// Connects to nothing yet. A pod that starts again is another worker, so that what its
    /// predecessor had taken is given back.
    pub(crate) fn new(settings: &Settings, name: &'static str) -> Result<Self, StartError> {
        let worker = new_id(&settings.pod);
        Ok(Self {
            redis: Redis::new(settings, PATIENCE)?,
            waiting: Redis::new(settings, WAIT + PATIENCE)?,
            name,
            taken: format!("{name}:taken:{worker}"),
            alive: format!("{name}:alive:{worker}"),
        })
    }

    /// Waits for a task, for some seconds. Once this has failed, [`Self::put_back`] has to succeed
    /// before the next task is taken: one may have been moved without our being told.
    pub(crate) async fn take(&self) -> Result<Option<Taken>, Failure> {
        let mut command = cmd("BLMOVE");
        command
            .arg(self.name)
            .arg(&self.taken)
            .arg("LEFT")
            .arg("RIGHT")
            .arg(WAIT.as_secs());
        let text: Option<String> = self.waiting.run_once(&command).await?;
        Ok(text.map(|text| Taken {
            task: Task::from_json(&text),
            text,
        }))
    }

    /// The task is done, or nobody can do it.
    pub(crate) async fn done(&self, taken: &Taken) -> Result<(), Failure> {
        let mut command = cmd("LREM");
        command.arg(&self.taken).arg(1).arg(&taken.text);
        self.redis.run(&command).await
    }

    /// Says that this worker lives.
    pub(crate) async fn beat(&self) -> Result<(), Failure> {
        let mut command = cmd("SET");
        command
            .arg(&self.alive)
            .arg(1)
            .arg("EX")
            .arg(DEAD_AFTER.as_secs());
        self.redis.run(&command).await
    }

    /// Moves whatever this worker has taken back to the front of the queue.
    pub(crate) async fn put_back(&self) -> Result<usize, Failure> {
        self.move_back(&self.taken).await
    }

    /// Moves back what workers have taken that do not live any more; says how many tasks.
    pub(crate) async fn put_back_of_the_dead(&self) -> Result<usize, Failure> {
        let prefix = format!("{}:taken:", self.name);
        let mut moved = 0;
        let mut cursor = 0_u64;
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(format!("{prefix}*"))
                .arg("COUNT")
                .arg(1000);
            let (next, lists): (u64, Vec<String>) = self.redis.run(&scan).await?;
            for list in lists.iter().filter(|list| **list != self.taken) {
                let Some(worker) = list.strip_prefix(&prefix) else {
                    continue;
                };
                let mut exists = cmd("EXISTS");
                exists.arg(format!("{}:alive:{worker}", self.name));
                if !self.redis.run::<bool>(&exists).await? {
                    moved += self.move_back(list).await?;
                }
            }
            if next == 0 {
                return Ok(moved);
            }
            cursor = next;
        }
    }

    /// One by one, so that two who do this at once never move one task twice. The last goes first,
    /// so that their order stays.
    async fn move_back(&self, list: &str) -> Result<usize, Failure> {
        let mut command = cmd("LMOVE");
        command.arg(list).arg(self.name).arg("RIGHT").arg("LEFT");
        let mut moved = 0;
        while self.redis.run::<Option<String>>(&command).await?.is_some() {
            moved += 1;
        }
        Ok(moved)
    }

    /// Takes no more, gives everything back, and is gone.
    pub(crate) async fn retire(&self) -> Result<(), Failure> {
        self.waiting.hang_up().await;
        self.put_back().await?;
        let mut command = cmd("DEL");
        command.arg(&self.alive);
        self.redis.run(&command).await
    }
}
