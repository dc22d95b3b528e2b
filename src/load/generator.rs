//! Sends requests when they are due, over a fixed number of connections.
//!
//! Requests are numbered, and a number says when its request is due. Each connection takes the next
//! number, waits for its time and sends; one that is late takes numbers that are overdue already, and
//! their answers' times tell of it. There is no queue that could grow.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::link::{Answer, Cause, Link, Sender, exchange_one, exchange_two};
use super::plan::Plan;
use super::tally::Tally;
use crate::model::{LoadLine, LoadResult};

/// Requests at a time on one connection of HTTP/2; fewer than any of the controllers allows.
const STREAMS: usize = 100;
/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(1);
/// A request that is taken this much after it was due has waited for a connection: two ticks of the
/// runtime's clock.
const WAITED: Duration = Duration::from_millis(2);

/// What all connections share.
struct Shared {
    plan: Plan,
    begun: Instant,
    next: Cell<u64>,
    tally: RefCell<Tally>,
    stop: watch::Receiver<bool>,
}

/// Runs to the end, or until it is stopped or nobody listens any more. Must be called in a `LocalSet`.
pub(super) async fn run(
    plan: Plan,
    lines: &mpsc::Sender<LoadLine>,
    stop: watch::Receiver<bool>,
) -> LoadResult {
    let connections = plan.asked.connections;
    let shared = Rc::new(Shared {
        plan,
        begun: Instant::now(),
        next: Cell::new(0),
        tally: RefCell::new(Tally::new()),
        stop,
    });
    let mut working = JoinSet::new();
    for _ in 0..connections {
        working.spawn_local(lane(Rc::clone(&shared)));
    }
    let all_done = async { while working.join_next().await.is_some() {} };
    let left = tokio::select! {
        () = all_done => false,
        () = tell(&shared, lines) => true,
    };
    // Requests on their way end with their connections.
    working.shutdown().await;
    shared.result(left)
}

/// Tells each second. Returns when nobody listens.
async fn tell(shared: &Shared, lines: &mpsc::Sender<LoadLine>) {
    let mut before = (Instant::now(), 0);
    loop {
        tokio::select! {
            () = tokio::time::sleep(TELL) => {}
            () = lines.closed() => return,
        }
        let mut progress = shared.tally.borrow().progress();
        let now = Instant::now();
        progress.rate = rate(progress.answered - before.1, now - before.0);
        progress.elapsed_ms = millis(shared.begun.elapsed());
        progress.duration_ms = shared.plan.asked.duration_ms;
        before = (now, progress.answered);
        // Who reads slowly misses a line.
        let _ = lines.try_send(LoadLine::Progress(progress));
    }
}

/// One connection from the first request to the last answer.
async fn lane(shared: Rc<Shared>) {
    let mut link: Option<Link> = None;
    let streams = Arc::new(Semaphore::new(STREAMS));
    let mut open = JoinSet::new();
    while let Some((due, late)) = shared.take().await {
        while open.try_join_next().is_some() {}
        if link.as_ref().is_none_or(Link::is_closed) {
            match Link::open(&shared.plan).await {
                Ok(opened) => {
                    shared.tally.borrow_mut().protocol = opened.protocol();
                    link = Some(opened);
                }
                Err(cause) => {
                    shared.sends(late);
                    shared.ended(due, Err(cause));
                    continue;
                }
            }
        }
        match link.as_mut().map(|link| &mut link.sender) {
            Some(Sender::One(sender)) => {
                shared.sends(late);
                let outcome = exchange_one(sender, &shared.plan).await;
                // What is left of a broken exchange would be taken for the next answer.
                if outcome.is_err() {
                    link = None;
                }
                shared.ended(due, outcome);
            }
            Some(Sender::Two(sender)) => {
                let sender = sender.clone();
                let late = late || streams.available_permits() == 0;
                // Nobody closes it.
                let Ok(permit) = Arc::clone(&streams).acquire_owned().await else {
                    break;
                };
                shared.sends(late);
                let shared = Rc::clone(&shared);
                open.spawn_local(async move {
                    let outcome = exchange_two(sender, &shared.plan).await;
                    shared.ended(due, outcome);
                    drop(permit);
                });
            }
            None => {}
        }
    }
    while open.join_next().await.is_some() {}
}

impl Shared {
    /// Waits for the next request to be due; `None` after the last one. Also whether it was overdue: all
    /// connections were busy.
    async fn take(&self) -> Option<(Instant, bool)> {
        let index = self.next.get();
        let since = self.plan.due(index);
        let is_over = || self.begun.elapsed() >= self.plan.duration || *self.stop.borrow();
        if since >= self.plan.duration || is_over() {
            return None;
        }
        self.next.set(index + 1);
        let due = self.begun + since;
        let late = due.elapsed() > WAITED;
        if due > Instant::now() {
            let mut stop = self.stop.clone();
            tokio::select! {
                () = tokio::time::sleep_until(due.into()) => {}
                _ = stop.wait_for(|stop| *stop) => return None,
            }
            self.tally.borrow_mut().woke(due.elapsed());
        }
        Some((due, late))
    }

    fn sends(&self, late: bool) {
        let mut tally = self.tally.borrow_mut();
        tally.sent += 1;
        tally.waited += u64::from(late);
    }

    fn ended(&self, due: Instant, outcome: Result<Answer, Cause>) {
        self.tally.borrow_mut().ended(due.elapsed(), outcome);
    }

    /// `left`: whether nobody listens any more.
    fn result(&self, left: bool) -> LoadResult {
        let elapsed = self.begun.elapsed();
        let asked = &self.plan.asked;
        let stopped = left || *self.stop.borrow();
        let sending = if stopped {
            elapsed.min(self.plan.duration)
        } else {
            self.plan.duration
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the bounds of a plan leave a small positive number"
        )]
        let due = (sending.as_secs_f64() * asked.rate).ceil() as u64;
        let result = self.tally.replace(Tally::new()).result();
        LoadResult {
            url: asked.url.clone(),
            method: asked.method.clone(),
            rate: asked.rate,
            duration_ms: asked.duration_ms,
            connections: asked.connections,
            elapsed_ms: millis(elapsed),
            stopped,
            due: due.max(result.sent),
            achieved_rate: rate(result.answered, sending),
            ..result
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of requests stay far below 2^52"
)]
fn rate(count: u64, over: Duration) -> f64 {
    count as f64 / over.as_secs_f64().max(0.001)
}
