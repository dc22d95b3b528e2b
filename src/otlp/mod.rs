//! Spans for any collector that speaks OTLP over HTTP; off unless `[trace] otlp` names one.
//!
//! Never on the data path: spans come from the theatre, through a bounded queue that drops and counts
//! what finds no room.

mod convert;
mod message;
mod send;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::model::{OtlpTarget, Span};
use crate::trace::SpanListener;

/// Spans that may wait; some seconds of a receiver that restarts.
const WAITING: usize = 8192;
/// How long the end of a lab waits for the last spans; a receiver that is there needs milliseconds.
const LAST: Duration = Duration::from_secs(2);

/// What became of spans.
#[derive(Debug, Default)]
struct Counter {
    sent: AtomicU64,
    dropped: AtomicU64,
}

/// The queue's end where spans go in.
#[derive(Debug)]
pub struct Outlet {
    spans: mpsc::Sender<Span>,
    counter: Arc<Counter>,
}

/// The queue's other end, which sends.
#[derive(Debug)]
pub struct Sending {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Begins to send. `lab` is its name.
pub fn open(lab: &str, target: OtlpTarget) -> (Outlet, Sending) {
    let (spans, queue) = mpsc::channel(WAITING);
    let (stop, stopped) = oneshot::channel();
    let counter = Arc::<Counter>::default();
    let sender = send::Sender {
        lab: lab.to_owned(),
        target,
        counter: Arc::clone(&counter),
    };
    let task = tokio::spawn(sender.run(queue, stopped));
    (Outlet { spans, counter }, Sending { stop, task })
}

impl Sending {
    /// Takes no more, and sends what waits; not for long.
    pub async fn finish(mut self) {
        // It may have ended, which nothing asks it to.
        let _ = self.stop.send(());
        if timeout(LAST, &mut self.task).await.is_err() {
            tracing::warn!("the last spans were not exported: the receiver takes too long");
            self.task.abort();
        }
    }
}

impl SpanListener for Outlet {
    fn hear(&self, span: &Span) {
        match self.spans.try_reserve() {
            Ok(place) => place.send(span.clone()),
            Err(_) => self.counter.dropped(1),
        }
    }

    fn counts(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.counter.sent), read(&self.counter.dropped))
    }
}

impl Counter {
    fn sent(&self, count: u64) {
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    fn dropped(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }
}
