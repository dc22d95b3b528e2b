//! One signal to stop, many who listen.
//!
//! The signal is a `watch` channel that goes from `false` to `true` once. Dropping the [`Trigger`]
//! counts as the signal, so that no task outlives its owner.

use tokio::sync::watch;

/// Gives the signal.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Waits for the signal; clone one for each task.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Trigger {
    /// A new signal and its first listener.
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Gives the signal. Later calls change nothing.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Waits until every [`Shutdown`] of this signal has been dropped.
    pub async fn drained(&self) {
        self.0.closed().await;
    }
}

impl Shutdown {
    /// Returns when the signal was given or its owner is gone; at once if that was before.
    pub async fn recv(&mut self) {
        // An error means that the trigger was dropped, which is the same news.
        let _ = self.0.wait_for(|triggered| *triggered).await;
    }
}
