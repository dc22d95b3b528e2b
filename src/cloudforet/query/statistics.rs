//! `StatisticsQuery`: a pipeline of the caller's own stages, or the distinct values of a field.

use bson::{Bson, Document, doc};
use prost_types::value::Kind;

use super::aggregate::{accumulator, expression, field, name_of};
use super::list::page_of;
use super::value::to_document;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::core::v2::aggregate_group_field as group_field;
use crate::cloudforet::proto::core::v2::aggregate_group_key as group_key;
use crate::cloudforet::proto::core::v2::aggregate_group_sub_field as sub_field;
use crate::cloudforet::proto::core::v2::aggregate_project_field as project_field;
use crate::cloudforet::proto::core::v2::aggregate_sub_condition as sub_condition;
use crate::cloudforet::proto::core::v2::statistics_aggregate::AggregateAlias;
use crate::cloudforet::proto::core::v2::{
    AggregateGroup, AggregateGroupField, AggregateProject, AggregateSubCondition, StatisticsQuery,
};

/// What to ask MongoDB for, after the conditions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Statistics {
    /// The values of a field.
    Distinct(String),
    /// Stages of an aggregation.
    Pipeline(Vec<Document>),
}

/// The text of an alias pair; both spellings mean the same.
macro_rules! alias {
    ($value:expr, $module:ident :: $kind:ident, $long:ident | $short:ident) => {
        match &$value {
            Some($module::$kind::$long(text) | $module::$kind::$short(text)) => text.as_str(),
            None => "",
        }
    };
}

/// Translates everything but the conditions.
pub(crate) fn statistics(query: &StatisticsQuery) -> Result<Statistics, Failure> {
    if !query.distinct.is_empty() {
        // Checked as any other field name.
        field(&query.distinct)?;
        return Ok(Statistics::Distinct(query.distinct.clone()));
    }
    if query.aggregate.is_empty() {
        return Err(Failure::Required("query.aggregate"));
    }
    let mut stages = Vec::new();
    // Names of the keys of the last group: a projection keeps them.
    let mut keys = Vec::new();
    for aggregate in &query.aggregate {
        match &aggregate.aggregate_alias {
            Some(AggregateAlias::Unwind(unwind)) => {
                stages.push(doc! { "$unwind": field(&unwind.path)? });
            }
            Some(AggregateAlias::Group(rule)) => stages.extend(group(rule, &mut keys)?),
            Some(AggregateAlias::Count(count)) => {
                stages.push(doc! { "$count": name_of("total_count", &count.name)? });
            }
            Some(AggregateAlias::Sort(list)) => stages.push(sort(list)?),
            Some(AggregateAlias::Project(rule)) => stages.push(project(rule, &keys)?),
            Some(AggregateAlias::Limit(limit)) if *limit > 0 => {
                stages.push(doc! { "$limit": *limit });
            }
            Some(AggregateAlias::Skip(skip)) if *skip >= 0 => stages.push(doc! { "$skip": *skip }),
            Some(AggregateAlias::Limit(_) | AggregateAlias::Skip(_)) => {
                return Err(Failure::Query(
                    "limit and skip may not be negative".to_owned(),
                ));
            }
            None => return Err(Failure::Query("empty aggregate".to_owned())),
        }
    }
    if let (skip, Some(limit)) = page_of(query.page.as_ref()) {
        stages.push(doc! { "$skip": Bson::Int64(i64::try_from(skip).unwrap_or(i64::MAX)) });
        stages.push(doc! { "$limit": i64::from(limit) });
    }
    Ok(Statistics::Pipeline(stages))
}

fn group(rule: &AggregateGroup, keys: &mut Vec<String>) -> Result<[Document; 2], Failure> {
    keys.clear();
    let mut id = Document::new();
    for entry in &rule.keys {
        let key = alias!(entry.key_alias, group_key::KeyAlias, Key | K);
        let name = name_of(
            key,
            alias!(entry.name_alias, group_key::NameAlias, Name | N),
        )?;
        let value: Bson = if entry.date_format.is_empty() {
            field(key)?.into()
        } else {
            doc! { "$dateToString": { "format": &entry.date_format, "date": field(key)? } }.into()
        };
        id.insert(name, value);
        keys.push(name.to_owned());
    }
    let mut group = doc! { "_id": if id.is_empty() { Bson::Null } else { id.into() } };
    let mut project = doc! { "_id": 0 };
    for key in keys.iter() {
        project.insert(key, format!("$_id.{key}"));
    }
    for entry in &rule.fields {
        let (name, accumulator) = group_field(entry)?;
        project.insert(&name, 1);
        group.insert(name, accumulator);
    }
    Ok([doc! { "$group": group }, doc! { "$project": project }])
}

