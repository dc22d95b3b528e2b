//! Carrying out a plan: the documents that a query accepts, one at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::Document;
use redb::Range;

use super::failure::{Failure, Outcome};
use super::filter::Filter;
use super::plan::Plan;
use super::records::{Records, decode, record_of};

/// The documents that a plan finds and a query accepts, one at a time.
pub(crate) struct Scan<'r, R> {
    records: R,
    plan: Plan,
    filter: Filter,
    next_range: usize,
    entries: Option<Range<'r, &'static [u8], ()>>,
    documents: Option<Range<'r, u64, &'static [u8]>>,
    seen: Option<HashSet<u64>>,
    /// Documents that were looked at.
    pub(crate) examined: Arc<AtomicU64>,
}

impl<'r, R: Records<'r>> Scan<'r, R> {
    /// Starts it.
    pub(crate) fn new(records: R, plan: Plan, filter: Filter) -> Outcome<Self> {
        let multikey = plan
            .index
            .is_some_and(|at| records.collection().indexes[at].multikey);
        let documents = match plan.index {
            None => Some(records.documents()?),
            Some(_) => None,
        };
        Ok(Self {
            records,
            plan,
            filter,
            next_range: 0,
            entries: None,
            documents,
            seen: multikey.then(HashSet::new),
            examined: Arc::default(),
        })
    }

    /// How many documents there are, at most `most`.
    pub(crate) fn count(mut self, most: usize) -> Outcome<usize> {
        if !self.plan.exact {
            let mut found = 0;
            for item in self.take(most) {
                item?;
                found += 1;
            }
            return Ok(found);
        }
        let mut found = 0;
        while found < most && self.record()?.is_some() {
            found += 1;
        }
        self.examined
            .fetch_add(u64::try_from(found).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(found)
    }

    /// The next record that the index names.
    fn record(&mut self) -> Outcome<Option<u64>> {
        let failed = |error: redb::StorageError| Failure::storage(&error);
        loop {
            let Some(entries) = &mut self.entries else {
                let (Some(index), Some((from, to))) =
                    (self.plan.index, self.plan.ranges.get(self.next_range))
                else {
                    return Ok(None);
                };
                self.next_range += 1;
                if from < to {
                    self.entries = Some(self.records.entries(index, from, to)?);
                }
                continue;
            };
            let row = if self.plan.reverse {
                entries.next_back()
            } else {
                entries.next()
            };
            let Some(row) = row else {
                self.entries = None;
                continue;
            };
            let record = record_of(row.map_err(failed)?.0.value());
            if self.seen.as_mut().is_none_or(|seen| seen.insert(record)) {
                return Ok(Some(record));
            }
        }
    }

    fn candidate(&mut self) -> Outcome<Option<(u64, Document)>> {
        let failed = |error: redb::StorageError| Failure::storage(&error);
        if let Some(documents) = &mut self.documents {
            return match documents.next() {
                None => Ok(None),
                Some(row) => {
                    let (record, bytes) = row.map_err(failed)?;
                    Ok(Some((record.value(), decode(bytes.value())?)))
                }
            };
        }
        let Some(record) = self.record()? else {
            return Ok(None);
        };
        match self.records.document(record)? {
            Some(document) => Ok(Some((record, document))),
            None => Err(Failure::new(
                1,
                "an index names a document that is not there",
            )),
        }
    }
}

impl<'r, R: Records<'r>> Iterator for Scan<'r, R> {
    type Item = Outcome<(u64, Document)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (record, document) = match self.candidate() {
                Ok(found) => found?,
                Err(failure) => return Some(Err(failure)),
            };
            self.examined.fetch_add(1, Ordering::Relaxed);
            match self.filter.matches(&document) {
                Ok(true) => return Some(Ok((record, document))),
                Ok(false) => {}
                Err(failure) => return Some(Err(failure)),
            }
        }
    }
}
