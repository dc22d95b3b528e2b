//! What all kinds of resources have in common: rows of one collection, read by the query language.

use bson::{Bson, Document, doc};
use prost_types::value::Kind as ValueKind;
use prost_types::{Struct, Value};

use super::error::Failure;
use super::mongo::{Collection, Found};
use super::proto::core::v2::{AnalyzeQuery, Filter, Query, StatisticsQuery};
use super::query::value::{from_bson, list_from_bson};
use super::query::{self, Condition, Listing, Statistics, filter_of};

/// One kind of resource.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) collection: &'static str,
    /// The field with the id.
    pub(crate) id: &'static str,
    /// Fields of the short form.
    pub(crate) minimal: &'static [&'static str],
    /// Fields that a keyword is looked for in.
    pub(crate) keyword: &'static [&'static str],
}

/// Conditions of a query, kept apart until references to other kinds are resolved.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) all: Vec<Condition>,
    pub(crate) any: Vec<Condition>,
}

/// Rows and how many there are in all.
pub(crate) type Page = (Vec<Document>, i32);

impl Conditions {
    pub(crate) fn of(filter: &[Filter], filter_or: &[Filter]) -> Result<Self, Failure> {
        Ok(Self {
            all: query::conditions(filter)?,
            any: query::conditions(filter_or)?,
        })
    }

    /// As one filter, together with `base` and a keyword.
    pub(crate) fn into_filter(
        self,
        mut base: Vec<Document>,
        keyword: Option<Document>,
    ) -> Document {
        base.extend(self.all.into_iter().map(Condition::into_filter));
        base.extend(keyword);
        filter_of(
            base,
            self.any.into_iter().map(Condition::into_filter).collect(),
        )
    }
}

/// Condition `key = value` for each value that the request has; empty means not given.
pub(crate) fn given(fields: &[(&str, &str)]) -> Vec<Document> {
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    given.map(|(key, value)| doc! { *key: *value }).collect()
}

/// The fields that an update names and gives a value; it cannot empty any.
pub(crate) fn changes(fields: &[(&str, &str)]) -> Document {
    let given = fields.iter().filter(|(_, value)| !value.is_empty());
    given
        .map(|(key, value)| ((*key).to_owned(), Bson::from(*value)))
        .collect()
}

/// The rows of a page, and how many match in all.
pub(crate) async fn list(
    collection: &Collection,
    kind: &Kind,
    filter: Document,
    query: &Query,
) -> Result<Page, Failure> {
    let listing = Listing::of(query, kind.minimal)?;
    if listing.count_only {
        return Ok((Vec::new(), total(collection.count(filter).await?)));
    }
    let rows = collection
        .find(Found {
            filter: filter.clone(),
            sort: listing.sort,
            projection: listing.projection,
            skip: listing.skip,
            limit: listing.limit,
        })
        .await?;
    let seen = listing.skip + rows.len() as u64;
    // A page that is not full ends the list, so its end says how many there are; an empty page
    // after the first says nothing.
    let full = i64::try_from(rows.len()).is_ok_and(|length| length >= listing.limit);
    let known = !full && (!rows.is_empty() || listing.skip == 0);
    let count = if known {
        seen
    } else {
        collection.count(filter).await?
    };
    Ok((rows, total(count)))
}

/// `stat`: `{results: [...]}`.
pub(crate) async fn stat(
    collection: &Collection,
    filter: Document,
    query: &StatisticsQuery,
) -> Result<Struct, Failure> {
    let results = match query::statistics(query)? {
        Statistics::Distinct(key) => collection.distinct(&key, filter).await?,
        Statistics::Pipeline(stages) => pipeline(collection, filter, stages).await?,
    };
    Ok(results_struct(&results))
}

/// `analyze`: `{results: [...], more: bool}`.
pub(crate) async fn analyze(
    collection: &Collection,
    filter: Document,
    query: &AnalyzeQuery,
) -> Result<Struct, Failure> {
    let analysis = query::analyze(query)?;
    let mut results = pipeline(collection, filter, analysis.stages).await?;
    let mut more = false;
    if let Some(limit) = analysis.limit.and_then(|limit| usize::try_from(limit).ok()) {
        more = results.len() > limit;
        results.truncate(limit);
    }
    let mut answer = results_struct(&results);
    answer
        .fields
        .insert("more".to_owned(), from_bson(&Bson::Boolean(more)));
    Ok(answer)
}

async fn pipeline(
    collection: &Collection,
    filter: Document,
    stages: Vec<Document>,
) -> Result<Vec<Bson>, Failure> {
    let mut pipeline = vec![doc! { "$match": filter }];
    pipeline.extend(stages);
    let rows = collection.aggregate(pipeline).await?;
    Ok(rows.into_iter().map(Bson::Document).collect())
}

fn results_struct(results: &[Bson]) -> Struct {
    let list = list_from_bson(results);
    let value = Value {
        kind: Some(ValueKind::ListValue(list)),
    };
    Struct {
        fields: [("results".to_owned(), value)].into(),
    }
}

fn total(count: u64) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
