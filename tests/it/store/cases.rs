//! The suite: named cases, each a list of commands on a fresh database.

use bson::{Bson, Document, doc};

mod administer;
mod aggregate;
mod counting;
mod query;
mod write;

/// Commands in a row whose answers are compared.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) commands: Vec<Document>,
    /// The words of errors are compared too.
    pub(super) words: bool,
    /// The order of a first batch is left open by MongoDB.
    pub(super) unordered: bool,
}

impl Case {
    fn new(name: impl Into<String>, commands: Vec<Document>) -> Self {
        Self {
            name: name.into(),
            commands,
            words: false,
            unordered: false,
        }
    }

    fn words(mut self) -> Self {
        self.words = true;
        self
    }

    fn unordered(mut self) -> Self {
        self.unordered = true;
        self
    }
}

pub(super) fn cases() -> Vec<Case> {
    [
        query::cases(),
        write::cases(),
        aggregate::cases(),
        administer::cases(),
        counting::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn insert(documents: Vec<Document>) -> Document {
    doc! { "insert": "c", "documents": documents }
}

/// Everything in the collection.
fn all() -> Document {
    doc! { "find": "c", "sort": { "_id": 1 } }
}

fn index(key: Document, name: &str) -> Document {
    doc! { "createIndexes": "c", "indexes": [{ "key": key, "name": name }] }
}

fn array<T: Into<Bson>>(items: Vec<T>) -> Bson {
    Bson::Array(items.into_iter().map(Into::into).collect())
}
