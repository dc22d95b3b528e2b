//! Points in time in filters: ISO 8601 dates, and expressions such as `now/d - 7d`.

use bson::DateTime;
use time::format_description::well_known::Iso8601;
use time::{Date, Duration, OffsetDateTime, PrimitiveDateTime, Time};

use crate::cloudforet::error::Failure;

/// An ISO 8601 date, or date and time; without an offset it is UTC.
pub(crate) fn parse(text: &str) -> Option<DateTime> {
    let format = &Iso8601::DEFAULT;
    let text = text.trim();
    // People write a space where the standard has a `T`.
    let spelled = text.replacen(' ', "T", 1);
    let moment = OffsetDateTime::parse(&spelled, format)
        .or_else(|_| PrimitiveDateTime::parse(&spelled, format).map(PrimitiveDateTime::assume_utc))
        .or_else(|_| Date::parse(text, format).map(|date| date.midnight().assume_utc()))
        .ok()?;
    to_bson(moment)
}

/// `now`, optionally cut to a unit (`now/d`), plus or minus amounts (`- 7d`, `+ 2 * h`).
pub(crate) fn relative(text: &str, now: OffsetDateTime) -> Result<DateTime, Failure> {
    let wrong = || Failure::Query(format!("not a point in time: {text}"));
    let compact: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '*')
        .collect();
    let mut rest = compact.strip_prefix("now").ok_or_else(wrong)?;
    let mut moment = now;
    if let Some(cut) = rest.strip_prefix('/') {
        let (unit, after) = split_unit(cut).ok_or_else(wrong)?;
        moment = truncate(moment, unit).ok_or_else(wrong)?;
        rest = after;
    }
    while !rest.is_empty() {
        let (sign, after) = match rest.split_at_checked(1) {
            Some(("+", after)) => (1, after),
            Some(("-", after)) => (-1, after),
            _ => return Err(wrong()),
        };
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        let (amount, after) = after.split_at(digits);
        let amount: i64 = if amount.is_empty() {
            1
        } else {
            amount.parse().map_err(|_| wrong())?
        };
        let (unit, after) = split_unit(after).ok_or_else(wrong)?;
        let step = seconds(unit)
            .and_then(|unit| amount.checked_mul(sign * unit))
            .ok_or_else(wrong)?;
        moment = moment
            .checked_add(Duration::seconds(step))
            .ok_or_else(wrong)?;
        rest = after;
    }
    to_bson(moment).ok_or_else(wrong)
}

fn to_bson(moment: OffsetDateTime) -> Option<DateTime> {
    let millis = moment.unix_timestamp_nanos() / 1_000_000;
    Some(DateTime::from_millis(i64::try_from(millis).ok()?))
}

fn split_unit(text: &str) -> Option<(char, &str)> {
    let unit = text.chars().next()?;
    Some((unit, &text[unit.len_utf8()..]))
}

/// A year is 365 days and a month 30, as in Python's `timedelta` arithmetic.
fn seconds(unit: char) -> Option<i64> {
    Some(match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        'M' => 30 * 86_400,
        'y' | 'Y' => 365 * 86_400,
        _ => return None,
    })
}

fn truncate(moment: OffsetDateTime, unit: char) -> Option<OffsetDateTime> {
    let midnight = moment.replace_time(Time::MIDNIGHT);
    Some(match unit {
        's' => moment.replace_nanosecond(0).ok()?,
        'm' => moment.replace_second(0).ok()?.replace_nanosecond(0).ok()?,
        'h' => moment.replace_time(Time::from_hms(moment.hour(), 0, 0).ok()?),
        'd' => midnight,
        'w' => midnight.checked_sub(Duration::days(
            moment.weekday().number_days_from_monday().into(),
        ))?,
        'M' => midnight.replace_day(1).ok()?,
        'y' | 'Y' => midnight
            .replace_day(1)
            .ok()?
            .replace_month(time::Month::January)
            .ok()?,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> i64 {
        parse(text).unwrap().timestamp_millis()
    }

    #[test]
    fn dates_are_read_with_and_without_time_and_offset() {
        assert_eq!(millis("2024-01-02"), 1_704_153_600_000);
        assert_eq!(millis("2024-01-02T00:00:00Z"), millis("2024-01-02"));
        assert_eq!(millis("2024-01-02T00:00:00"), millis("2024-01-02"));
        assert_eq!(millis("2024-01-02 00:00:00"), millis("2024-01-02"));
        assert_eq!(millis("2024-01-02T09:00:00+09:00"), millis("2024-01-02"));
        assert_eq!(
            millis("2024-01-02T00:00:00.123Z") - millis("2024-01-02"),
            123
        );
        assert!(parse("yesterday").is_none());
    }

    #[test]
    fn expressions_are_relative_to_now() {
        let now = OffsetDateTime::from_unix_timestamp(1_704_164_645).unwrap();
        let at = |text| relative(text, now).unwrap().timestamp_millis() / 1000;
        assert_eq!(at("now"), 1_704_164_645);
        assert_eq!(at("now/d"), 1_704_153_600);
        assert_eq!(at("now - 1d"), 1_704_164_645 - 86_400);
        assert_eq!(at("now/d - 6 * d + 2h"), 1_704_153_600 - 6 * 86_400 + 7_200);
        assert_eq!(at("now/M"), 1_704_067_200);
        for wrong in [
            "",
            "later",
            "now/q",
            "now - ",
            "now - 3",
            "now - 99999999999999999999d",
        ] {
            assert!(relative(wrong, now).is_err(), "{wrong}");
        }
    }
}
