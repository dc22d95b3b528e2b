//! What the server knows of one client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::commands::Command;
use super::keyspace::{Keyspace, Place};

/// One client.
#[derive(Debug)]
pub(super) struct Session {
    /// Rises with every connection, from 1.
    pub(super) id: u64,
    /// What SELECT chose.
    pub(super) database: u8,
    /// What CLIENT SETNAME said; empty for none.
    pub(super) name: Bytes,
    /// HELLO 3 was said.
    pub(super) resp3: bool,
    /// MULTI was said.
    pub(super) transaction: Option<Transaction>,
    /// The connection ends after the answer.
    pub(super) closing: bool,
    watched: Vec<Place>,
    changed: Arc<AtomicBool>,
}

/// Commands that wait for EXEC.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) queued: Vec<(&'static Command, Vec<Bytes>)>,
    /// One could not be queued, so none will run.
    pub(super) failed: bool,
    /// What the arguments take.
    pub(super) bytes: usize,
}

impl Session {
    /// A client that said nothing yet.
    pub(super) fn new(id: u64) -> Self {
        Self {
            id,
            database: 0,
            name: Bytes::new(),
            resp3: false,
            transaction: None,
            closing: false,
            watched: Vec::new(),
            changed: Arc::default(),
        }
    }

    /// A key of the chosen database.
    pub(super) fn place(&self, key: &Bytes) -> Place {
        (self.database, key.clone())
    }

    /// Bytes of the queued commands.
    pub(super) fn queued_bytes(&self) -> usize {
        let transaction = self.transaction.as_ref();
        transaction.map_or(0, |transaction| transaction.bytes)
    }

    /// Watches a key for the next transaction.
    pub(super) fn watch(&mut self, place: Place, keyspace: &mut Keyspace) {
        if !self.watched.contains(&place) {
            keyspace.watch(place.clone(), &self.changed);
            self.watched.push(place);
        }
    }

    /// Ends all watching; whether a watched key had changed.
    pub(super) fn unwatch(&mut self, keyspace: &mut Keyspace) -> bool {
        for place in self.watched.drain(..) {
            keyspace.unwatch(&place, &self.changed);
        }
        self.changed.swap(false, Ordering::Relaxed)
    }

    /// As it was when the client came (RESET).
    pub(super) fn reset(&mut self, keyspace: &mut Keyspace) {
        self.unwatch(keyspace);
        *self = Self::new(self.id);
    }
}
