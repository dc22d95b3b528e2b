//! A collection: each method is one command, timed and told when the request is sampled.

use std::sync::Arc;

use bson::{Bson, Document};
use futures_util::TryStreamExt;
use mongodb::IndexModel;
use mongodb::error::{ErrorKind, Result as MongoResult};
use serde_json::{Value, json};

use super::rides::{self, Rides};
use crate::cloudforet::error::Failure;
use crate::cloudforet::telemetry::{self, OpenSpan};
use crate::model::{SpanKind, Traceparent};

/// A command in a span is a summary: longer JSON is cut here.
const COMMAND_SUMMARY: usize = 2_000;
/// MongoDB's code for a unique index that was violated.
pub(super) const DUPLICATE_KEY: i32 = 11000;

/// One collection.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(super) inner: mongodb::Collection<Document>,
    pub(super) database: String,
    rides: Arc<Rides>,
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) filter: Document,
    pub(crate) sort: Option<Document>,
    pub(crate) projection: Option<Document>,
    pub(crate) skip: u64,
    /// Zero: all.
    pub(crate) limit: i64,
}

/// A command under way.
pub(super) struct Command {
    span: Option<OpenSpan>,
    pub(super) comment: Option<Bson>,
    rides: Arc<Rides>,
}

// === impl Collection ===

impl Collection {
    pub(super) fn new(database: &mongodb::Database, name: &str, rides: Arc<Rides>) -> Self {
        Self {
            inner: database.collection(name),
            database: database.name().to_owned(),
            rides,
        }
    }

    pub(crate) async fn find(&self, what: Found) -> Result<Vec<Document>, Failure> {
        let command = self.command("find", || {
            json!({
                "filter": &what.filter, "sort": &what.sort, "projection": &what.projection,
                "skip": what.skip, "limit": what.limit,
            })
        });
        let mut find = self.inner.find(what.filter).limit(what.limit);
        if what.skip > 0 {
            find = find.skip(what.skip);
        }
        if let Some(sort) = what.sort {
            find = find.sort(sort);
        }
        if let Some(projection) = what.projection {
            find = find.projection(projection);
        }
        if let Some(comment) = command.comment.clone() {
            find = find.comment(comment);
        }
        let rows = async { find.await?.try_collect::<Vec<_>>().await };
        command.run(rows, Vec::len).await
    }

    pub(crate) async fn find_one(&self, filter: Document) -> Result<Option<Document>, Failure> {
        let found = Found {
            filter,
            limit: 1,
            ..Found::default()
        };
        Ok(self.find(found).await?.into_iter().next())
    }

    pub(crate) async fn count(&self, filter: Document) -> Result<u64, Failure> {
        let command = self.command("count", || json!({ "filter": &filter }));
        let mut count = self.inner.count_documents(filter);
        if let Some(comment) = command.comment.clone() {
            count = count.comment(comment);
        }
        command.run(count.into_future(), |_| 1).await
    }

    pub(crate) async fn aggregate(
        &self,
        pipeline: Vec<Document>,
    ) -> Result<Vec<Document>, Failure> {
        let command = self.command("aggregate", || json!({ "pipeline": &pipeline }));
        let mut aggregate = self.inner.aggregate(pipeline);
        if let Some(comment) = command.comment.clone() {
            aggregate = aggregate.comment(comment);
        }
        let rows = async { aggregate.await?.try_collect::<Vec<_>>().await };
        command.run(rows, Vec::len).await
    }

    pub(crate) async fn distinct(&self, key: &str, filter: Document) -> Result<Vec<Bson>, Failure> {
        let command = self.command("distinct", || json!({ "key": key, "query": &filter }));
        let mut distinct = self.inner.distinct(key, filter);
        if let Some(comment) = command.comment.clone() {
            distinct = distinct.comment(comment);
        }
        command.run(distinct.into_future(), Vec::len).await
    }

    pub(crate) async fn insert(&self, document: &Document) -> Result<(), Failure> {
        let command = self.command("insert", || json!({ "documents": 1 }));
        let mut insert = self.inner.insert_one(document);
        if let Some(comment) = command.comment.clone() {
            insert = insert.comment(comment);
        }
        command.run(insert.into_future(), |_| 1).await.map(drop)
    }

