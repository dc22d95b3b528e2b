//! What a replica has made of a snapshot of the registry: its routes' endpoints, each with its
//! connections, and whose turn it is. Immutable; turn counters and pools are carried over.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Settings;
use super::pool::Pool;
use crate::model::{AppProtocol, RouteBackend, RouteTable};
use crate::registry::{Cluster, Reader};

/// A snapshot in the form the data path needs.
#[derive(Debug, Default)]
pub(super) struct View {
    generation: u64,
    pub(super) routes: Arc<RouteTable>,
    /// In the order of [`RouteTable::backends`].
    backends: Vec<Backend>,
    /// By the address that is dialled.
    pools: HashMap<(SocketAddr, bool), Arc<Pool>>,
}

/// A Service port and its usable endpoints.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) service: String,
    pub(super) port: u16,
    pub(super) endpoints: Vec<Target>,
    turn: Arc<AtomicUsize>,
}

/// An endpoint that may be used.
#[derive(Debug)]
pub(super) struct Target {
    /// The pod's name, or the address of one that the lab does not run.
    pub(super) name: String,
    pub(super) pool: Arc<Pool>,
}

impl Backend {
    /// The position whose turn it is. Endpoints must not be empty.
    pub(super) fn next(&self) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % self.endpoints.len()
    }
}

impl View {
    pub(super) fn backend(&self, index: usize) -> &Backend {
        &self.backends[index]
    }

    /// The next view, with what can be kept from this one.
    fn advance(&self, cluster: &Cluster, settings: &Settings) -> Self {
        let mut pools = HashMap::new();
        let backends = cluster
            .routes
            .backends()
            .iter()
            .map(|backend| self.build(backend, cluster, settings, &mut pools))
            .collect();
        Self {
            generation: cluster.generation,
            routes: Arc::clone(&cluster.routes),
            backends,
            pools,
        }
    }

    fn build(
        &self,
        backend: &RouteBackend,
        cluster: &Cluster,
        settings: &Settings,
        pools: &mut HashMap<(SocketAddr, bool), Arc<Pool>>,
    ) -> Backend {
        let h2c = backend.app_protocol == AppProtocol::H2c;
        let slice = cluster.slices.get(&backend.service);
        let endpoints = slice
            .into_iter()
            .flat_map(|slice| slice.usable())
            .filter_map(|endpoint| {
                let address = endpoint.addresses.get(backend.port_index)?;
                let key = (address.host, h2c);
                let pool = pools.entry(key).or_insert_with(|| {
                    self.pools.get(&key).map_or_else(
                        || Arc::new(Pool::new(address.host, h2c, settings)),
                        Arc::clone,
                    )
                });
                Some(Target {
                    name: endpoint
                        .pod
                        .clone()
                        .unwrap_or_else(|| address.pod.to_string()),
                    pool: Arc::clone(pool),
                })
            })
            .collect();
        let before = self
            .backends
            .iter()
            .find(|known| known.service == backend.service && known.port == backend.port);
        Backend {
            service: backend.service.clone(),
            port: backend.port,
            endpoints,
            turn: before.map_or_else(Arc::default, |known| Arc::clone(&known.turn)),
        }
    }
}

/// The newest view of a replica.
#[derive(Debug)]
pub(super) struct Views {
    settings: Arc<Settings>,
    /// A std mutex: held for the making of a view only, never across an await.
    current: Mutex<Arc<View>>,
}

impl Views {
    pub(super) fn new(settings: Arc<Settings>) -> Self {
        Self {
            settings,
            current: Mutex::default(),
        }
    }

    /// The view of this snapshot, made by whoever needs it first.
    fn of(&self, cluster: &Cluster) -> Arc<View> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.generation < cluster.generation || current.backends.is_empty() {
            *current = Arc::new(current.advance(cluster, &self.settings));
        }
        Arc::clone(&current)
    }

    /// Closes connections that nobody needed for too long.
    pub(super) fn sweep(&self) {
        let current = {
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&current)
        };
        for pool in current.pools.values() {
            pool.sweep();
        }
    }
}

/// One connection's way to the newest view; costs an uncontended lock and a load while nothing
/// changes.
#[derive(Debug)]
pub(super) struct ViewReader {
    views: Arc<Views>,
    seen: Mutex<(Reader, Arc<View>)>,
}

impl ViewReader {
    pub(super) fn new(views: Arc<Views>, mut reader: Reader) -> Self {
        let view = views.of(reader.latest());
        Self {
            views,
            seen: Mutex::new((reader, view)),
        }
    }

    /// The view of the newest snapshot.
    pub(super) fn latest(&self) -> Arc<View> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (reader, view) = &mut *seen;
        let cluster = reader.latest();
        if cluster.generation != view.generation {
            *view = self.views.of(cluster);
        }
        Arc::clone(view)
    }
}
