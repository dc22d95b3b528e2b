//! What the supervisor runs plugins on: upstream that is Kubernetes' API server or Docker, here the
//! lab itself.
//!
//! Both directions tell the whole state each time, so nothing is lost when either side starts anew.

use tokio::sync::{mpsc, watch};

use crate::model::{PodWish, RunningPlugin, WantedPlugin};

/// The supervisor's end.
#[derive(Debug)]
pub struct Platform {
    wishes: mpsc::Sender<PodWish>,
    running: watch::Receiver<Vec<RunningPlugin>>,
}

impl Platform {
    /// `wishes` takes [`PodWish::Plugins`]; `running` has every plugin that was asked for last, with
    /// its pods. A name that is missing there has not been looked at yet.
    pub fn new(
        wishes: mpsc::Sender<PodWish>,
        running: watch::Receiver<Vec<RunningPlugin>>,
    ) -> Self {
        Self { wishes, running }
    }

    /// Says what should run; `false` if nobody is there to hear it any more.
    pub(super) async fn want(&self, plugins: Vec<WantedPlugin>) -> bool {
        self.wishes.send(PodWish::Plugins { plugins }).await.is_ok()
    }

    /// What runs now; what comes next counts as a change.
    pub(super) fn running(&mut self) -> Vec<RunningPlugin> {
        self.running.borrow_and_update().clone()
    }

    /// Returns when something has changed; never if nobody is there to tell.
    pub(super) async fn changed(&mut self) {
        if self.running.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
