//! Opens the channel's connection, and remembers which it is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::cloudforet::telemetry::now_in_micros;
use crate::model::SocketPair;
use crate::net::Resolver;

/// grpc-python gives a channel three seconds to become ready; so do we, for TCP.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How to reach one host and port.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) resolver: Resolver,
    pub(super) source: Option<IpAddr>,
    pub(super) latest: Latest,
}

/// The connection that the channel rides on now.
///
/// A std mutex: it is held for a copy, never across an await.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest(Arc<Mutex<Option<Ride>>>);

/// One connection of a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ride {
    pub(super) pair: SocketPair,
    /// Microseconds since the Unix epoch.
    pub(super) connected_at: u64,
    /// Whether a call has used it before.
    pub(super) used: bool,
}

// === impl Latest ===

impl Latest {
    /// The connection of the call that has just ended; from now on it counts as used.
    pub(super) fn ride(&self) -> Option<Ride> {
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ride = *latest;
        if let Some(now) = latest.as_mut() {
            now.used = true;
        }
        ride
    }

    fn connected(&self, pair: SocketPair) {
        let ride = Ride {
            pair,
            connected_at: now_in_micros(),
            used: false,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ride);
    }
}

// === impl Connector ===

impl Connector {
    /// Opens a connection to the first address that answers.
    pub(super) async fn connect(self) -> io::Result<TokioIo<TcpStream>> {
        let addresses = self.resolver.resolve(&self.host, self.port).await?;
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match dial(address, self.source).await {
                Ok(stream) => {
                    self.latest.connected(SocketPair {
                        local: stream.local_addr()?,
                        remote: stream.peer_addr()?,
                    });
                    return Ok(TokioIo::new(stream));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// Connects to `address`, from `source` if that is given and of the same family.
pub(crate) async fn dial(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source.filter(|source| source.is_ipv4() == address.is_ipv4()) {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = timeout(CONNECT_TIMEOUT, socket.connect(address))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}
