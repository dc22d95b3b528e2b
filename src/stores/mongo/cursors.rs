//! Results that are handed out in batches. A cursor keeps its snapshot, and little else.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bson::{Bson, Document, doc};

use super::failure::{Failure, Outcome};
use super::pipeline::Flow;

/// As in MongoDB.
const IDLE: Duration = Duration::from_secs(600);
/// What a batch may hold; one document more than this is never put in.
const BATCH_BYTES: usize = 16 << 20;
/// Each holds a snapshot, and old snapshots keep the file from shrinking.
const MOST: usize = 4096;

/// A result on its way.
pub(crate) struct Cursor {
    /// `database.collection`.
    pub(crate) namespace: String,
    flow: Flow,
    /// Taken from the flow, but too much for the last batch.
    pending: Option<Document>,
    session: Option<Bson>,
    used: Instant,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cursor")
            .field("namespace", &self.namespace)
            .finish_non_exhaustive()
    }
}

/// All that are open.
#[derive(Debug, Default)]
pub(crate) struct Cursors(Mutex<HashMap<i64, Cursor>>);

impl Cursor {
    /// Over a flow.
    pub(crate) fn new(namespace: String, flow: Flow, session: Option<Bson>) -> Self {
        Self {
            namespace,
            flow,
            pending: None,
            session,
            used: Instant::now(),
        }
    }

    /// Up to `size` documents, and whether there are more.
    fn batch(&mut self, size: usize) -> Outcome<(Vec<Bson>, bool)> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        loop {
            let next = match self.pending.take() {
                Some(document) => Some(document),
                None => self.flow.next().transpose()?,
            };
            let Some(document) = next else {
                return Ok((batch, false));
            };
            // An estimate that never says too little would cost an encoding; this is one.
            bytes += document.to_vec().map_or(0, |bytes| bytes.len() + 16);
            if batch.len() >= size || (bytes > BATCH_BYTES && !batch.is_empty()) {
                self.pending = Some(document);
                return Ok((batch, true));
            }
            batch.push(Bson::Document(document));
        }
    }
}

impl Cursors {
    /// The answer with the first batch; keeps the cursor if there is more.
    pub(crate) fn open(
        &self,
        mut cursor: Cursor,
        size: usize,
        single: bool,
    ) -> Outcome<(Document, usize)> {
        let (batch, more) = cursor.batch(size)?;
        let returned = batch.len();
        let namespace = cursor.namespace.clone();
        let id = if more && !single {
            self.keep(cursor)?
        } else {
            0
        };
        Ok((
            doc! { "cursor": { "firstBatch": batch, "id": id, "ns": namespace }, "ok": 1.0 },
            returned,
        ))
    }

    /// The answer with a later batch.
    pub(crate) fn more(&self, id: i64, namespace: &str, size: usize) -> Outcome<(Document, usize)> {
        let taken = self.lock().remove(&id);
        let mut cursor =
            taken.ok_or_else(|| Failure::new(43, format!("cursor id {id} not found")))?;
        if cursor.namespace != namespace {
            let message = format!(
                "Requested getMore on namespace '{namespace}', but cursor belongs to a different namespace {}",
                cursor.namespace
            );
            self.lock().insert(id, cursor);
            return Err(Failure::new(13, message));
        }
        let (batch, more) = cursor.batch(size)?;
        let returned = batch.len();
        cursor.used = Instant::now();
        if more {
            self.lock().insert(id, cursor);
        }
        let id = if more { id } else { 0 };
        Ok((
            doc! { "cursor": { "nextBatch": batch, "id": id, "ns": namespace }, "ok": 1.0 },
            returned,
        ))
    }

    /// Whether it was there.
    pub(crate) fn kill(&self, id: i64) -> bool {
        self.lock().remove(&id).is_some()
    }

    /// Ends those of a session.
    pub(crate) fn kill_session(&self, session: &Bson) {
        self.lock()
            .retain(|_, cursor| cursor.session.as_ref() != Some(session));
    }

    /// Ends those that nobody asked for a long time.
    pub(crate) fn expire(&self) {
        self.lock().retain(|_, cursor| cursor.used.elapsed() < IDLE);
    }

    /// Ends all, and lets go of their snapshots.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn keep(&self, cursor: Cursor) -> Outcome<i64> {
        let mut cursors = self.lock();
        if cursors.len() >= MOST {
            return Err(Failure::new(2, "too many open cursors"));
        }
        loop {
            let id = fastrand::i64(1..);
            if let std::collections::hash_map::Entry::Vacant(place) = cursors.entry(id) {
                place.insert(cursor);
                return Ok(id);
            }
        }
    }

    /// A panic elsewhere leaves the map as it was: each change of it is one step.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Cursor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
