//! A deadline that moves often and strikes seldom.
//!
//! Moving it costs a store. The timer behind it is armed once and looks again when it fires, so a
//! busy connection touches the runtime's timer wheel once per limit and not once per request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// See the module.
#[derive(Debug, Default)]
pub struct Alarm {
    at: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Strikes after so long, and not when it was set to before.
    pub fn set(&mut self, after: Duration) {
        self.at = Some(Instant::now() + after);
    }

    /// Does not strike.
    pub fn clear(&mut self) {
        self.at = None;
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.at.is_some()
    }

    /// Ready when the time has come.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            std::task::ready!(sleep.as_mut().poll(context));
            if sleep.deadline() >= at {
                self.at = None;
                self.sleep = None;
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}
