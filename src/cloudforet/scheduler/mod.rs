//! The inventory's scheduler: at each full hour it puts the collectors whose hour it is into the
//! queue.
//!
//! Its hours are as long as the settings say, so that a day may pass in minutes: hour number n of
//! the Unix epoch is the hour n mod 24 of some day. Several may run at once: each task of each hour
//! is claimed in Redis by one of them. It has no port and no Service.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::{Document, doc};
use tokio::time::sleep;

use super::collecting::{self, COLLECTOR, Scheduled};
use super::error::{Failure, StartError};
use super::mongo::{Found, Mongo, text};
use super::queue::Queue;
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

/// An hour is no shorter than this, for Redis forgets claims by the second.
const LEAST_HOUR: Duration = Duration::from_secs(1);
/// When an hour's work has failed, as the store or the queue is away.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Scheduler {
    mongo: Mongo,
    queue: Queue,
    hour: Duration,
}

/// Schedules until the signal.
pub async fn serve(
    settings: Settings,
    _emitter: Emitter,
    mut shutdown: Shutdown,
) -> Result<(), StartError> {
    let scheduler = Scheduler {
        mongo: Mongo::new(&settings, "inventory").await?,
        queue: Queue::new(&settings, collecting::QUEUE)?,
        hour: settings.hour.max(LEAST_HOUR),
    };
    tokio::select! {
        () = scheduler.run() => {}
        () = shutdown.recv() => {}
    }
    Ok(())
}

impl Scheduler {
    async fn run(&self) {
        let mut last = self.now().0;
        loop {
            let (hour, left) = self.now();
            if hour == last {
                sleep(left).await;
                continue;
            }
            match self.work(hour).await {
                Ok(()) => last = hour,
                Err(failure) => {
                    tracing::warn!(%failure, hour, "this hour's work is not done yet");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// The number of the hour, and how long it still lasts.
    fn now(&self) -> (u64, Duration) {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        hour_at(since, self.hour)
    }

    async fn work(&self, hour: u64) -> Result<(), Failure> {
        for collector in self.due(hour).await? {
            self.schedule(&collector, hour).await?;
        }
        if self.claim(&format!("cleanup:{hour}")).await? {
            collecting::clean_up(&self.mongo, self.hour).await?;
        }
        Ok(())
    }

    /// The collectors of all domains whose hour this is.
    async fn due(&self, hour: u64) -> Result<Vec<Document>, Failure> {
        let of_day = i32::try_from(hour % 24).unwrap_or_default();
        let rows = self.mongo.collection(COLLECTOR.collection).await?;
        let found = Found {
            filter: doc! { "schedule.state": "ENABLED", "schedule.hours": of_day },
            projection: Some(doc! { "_id": 0, "collector_id": 1, "domain_id": 1 }),
            ..Found::default()
        };
        rows.find(found).await
    }

    async fn schedule(&self, collector: &Document, hour: u64) -> Result<(), Failure> {
        let run = Scheduled {
            collector_id: text(collector, "collector_id"),
            domain_id: text(collector, "domain_id"),
        };
        let claim = format!("{}:{hour}", run.collector_id);
        if !self.claim(&claim).await? {
            return Ok(());
        }
        tracing::info!(collector = run.collector_id, hour, "its hour has come");
        if let Err(failure) = self.queue.push(vec![run.into_task()?]).await {
            // So that it can be tried again; if this fails too, the hour is lost.
            self.queue.disclaim(&claim).await?;
            return Err(failure);
        }
        Ok(())
    }

    async fn claim(&self, what: &str) -> Result<bool, Failure> {
        self.queue.claim(what, self.hour * 2).await
    }
}

/// The number of the hour at this time, and how long it still lasts.
fn hour_at(since_epoch: Duration, length: Duration) -> (u64, Duration) {
    let (since, length) = (since_epoch.as_nanos(), length.as_nanos());
    let hour = since / length;
    let left = length - since % length;
    let whole = |nanos: u128| u64::try_from(nanos).unwrap_or(u64::MAX);
    (whole(hour), Duration::from_nanos(whole(left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_ends_where_the_next_begins() {
        let hour = Duration::from_secs(3600);
        let at = |seconds| hour_at(Duration::from_secs(seconds), hour);
        assert_eq!(at(0), (0, hour));
        assert_eq!(at(3599), (0, Duration::from_secs(1)));
        assert_eq!(at(3600), (1, hour));
        // 2024-01-02 03:00 UTC.
        assert_eq!(at(1_704_164_400).0 % 24, 3);
    }
}
