//! The runs of this lab: at most one at a time, and the results of the last ones.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use super::generator;
use super::plan::Plan;
use crate::model::{LoadLine, LoadResult};

/// Results that are kept; the oldest goes first.
const KEPT: usize = 20;
/// Lines that may wait for their reader.
const WAITING: usize = 8;

/// One run is under way already.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    /// Two would measure each other.
    #[error("a load runs already, at {0}")]
    Runs(String),
    /// The system gives no thread, or no poller for it.
    #[error("cannot start a thread for the load: {0}")]
    Thread(#[from] io::Error),
}

/// What a caller adds to a result, such as which Service a pod belongs to.
type Finish = Box<dyn FnOnce(&mut LoadResult) + Send>;

/// All of them; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    /// A std mutex: held for a few accesses, never across an await.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Newest first.
    results: VecDeque<LoadResult>,
    running: Option<(String, watch::Sender<bool>)>,
    /// How many have ended.
    count: u64,
}

/// A run under way. Dropping it stops it.
#[derive(Debug)]
pub struct Run {
    /// One line each second, then the result.
    pub lines: mpsc::Receiver<LoadLine>,
}

impl Loads {
    /// Starts a run on a thread of its own.
    pub fn begin(&self, plan: Plan, finish: Finish) -> Result<Run, Busy> {
        let mut state = self.state();
        if let Some((url, _)) = &state.running {
            return Err(Busy::Runs(url.clone()));
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = watch::channel(false);
        let (sender, lines) = mpsc::channel(WAITING);
        let url = plan.asked.url.clone();
        let loads = self.clone();
        let thread = std::thread::Builder::new().name("load".to_owned());
        thread.spawn(move || {
            let started = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            let mut result =
                LocalSet::new().block_on(&runtime, generator::run(plan, &sender, stopped));
            result.started = u64::try_from(started.as_micros()).unwrap_or(u64::MAX);
            finish(&mut result);
            let result = loads.ended(result);
            // Who asked may have gone; it is among the results.
            let _ = sender.blocking_send(LoadLine::Result(Box::new(result)));
        })?;
        state.running = Some((url, stop));
        Ok(Run { lines })
    }

    /// Stops the one that runs; whether one did.
    pub fn stop(&self) -> bool {
        let state = self.state();
        let running = state.running.as_ref();
        running.is_some_and(|(_, stop)| stop.send(true).is_ok())
    }

    /// The last results, newest first.
    pub fn results(&self) -> Vec<LoadResult> {
        self.state().results.iter().cloned().collect()
    }

    fn ended(&self, mut result: LoadResult) -> LoadResult {
        let mut state = self.state();
        state.running = None;
        state.count += 1;
        result.id = state.count;
        state.results.push_front(result.clone());
        state.results.truncate(KEPT);
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
