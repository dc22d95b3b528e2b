//! Sorting documents in memory, with a limit on it.

use std::collections::BinaryHeap;

use bson::{Bson, Document};

use super::failure::{Failure, Outcome};
use super::path::{self, Pattern};
use super::{number, show};

/// What may be held for one sort, as in MongoDB.
const MOST_BYTES: usize = 100 << 20;

/// Reads `{ a: 1, b: -1 }`.
pub(crate) fn parse(form: &Document, finding: bool) -> Outcome<Pattern> {
    for (name, direction) in form {
        if name.is_empty() || name.split('.').any(str::is_empty) {
            return Err(Failure::new(
                15998,
                "FieldPath field names may not be empty strings.",
            ));
        }
        if name.starts_with('$') {
            return Err(Failure::new(
                16410,
                format!(
                    "FieldPath field names may not start with '$'. Consider using $getField or $setField. ({name})"
                ),
            ));
        }
        match direction {
            Bson::Document(_) => return Err(Failure::unsupported("sorting by metadata")),
            direction if number::double(direction).is_none() => {
                return Err(Failure::new(
                    15974,
                    format!(
                        "Illegal key in $sort specification: {name}: {}",
                        show::value(direction)
                    ),
                ));
            }
            direction if !matches!(number::double(direction), Some(1.0 | -1.0)) => {
                return Err(Failure::new(
                    15975,
                    "$sort key ordering must be 1 (for ascending) or -1 (for descending)",
                ));
            }
            _ => {}
        }
    }
    if form.is_empty() && !finding {
        return Err(Failure::new(
            15976,
            "$sort stage must have at least one sort key",
        ));
    }
    Ok(super::catalog::pattern(form))
}

/// Sorts what comes; with a limit, only that many are held.
pub(crate) fn sort<T>(
    items: impl Iterator<Item = Outcome<T>>,
    pattern: &Pattern,
    limit: Option<usize>,
    document: impl Fn(&T) -> &Document,
) -> Outcome<Vec<T>> {
    let mut heap = BinaryHeap::new();
    let mut bytes = 0;
    for (position, item) in items.enumerate() {
        let item = item?;
        let keys = path::keys(document(&item), pattern).map_err(|failure| match failure.code {
            171 => Failure::bad_value("cannot sort with keys that are parallel arrays"),
            _ => failure,
        })?;
        let key = keys.0.into_iter().next().unwrap_or_default();
        if limit.is_none_or(|limit| limit > 1000) {
            // Measuring costs, and a short list cannot be large.
            bytes += key.len() + document(&item).to_vec().map_or(0, |bytes| bytes.len());
        }
        heap.push(Entry {
            key,
            position,
            item,
        });
        if limit.is_some_and(|limit| heap.len() > limit) {
            heap.pop();
        } else if bytes > MOST_BYTES {
            return Err(Failure::new(
                292,
                format!(
                    "Sort exceeded memory limit of {MOST_BYTES} bytes, and the built-in store does not sort on disk"
                ),
            ));
        }
    }
    Ok(heap
        .into_sorted_vec()
        .into_iter()
        .map(|entry| entry.item)
        .collect())
}

/// Greatest first in the heap; equal keys keep the order in which they came.
struct Entry<T> {
    key: Vec<u8>,
    position: usize,
    item: T,
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key
            .cmp(&other.key)
            .then(self.position.cmp(&other.position))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}
