//! The documents of one collection with the entries of its indexes, as a scan sees them.
//!
//! Invariant: for each document every index holds exactly the keys that `path::keys` gives, each
//! followed by the record number.

use bson::Document;
use redb::{
    Range, ReadOnlyTable, ReadTransaction, ReadableTableMetadata, TableDefinition, TableError,
};

use super::catalog::Collection;
use super::failure::{Failure, Outcome};

/// The storage engine's own failure.
pub(crate) fn storage(error: impl std::fmt::Display) -> Failure {
    Failure::storage(&error)
}

/// What a scan needs, of a snapshot or of a write in progress.
pub(crate) trait Records<'r> {
    /// The collection.
    fn collection(&self) -> &Collection;
    /// All documents in the order of insertion.
    fn documents(&self) -> Outcome<Range<'r, u64, &'static [u8]>>;
    /// The entries of an index from one key up to another.
    fn entries(
        &self,
        index: usize,
        from: &[u8],
        to: &[u8],
    ) -> Outcome<Range<'r, &'static [u8], ()>>;
    /// One document.
    fn document(&self, record: u64) -> Outcome<Option<Document>>;
}

/// Reads BSON that this store wrote.
pub(crate) fn decode(bytes: &[u8]) -> Outcome<Document> {
    Document::from_reader(bytes).map_err(storage)
}

/// A collection of a snapshot.
pub(crate) struct Snapshot {
    collection: Collection,
    documents: ReadOnlyTable<u64, &'static [u8]>,
    indexes: Vec<ReadOnlyTable<&'static [u8], ()>>,
}

impl Snapshot {
    /// Opens it; `None` if there is no such collection.
    pub(crate) fn open(transaction: &ReadTransaction, namespace: &str) -> Outcome<Option<Self>> {
        let Some(collection) = Collection::find(transaction, namespace)? else {
            return Ok(None);
        };
        let documents =
            match transaction.open_table(TableDefinition::new(&collection.documents_table())) {
                Ok(table) => table,
                // Made, but nothing was ever inserted.
                Err(TableError::TableDoesNotExist(_)) => return Ok(None),
                Err(error) => return Err(storage(error)),
            };
        let mut indexes = Vec::with_capacity(collection.indexes.len());
        for index in &collection.indexes {
            let name = collection.index_table(index);
            indexes.push(
                transaction
                    .open_table(TableDefinition::new(&name))
                    .map_err(storage)?,
            );
        }
        Ok(Some(Self {
            collection,
            documents,
            indexes,
        }))
    }

    /// How many documents.
    pub(crate) fn count(&self) -> Outcome<u64> {
        self.documents.len().map_err(storage)
    }
}

impl Records<'static> for Snapshot {
    fn collection(&self) -> &Collection {
        &self.collection
    }

    fn documents(&self) -> Outcome<Range<'static, u64, &'static [u8]>> {
        self.documents.range::<u64>(..).map_err(storage)
    }

    fn entries(
        &self,
        index: usize,
        from: &[u8],
        to: &[u8],
    ) -> Outcome<Range<'static, &'static [u8], ()>> {
        self.indexes[index]
            .range::<&[u8]>(from..to)
            .map_err(storage)
    }

    fn document(&self, record: u64) -> Outcome<Option<Document>> {
        let bytes = self.documents.get(record).map_err(storage)?;
        bytes.map(|bytes| decode(bytes.value())).transpose()
    }
}

/// The record that an entry of an index names.
pub(crate) fn record_of(entry: &[u8]) -> u64 {
    entry
        .last_chunk()
        .map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What a collection's documents take in the file.
pub(crate) fn stored_bytes(transaction: &ReadTransaction, collection: &Collection) -> Outcome<i64> {
    let name = collection.documents_table();
    match transaction.open_table(TableDefinition::<u64, &[u8]>::new(&name)) {
        Ok(table) => {
            let stats = table.stats().map_err(storage)?;
            Ok(i64::try_from(stats.stored_bytes() + stats.metadata_bytes()).unwrap_or(i64::MAX))
        }
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(storage(error)),
    }
}