    /// Inserts those that are not there yet, by their unique keys.
    pub(crate) async fn insert_missing(&self, documents: &[Document]) -> Result<(), Failure> {
        let command = self.command("insert", || json!({ "documents": documents.len() }));
        let mut insert = self.inner.insert_many(documents).ordered(false);
        if let Some(comment) = command.comment.clone() {
            insert = insert.comment(comment);
        }
        let missing = async {
            insert.await.map(drop).or_else(|error| {
                // Another replica was faster with these; everything else is a failure.
                let known = match error.kind.as_ref() {
                    ErrorKind::InsertMany(many) => {
                        many.write_concern_error.is_none()
                            && many
                                .write_errors
                                .iter()
                                .flatten()
                                .all(|one| one.code == DUPLICATE_KEY)
                    }
                    _ => false,
                };
                if known { Ok(()) } else { Err(error) }
            })
        };
        command.run(missing, |()| documents.len()).await
    }

    /// Applies `update` to at most one document; says how many matched.
    pub(crate) async fn update(&self, filter: Document, update: Document) -> Result<u64, Failure> {
        self.update_with(filter, update, false).await
    }

    /// As [`Self::update`], and inserts if nothing matches.
    pub(crate) async fn upsert(&self, filter: Document, update: Document) -> Result<u64, Failure> {
        self.update_with(filter, update, true).await
    }

    async fn update_with(
        &self,
        filter: Document,
        update: Document,
        upsert: bool,
    ) -> Result<u64, Failure> {
        let command = self.command("update", || json!({ "filter": &filter, "update": &update }));
        let mut action = self.inner.update_one(filter, update).upsert(upsert);
        if let Some(comment) = command.comment.clone() {
            action = action.comment(comment);
        }
        let matched = async { Ok(action.await?.matched_count) };
        command
            .run(matched, |count| {
                usize::try_from(*count).unwrap_or(usize::MAX)
            })
            .await
    }

    /// Removes at most one document; says how many.
    pub(crate) async fn delete(&self, filter: Document) -> Result<u64, Failure> {
        let command = self.command("delete", || json!({ "filter": &filter }));
        let mut delete = self.inner.delete_one(filter);
        if let Some(comment) = command.comment.clone() {
            delete = delete.comment(comment);
        }
        let deleted = async { Ok(delete.await?.deleted_count) };
        command
            .run(deleted, |count| {
                usize::try_from(*count).unwrap_or(usize::MAX)
            })
            .await
    }

    /// Makes sure of these indexes; each is a list of keys, `-` in front for descending.
    pub(crate) async fn index(&self, unique: bool, indexes: &[&[&str]]) -> Result<(), Failure> {
        let models = indexes.iter().map(|keys| {
            let keys: Document = keys
                .iter()
                .map(|key| match key.strip_prefix('-') {
                    Some(key) => (key.to_owned(), Bson::Int32(-1)),
                    None => ((*key).to_owned(), Bson::Int32(1)),
                })
                .collect();
            let options = mongodb::options::IndexOptions::builder()
                .unique(unique)
                .build();
            IndexModel::builder().keys(keys).options(options).build()
        });
        self.inner.create_indexes(models).await?;
        Ok(())
    }

    /// Opens the span. `summary` runs only for sampled requests.
    pub(super) fn command(&self, name: &str, summary: impl FnOnce() -> Value) -> Command {
        let collection = self.inner.name();
        let (mut span, traceparent) =
            telemetry::outgoing(SpanKind::MongoClient, &format!("{name} {collection}"));
        if let Some(span) = &mut span {
            let mut summary = summary();
            if let Value::Object(fields) = &mut summary {
                fields.retain(|_, value| !value.is_null() && *value != json!(0));
            }
            let mut summary = summary.to_string();
            if let Some((cut, _)) = summary.char_indices().nth(COMMAND_SUMMARY) {
                summary.truncate(cut);
                summary.push('…');
            }
            span.attribute("database", self.database.as_str());
            span.attribute("collection", collection);
            span.attribute("command", summary);
        }
        Command {
            comment: span.is_some().then(|| comment(traceparent)).flatten(),
            span,
            rides: Arc::clone(&self.rides),
        }
    }
}

fn comment(traceparent: Option<Traceparent>) -> Option<Bson> {
    traceparent.map(|traceparent| Bson::String(traceparent.to_string()))
}

// === impl Command ===

impl Command {
    pub(super) async fn run<T>(
        self,
        command: impl Future<Output = MongoResult<T>>,
        count: impl Fn(&T) -> usize,
    ) -> Result<T, Failure> {
        let Some(mut span) = self.span else {
            return Ok(command.await?);
        };
        let (result, connection) = rides::observe(command).await;
        span.outbound(self.rides.pair(connection));
        match &result {
            Ok(value) => {
                span.attribute("documents", count(value));
                span.finish("OK");
            }
            Err(error) => span.finish(error.to_string()),
        }
        Ok(result?)
    }
}
