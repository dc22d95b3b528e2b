//! `findAndModify`.

use std::sync::Arc;

use bson::{Bson, Document, doc};
use redb::WriteTransaction;

use super::super::catalog::Collection;
use super::super::failure::{Failure, Outcome};
use super::super::filter::Filter;
use super::super::order;
use super::super::path::Pattern;
use super::super::projection::Projection;
use super::super::update::Update;
use super::super::writing::Writing;
use super::Call;
use super::write::{Target, records, same, with_id};

struct Plan {
    query: Document,
    sort: Option<Pattern>,
    /// Nothing to apply: the document is removed.
    update: Option<Update>,
    new: bool,
    upsert: bool,
    projection: Option<Projection>,
}

pub(super) async fn find_and_modify(call: Call) -> Outcome<Document> {
    call.check(
        &[
            "query",
            "sort",
            "remove",
            "update",
            "new",
            "upsert",
            "fields",
            "hint",
            "bypassDocumentValidation",
        ],
        &["collation", "arrayFilters", "let"],
    )?;
    let namespace = call.namespace()?;
    let remove = call.flag("remove", false)?;
    let (new, upsert) = (call.flag("new", false)?, call.flag("upsert", false)?);
    let update = match call.body.get("update") {
        Some(_) if remove => {
            return Err(Failure::parse(
                "Cannot specify both an update and remove=true",
            ));
        }
        Some(update) => Some(Update::parse(update)?),
        None if remove => None,
        None => {
            return Err(Failure::parse(
                "Either an update or remove=true must be specified",
            ));
        }
    };
    if remove && upsert {
        return Err(Failure::parse(
            "Cannot specify both upsert=true and remove=true ",
        ));
    }
    if remove && new {
        return Err(Failure::parse(
            "Cannot specify both new=true and remove=true; 'remove' always returns the deleted document",
        ));
    }
    let sort = call.document("sort")?;
    let fields = call.document("fields")?;
    let plan = Plan {
        query: call.document("query")?,
        sort: (!sort.is_empty())
            .then(|| order::parse(&sort, true))
            .transpose()?,
        update,
        new,
        upsert,
        projection: (!fields.is_empty())
            .then(|| Projection::parse(&fields, true))
            .transpose()?,
    };
    Filter::parse(&plan.query)?;
    let server = Arc::clone(&call.server);
    server
        .storage
        .write(move |transaction| plan.run(&call, transaction, &namespace))
        .await
}

impl Plan {
    fn run(
        self,
        call: &Call,
        transaction: &WriteTransaction,
        namespace: &str,
    ) -> Outcome<Document> {
        let show = |document: &Document| match &self.projection {
            Some(projection) => projection.apply(document),
            None => Ok(document.clone()),
        };
        if let Some(collection) = Collection::find_for_write(transaction, namespace)? {
            let mut writing = Writing::open(transaction, collection)?;
            let filter = Filter::parse(&self.query)?;
            let target = Target {
                filter,
                sort: self.sort,
                many: false,
            };
            let found = records(call, &writing, target)?.into_iter().next();
            if let Some((record, old)) = found {
                call.note_documents(1);
                let (error, value) = match &self.update {
                    None => {
                        writing.delete(record, &old)?;
                        (doc! { "n": 1 }, show(&old)?)
                    }
                    Some(update) => {
                        let new = update.apply(&old, false)?;
                        let value = show(if self.new { &new } else { &old })?;
                        if !same(&old, &new) {
                            let result = writing.replace(record, &old, &new);
                            writing.close()?;
                            result?;
                            return Ok(
                                doc! { "lastErrorObject": { "n": 1, "updatedExisting": true }, "value": value, "ok": 1.0 },
                            );
                        }
                        (doc! { "n": 1, "updatedExisting": true }, value)
                    }
                };
                writing.close()?;
                return Ok(doc! { "lastErrorObject": error, "value": value, "ok": 1.0 });
            }
        }
        let Some(update) = self.update else {
            return Ok(doc! { "lastErrorObject": { "n": 0 }, "value": Bson::Null, "ok": 1.0 });
        };
        if !self.upsert {
            return Ok(
                doc! { "lastErrorObject": { "n": 0, "updatedExisting": false }, "value": Bson::Null, "ok": 1.0 },
            );
        }
        let new = with_id(update.upsert(&self.query)?)?;
        let value = if self.new {
            Bson::Document(show(&new)?)
        } else {
            Bson::Null
        };
        let (collection, _) = Collection::ensure(transaction, namespace)?;
        let mut writing = Writing::open(transaction, collection)?;
        let result = writing.insert(&new);
        writing.close()?;
        result?;
        let id = new.get("_id").cloned().unwrap_or(Bson::Null);
        Ok(
            doc! { "lastErrorObject": { "n": 1, "updatedExisting": false, "upserted": id }, "value": value, "ok": 1.0 },
        )
    }
}
