//! Conditions: the API's filter operators as MongoDB's.
//!
//! `contain`, `regex` and their relatives ignore case. A text that is compared with a date field is
//! read as a date.

use bson::raw::cstr;
use bson::{Bson, Document, Regex, doc};
use time::OffsetDateTime;

use super::time as moment;
use super::value::to_bson;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::core::v2::Filter;
use crate::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};

/// Fields that are dates in the store.
const DATES: [&str; 9] = [
    "created_at",
    "updated_at",
    "deleted_at",
    "started_at",
    "finished_at",
    "last_synced_at",
    "last_synchronized_at",
    "last_accessed_at",
    "collection_info.last_collected_at",
];

/// One condition, translated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// The field it is about.
    pub(crate) key: String,
    /// What MongoDB has to match in that field.
    pub(crate) test: Bson,
}

impl Condition {
    /// As a filter.
    pub(crate) fn into_filter(self) -> Document {
        doc! { self.key: self.test }
    }
}

/// Translates all conditions of a query.
pub(crate) fn conditions(filters: &[Filter]) -> Result<Vec<Condition>, Failure> {
    let now = OffsetDateTime::now_utc();
    filters
        .iter()
        .map(|filter| condition(filter, now))
        .collect()
}

/// A row matches a keyword if any of `fields` contains it.
pub(crate) fn keyword(text: &str, fields: &[&str]) -> Result<Option<Document>, Failure> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let pattern = containing(text)?;
    let any: Vec<_> = fields
        .iter()
        .map(|field| doc! { *field: pattern.clone() })
        .collect();
    Ok(Some(doc! { "$or": any }))
}

fn condition(filter: &Filter, now: OffsetDateTime) -> Result<Condition, Failure> {
    let key = match &filter.key_alias {
        Some(KeyAlias::Key(key) | KeyAlias::K(key)) if !key.is_empty() => key.clone(),
        _ => return Err(Failure::Query("filter condition without key".to_owned())),
    };
    if key
        .split('.')
        .any(|part| part.is_empty() || part.starts_with('$'))
    {
        return Err(Failure::Query(format!("not a filter key: {key}")));
    }
    let value = match &filter.value_alias {
        Some(ValueAlias::Value(value) | ValueAlias::V(value)) => to_bson(value),
        None => Bson::Null,
    };
    let operator = match &filter.operator_alias {
        Some(OperatorAlias::Operator(operator) | OperatorAlias::O(operator)) => operator.as_str(),
        None => "",
    };
    let test = test(&key, operator, value, now)?;
    Ok(Condition { key, test })
}

fn test(key: &str, operator: &str, value: Bson, now: OffsetDateTime) -> Result<Bson, Failure> {
    let plain = |value: Bson| {
        if DATES.contains(&key) {
            dated(value)
        } else {
            value
        }
    };
    let wrong =
        |what: &str| Failure::Query(format!("operator {operator} of key {key} needs {what}"));
    let text = |value: Bson| match value {
        Bson::String(text) => Ok(text),
        Bson::Int32(number) => Ok(number.to_string()),
        Bson::Int64(number) => Ok(number.to_string()),
        Bson::Double(number) => Ok(number.to_string()),
        _ => Err(wrong("a text")),
    };
    let list = |value: Bson| match value {
        Bson::Array(values) => Ok(values),
        _ => Err(wrong("a list")),
    };
    let each =
        |value: Bson, make: fn(&str) -> Result<Bson, Failure>| -> Result<Vec<Bson>, Failure> {
            list(value)?
                .into_iter()
                .map(|one| make(&text(one)?))
                .collect()
        };
    Ok(match operator {
        "eq" => doc! { "$eq": plain(value) }.into(),
        "not" => doc! { "$ne": plain(value) }.into(),
        "gt" | "gte" | "lt" | "lte" => doc! { format!("${operator}"): plain(value) }.into(),
        "exists" => match value {
            Bson::Boolean(wanted) => doc! { "$exists": wanted }.into(),
            _ => return Err(wrong("true or false")),
        },
        "in" | "not_in" => {
            let values: Vec<_> = list(value)?.into_iter().map(plain).collect();
            doc! { if operator == "in" { "$in" } else { "$nin" }: values }.into()
        }
        "contain" => containing(&text(value)?)?,
        "not_contain" => doc! { "$not": containing(&text(value)?)? }.into(),
        "contain_in" => doc! { "$in": each(value, containing)? }.into(),
        "not_contain_in" => doc! { "$nin": each(value, containing)? }.into(),
        "regex" => pattern(&text(value)?)?,
        "regex_in" => doc! { "$in": each(value, pattern)? }.into(),
        "match" => match value {
            Bson::Document(fields) => doc! { "$elemMatch": fields }.into(),
            _ => return Err(wrong("an object")),
        },
        "datetime_gt" | "datetime_gte" | "datetime_lt" | "datetime_lte" => {
            let date = moment::parse(&text(value)?).ok_or_else(|| wrong("an ISO 8601 date"))?;
            compare(operator, date)
        }
        "timediff_gt" | "timediff_gte" | "timediff_lt" | "timediff_lte" => {
            compare(operator, moment::relative(&text(value)?, now)?)
        }
        "" => {
            return Err(Failure::Query(format!(
                "filter condition of key {key} without operator"
            )));
        }
        _ => {
            return Err(Failure::Query(format!(
                "filter operator is not supported: {operator}"
            )));
        }
    })
}

