//! Opens the channel's connection, and remembers which it is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
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
    /// The target as the server is told it: `http://inventory:50051`.
    pub(super) uri: Uri,
    pub(super) to: To,
    pub(super) resolver: Resolver,
    pub(super) source: Option<IpAddr>,
    pub(super) latest: Latest,
}

/// Where a connection goes.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// The first address of a name that answers.
    Name {
        /// Without brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// Here and nowhere else.
    Address(SocketAddr),
}

/// The connection that the channel rides on now.
///
/// A std mutex: it is held for a copy, never across an await.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest(Arc<Mutex<Rides>>);

#[derive(Debug, Default)]
struct Rides {
    now: Option<Ride>,
    /// Connections that were asked for.
    dialled: u32,
}

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
        let mut rides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ride = rides.now;
        if let Some(now) = rides.now.as_mut() {
            now.used = true;
        }
        ride
    }

    /// Whether a connection has ended: the channel asked for another one.
    pub(super) fn has_ended(&self) -> bool {
        let rides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rides.dialled > 1
    }

    fn dialled(&self) {
        let mut rides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rides.dialled = rides.dialled.saturating_add(1);
    }

    fn connected(&self, pair: SocketPair) {
        let ride = Ride {
            pair,
            connected_at: now_in_micros(),
            used: false,
        };
        let mut rides = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rides.now = Some(ride);
    }
}

// === impl Connector ===

impl Connector {
    /// All addresses, at least one.
    pub(super) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.to {
            To::Name { host, port } => self.resolver.resolve(host, *port).await,
            To::Address(address) => Ok(vec![*address]),
        }
    }

    /// Opens a connection to the first address that answers.
    pub(super) async fn connect(self) -> io::Result<TokioIo<TcpStream>> {
        self.latest.dialled();
        let addresses = self.resolve().await?;
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
