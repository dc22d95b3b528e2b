//! `AnalyzeQuery`: rows in groups, with a number for each group.
//!
//! With `field_group` the groups are grouped once more: each field becomes a list with one entry per
//! inner group, and `_total_<field>` their sum, by which a caller may sort.

use bson::{Bson, Document, doc};

use super::aggregate::{accumulator, expression, field, name_of};
use super::list::{page_of, sort_keys};
use super::value::to_document;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::core::v2::AnalyzeQuery;
use prost_types::value::Kind;

/// What to ask MongoDB for, after the conditions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Analysis {
    pub(crate) stages: Vec<Document>,
    /// How many results belong to the page; one more is fetched to know whether there are more.
    pub(crate) limit: Option<u32>,
}

/// Translates everything but the conditions.
pub(crate) fn analyze(query: &AnalyzeQuery) -> Result<Analysis, Failure> {
    for (given, what) in [
        (query.lookup.is_some(), "lookup"),
        (query.add_fields.is_some(), "add_fields"),
    ] {
        if given {
            return Err(Failure::Query(format!(
                "{what} is not supported in analyze"
            )));
        }
    }
    let mut stages = Vec::new();
    if let Some(unwind) = &query.unwind {
        stages.push(doc! { "$unwind": field(&unwind.path)? });
    }
    let keys = group_keys(query)?;
    let fields = group_fields(query)?;
    let inner: Vec<&str> = query.field_group.iter().map(String::as_str).collect();
    for name in &inner {
        if !keys.iter().any(|(known, _)| known == name) {
            return Err(Failure::Query(format!(
                "field_group is not in group_by: {name}"
            )));
        }
    }
    stages.push(group(&keys, &fields));
    if inner.is_empty() {
        stages.push(flatten(keys.iter().map(|(name, _)| name.as_str()), &fields));
    } else {
        let outer: Vec<&str> = keys
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !inner.contains(name))
            .collect();
        stages.extend(group_again(&outer, &inner, &fields));
    }
    if let Some(select) = &query.select {
        stages.push(doc! { "$project": selection(&to_document(select))? });
    }
    if !query.sort.is_empty() {
        stages.push(doc! { "$sort": sort_keys(&query.sort)? });
    }
    let (skip, limit) = page_of(query.page.as_ref());
    if skip > 0 {
        stages.push(doc! { "$skip": Bson::Int64(i64::try_from(skip).unwrap_or(i64::MAX)) });
    }
    if let Some(limit) = limit {
        stages.push(doc! { "$limit": i64::from(limit) + 1 });
    }
    Ok(Analysis { stages, limit })
}

/// Names of groups and where their value comes from.
fn group_keys(query: &AnalyzeQuery) -> Result<Vec<(String, Bson)>, Failure> {
    let entries = query.group_by.as_ref().map(|list| list.values.as_slice());
    let mut keys = Vec::new();
    for entry in entries.unwrap_or_default() {
        let (key, name) = match &entry.kind {
            Some(Kind::StringValue(key)) => (key.clone(), String::new()),
            Some(Kind::StructValue(fields)) => {
                let fields = to_document(fields);
                let text = |long: &str, short: &str| {
                    fields
                        .get_str(long)
                        .or_else(|_| fields.get_str(short))
                        .unwrap_or_default()
                        .to_owned()
                };
                (text("key", "k"), text("name", "n"))
            }
            _ => return Err(Failure::Query("group_by is a list of keys".to_owned())),
        };
        keys.push((name_of(&key, &name)?.to_owned(), Bson::String(field(&key)?)));
    }
    Ok(keys)
}

/// Names of fields and their accumulators.
fn group_fields(query: &AnalyzeQuery) -> Result<Vec<(String, Document)>, Failure> {
    let fields = query
        .fields
        .as_ref()
        .ok_or(Failure::Required("query.fields"))?;
    let mut result = Vec::new();
    for (name, options) in &to_document(fields) {
        let Bson::Document(options) = options else {
            return Err(Failure::Query(format!("field {name} is not an object")));
        };
        let text = |key| options.get_str(key).unwrap_or_default();
        result.push((
            name_of(name, name)?.to_owned(),
            accumulator(text("operator"), text("key"))?,
        ));
    }
    Ok(result)
}

fn group(keys: &[(String, Bson)], fields: &[(String, Document)]) -> Document {
    let id: Document = keys.iter().cloned().collect();
    let mut group = doc! { "_id": if id.is_empty() { Bson::Null } else { id.into() } };
    for (name, accumulator) in fields {
        group.insert(name.clone(), accumulator.clone());
    }
    doc! { "$group": group }
}

