//! Days and months.

use time::format_description::well_known::Iso8601;
use time::{Date, OffsetDateTime};

use crate::cloudforet::error::Failure;

/// In UTC, as bills are.
pub(super) fn today() -> Date {
    OffsetDateTime::now_utc().date()
}

/// The first day of the month that a month, day or moment is in.
pub(super) fn month(text: &str) -> Result<Date, Failure> {
    let first = text.get(..7).map(|month| format!("{month}-01"));
    first
        .and_then(|first| Date::parse(&first, &Iso8601::DEFAULT).ok())
        .ok_or_else(|| Failure::Invalid {
            key: "start",
            reason: format!("not a month such as 2026-11: {text:?}"),
        })
}

/// A day such as `2026-11-28`.
pub(super) fn day(text: &str) -> Result<Date, Failure> {
    Date::parse(text, &Iso8601::DEFAULT).map_err(|_| Failure::Invalid {
        key: "task_options",
        reason: format!("not a day such as 2026-11-28: {text:?}"),
    })
}

/// The first day of the month that many months before.
pub(super) fn months_before(day: Date, months: u32) -> Date {
    let mut first = day.replace_day(1).unwrap_or(day);
    for _ in 0..months {
        let before = first.previous_day().unwrap_or(first);
        first = before.replace_day(1).unwrap_or(before);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_counted_back_over_the_year() {
        let from = day("2026-02-28").unwrap();
        assert_eq!(months_before(from, 0), day("2026-02-01").unwrap());
        assert_eq!(months_before(from, 3), day("2025-11-01").unwrap());
    }

    #[test]
    fn a_month_is_read_from_whatever_begins_with_one() {
        for text in ["2026-11", "2026-11-28", "2026-11-28T08:00:00.000Z"] {
            assert_eq!(month(text).unwrap(), day("2026-11-01").unwrap());
        }
        assert!(month("2026").is_err() && month("2026-99").is_err());
    }
}
