//! Which collections and indexes there are. Kept in the database itself, so that it is always the
//! one of the snapshot.

use bson::{Bson, Document, doc};
use redb::{ReadTransaction, ReadableTable, TableDefinition, TableError, WriteTransaction};

use super::failure::{Failure, Outcome};
use super::path::{self, Pattern};

/// `database.collection` → what [`Collection`] holds, as BSON.
const CATALOG: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("catalog");
/// Numbers of collections are never used twice.
const COUNTERS: TableDefinition<'static, &str, u64> = TableDefinition::new("counters");

/// A collection and its indexes.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    /// `database.collection`.
    pub(crate) namespace: String,
    /// Names its tables.
    pub(crate) id: u64,
    /// The first is always that of `_id`.
    pub(crate) indexes: Vec<Index>,
}

/// One index.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    /// As given: `{ a: 1, b: -1 }`.
    pub(crate) key: Document,
    /// `a_1_b_-1` if the user gave none.
    pub(crate) name: String,
    /// No two documents may have the same key.
    pub(crate) unique: bool,
    /// Documents with none of the fields are left out.
    pub(crate) sparse: bool,
    /// An array was once under one of the fields.
    pub(crate) multikey: bool,
    /// Names its table inside the collection.
    pub(crate) id: i64,
    /// The parsed key.
    pub(crate) pattern: Pattern,
}

fn storage(error: impl std::fmt::Display) -> Failure {
    Failure::storage(&error)
}

impl Collection {
    /// The table of documents by record number.
    pub(crate) fn documents_table(&self) -> String {
        format!("documents/{}", self.id)
    }

    /// The table of one index.
    pub(crate) fn index_table(&self, index: &Index) -> String {
        format!("index/{}/{}", self.id, index.id)
    }

