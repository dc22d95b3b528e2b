//! Which connection a call rides on: the channel's load balancing, as gRPC clients have it.
//!
//! `pick_first`, the default of every gRPC client, has one connection to the name's first address;
//! behind a ClusterIP that is one draw, and one pod, for as long as it lives. `round_robin` has one
//! to each address that the name has, which helps only where DNS tells the pods' own addresses (a
//! headless Service). As in gRPC, a name is resolved again when a connection has ended, and at no
//! other time unless the settings say so.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::connector::{Connector, Latest, To};
use crate::model::{Grpc, LoadBalancing};

/// A name is not resolved more often than this, however fast its connections end. gRPC's own
/// limit is 30 s, too long to watch.
// Lab: shorter than gRPC's.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// The connections of one channel.
#[derive(Debug)]
pub(super) struct Picker {
    connector: Connector,
    settings: Grpc,
    turn: AtomicUsize,
    /// Replaced as a whole. A std mutex: held for a copy, never across an await.
    current: Mutex<Current>,
    /// One resolves, the others go on with what they have, or wait if that is nothing.
    resolving: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Current {
    subchannels: Arc<[Subchannel]>,
    resolved: Option<Instant>,
}

/// One connection, opened with the first call and again after it has ended.
#[derive(Clone, Debug)]
pub(super) struct Subchannel {
    /// `None` stands for the name's first address.
    address: Option<SocketAddr>,
    pub(super) channel: Channel,
    pub(super) latest: Latest,
}

impl Picker {
    /// Connects nothing yet. Must be called inside a runtime.
    pub(super) fn new(connector: Connector, settings: &Grpc) -> Self {
        let first = Current {
            subchannels: match settings.load_balancing {
                LoadBalancing::PickFirst => (0..settings.channels.max(1))
                    .map(|_| Subchannel::open(&connector, None))
                    .collect(),
                LoadBalancing::RoundRobin => Arc::default(),
            },
            resolved: None,
        };
        Self {
            connector,
            settings: settings.clone(),
            turn: AtomicUsize::default(),
            current: Mutex::new(first),
            resolving: tokio::sync::Mutex::default(),
        }
    }

    /// The connection for the next call.
    pub(super) async fn pick(&self) -> Result<Subchannel, Status> {
        let mut current = self.current();
        if self.is_stale(&current) {
            current = self.resolve(current).await?;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        current
            .subchannels
            .get(turn % current.subchannels.len().max(1))
            .cloned()
            .ok_or_else(|| Status::unavailable("the name has no address"))
    }

    fn current(&self) -> Current {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }

    fn is_stale(&self, current: &Current) -> bool {
        if self.settings.load_balancing == LoadBalancing::PickFirst {
            return false;
        }
        let Some(age) = current.resolved.map(|resolved| resolved.elapsed()) else {
            return true;
        };
        let again = self.settings.resolve_again;
        let ended = || current.subchannels.iter().any(|one| one.latest.has_ended());
        !again.is_zero() && age >= again || age >= LEAST_PAUSE && ended()
    }

    /// Asks for the name's addresses, and keeps the connections to those that it still has.
    async fn resolve(&self, known: Current) -> Result<Current, Status> {
        let _resolving = match self.resolving.try_lock() {
            Ok(guard) => guard,
            Err(_) if !known.subchannels.is_empty() => return Ok(known),
            Err(_) => self.resolving.lock().await,
        };
        let before = self.current();
        if !self.is_stale(&before) {
            return Ok(before);
        }
        let found = self.connector.resolve().await;
        let mut addresses = match found {
            Ok(addresses) => addresses,
            // What was true a moment ago is better than nothing.
            Err(_) if !before.subchannels.is_empty() => return Ok(before),
            Err(error) => return Err(Status::unavailable(error.to_string())),
        };
        addresses.sort();
        addresses.dedup();
        let subchannels = addresses
            .into_iter()
            .map(|address| {
                let known = before
                    .subchannels
                    .iter()
                    .find(|known| known.address == Some(address) && !known.latest.has_ended());
                known
                    .cloned()
                    .unwrap_or_else(|| Subchannel::open(&self.connector, Some(address)))
            })
            .collect();
        let next = Current {
            subchannels,
            resolved: Some(Instant::now()),
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = next.clone();
        Ok(next)
    }
}

impl Subchannel {
    fn open(connector: &Connector, address: Option<SocketAddr>) -> Self {
        let connector = Connector {
            to: match address {
                Some(address) => To::Address(address),
                None => connector.to.clone(),
            },
            latest: Latest::default(),
            ..connector.clone()
        };
        let latest = connector.latest.clone();
        // The authority that the server sees; the connector knows where to go.
        let channel = Endpoint::from(connector.uri.clone()).connect_with_connector_lazy(
            tower::service_fn(move |_: http::Uri| connector.clone().connect()),
        );
        Self {
            address,
            channel,
            latest,
        }
    }
}
