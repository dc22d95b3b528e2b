//! Requests for those who record them. While nobody does, it costs the data path one atomic load.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::model::Recorded;

/// Requests that a listener may lag behind before it is told that it missed some.
const BACKLOG: usize = 1024;

/// Where recorded requests go; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tape {
    listeners: Arc<AtomicUsize>,
    recorded: broadcast::Sender<Arc<Recorded>>,
}

/// Somebody who records.
#[derive(Debug)]
pub struct Listening {
    listeners: Arc<AtomicUsize>,
    recorded: broadcast::Receiver<Arc<Recorded>>,
}

impl Default for Tape {
    fn default() -> Self {
        Self {
            listeners: Arc::default(),
            recorded: broadcast::channel(BACKLOG).0,
        }
    }
}

impl Tape {
    /// Whether anybody records.
    pub fn runs(&self) -> bool {
        self.listeners.load(Ordering::Relaxed) > 0
    }

    /// Takes one request.
    pub fn put(&self, recorded: Recorded) {
        // Nobody may be left.
        let _ = self.recorded.send(Arc::new(recorded));
    }

    /// Begins to record.
    pub fn listen(&self) -> Listening {
        let recorded = self.recorded.subscribe();
        self.listeners.fetch_add(1, Ordering::Relaxed);
        Listening {
            listeners: Arc::clone(&self.listeners),
            recorded,
        }
    }
}

impl Listening {
    /// The next request, or how many were missed; `None` once there is no tape any more.
    pub async fn next(&mut self) -> Option<Result<Arc<Recorded>, u64>> {
        match self.recorded.recv().await {
            Ok(recorded) => Some(Ok(recorded)),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Err(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}
