//! How long the bytes of a body may be missing.

use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Alarm;
use super::limits::BODY_RATE;

/// Time for waiting that is used up by waiting and earned by bytes.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    left: Duration,
    /// When the running wait began.
    waiting: Option<Instant>,
    alarm: Alarm,
}

impl Patience {
    /// For the body of the next request.
    pub(crate) fn begin(&mut self, left: Duration) {
        self.left = left;
        self.waiting = None;
        self.alarm.clear();
    }

    /// So many bytes came, or something else that goes on.
    pub(crate) fn came(&mut self, bytes: usize) {
        if let Some(since) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
            self.alarm.clear();
        }
        self.left += Duration::from_micros(bytes as u64 * 1_000_000 / BODY_RATE);
    }

    /// Nothing came; ready when that has been so for too long.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_none() {
            self.waiting = Some(Instant::now());
            self.alarm.set(self.left);
        }
        self.alarm.poll(context)
    }
}