fn group_field(entry: &AggregateGroupField) -> Result<(String, Document), Failure> {
    let key = alias!(entry.key_alias, group_field::KeyAlias, Key | K);
    let operator = alias!(
        entry.operator_alias,
        group_field::OperatorAlias,
        Operator | O
    );
    let name = name_of(
        key,
        alias!(entry.name_alias, group_field::NameAlias, Name | N),
    )?;
    let mut result = match (operator, entry.fields.as_slice()) {
        ("push" | "add_to_set", fields @ [_, ..]) => {
            let mut value = Document::new();
            for entry in fields {
                let key = alias!(entry.key_alias, sub_field::KeyAlias, Key | K);
                let name = name_of(
                    key,
                    alias!(entry.name_alias, sub_field::NameAlias, Name | N),
                )?;
                value.insert(name, field(key)?);
            }
            doc! { if operator == "push" { "$push" } else { "$addToSet" }: value }
        }
        _ => accumulator(operator, key)?,
    };
    if !entry.conditions.is_empty() {
        let all = entry
            .conditions
            .iter()
            .map(holds)
            .collect::<Result<Vec<_>, _>>()?;
        // What does not fulfil the conditions counts as nothing.
        let otherwise = if matches!(operator, "count" | "sum") {
            Bson::Int32(0)
        } else {
            Bson::Null
        };
        result = result
            .into_iter()
            .map(|(operator, value)| {
                let value = doc! { "$cond": [{ "$and": &all }, value, otherwise.clone()] };
                (operator, value.into())
            })
            .collect();
    }
    Ok((name.to_owned(), result))
}

fn holds(condition: &AggregateSubCondition) -> Result<Document, Failure> {
    let key = alias!(condition.key_alias, sub_condition::KeyAlias, Key | K);
    let operator = alias!(
        condition.operator_alias,
        sub_condition::OperatorAlias,
        Operator | O
    );
    let value = match &condition.value_alias {
        Some(sub_condition::ValueAlias::Value(value) | sub_condition::ValueAlias::V(value)) => {
            super::value::to_bson(value)
        }
        None => Bson::Null,
    };
    let relation = match operator {
        "eq" | "gt" | "gte" | "lt" | "lte" => format!("${operator}"),
        "not" => "$ne".to_owned(),
        _ => {
            return Err(Failure::Query(format!(
                "condition operator is not supported: {operator}"
            )));
        }
    };
    // A text may start with `$`; as a literal it is no path.
    Ok(doc! { relation: [field(key)?, { "$literal": value }] })
}

fn project(rule: &AggregateProject, keys: &[String]) -> Result<Document, Failure> {
    let mut project = doc! { "_id": 0 };
    if !rule.exclude_keys {
        for key in keys {
            project.insert(key, 1);
        }
    }
    for entry in &rule.fields {
        let key = alias!(entry.key_alias, project_field::KeyAlias, Key | K);
        let operator = alias!(
            entry.operator_alias,
            project_field::OperatorAlias,
            Operator | O
        );
        let name = name_of(
            key,
            alias!(entry.name_alias, project_field::NameAlias, Name | N),
        )?;
        let value = if operator.is_empty() {
            Bson::String(field(key)?)
        } else {
            // `add`, `divide` … take several fields, with commas between.
            let fields: Vec<String> = key.split(',').map(|key| key.trim().to_owned()).collect();
            expression(operator, &fields)?
        };
        project.insert(name, value);
    }
    Ok(doc! { "$project": project })
}

fn sort(list: &prost_types::ListValue) -> Result<Document, Failure> {
    let mut order = Document::new();
    for entry in &list.values {
        let Some(Kind::StructValue(entry)) = &entry.kind else {
            return Err(Failure::Query("sort is a list of {key, desc}".to_owned()));
        };
        let entry = to_document(entry);
        let key = entry.get_str("key").unwrap_or_default();
        field(key)?;
        let descending = entry.get_bool("desc").unwrap_or_default();
        order.insert(key, if descending { -1 } else { 1 });
    }
    if order.is_empty() {
        return Err(Failure::Query("sort without key".to_owned()));
    }
    Ok(doc! { "$sort": order })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudforet::proto::core::v2::{AggregateGroupKey, Page, StatisticsAggregate};

    fn count_by_provider() -> StatisticsQuery {
        let group = AggregateGroup {
            keys: vec![AggregateGroupKey {
                key_alias: Some(group_key::KeyAlias::K("provider".to_owned())),
                ..AggregateGroupKey::default()
            }],
            fields: vec![AggregateGroupField {
                name_alias: Some(group_field::NameAlias::N("n".to_owned())),
                operator_alias: Some(group_field::OperatorAlias::O("count".to_owned())),
                ..AggregateGroupField::default()
            }],
        };
        StatisticsQuery {
            aggregate: vec![StatisticsAggregate {
                aggregate_alias: Some(AggregateAlias::Group(group)),
            }],
            ..StatisticsQuery::default()
        }
    }

    #[test]
    fn a_group_is_flattened() {
        assert_eq!(
            statistics(&count_by_provider()).unwrap(),
            Statistics::Pipeline(vec![
                doc! { "$group": { "_id": { "provider": "$provider" }, "n": { "$sum": 1 } } },
                doc! { "$project": { "_id": 0, "provider": "$_id.provider", "n": 1 } },
            ])
        );
    }

    #[test]
    fn a_page_comes_last() {
        let query = StatisticsQuery {
            page: Some(Page { start: 2, limit: 3 }),
            ..count_by_provider()
        };
        let Statistics::Pipeline(stages) = statistics(&query).unwrap() else {
            panic!("not a pipeline");
        };
        assert_eq!(
            stages[2..],
            [doc! { "$skip": 1_i64 }, doc! { "$limit": 3_i64 }]
        );
    }

    #[test]
    fn distinct_needs_no_pipeline() {
        let query = StatisticsQuery {
            distinct: "provider".to_owned(),
            ..StatisticsQuery::default()
        };
        assert_eq!(
            statistics(&query).unwrap(),
            Statistics::Distinct("provider".to_owned())
        );
    }

    #[test]
    fn nothing_to_do_is_refused() {
        assert!(matches!(
            statistics(&StatisticsQuery::default()),
            Err(Failure::Required(_))
        ));
    }
}
