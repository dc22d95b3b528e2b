//! What keeps a pod from being ready on purpose, whatever its probe says.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::pod::PodTask;
use crate::model::{Fault, FaultKind, Faults};

/// Between two looks at a pod that is held back for a time.
const LOOK: Duration = Duration::from_millis(50);

/// The faults, as one program of a pod meets them.
pub(super) struct Hold<'a> {
    task: &'a PodTask,
    faults: watch::Receiver<Faults>,
    begun: Instant,
    was_ready: bool,
    /// It ends by itself.
    passes: bool,
}

impl<'a> Hold<'a> {
    /// For a program that has just been started.
    pub(super) fn new(task: &'a PodTask) -> Self {
        Self {
            task,
            faults: task.context.registry.faults(),
            begun: Instant::now(),
            was_ready: false,
            passes: false,
        }
    }

    /// Why the pod may not be ready now, if it may not.
    pub(super) fn holds(&mut self, ready: bool) -> Option<String> {
        self.was_ready |= ready;
        let age = (!self.was_ready).then(|| self.begun.elapsed());
        let faults = self.faults.borrow_and_update();
        let deployment = &self.task.deployment.name;
        let holds =
            |fault: &&std::sync::Arc<Fault>| fault.holds_back(&self.task.name, deployment, age);
        let fault = faults.iter().find(holds)?;
        self.passes = matches!(fault.kind, FaultKind::SlowStart { .. });
        Some(format!("not ready: {fault}"))
    }

    /// Waits until it may be another, while something holds.
    pub(super) async fn pause(&mut self) {
        if self.passes {
            self.sleep(LOOK).await;
        } else {
            // An error means that the lab ends.
            let _ = self.faults.changed().await;
        }
    }

    /// Waits for the next probe, or for news of faults.
    pub(super) async fn sleep(&mut self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            Ok(()) = self.faults.changed() => {}
        }
    }
}
