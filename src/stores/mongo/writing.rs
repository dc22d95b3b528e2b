//! The documents of one collection inside a write. What one document needs is checked before
//! anything of it is written.

use bson::{Bson, Document, doc};
use redb::{Range, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::catalog::{Collection, Index};
use super::failure::{Failure, Outcome};
use super::records::{Records, decode, record_of, storage};
use super::{expression, path, show};

/// The largest document, as MongoDB has it.
pub(crate) const LARGEST_DOCUMENT: usize = 16 << 20;

/// A collection inside a write.
pub(crate) struct Writing<'t> {
    transaction: &'t WriteTransaction,
    collection: Collection,
    documents: Table<'t, u64, &'static [u8]>,
    indexes: Vec<Table<'t, &'static [u8], ()>>,
    changed: bool,
}

impl<'r> Records<'r> for &'r Writing<'_> {
    fn collection(&self) -> &Collection {
        &self.collection
    }

    fn documents(&self) -> Outcome<Range<'r, u64, &'static [u8]>> {
        self.documents.range::<u64>(..).map_err(storage)
    }

    fn entries(
        &self,
        index: usize,
        from: &[u8],
        to: &[u8],
    ) -> Outcome<Range<'r, &'static [u8], ()>> {
        self.indexes[index]
            .range::<&[u8]>(from..to)
            .map_err(storage)
    }

    fn document(&self, record: u64) -> Outcome<Option<Document>> {
        let bytes = self.documents.get(record).map_err(storage)?;
        bytes.map(|bytes| decode(bytes.value())).transpose()
    }
}

impl<'t> Writing<'t> {
    /// Opens its tables, which are made if they are not there.
    pub(crate) fn open(transaction: &'t WriteTransaction, collection: Collection) -> Outcome<Self> {
        let name = collection.documents_table();
        let documents = transaction
            .open_table(TableDefinition::new(&name))
            .map_err(storage)?;
        let mut indexes = Vec::with_capacity(collection.indexes.len());
        for index in &collection.indexes {
            let name = collection.index_table(index);
            indexes.push(
                transaction
                    .open_table(TableDefinition::new(&name))
                    .map_err(storage)?,
            );
        }
        Ok(Self {
            transaction,
            collection,
            documents,
            indexes,
            changed: false,
        })
    }

    /// Adds a document, which has an `_id`.
    pub(crate) fn insert(&mut self, document: &Document) -> Outcome<()> {
        let bytes = encode(document)?;
        let keys = self.keys(document)?;
        for (at, keys) in keys.iter().enumerate() {
            self.check_unique(at, keys, None, document)?;
        }
        let last = self
            .documents
            .last()
            .map_err(storage)?
            .map_or(0, |(record, _)| record.value());
        let record = last + 1;
        for (table, keys) in self.indexes.iter_mut().zip(&keys) {
            for key in keys {
                table
                    .insert(entry(key, record).as_slice(), ())
                    .map_err(storage)?;
            }
        }
        self.documents
            .insert(record, bytes.as_slice())
            .map_err(storage)?;
        Ok(())
    }

    /// Puts a new content in the place of an old one.
    pub(crate) fn replace(&mut self, record: u64, old: &Document, new: &Document) -> Outcome<()> {
        let bytes = encode(new)?;
        let (before, after) = (self.keys(old)?, self.keys(new)?);
        for (at, keys) in after.iter().enumerate() {
            if *keys != before[at] {
                self.check_unique(at, keys, Some(record), new)?;
            }
        }
        for ((table, before), after) in self.indexes.iter_mut().zip(&before).zip(&after) {
            for key in before.iter().filter(|key| !after.contains(key)) {
                table
                    .remove(entry(key, record).as_slice())
                    .map_err(storage)?;
            }
            for key in after.iter().filter(|key| !before.contains(key)) {
                table
                    .insert(entry(key, record).as_slice(), ())
                    .map_err(storage)?;
            }
        }
        self.documents
            .insert(record, bytes.as_slice())
            .map_err(storage)?;
        Ok(())
    }

    /// Removes a document.
    pub(crate) fn delete(&mut self, record: u64, document: &Document) -> Outcome<()> {
        let keys = self.keys(document)?;
        for (table, keys) in self.indexes.iter_mut().zip(&keys) {
            for key in keys {
                table
                    .remove(entry(key, record).as_slice())
                    .map_err(storage)?;
            }
        }
        self.documents.remove(record).map_err(storage)?;
        Ok(())
    }