    /// Looks it up in a snapshot.
    pub(crate) fn find(transaction: &ReadTransaction, namespace: &str) -> Outcome<Option<Self>> {
        let table = match transaction.open_table(CATALOG) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            Err(error) => return Err(storage(error)),
        };
        let found = table.get(namespace).map_err(storage)?;
        found
            .map(|bytes| Self::read(namespace, bytes.value()))
            .transpose()
    }

    /// All collections whose namespace starts with `prefix`.
    pub(crate) fn list(transaction: &ReadTransaction, prefix: &str) -> Outcome<Vec<Self>> {
        match transaction.open_table(CATALOG) {
            Ok(table) => Self::list_in(&table, prefix),
            Err(TableError::TableDoesNotExist(_)) => Ok(Vec::new()),
            Err(error) => Err(storage(error)),
        }
    }

    fn list_in(
        table: &impl ReadableTable<&'static str, &'static [u8]>,
        prefix: &str,
    ) -> Outcome<Vec<Self>> {
        let mut all = Vec::new();
        for entry in table.range(prefix..).map_err(storage)? {
            let (name, bytes) = entry.map_err(storage)?;
            if !name.value().starts_with(prefix) {
                break;
            }
            all.push(Self::read(name.value(), bytes.value())?);
        }
        Ok(all)
    }

    /// The same inside a write.
    pub(crate) fn find_for_write(
        transaction: &WriteTransaction,
        namespace: &str,
    ) -> Outcome<Option<Self>> {
        let table = transaction.open_table(CATALOG).map_err(storage)?;
        let found = table.get(namespace).map_err(storage)?;
        found
            .map(|bytes| Self::read(namespace, bytes.value()))
            .transpose()
    }

    /// The same inside a write.
    pub(crate) fn list_for_write(
        transaction: &WriteTransaction,
        prefix: &str,
    ) -> Outcome<Vec<Self>> {
        let table = transaction.open_table(CATALOG).map_err(storage)?;
        Self::list_in(&table, prefix)
    }

    /// Finds it, or makes it with its index of `_id`; says whether it was made.
    pub(crate) fn ensure(transaction: &WriteTransaction, namespace: &str) -> Outcome<(Self, bool)> {
        if let Some(found) = Self::find_for_write(transaction, namespace)? {
            return Ok((found, false));
        }
        let id = {
            let mut counters = transaction.open_table(COUNTERS).map_err(storage)?;
            let id = counters
                .get("collection")
                .map_err(storage)?
                .map_or(1, |last| last.value() + 1);
            counters.insert("collection", id).map_err(storage)?;
            id
        };
        let mut collection = Self {
            namespace: namespace.to_owned(),
            id,
            indexes: Vec::new(),
        };
        collection
            .indexes
            .push(Index::new(doc! { "_id": 1 }, "_id_".to_owned(), 0));
        collection.indexes[0].unique = true;
        collection.save(transaction)?;
        Ok((collection, true))
    }

    /// Writes it back.
    pub(crate) fn save(&self, transaction: &WriteTransaction) -> Outcome<()> {
        let indexes: Vec<_> = self
            .indexes
            .iter()
            .map(|index| {
                Bson::Document(doc! {
                    "key": index.key.clone(), "name": &index.name, "unique": index.unique,
                    "sparse": index.sparse, "multikey": index.multikey, "id": index.id,
                })
            })
            .collect();
        let bytes = doc! { "id": self.id.cast_signed(), "indexes": indexes }
            .to_vec()
            .map_err(storage)?;
        let mut table = transaction.open_table(CATALOG).map_err(storage)?;
        table
            .insert(self.namespace.as_str(), bytes.as_slice())
            .map_err(storage)?;
        Ok(())
    }

    /// Removes it with everything in it.
    pub(crate) fn drop(&self, transaction: &WriteTransaction) -> Outcome<()> {
        let documents = self.documents_table();
        transaction
            .delete_table(TableDefinition::<u64, &[u8]>::new(&documents))
            .map_err(storage)?;
        for index in &self.indexes {
            self.drop_index(transaction, index)?;
        }
        let mut table = transaction.open_table(CATALOG).map_err(storage)?;
        table.remove(self.namespace.as_str()).map_err(storage)?;
        Ok(())
    }

    /// Removes the entries of one index.
    pub(crate) fn drop_index(&self, transaction: &WriteTransaction, index: &Index) -> Outcome<()> {
        let name = self.index_table(index);
        transaction
            .delete_table(TableDefinition::<&[u8], ()>::new(&name))
            .map_err(storage)?;
        Ok(())
    }

    fn read(namespace: &str, bytes: &[u8]) -> Outcome<Self> {
        let content = Document::from_reader(bytes).map_err(storage)?;
        let mut indexes = Vec::new();
        for index in content.get_array("indexes").into_iter().flatten() {
            let Bson::Document(index) = index else {
                continue;
            };
            let key = index.get_document("key").map_err(storage)?.clone();
            let mut read = Index::new(
                key,
                index.get_str("name").map_err(storage)?.to_owned(),
                index.get_i64("id").map_err(storage)?,
            );
            read.unique = index.get_bool("unique").unwrap_or(false);
            read.sparse = index.get_bool("sparse").unwrap_or(false);
            read.multikey = index.get_bool("multikey").unwrap_or(false);
            indexes.push(read);
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            id: content.get_i64("id").map_err(storage)?.cast_unsigned(),
            indexes,
        })
    }
}

impl Index {
    /// A plain index.
    pub(crate) fn new(key: Document, name: String, id: i64) -> Self {
        let pattern = pattern(&key);
        Self {
            key,
            name,
            unique: false,
            sparse: false,
            multikey: false,
            id,
            pattern,
        }
    }

    /// As `listIndexes` answers.
    pub(crate) fn describe(&self) -> Document {
        let mut answer = doc! { "v": 2, "key": self.key.clone(), "name": &self.name };
        if self.unique && self.name != "_id_" {
            answer.insert("unique", true);
        }
        if self.sparse {
            answer.insert("sparse", true);
        }
        answer
    }
}

/// `{ a: 1, b: -1 }` as paths and directions.
pub(crate) fn pattern(key: &Document) -> Pattern {
    key.iter()
        .map(|(name, direction)| {
            let down = super::number::double(direction).is_some_and(|number| number < 0.0);
            (path::split(name), down)
        })
        .collect()
}
