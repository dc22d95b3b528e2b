//! The database file: one writer that commits in groups, readers on snapshots.
//!
//! Invariants: an answer to a write is given after its transaction is on the disk; every write runs
//! on the one writer thread, so a write sees all writes before it.

use std::path::Path;
use std::sync::{Arc, mpsc};

use redb::{
    Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction,
    backends::InMemoryBackend,
};
use tokio::sync::oneshot;

use super::failure::{Failure, Outcome};
use crate::stores::file::{self, FileError};

/// Pages kept in memory. The lab's data is small, and many labs may run.
const CACHE: usize = 64 << 20;
/// Commands in one commit. More would make the first of them wait for the others.
const GROUP: usize = 256;

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its file cannot be had.
    #[error(transparent)]
    File(#[from] FileError),
    /// The writer's thread cannot be started.
    #[error("cannot start the writer")]
    Thread(#[source] std::io::Error),
}

type Finish = Box<dyn FnOnce(Option<Failure>) + Send>;
type Job = Box<dyn FnOnce(&WriteTransaction) -> Outcome<Finish> + Send>;

/// The open database.
#[derive(Debug)]
pub(crate) struct Storage {
    database: Arc<Database>,
    jobs: mpsc::Sender<Job>,
}

impl Storage {
    /// Opens or makes the file, or a database in memory.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, StoreError> {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = match folder {
            None => builder
                .create_with_backend(InMemoryBackend::new())
                .map_err(|error| FileError::Open {
                    file: "memory".to_owned(),
                    source: error.into(),
                })?,
            Some(folder) => file::open(&builder, folder, "mongo.redb")?,
        };
        let database = Arc::new(database);
        let (jobs, queue) = mpsc::channel();
        let writer = Arc::clone(&database);
        std::thread::Builder::new()
            .name("mongo-writer".to_owned())
            .spawn(move || write(&writer, &queue))
            .map_err(StoreError::Thread)?;
        Ok(Self { database, jobs })
    }

    /// A snapshot.
    pub(crate) fn read(&self) -> Outcome<ReadTransaction> {
        self.database
            .begin_read()
            .map_err(|error| Failure::storage(&error))
    }

    /// Runs `work` on the writer and returns when its effects are on the disk.
    ///
    /// A failure of `work` that is not the storage's own does not undo what it wrote: the commands
    /// check before they write, as far as one document goes.
    pub(crate) async fn write<T, W>(&self, work: W) -> Outcome<T>
    where
        T: Send + 'static,
        W: FnOnce(&WriteTransaction) -> Outcome<T> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |transaction| {
            let result = work(transaction);
            if let Err(failure) = &result
                && failure.code == 8
            {
                let failure = failure.clone();
                let _ = answer.send(result);
                return Err(failure);
            }
            Ok(Box::new(move |failure| {
                // The client may have gone away meanwhile.
                let _ = answer.send(failure.map_or(result, Err));
            }))
        });
        let gone = || Failure::new(91, "the store is shutting down");
        self.jobs.send(job).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

/// The writer's thread: ends when the store is dropped.
fn write(database: &Database, queue: &mpsc::Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut finishes: Vec<Finish> = Vec::new();
        let result = group(database, first, queue, &mut finishes);
        for finish in finishes {
            finish(result.as_ref().err().cloned());
        }
    }
}

fn group(
    database: &Database,
    first: Job,
    queue: &mpsc::Receiver<Job>,
    finishes: &mut Vec<Finish>,
) -> Outcome<()> {
    let mut transaction = database
        .begin_write()
        .map_err(|error| Failure::storage(&error))?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(|error| Failure::storage(&error))?;
    let mut next = Some(first);
    while let Some(job) = next {
        finishes.push(job(&transaction)?);
        next = if finishes.len() < GROUP {
            queue.try_recv().ok()
        } else {
            None
        };
    }
    transaction
        .commit()
        .map_err(|error| Failure::storage(&error))
}
