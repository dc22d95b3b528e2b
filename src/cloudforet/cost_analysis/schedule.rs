//! The daily synchronisation of data sources whose schedule says so.
//!
//! The clock's hour may be shorter than an hour, so that a class sees a day pass; its hours are
//! counted from the Unix epoch. Every replica watches. The one that writes the hour into the data
//! source's row begins the job, and the others find it written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::doc;
use tokio::time::sleep;

use super::{CostAnalysis, data_source_row, job};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::Found;

/// The shortest hour: with less the clock would do nothing but strike.
const SHORTEST: Duration = Duration::from_millis(10);

/// Begins jobs as their hours come, to the end of the service.
pub(super) async fn watch(service: &CostAnalysis) {
    let length = service.settings.hour.max(SHORTEST);
    loop {
        let (hour, rest) = clock(SystemTime::now(), length);
        if let Err(error) = begin(service, hour).await {
            tracing::warn!(%error, "data sources could not be scheduled");
        }
        sleep(rest).await;
    }
}

/// The hour it is, counted from the epoch, and how long it is until the next.
fn clock(now: SystemTime, length: Duration) -> (i64, Duration) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (since, length) = (since.as_nanos(), length.as_nanos().max(1));
    let rest = length - since % length;
    (
        i64::try_from(since / length).unwrap_or(i64::MAX),
        Duration::from_nanos(u64::try_from(rest).unwrap_or(u64::MAX)),
    )
}

async fn begin(service: &CostAnalysis, hour: i64) -> Result<(), Failure> {
    let sources = service.database.rows(&data_source_row::KIND).await?;
    let due = Found {
        filter: doc! {
            "state": "ENABLED",
            "schedule.state": "ENABLED",
            "schedule.hour": i32::try_from(hour % 24).unwrap_or_default(),
        },
        ..Found::default()
    };
    for source in sources.find(due).await? {
        let id = source.get("_id").cloned().unwrap_or_default();
        let unclaimed = doc! { "_id": id, "scheduled": { "$ne": hour } };
        let claim = doc! { "$set": { "scheduled": hour } };
        if sources.update(unclaimed, claim).await? == 1 {
            job::begin(service, &source, "").await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_counted_in_their_own_length() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let hour = Duration::from_secs(3600);
        assert_eq!(clock(at(7_260), hour), (2, Duration::from_secs(3540)));
        let short = Duration::from_secs(2);
        assert_eq!(clock(at(48), short), (24, short));
    }
}
