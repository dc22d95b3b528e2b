//! The server: its settings, the accept loop, and the drain at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time;

use super::connection;
use super::cursors::Cursors;
use super::storage::{Storage, StoreError};
use crate::model::Event;
use crate::net::Shutdown;

/// More connections than any lab has; each costs a task and a buffer.
const MOST_CONNECTIONS: usize = 4096;
/// How long connections may go on with the command in hand after the signal.
const DRAIN: Duration = Duration::from_secs(10);
/// Expired cursors are looked for this often.
const SWEEP: Duration = Duration::from_secs(30);

/// Where spans go. It must not block.
pub type Emit = Box<dyn Fn(Event) + Send + Sync>;

/// What the server is told.
pub struct Settings {
    /// Holds the database file; `None` keeps everything in memory.
    pub data: Option<PathBuf>,
    /// The name of this pod, the `source` of its spans.
    pub pod: String,
    /// Takes the spans of traced commands.
    pub emit: Emit,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("data", &self.data)
            .field("pod", &self.pod)
            .finish_non_exhaustive()
    }
}

/// What all connections share.
pub(super) struct Server {
    pub(super) storage: Storage,
    pub(super) cursors: Cursors,
    pub(super) pod: String,
    pub(super) emit: Emit,
    pub(super) started: std::time::Instant,
    pub(super) port: u16,
}

/// Serves MongoDB's wire protocol until the signal.
///
/// The database is open, and its file locked, for as long as this runs.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    mut shutdown: Shutdown,
) -> Result<(), StoreError> {
    let Settings { data, pod, emit } = settings;
    // Opening may have to repair the file after a crash.
    let opened = tokio::task::spawn_blocking(move || Storage::open(data.as_deref())).await;
    let storage = match opened {
        Ok(storage) => storage?,
        Err(error) => return Err(StoreError::Thread(std::io::Error::other(error))),
    };
    let port = listener.local_addr().map_or(0, |address| address.port());
    let server = Arc::new(Server {
        storage,
        cursors: Cursors::default(),
        pod,
        emit,
        started: std::time::Instant::now(),
        port,
    });
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut sweep = time::interval(SWEEP);
    let mut backoff = Duration::from_millis(10);
    loop {
        let accepted = tokio::select! {
            () = shutdown.recv() => break,
            _ = sweep.tick() => {
                server.cursors.expire();
                continue;
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                backoff = Duration::from_millis(10);
                let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
                    tracing::warn!("connection refused: {MOST_CONNECTIONS} are open");
                    continue;
                };
                let (server, shutdown) = (Arc::clone(&server), shutdown.clone());
                connections.spawn(async move {
                    connection::run(&server, stream, shutdown).await;
                    drop(permit);
                });
            }
            Err(error) => {
                // Most often no file descriptor is left: a busy loop would make it worse.
                tracing::warn!(%error, "accept failed");
                tokio::select! {
                    () = shutdown.recv() => break,
                    () = time::sleep(backoff) => backoff = (backoff * 2).min(Duration::from_secs(1)),
                }
            }
        }
    }
    let drained = time::timeout(DRAIN, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    if drained.is_err() {
        connections.shutdown().await;
    }
    server.cursors.clear();
    Ok(())
}
