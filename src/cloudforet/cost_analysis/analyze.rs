//! `TimeSeriesAnalyzeQuery` as an ordinary analysis: a period becomes a condition, and a granularity
//! a group named `date`.
//!
//! Costs carry their day, month and year as text that sorts as time does. Without a granularity the
//! numbers are for the whole period.

use bson::{Document, doc};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::core::v2::time_series_analyze_query::Granularity;
use crate::cloudforet::proto::core::v2::{AnalyzeQuery, Sort, TimeSeriesAnalyzeQuery};

/// The name of the group that time is divided by.
const DATE: &str = "date";

/// The condition that `start` and `end` are; both are part of the period.
pub(super) fn period(query: &TimeSeriesAnalyzeQuery) -> Result<Option<Document>, Failure> {
    let field = match query.granularity() {
        Granularity::None => None,
        Granularity::Daily => Some("billed_date"),
        Granularity::Monthly => Some("billed_month"),
        Granularity::Yearly => Some("billed_year"),
    };
    for (key, value) in [("query.start", &query.start), ("query.end", &query.end)] {
        if field.is_some() && value.is_empty() {
            return Err(Failure::Required(key));
        }
        if !value.is_empty() && !is_date(value) {
            return Err(Failure::Invalid {
                key,
                reason: format!("not a day, month or year: {value:?}"),
            });
        }
    }
    if !query.start.is_empty() && !query.end.is_empty() && query.start > last(&query.end) {
        return Err(Failure::Invalid {
            key: "query.start",
            reason: "is after the end".to_owned(),
        });
    }
    let mut test = Document::new();
    if !query.start.is_empty() {
        test.insert("$gte", &query.start);
    }
    if !query.end.is_empty() {
        test.insert("$lte", last(&query.end));
    }
    // The day, also for months and years: a period that begins in the middle of a month does so
    // whatever the numbers are grouped by.
    Ok((!test.is_empty()).then(|| doc! { "billed_date": test }))
}

/// `2026`, `2026-11` or `2026-11-28`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let widths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let digits = parts
        .iter()
        .all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    digits && matches!(widths.as_slice(), [4] | [4, 2] | [4, 2, 2])
}

/// A text after every day of a day, month or year, and before the next.
pub(super) fn last(date: &str) -> String {
    format!("{date}-99")
}

/// The analysis of what is in the period.
pub(super) fn without_time(query: TimeSeriesAnalyzeQuery) -> AnalyzeQuery {
    let mut group_by = query.group_by.clone().unwrap_or_default();
    let mut sort = query.sort.clone();
    let field = match query.granularity() {
        Granularity::None => None,
        Granularity::Daily => Some("billed_date"),
        Granularity::Monthly => Some("billed_month"),
        Granularity::Yearly => Some("billed_year"),
    };
    if let Some(field) = field {
        group_by.values.retain(|value| !is_named_date(value));
        group_by.values.push(named(field));
        if sort.is_empty() && !query.field_group.iter().any(|name| name == DATE) {
            sort.push(Sort {
                key: DATE.to_owned(),
                desc: false,
            });
        }
    }
    AnalyzeQuery {
        group_by: Some(group_by),
        field_group: query.field_group,
        filter: query.filter,
        filter_or: query.filter_or,
        page: query.page,
        sort,
        fields: query.fields,
        select: query.select,
        keyword: query.keyword,
        unwind: query.unwind,
        lookup: query.lookup,
        add_fields: query.add_fields,
    }
}

fn is_named_date(value: &Value) -> bool {
    matches!(&value.kind, Some(Kind::StringValue(key)) if key == DATE)
}

/// `{key: field, name: "date"}`.
fn named(field: &str) -> Value {
    let text = |text: &str| Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    };
    Value {
        kind: Some(Kind::StructValue(Struct {
            fields: [("key", text(field)), ("name", text(DATE))]
                .map(|(key, value)| (key.to_owned(), value))
                .into(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::ListValue;

    use super::*;

    fn keys(names: &[&str]) -> ListValue {
        let value = |name: &&str| Value {
            kind: Some(Kind::StringValue((*name).to_owned())),
        };
        ListValue {
            values: names.iter().map(value).collect(),
        }
    }

    fn monthly(start: &str, end: &str) -> TimeSeriesAnalyzeQuery {
        TimeSeriesAnalyzeQuery {
            granularity: Granularity::Monthly.into(),
            start: start.to_owned(),
            end: end.to_owned(),
            group_by: Some(keys(&["product", "date"])),
            ..TimeSeriesAnalyzeQuery::default()
        }
    }

    #[test]
    fn both_ends_belong_to_the_period() {
        let filter = period(&monthly("2026-10", "2026-11")).unwrap().unwrap();
        let test = filter.get_document("billed_date").unwrap();
        let inside = |day: &str| {
            day >= test.get_str("$gte").unwrap() && day <= test.get_str("$lte").unwrap()
        };
        assert!(inside("2026-10-01") && inside("2026-11-30"));
        assert!(!inside("2026-09-30") && !inside("2026-12-01"));
        let day = period(&monthly("2026-11-28", "2026-11-28")).unwrap();
        assert!(day.is_some());
    }

    #[test]
    fn a_series_needs_a_period_that_makes_sense() {
        for (start, end) in [
            ("", "2026-11"),
            ("2026-11", ""),
            ("november", "2026-12"),
            ("2026-12", "2026-11"),
        ] {
            assert!(period(&monthly(start, end)).is_err(), "{start} {end}");
        }
        assert_eq!(period(&TimeSeriesAnalyzeQuery::default()).unwrap(), None);
    }

    #[test]
    fn the_granularity_is_a_group_named_date() {
        let query = without_time(monthly("2026-10", "2026-11"));
        let group_by = query.group_by.unwrap().values;
        assert_eq!(
            group_by,
            [keys(&["product"]).values[0].clone(), named("billed_month")]
        );
        assert_eq!(query.sort[0].key, "date");
        let total = without_time(TimeSeriesAnalyzeQuery::default());
        assert!(total.group_by.unwrap().values.is_empty() && total.sort.is_empty());
    }
}