/// `datetime_gt` → `{ $gt: date }`.
fn compare(operator: &str, date: bson::DateTime) -> Bson {
    let relation = operator.rsplit('_').next().unwrap_or_default();
    doc! { format!("${relation}"): date }.into()
}

fn containing(text: &str) -> Result<Bson, Failure> {
    pattern(&regex::escape(text))
}

fn pattern(text: &str) -> Result<Bson, Failure> {
    let pattern = text
        .try_into()
        .map_err(|_| Failure::Query("a pattern may not hold a zero byte".to_owned()))?;
    Ok(Bson::RegularExpression(Regex {
        pattern,
        options: cstr!("i").into(),
    }))
}

/// A text that reads as a date becomes one.
fn dated(value: Bson) -> Bson {
    match &value {
        Bson::String(text) => moment::parse(text).map_or(value, Bson::DateTime),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::value::from_bson;
    use super::*;

    fn translate(key: &str, operator: &str, value: &serde_json::Value) -> Result<Bson, Failure> {
        let value: Bson = bson::serialize_to_bson(value).unwrap();
        let filter = Filter {
            key_alias: Some(KeyAlias::Key(key.to_owned())),
            value_alias: Some(ValueAlias::Value(from_bson(&value))),
            operator_alias: Some(OperatorAlias::Operator(operator.to_owned())),
        };
        Ok(conditions(&[filter])?.remove(0).test)
    }

    #[test]
    fn every_operator_has_its_translation() {
        let regex = |pattern: &str| pattern_of(pattern);
        let date = Bson::DateTime(moment::parse("2024-01-02").unwrap());
        for (operator, value, expected) in [
            ("eq", json!("aws"), doc! { "$eq": "aws" }.into()),
            ("not", json!(null), doc! { "$ne": Bson::Null }.into()),
            ("gt", json!(3), doc! { "$gt": 3 }.into()),
            ("gte", json!(3), doc! { "$gte": 3 }.into()),
            ("lt", json!(0.5), doc! { "$lt": 0.5 }.into()),
            ("lte", json!(3), doc! { "$lte": 3 }.into()),
            ("exists", json!(false), doc! { "$exists": false }.into()),
            ("in", json!(["a", "b"]), doc! { "$in": ["a", "b"] }.into()),
            ("not_in", json!([]), doc! { "$nin": [] }.into()),
            ("contain", json!("a.b"), regex(r"a\.b")),
            (
                "not_contain",
                json!("x"),
                doc! { "$not": regex("x") }.into(),
            ),
            (
                "contain_in",
                json!(["x"]),
                doc! { "$in": [regex("x")] }.into(),
            ),
            (
                "not_contain_in",
                json!(["x"]),
                doc! { "$nin": [regex("x")] }.into(),
            ),
            ("regex", json!("^a"), regex("^a")),
            (
                "regex_in",
                json!(["^a"]),
                doc! { "$in": [regex("^a")] }.into(),
            ),
            (
                "match",
                json!({"k": "v"}),
                doc! { "$elemMatch": { "k": "v" } }.into(),
            ),
            (
                "datetime_gte",
                json!("2024-01-02"),
                doc! { "$gte": date }.into(),
            ),
        ] {
            assert_eq!(
                translate("k", operator, &value).unwrap(),
                expected,
                "{operator}"
            );
        }
    }

    fn pattern_of(text: &str) -> Bson {
        pattern(text).unwrap()
    }

    #[test]
    fn a_date_field_is_compared_as_a_date() {
        let test = translate("created_at", "gt", &json!("2024-01-02")).unwrap();
        assert!(matches!(test, Bson::Document(test) if test.get_datetime("$gt").is_ok()));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (key, operator, value) in [
            ("k", "like", json!("x")),
            ("k", "", json!("x")),
            ("", "eq", json!("x")),
            ("$where", "eq", json!("x")),
            ("ref_region.$expr", "eq", json!("x")),
            ("a..b", "eq", json!("x")),
            ("k", "in", json!("x")),
            ("k", "exists", json!("yes")),
            ("k", "contain", json!({})),
            ("k", "datetime_gt", json!("soon")),
            ("k", "timediff_gt", json!("soon")),
            ("k", "match", json!("x")),
        ] {
            let failure = translate(key, operator, &value);
            assert!(
                matches!(failure, Err(Failure::Query(_))),
                "{key} {operator}"
            );
        }
    }
}
