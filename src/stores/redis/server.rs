//! The server: its settings, the accept loop, and the drain at the end.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time;

use super::budget::Budget;
use super::connection;
use super::keyspace::Keyspace;
use super::storage::{Kept, Storage, StoreError};
use crate::net::{Acceptor, Shutdown};

/// More connections than any lab has; each costs a task and a buffer.
const MOST_CONNECTIONS: usize = 4096;
/// How long connections may go on with the commands in hand after the signal.
const DRAIN: Duration = Duration::from_secs(10);

/// What the server is told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Holds the file with the keys; `None` keeps everything in memory only.
    pub data: Option<PathBuf>,
}

/// The keys, and the way to the file.
#[derive(Debug)]
pub(super) struct State {
    pub(super) keyspace: Keyspace,
    pub(super) storage: Storage,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Server {
    // Held for the length of a command, never across an await: Redis runs one command at a time.
    state: Mutex<State>,
    /// How far the disk is.
    pub(super) kept: Kept,
    pub(super) budget: Budget,
    pub(super) started: Instant,
    pub(super) port: u16,
    /// Whether anything is kept on disk.
    pub(super) durable: bool,
    pub(super) connections: AtomicUsize,
    pub(super) commands: AtomicU64,
    last_client: AtomicU64,
}

impl Server {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a new client.
    pub(super) fn next_client(&self) -> u64 {
        self.last_client.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Milliseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Serves Redis's protocol until the signal, or until the data cannot be written.
///
/// The file is open, and locked, for as long as this runs.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    mut shutdown: Shutdown,
) -> Result<(), StoreError> {
    let durable = settings.data.is_some();
    let port = listener.local_addr().map_or(0, |address| address.port());
    // Opening may have to repair the file after a crash.
    let opened = tokio::task::spawn_blocking(move || Storage::open(settings.data.as_deref()));
    let opened = opened.await;
    let opened = opened.map_err(|error| StoreError::Thread(std::io::Error::other(error)))?;
    let (storage, kept, keyspace) = opened?;
    let server = Arc::new(Server {
        state: Mutex::new(State { keyspace, storage }),
        kept: kept.clone(),
        budget: Budget::default(),
        started: Instant::now(),
        port,
        durable,
        connections: AtomicUsize::new(0),
        commands: AtomicU64::new(0),
        last_client: AtomicU64::new(0),
    });
    let mut acceptor = Acceptor::new(listener, MOST_CONNECTIONS);
    let mut connections = JoinSet::new();
    let mut writer = kept;
    let mut broken = false;
    loop {
        tokio::select! {
            () = shutdown.recv() => break,
            // Without a file nothing can fail.
            () = failed(&mut writer), if durable => {
                broken = true;
                break;
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (stream, _, permit) = acceptor.accept() => {
                let (server, shutdown) = (Arc::clone(&server), shutdown.clone());
                connections.spawn(async move {
                    server.connections.fetch_add(1, Ordering::Relaxed);
                    connection::run(&server, stream, shutdown).await;
                    server.connections.fetch_sub(1, Ordering::Relaxed);
                    drop(permit);
                });
            }
        }
    }
    if !broken {
        let drained = async { while connections.join_next().await.is_some() {} };
        // Who has not ended by then is ended below.
        let _ = time::timeout(DRAIN, drained).await;
    }
    connections.shutdown().await;
    // All connections have ended, and nobody else holds it.
    let Some(server) = Arc::into_inner(server) else {
        return Ok(());
    };
    let state = server.state.into_inner();
    let state = state.unwrap_or_else(PoisonError::into_inner);
    let closed = tokio::task::spawn_blocking(|| state.storage.close()).await;
    closed.map_err(|error| StoreError::Thread(std::io::Error::other(error)))?
}

/// Returns when the writer is gone.
async fn failed(kept: &mut Kept) {
    while kept.changed().await.is_ok() {}
}