/// `{_id: {a, b}, n}` → `{a, b, n}`.
fn flatten<'a>(keys: impl Iterator<Item = &'a str>, fields: &[(String, Document)]) -> Document {
    let mut project = doc! { "_id": 0 };
    for key in keys {
        project.insert(key, format!("$_id.{key}"));
    }
    for (name, _) in fields {
        project.insert(name.clone(), 1);
    }
    doc! { "$project": project }
}

fn group_again(outer: &[&str], inner: &[&str], fields: &[(String, Document)]) -> [Document; 2] {
    let id: Document = outer
        .iter()
        .map(|key| ((*key).to_owned(), Bson::String(format!("$_id.{key}"))))
        .collect();
    let mut group = doc! { "_id": if id.is_empty() { Bson::Null } else { id.into() } };
    let mut project = doc! { "_id": 0 };
    for key in outer {
        project.insert(*key, format!("$_id.{key}"));
    }
    for (name, _) in fields {
        let mut entry: Document = inner
            .iter()
            .map(|key| ((*key).to_owned(), Bson::String(format!("$_id.{key}"))))
            .collect();
        entry.insert("value", format!("${name}"));
        group.insert(name.clone(), doc! { "$push": entry });
        group.insert(
            format!("_total_{name}"),
            doc! { "$sum": format!("${name}") },
        );
        project.insert(name.clone(), 1);
        project.insert(format!("_total_{name}"), 1);
    }
    [doc! { "$group": group }, doc! { "$project": project }]
}

/// `{out: "field"}` or `{out: {operator, fields}}`.
fn selection(select: &Document) -> Result<Document, Failure> {
    let mut project = doc! { "_id": 0 };
    for (name, value) in select {
        let value = match value {
            Bson::String(key) => Bson::String(field(key)?),
            Bson::Document(options) => {
                let fields = crate::cloudforet::mongo::texts(options, "fields");
                expression(options.get_str("operator").unwrap_or_default(), &fields)?
            }
            _ => {
                return Err(Failure::Query(format!(
                    "select {name} is neither text nor object"
                )));
            }
        };
        project.insert(name_of(name, name)?, value);
    }
    Ok(project)
}

#[cfg(test)]
mod tests {
    use super::super::value::from_document;
    use super::*;
    use crate::cloudforet::proto::core::v2::{Page, Sort};

    fn query() -> AnalyzeQuery {
        let request = from_document(&doc! {
            "group_by": ["provider", "data.compute.az"],
            "fields": { "n": { "operator": "count" } },
        });
        let group_by = match request.fields["group_by"].kind.clone() {
            Some(Kind::ListValue(list)) => list,
            other => panic!("{other:?}"),
        };
        let fields = match request.fields["fields"].kind.clone() {
            Some(Kind::StructValue(fields)) => fields,
            other => panic!("{other:?}"),
        };
        AnalyzeQuery {
            group_by: Some(group_by),
            fields: Some(fields),
            ..AnalyzeQuery::default()
        }
    }

    #[test]
    fn groups_are_flattened_and_named_after_the_last_part() {
        assert_eq!(
            analyze(&query()).unwrap().stages,
            [
                doc! { "$group": { "_id": { "provider": "$provider", "az": "$data.compute.az" }, "n": { "$sum": 1 } } },
                doc! { "$project": { "_id": 0, "provider": "$_id.provider", "az": "$_id.az", "n": 1 } },
            ]
        );
    }

    #[test]
    fn a_field_group_makes_lists_with_totals() {
        let query = AnalyzeQuery {
            field_group: vec!["az".to_owned()],
            ..query()
        };
        assert_eq!(
            analyze(&query).unwrap().stages[1],
            doc! { "$group": {
                "_id": { "provider": "$_id.provider" },
                "n": { "$push": { "az": "$_id.az", "value": "$n" } },
                "_total_n": { "$sum": "$n" },
            } }
        );
    }

    #[test]
    fn a_page_fetches_one_more() {
        let query = AnalyzeQuery {
            sort: vec![Sort {
                key: "n".to_owned(),
                desc: true,
            }],
            page: Some(Page { start: 3, limit: 2 }),
            ..query()
        };
        let analysis = analyze(&query).unwrap();
        assert_eq!(analysis.limit, Some(2));
        assert_eq!(
            analysis.stages[2..],
            [
                doc! { "$sort": { "n": -1 } },
                doc! { "$skip": 2_i64 },
                doc! { "$limit": 3_i64 }
            ]
        );
    }

    #[test]
    fn an_inner_group_must_be_a_group() {
        let query = AnalyzeQuery {
            field_group: vec!["region".to_owned()],
            ..query()
        };
        assert!(matches!(analyze(&query), Err(Failure::Query(_))));
    }
}
