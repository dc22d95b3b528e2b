//! The file: all keys in two tables, one writer that commits in groups.
//!
//! Invariants: changes are written in the order in which they were handed over, each lot wholly or not at
//! all; a ticket counts as kept when its lot is on the disk. A write that fails ends the store: the
//! memory is then ahead of the disk, and only a new start brings the two together.

use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use bytes::Bytes;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use tokio::sync::watch;

use super::keyspace::{DATABASES, Keyspace, Place};
use super::value::Value;
use crate::stores::file::{self, FileError};

/// Its name in the folder.
const FILE: &str = "redis.redb";
/// Pages kept in memory; all values are there anyway.
const CACHE: usize = 16 << 20;
/// Lots in one commit. More would make the first of them wait for the others.
const GROUP: usize = 256;

/// Database and key to type, expiry and a string's bytes.
const KEYS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("keys");
/// Database, length of the key, key and place to one element.
const ELEMENTS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("elements");

/// The store cannot be opened, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its file cannot be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// What changed cannot be written.
    #[error("cannot write the data; hint: check the free space")]
    Write(#[source] redb::Error),
    /// The writer's thread cannot be started, or is gone.
    #[error("cannot run the writer")]
    Thread(#[source] std::io::Error),
}

/// One step of what commands did.
#[derive(Debug)]
pub(super) enum Change {
    /// The header of a key, or that it is gone.
    Key(Place, Option<Vec<u8>>),
    /// An element of a key, or that it is gone.
    Element(Place, Bytes, Option<Bytes>),
    /// All elements of a key are gone.
    Elements(Place),
    /// A database is empty.
    Database(u8),
}

type Lot = (u64, Vec<Change>);

/// Hands changes to the writer.
#[derive(Debug)]
pub(super) struct Storage {
    writer: Option<Writer>,
    last: u64,
}

#[derive(Debug)]
struct Writer {
    lots: mpsc::Sender<Lot>,
    thread: JoinHandle<Result<(), redb::Error>>,
}

/// Tells how far the disk is.
pub(super) type Kept = watch::Receiver<u64>;

impl Storage {
    /// Opens or makes the file and reads it all; without a folder nothing is kept.
    pub(super) fn open(folder: Option<&Path>) -> Result<(Self, Kept, Keyspace), StoreError> {
        let (kept, reader) = watch::channel(0);
        let mut keyspace = Keyspace::default();
        let Some(folder) = folder else {
            kept.send_replace(u64::MAX);
            let storage = Self {
                writer: None,
                last: 0,
            };
            return Ok((storage, reader, keyspace));
        };
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = file::open(&builder, folder, FILE)?;
        load(&database, &mut keyspace).map_err(|source| FileError::Open {
            file: folder.join(FILE).display().to_string(),
            source,
        })?;
        let (lots, queue) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("redis-writer".to_owned())
            .spawn(move || write(&database, &queue, &kept))
            .map_err(StoreError::Thread)?;
        let writer = Some(Writer { lots, thread });
        Ok((Self { writer, last: 0 }, reader, keyspace))
    }

    /// Hands over what changed; the ticket under which it is kept, 0 if there is nothing to keep.
    pub(super) fn submit(&mut self, changes: Vec<Change>) -> u64 {
        let Some(writer) = self.writer.as_ref().filter(|_| !changes.is_empty()) else {
            return 0;
        };
        self.last += 1;
        // A writer that failed has closed the channel of what is kept; whoever waits learns it.
        let _ = writer.lots.send((self.last, changes));
        self.last
    }

    /// Writes what was handed over and lets go of the file.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let Some(Writer { lots, thread }) = self.writer else {
            return Ok(());
        };
        drop(lots);
        match thread.join() {
            Ok(written) => written.map_err(StoreError::Write),
            Err(_) => Err(StoreError::Thread(std::io::Error::other("it panicked"))),
        }
    }
}

fn load(database: &Database, keyspace: &mut Keyspace) -> Result<(), redb::Error> {
    let strange = || redb::Error::Corrupted("an entry that this store did not write".to_owned());
    let transaction = database.begin_read()?;
    let keys = match transaction.open_table(KEYS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let elements = transaction.open_table(ELEMENTS)?;
    for row in keys.iter()? {
        let (key, header) = row?;
        let place = match key.value().split_first() {
            Some((database, key)) if *database < DATABASES => {
                (*database, Bytes::copy_from_slice(key))
            }
            _ => return Err(strange()),
        };
        let (mut value, expires) = Value::of_header(header.value()).ok_or_else(strange)?;
        if !matches!(value, Value::String(_)) {
            let (from, to) = around(&place);
            for row in elements.range::<&[u8]>(from.as_slice()..to.as_slice())? {
                let (at, element) = row?;
                let at = at.value().get(from.len()..).ok_or_else(strange)?;
                value.restore(at, Bytes::copy_from_slice(element.value()));
            }
        }
        keyspace.restore(&place, value, expires);
    }
    Ok(())
}

/// The writer's thread: ends when the store is closed, or with the first failure.
fn write(
    database: &Database,
    queue: &mpsc::Receiver<Lot>,
    kept: &watch::Sender<u64>,
) -> Result<(), redb::Error> {
    while let Ok(first) = queue.recv() {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        let mut last = 0;
        {
            let mut keys = transaction.open_table(KEYS)?;
            let mut elements = transaction.open_table(ELEMENTS)?;
            let more = std::iter::from_fn(|| queue.try_recv().ok());
            for (ticket, changes) in std::iter::once(first).chain(more).take(GROUP) {
                for change in changes {
                    apply(&change, &mut keys, &mut elements)?;
                }
                last = ticket;
            }
        }
        transaction.commit()?;
        kept.send_replace(last);
    }
    Ok(())
}

type Table<'t> = redb::Table<'t, &'static [u8], &'static [u8]>;

fn apply(
    change: &Change,
    keys: &mut Table<'_>,
    elements: &mut Table<'_>,
) -> Result<(), redb::Error> {
    match change {
        Change::Key(place, Some(header)) => {
            keys.insert(key(place).as_slice(), header.as_slice())?;
        }
        Change::Key(place, None) => {
            keys.remove(key(place).as_slice())?;
        }
        Change::Element(place, at, element) => {
            let (mut path, _) = around(place);
            path.extend(at);
            match element {
                Some(element) => elements.insert(path.as_slice(), element.as_ref())?,
                None => elements.remove(path.as_slice())?,
            };
        }
        Change::Elements(place) => {
            let (from, to) = around(place);
            elements.retain_in::<&[u8], _>(from.as_slice()..to.as_slice(), |_, _| false)?;
        }
        Change::Database(number) => {
            let (from, to) = ([*number], [*number + 1]);
            keys.retain_in::<&[u8], _>(from.as_slice()..to.as_slice(), |_, _| false)?;
            elements.retain_in::<&[u8], _>(from.as_slice()..to.as_slice(), |_, _| false)?;
        }
    }
    Ok(())
}

fn key((database, key): &Place) -> Vec<u8> {
    [&[*database], key.as_ref()].concat()
}

/// What the elements of a key begin with, and the first thing behind all that begin so.
fn around((database, key): &Place) -> (Vec<u8>, Vec<u8>) {
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes();
    let from = [&[*database], length.as_slice(), key.as_ref()].concat();
    let mut to = from.clone();
    // The database's number is below 255, so there is always something to raise.
    while let Some(last) = to.pop() {
        if last < u8::MAX {
            to.push(last + 1);
            break;
        }
    }
    (from, to)
}
