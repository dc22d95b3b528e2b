//! Connections to one endpoint: HTTP/1.1 ones kept while unused, or one HTTP/2 connection shared.
//!
//! Our own rather than a client's, because a film tells whether a connection was new and which
//! socket it is. Invariant: what [`Pool::take`] returns has never failed before.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;

use super::Settings;
use super::body::RequestBody;
use crate::model::SocketPair;

/// How long a connection whose response just ended may take to be ready again.
const SETTLE: Duration = Duration::from_millis(5);
/// Windows for response bodies; 64 KiB, the protocol's default, stalls on a fast loopback.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;

/// Connections to one endpoint.
pub(super) struct Pool {
    pub(super) address: SocketAddr,
    pub(super) h2c: bool,
    connect: Duration,
    idle: Duration,
    limit: usize,
    /// Std mutexes: held for a push or a pop.
    kept: Mutex<Vec<Kept>>,
    shared: Mutex<Option<(http2::SendRequest<RequestBody>, SocketPair)>>,
    /// One dials the shared connection, the others wait for it.
    dialling: tokio::sync::Mutex<()>,
}

struct Kept {
    sender: http1::SendRequest<RequestBody>,
    pair: SocketPair,
    since: Instant,
}

/// A connection that can take a request.
pub(super) struct Connection {
    pub(super) sender: Sender,
    pub(super) pair: SocketPair,
    pub(super) reused: bool,
}

/// What the endpoint speaks.
pub(super) enum Sender {
    H1(http1::SendRequest<RequestBody>),
    H2(http2::SendRequest<RequestBody>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Connect(#[from] io::Error),
    #[error("{0}")]
    Handshake(#[from] hyper::Error),
}

impl fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Pool {
    pub(super) fn new(address: SocketAddr, h2c: bool, settings: &Settings) -> Self {
        Self {
            address,
            h2c,
            connect: settings.connect,
            idle: settings.idle,
            limit: settings.idle_per_endpoint,
            kept: Mutex::default(),
            shared: Mutex::default(),
            dialling: tokio::sync::Mutex::default(),
        }
    }

    /// A kept connection if there is a good one, else a new one.
    pub(super) async fn take(&self, fresh: bool) -> Result<Connection, DialError> {
        if self.h2c {
            return self.share(fresh).await;
        }
        if !fresh && let Some(kept) = self.pop().await {
            return Ok(Connection {
                sender: Sender::H1(kept.sender),
                pair: kept.pair,
                reused: true,
            });
        }
        let (stream, pair) = self.dial().await?;
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await?;
        // Ends when the sender is dropped and the last response is read.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to an endpoint ended");
            }
        });
        Ok(Connection {
            sender: Sender::H1(sender),
            pair,
            reused: false,
        })
    }

    /// A connection of its own, for a tunnel.
    pub(super) async fn dial(&self) -> Result<(TcpStream, SocketPair), DialError> {
        let stream = tokio::time::timeout(self.connect, TcpStream::connect(self.address))
            .await
            .map_err(|_| DialError::Timeout(self.connect))??;
        stream.set_nodelay(true)?;
        let pair = SocketPair {
            local: stream.local_addr()?,
            remote: stream.peer_addr()?,
        };
        Ok((stream, pair))
    }

    /// Gives a connection back whose response was read to its end.
    pub(super) fn keep(&self, sender: http1::SendRequest<RequestBody>, pair: SocketPair) {
        if sender.is_closed() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.limit {
            kept.push(Kept {
                sender,
                pair,
                since: Instant::now(),
            });
        }
    }

    /// Closes what was not used for too long.
    pub(super) fn sweep(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|kept| !kept.sender.is_closed() && kept.since.elapsed() < self.idle);
    }

    /// The connection used last, so that the others grow old.
    async fn pop(&self) -> Option<Kept> {
        let mut settling = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let mut position = kept.len();
            loop {
                position = match position.checked_sub(1) {
                    Some(position) => position,
                    None => break kept.pop()?,
                };
                let candidate = &kept[position];
                if candidate.sender.is_closed() || candidate.since.elapsed() >= self.idle {
                    kept.remove(position);
                } else if candidate.sender.is_ready() {
                    return Some(kept.remove(position));
                }
            }
        };
        // Its response ended a moment ago and its task has not run since.
        let ready = tokio::time::timeout(SETTLE, settling.sender.ready()).await;
        matches!(ready, Ok(Ok(()))).then_some(settling)
    }

    /// The one HTTP/2 connection, dialled if there is none or it is closing.
    async fn share(&self, fresh: bool) -> Result<Connection, DialError> {
        let current = || {
            let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            let (sender, pair) = shared.as_ref()?;
            (!sender.is_closed()).then(|| Connection {
                sender: Sender::H2(sender.clone()),
                pair: *pair,
                reused: true,
            })
        };
        if !fresh && let Some(connection) = current() {
            return Ok(connection);
        }
        let _dialling = self.dialling.lock().await;
        if !fresh && let Some(connection) = current() {
            return Ok(connection);
        }
        let (stream, pair) = self.dial().await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to an endpoint ended");
            }
        });
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        *shared = Some((sender.clone(), pair));
        Ok(Connection {
            sender: Sender::H2(sender),
            pair,
            reused: false,
        })
    }
}