    /// Fills an index that was just made, the last of the collection's.
    pub(crate) fn build(&mut self, at: usize) -> Outcome<()> {
        let mut pending = Vec::new();
        for row in self.documents.range::<u64>(..).map_err(storage)? {
            let (record, bytes) = row.map_err(storage)?;
            let document = decode(bytes.value())?;
            let (keys, many) = index_keys(&self.collection.indexes[at], &document)?;
            pending.push((record.value(), keys, many));
        }
        for (record, keys, many) in pending {
            if self.collection.indexes[at].unique {
                for key in &keys {
                    if self.taken(at, key, Some(record))? {
                        let document = (&*self).document(record)?.unwrap_or_default();
                        return Err(duplicate(&self.collection, at, &document));
                    }
                }
            }
            for key in &keys {
                self.indexes[at]
                    .insert(entry(key, record).as_slice(), ())
                    .map_err(storage)?;
            }
            self.collection.indexes[at].multikey |= many;
        }
        self.changed = true;
        Ok(())
    }

    /// Writes back what the catalog must know. Call it last.
    pub(crate) fn close(self) -> Outcome<()> {
        let Self {
            transaction,
            collection,
            changed,
            ..
        } = self;
        if changed {
            collection.save(transaction)
        } else {
            Ok(())
        }
    }

    fn keys(&mut self, document: &Document) -> Outcome<Vec<Vec<Vec<u8>>>> {
        let mut all = Vec::with_capacity(self.indexes.len());
        let mut many_at = Vec::new();
        for (at, index) in self.collection.indexes.iter().enumerate() {
            let (keys, many) = index_keys(index, document)?;
            if many && !index.multikey {
                many_at.push(at);
            }
            all.push(keys);
        }
        for at in many_at {
            self.collection.indexes[at].multikey = true;
            self.changed = true;
        }
        Ok(all)
    }

    fn check_unique(
        &self,
        at: usize,
        keys: &[Vec<u8>],
        own: Option<u64>,
        document: &Document,
    ) -> Outcome<()> {
        if !self.collection.indexes[at].unique {
            return Ok(());
        }
        for key in keys {
            if self.taken(at, key, own)? {
                return Err(duplicate(&self.collection, at, document));
            }
        }
        Ok(())
    }

    /// Whether another record has this key.
    fn taken(&self, at: usize, key: &[u8], own: Option<u64>) -> Outcome<bool> {
        let (from, to) = (entry(key, 0), entry(key, u64::MAX));
        for row in self.indexes[at]
            .range::<&[u8]>(from.as_slice()..=to.as_slice())
            .map_err(storage)?
        {
            let (found, ()) = row
                .map_err(storage)
                .map(|(key, value)| (record_of(key.value()), value.value()))?;
            if Some(found) != own {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The keys of a document in an index; none if it is sparse and nothing is there.
fn index_keys(index: &Index, document: &Document) -> Outcome<(Vec<Vec<u8>>, bool)> {
    if index.sparse {
        let there = index
            .pattern
            .iter()
            .any(|(path, _)| path::any(document, path, false, &mut |value| value.is_some()));
        if !there {
            return Ok((Vec::new(), false));
        }
    }
    path::keys(document, &index.pattern)
}

fn encode(document: &Document) -> Outcome<Vec<u8>> {
    let bytes = document
        .to_vec()
        .map_err(|error| Failure::bad_value(error.to_string()))?;
    if bytes.len() > LARGEST_DOCUMENT {
        return Err(Failure::new(
            10334,
            format!(
                "object to insert too large. size in bytes: {}, max size: {LARGEST_DOCUMENT}",
                bytes.len()
            ),
        ));
    }
    Ok(bytes)
}

/// A key with the number of its record.
fn entry(key: &[u8], record: u64) -> Vec<u8> {
    let mut entry = Vec::with_capacity(key.len() + 8);
    entry.extend_from_slice(key);
    entry.extend(record.to_be_bytes());
    entry
}

fn duplicate(collection: &Collection, at: usize, document: &Document) -> Failure {
    let index = &collection.indexes[at];
    let mut values = Document::new();
    for (name, (path, _)) in index.key.keys().zip(&index.pattern) {
        let value = expression::walk_document(document, path).unwrap_or(Bson::Null);
        values.insert(name, value);
    }
    let mut failure = Failure::new(
        11000,
        format!(
            "E11000 duplicate key error collection: {} index: {} dup key: {}",
            collection.namespace,
            index.name,
            show::document(&values)
        ),
    );
    failure.more = doc! { "keyPattern": index.key.clone(), "keyValue": values };
    failure
}
