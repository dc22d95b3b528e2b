//! Commands about many documents at once, those that answer with the document they changed, and
//! those whose values are nobody's business.

use std::future::IntoFuture;

use bson::{Bson, Document, doc};
use mongodb::error::ErrorKind;
use mongodb::options::ReturnDocument;
use serde_json::json;

use super::collection::{Collection, DUPLICATE_KEY};
use crate::cloudforet::error::Failure;

/// One of many updates.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) filter: Document,
    pub(crate) update: Document,
    /// All that match, not only the first.
    pub(crate) many: bool,
    /// One is inserted if none matches.
    pub(crate) upsert: bool,
}

impl Collection {
    /// Applies `update` to at most one document, and returns it as it is then; `None` if none
    /// matches.
    pub(crate) async fn modify(
        &self,
        filter: Document,
        update: Document,
    ) -> Result<Option<Document>, Failure> {
        let command = self.command(
            "findAndModify",
            || json!({ "query": &filter, "update": &update }),
        );
        let mut modify = self
            .inner
            .find_one_and_update(filter, update)
            .return_document(ReturnDocument::After);
        if let Some(comment) = command.comment.clone() {
            modify = modify.comment(comment);
        }
        let found = |found: &Option<Document>| found.iter().count();
        command.run(modify.into_future(), found).await
    }

    /// Applies `update` to all documents that match; says how many.
    pub(crate) async fn update_all(
        &self,
        filter: Document,
        update: Document,
    ) -> Result<u64, Failure> {
        let command = self.command("update", || json!({ "filter": &filter, "update": &update }));
        let mut action = self.inner.update_many(filter, update);
        if let Some(comment) = command.comment.clone() {
            action = action.comment(comment);
        }
        let matched = async { Ok(action.await?.matched_count) };
        command.run(matched, |count| whole(*count)).await
    }

    /// Removes all documents that match; says how many.
    pub(crate) async fn delete_all(&self, filter: Document) -> Result<u64, Failure> {
        let command = self.command("delete", || json!({ "filter": &filter }));
        let mut delete = self.inner.delete_many(filter);
        if let Some(comment) = command.comment.clone() {
            delete = delete.comment(comment);
        }
        let deleted = async { Ok(delete.await?.deleted_count) };
        command.run(deleted, |count| whole(*count)).await
    }

    /// Inserts those whose unique keys are new, and says which were not, by their positions.
    pub(crate) async fn insert_new(&self, documents: &[Document]) -> Result<Vec<usize>, Failure> {
        let command = self.command("insert", || json!({ "documents": documents.len() }));
        let mut insert = self.inner.insert_many(documents).ordered(false);
        if let Some(comment) = command.comment.clone() {
            insert = insert.comment(comment);
        }
        let known = async {
            let Err(error) = insert.await else {
                return Ok(Vec::new());
            };
            match error.kind.as_ref() {
                ErrorKind::InsertMany(many) if many.write_concern_error.is_none() => {
                    let errors = many.write_errors.iter().flatten();
                    let duplicates: Option<Vec<usize>> = errors
                        .map(|one| (one.code == DUPLICATE_KEY).then_some(one.index))
                        .collect();
                    duplicates.ok_or(error)
                }
                _ => Err(error),
            }
        };
        let count = |known: &Vec<usize>| documents.len() - known.len();
        command.run(known, count).await
    }

    /// Applies all updates in one command, and says which failed, by their positions, and why.
    ///
    /// The driver's own bulk method needs MongoDB 8, and other servers do not have it.
    pub(crate) async fn update_each(
        &self,
        statements: Vec<Statement>,
    ) -> Result<Vec<(usize, String)>, Failure> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let command = self.command("update", || json!({ "updates": statements.len() }));
        let updates: Vec<Bson> = statements
            .into_iter()
            .map(|one| {
                doc! { "q": one.filter, "u": one.update, "multi": one.many, "upsert": one.upsert }
                    .into()
            })
            .collect();
        let mut body = doc! { "update": self.inner.name(), "updates": updates, "ordered": false };
        if let Some(comment) = command.comment.clone() {
            body.insert("comment", comment);
        }
        let database = self.inner.client().database(&self.database);
        let reply = async { database.run_command(body).await };
        let count = |reply: &Document| {
            let count = reply.get("n").and_then(Bson::as_i32).unwrap_or_default();
            usize::try_from(count).unwrap_or_default()
        };
        let reply = command.run(reply, count).await?;
        let errors = reply.get_array("writeErrors").ok();
        let errors = errors.into_iter().flatten().filter_map(Bson::as_document);
        let told = errors.map(|error| {
            let index = error.get_i32("index").unwrap_or_default();
            let message = error.get_str("errmsg").unwrap_or_default();
            (
                usize::try_from(index).unwrap_or_default(),
                message.to_owned(),
            )
        });
        Ok(told.collect())
    }

    /// For each pair of filter and fields: sets the fields of the document that matches, or inserts
    /// one. One command for all, in no order.
    pub(crate) async fn upsert_all(
        &self,
        updates: Vec<(Document, Document)>,
    ) -> Result<(), Failure> {
        let statement = |(filter, set): (Document, Document)| Statement {
            filter,
            update: doc! { "$set": set },
            many: false,
            upsert: true,
        };
        let failed = self
            .update_each(updates.into_iter().map(statement).collect())
            .await?;
        match failed.into_iter().next() {
            Some((_, reason)) => Err(Failure::Query(reason)),
            None => Ok(()),
        }
    }

    /// Sets fields of at most one document, or inserts it; the span tells their names only, for the
    /// values are secrets. Says how many matched.
    pub(crate) async fn set_untold(
        &self,
        filter: Document,
        set: Document,
        upsert: bool,
    ) -> Result<u64, Failure> {
        let command = self.command("update", || {
            let names: Vec<&String> = set.keys().collect();
            json!({ "filter": &filter, "update": { "$set": names } })
        });
        let mut action = self
            .inner
            .update_one(filter, doc! { "$set": set })
            .upsert(upsert);
        if let Some(comment) = command.comment.clone() {
            action = action.comment(comment);
        }
        let matched = async { Ok(action.await?.matched_count) };
        command.run(matched, |count| whole(*count)).await
    }
}

fn whole(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
