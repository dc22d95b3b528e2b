//! The data path's end of the film: hands events over without ever waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use crate::model::Event;

/// A cheap handle through which a hop tells what it did.
#[derive(Clone, Debug)]
pub struct Tracer {
    events: mpsc::Sender<Event>,
    dropped: Arc<AtomicU64>,
}

impl Tracer {
    /// A tracer and the end at which its events arrive. `capacity` bounds the events in between;
    /// what does not fit is dropped and counted.
    pub fn channel(capacity: usize) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(capacity);
        (
            Self {
                events,
                dropped: Arc::default(),
            },
            receiver,
        )
    }

    /// Hands one event over.
    pub fn emit(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events found no room, or nobody to take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}
