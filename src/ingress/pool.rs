//! Connections to one endpoint: HTTP/1.1 ones kept while unused, or one HTTP/2 connection shared.
//!
//! A film tells whether a connection was new and which socket it is. Invariant: what
//! [`Pool::take`] returns has never failed before.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::Settings;
use crate::model::SocketPair;
use crate::wire::{Socket, h1, http2};

/// Connections of a replica to one endpoint.
pub(super) struct Pool {
    pub(super) address: SocketAddr,
    pub(super) spoken: Spoken,
    connect: Duration,
    idle: Duration,
    limit: usize,
    kept: RefCell<Vec<h1::Connection>>,
    shared: RefCell<Option<(http2::Client, SocketPair)>>,
    /// One dials the shared connection, the others wait for it.
    dialling: tokio::sync::Mutex<()>,
    /// Seconds until a response's head, lately; what is longer ago counts less.
    latency: Cell<f64>,
    tls: Arc<rustls::ClientConfig>,
}

/// What an endpoint speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spoken {
    /// HTTP/1.1 in clear text.
    Http,
    /// HTTP/1.1 over TLS.
    Https,
    /// HTTP/2 in clear text, with prior knowledge.
    H2c,
    /// HTTP/2 over TLS.
    H2,
}

impl Spoken {
    /// Whether it is HTTP/2.
    pub(super) fn is_h2(self) -> bool {
        matches!(self, Self::H2c | Self::H2)
    }

    /// As Traefik names it in the URL of a server.
    pub(super) fn scheme(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::H2c => "h2c",
            Self::Https | Self::H2 => "https",
        }
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::H2)
    }
}

/// A connection that can take a request.
pub(super) struct Connection {
    pub(super) link: Link,
    pub(super) pair: SocketPair,
    pub(super) reused: bool,
}

/// What the endpoint speaks.
pub(super) enum Link {
    H1(h1::Connection),
    H2(http2::Client),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Connect(#[from] io::Error),
    #[error("TLS: {0}")]
    Tls(io::Error),
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
    pub(super) fn new(address: SocketAddr, spoken: Spoken, settings: &Settings) -> Self {
        Self {
            address,
            spoken,
            latency: Cell::new(0.0),
            tls: Arc::clone(&settings.endpoint_tls),
            connect: settings.connect,
            idle: settings.idle,
            limit: settings.idle_per_endpoint,
            kept: RefCell::default(),
            shared: RefCell::default(),
            dialling: tokio::sync::Mutex::default(),
        }
    }

    /// A kept connection if there is a good one, else a new one.
    pub(super) async fn take(
        &self,
        fresh: bool,
        connect: Option<Duration>,
    ) -> Result<Connection, DialError> {
        let kept = if fresh {
            None
        } else if self.spoken.is_h2() {
            self.current()
        } else {
            self.pop()
        };
        match kept {
            Some(kept) => Ok(kept),
            // In boxes, or every request would hold the room for a handshake.
            None if self.spoken.is_h2() => Box::pin(self.share(fresh, connect)).await,
            None => Box::pin(self.dial(connect)).await,
        }
    }

    /// A new connection for HTTP/1.1.
    pub(super) async fn dial(&self, connect: Option<Duration>) -> Result<Connection, DialError> {
        let (stream, pair) = self.connect(connect).await?;
        Ok(Connection {
            link: Link::H1(h1::Connection::new(stream, pair)),
            pair,
            reused: false,
        })
    }

    /// Connects, within the route's limit or else the replica's.
    async fn connect(&self, limit: Option<Duration>) -> Result<(Socket, SocketPair), DialError> {
        let limit = limit.unwrap_or(self.connect);
        tokio::time::timeout(limit, self.open())
            .await
            .map_err(|_| DialError::Timeout(limit))?
    }

    async fn open(&self) -> Result<(Socket, SocketPair), DialError> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let pair = SocketPair {
            local: stream.local_addr()?,
            remote: self.address,
        };
        if !self.spoken.is_tls() {
            return Ok((Socket::Plain(stream), pair));
        }
        let mut config = rustls::ClientConfig::clone(&self.tls);
        let protocol: &[u8] = if self.spoken.is_h2() {
            b"h2"
        } else {
            b"http/1.1"
        };
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector
            .connect(self.address.ip().into(), stream)
            .await
            .map_err(DialError::Tls)?;
        Ok((Socket::ToEndpoint(Box::new(stream)), pair))
    }

    /// Whether a request could go without a new connection.
    pub(super) fn has_kept(&self) -> bool {
        !self.kept.borrow().is_empty() || self.current().is_some()
    }

    /// How long a new connection may take, unless a route says otherwise.
    pub(super) fn connect_limit(&self) -> Duration {
        self.connect
    }

    /// How long it lately took until a response's head, in seconds.
    pub(super) fn latency(&self) -> f64 {
        self.latency.get()
    }

    /// Notes how long it took this time.
    pub(super) fn took(&self, time: Duration) {
        /// How much the newest counts.
        const WEIGHT: f64 = 0.2;
        let before = self.latency.get();
        self.latency
            .set(before + (time.as_secs_f64() - before) * WEIGHT);
    }

    /// Closes what was not used for too long, and what the endpoint has closed.
    pub(super) fn sweep(&self) {
        let usable =
            |kept: &mut h1::Connection| kept.since.elapsed() < self.idle && kept.is_usable();
        self.kept.borrow_mut().retain_mut(usable);
    }

    /// The connection used last, so that the others grow old.
    fn pop(&self) -> Option<Connection> {
        loop {
            let mut kept = self.kept.borrow_mut().pop()?;
            if kept.since.elapsed() < self.idle && kept.is_usable() {
                return Some(Connection {
                    pair: kept.pair,
                    link: Link::H1(kept),
                    reused: true,
                });
            }
        }
    }

    /// The one HTTP/2 connection, dialled if nobody else has done so meanwhile.
    async fn share(&self, fresh: bool, connect: Option<Duration>) -> Result<Connection, DialError> {
        let _dialling = self.dialling.lock().await;
        if !fresh && let Some(connection) = self.current() {
            return Ok(connection);
        }
        let (stream, pair) = self.connect(connect).await?;
        let client = http2::Client::start(stream);
        *self.shared.borrow_mut() = Some((client.clone(), pair));
        Ok(Connection {
            link: Link::H2(client),
            pair,
            reused: false,
        })
    }

    fn current(&self) -> Option<Connection> {
        let (client, pair) = self.shared.borrow().clone()?;
        client.is_usable().then_some(Connection {
            link: Link::H2(client),
            pair,
            reused: true,
        })
    }
}

impl h1::Home for Pool {
    fn keep(&self, connection: h1::Connection) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < self.limit {
            kept.push(connection);
        }
    }
}
