//! Where facts about the machine come from: a pod sees only itself, so the lab is asked.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::cloudforet::error::Failure;
use crate::model::{Machine, PodWish};

/// Reading `/proc` and asking Docker takes a moment; an engine that hangs must not hold the caller.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the lab has last told of the machine: nothing yet, the facts, or why there are none.
pub type Answer = Option<Result<Box<Machine>, String>>;

/// The plugin's end.
#[derive(Clone, Debug)]
pub struct Facts {
    wishes: mpsc::Sender<PodWish>,
    answers: watch::Receiver<Answer>,
}

impl Facts {
    /// `wishes` takes [`PodWish::Host`], and each is followed by a new value of `answers`: the
    /// `machine` of a [`Told::Host`](crate::model::Told::Host).
    pub fn new(wishes: mpsc::Sender<PodWish>, answers: watch::Receiver<Answer>) -> Self {
        Self { wishes, answers }
    }

    /// The machine as it is now. An answer that another question has caused is new enough.
    pub(super) async fn machine(&self) -> Result<Box<Machine>, Failure> {
        let mut answers = self.answers.clone();
        answers.mark_unchanged();
        let gone = || Failure::Upstream("the lab has gone".to_owned());
        self.wishes.send(PodWish::Host).await.map_err(|_| gone())?;
        timeout(PATIENCE, answers.changed())
            .await
            .map_err(|_| {
                Failure::Upstream("the lab does not tell what this machine is".to_owned())
            })?
            .map_err(|_| gone())?;
        let answer = answers.borrow().clone();
        match answer {
            Some(Ok(machine)) => Ok(machine),
            Some(Err(reason)) => Err(Failure::Upstream(reason)),
            None => Err(Failure::Upstream("the lab knows nothing".to_owned())),
        }
    }
}
