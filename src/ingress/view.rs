//! What a replica has made of a snapshot of the registry: its routes' endpoints, each with its
//! connections, and whose turn it is. Immutable; turn counters and pools are carried over.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::HeaderValue;

use super::pool::{Pool, Spoken};
use super::{Settings, balance};
use crate::model::{AppProtocol, Balancing, RouteBackend, RouteTable, Session, Template};
use crate::registry::{Cluster, Reader};

/// A snapshot in the form the data path needs.
#[derive(Debug)]
pub(super) struct View {
    generation: u64,
    pub(super) routes: Arc<RouteTable>,
    /// In the order of [`RouteTable::backends`].
    backends: Vec<Rc<Backend>>,
    /// Services that no route leads to and that filters ask.
    others: RefCell<HashMap<(String, u16), Rc<Backend>>>,
    pools: RefCell<Pools>,
    cluster: Arc<Cluster>,
    settings: Arc<Settings>,
}

/// By the address that is dialled, and what is spoken there.
type Pools = HashMap<(SocketAddr, Spoken), Rc<Pool>>;

/// A Service port and its usable endpoints.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) service: String,
    pub(super) port: u16,
    pub(super) endpoints: Vec<Target>,
    own_host: bool,
    pub(super) selection: Balancing,
    /// What the hash is made of, where that selects.
    pub(super) hash_by: Option<Template>,
    pub(super) session: Option<Session>,
    turn: Rc<Cell<usize>>,
}

/// An endpoint that may be used.
#[derive(Debug)]
pub(super) struct Target {
    /// The pod's name, or the address of one that the lab does not run.
    pub(super) name: String,
    /// Its name in cookies and hashes.
    pub(super) key: String,
    pub(super) pool: Rc<Pool>,
}

impl Backend {
    /// The position whose turn it is. Endpoints must not be empty.
    pub(super) fn next(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1)) % self.endpoints.len()
    }

    /// What an endpoint is to see as Host, if not what the client asked for.
    pub(super) fn own_host(&self, index: usize) -> Option<HeaderValue> {
        let endpoint = self.endpoints.get(index).filter(|_| self.own_host)?;
        HeaderValue::from_str(&endpoint.pool.address.to_string()).ok()
    }
}

impl View {
    /// A backend of the routes.
    pub(super) fn backend(&self, index: usize) -> &Rc<Backend> {
        &self.backends[index]
    }

    /// The port of a Service, by any of the names that DNS knows it by.
    pub(super) fn service(&self, host: &str, port: u16) -> Option<Rc<Backend>> {
        let name = host.split('.').next().unwrap_or(host);
        let key = (name.to_owned(), port);
        if let Some(known) = self.others.borrow().get(&key) {
            return Some(Rc::clone(known));
        }
        let service = self.cluster.services.get(name)?;
        let port_index = service.port_index(port)?;
        let backend = RouteBackend {
            service: name.to_owned(),
            port,
            port_index,
            app_protocol: service.ports[port_index].app_protocol,
            tls: false,
            through_cluster_ip: false,
            own_host: false,
            selection: Balancing::default(),
            session: None,
        };
        let built = Rc::new(self.build(&backend, None));
        self.others.borrow_mut().insert(key, Rc::clone(&built));
        Some(built)
    }

    /// The view of a snapshot, with what can be kept from the one before.
    fn new(cluster: &Arc<Cluster>, settings: &Arc<Settings>, before: Option<&Self>) -> Self {
        let mut view = Self {
            generation: cluster.generation,
            routes: Arc::clone(&cluster.routes),
            backends: Vec::new(),
            others: RefCell::default(),
            pools: RefCell::default(),
            cluster: Arc::clone(cluster),
            settings: Arc::clone(settings),
        };
        let backends = cluster.routes.backends().iter();
        view.backends = backends
            .map(|backend| Rc::new(view.build(backend, before)))
            .collect();
        view
    }

    fn build(&self, backend: &RouteBackend, before: Option<&Self>) -> Backend {
        let spoken = match (backend.app_protocol == AppProtocol::H2c, backend.tls) {
            (false, false) => Spoken::Http,
            (true, false) => Spoken::H2c,
            (false, true) => Spoken::Https,
            (true, true) => Spoken::H2,
        };
        let target = |name: String, address: SocketAddr| {
            let mut pools = self.pools.borrow_mut();
            let key = (address, spoken);
            let known = || before?.pools.borrow().get(&key).cloned();
            let pool = pools.entry(key).or_insert_with(|| {
                known().unwrap_or_else(|| Rc::new(Pool::new(address, spoken, &self.settings)))
            });
            Target {
                name,
                key: balance::key(address),
                pool: Rc::clone(pool),
            }
        };
        let endpoints = if backend.through_cluster_ip {
            let service = self.cluster.services.get(&backend.service);
            let listen = service
                .and_then(|service| service.ports.get(backend.port_index))
                .and_then(|port| port.listen);
            let name = format!("{} (ClusterIP)", backend.service);
            listen
                .map(|address| target(name, address))
                .into_iter()
                .collect()
        } else {
            let slice = self.cluster.slices.get(&backend.service);
            let usable = slice.into_iter().flat_map(|slice| slice.usable());
            usable
                .filter_map(|endpoint| {
                    let address = endpoint.addresses.get(backend.port_index)?;
                    let name = endpoint.pod.clone();
                    let name = name.unwrap_or_else(|| address.pod.to_string());
                    Some(target(name, address.host))
                })
                .collect()
        };
        let same =
            |known: &&Rc<Backend>| known.service == backend.service && known.port == backend.port;
        let turn = before
            .and_then(|before| before.backends.iter().find(same))
            .map_or_else(Rc::default, |known| Rc::clone(&known.turn));
        Backend {
            service: backend.service.clone(),
            port: backend.port,
            endpoints,
            own_host: backend.own_host,
            hash_by: match &backend.selection {
                Balancing::HashBy(text) => Template::parse(text).ok(),
                Balancing::RoundRobin | Balancing::LeastLatency => None,
            },
            selection: backend.selection.clone(),
            session: backend.session.clone(),
            turn,
        }
    }
}

/// A replica's way to the newest view; costs a load while nothing changes.
#[derive(Debug)]
pub(super) struct Views {
    settings: Arc<Settings>,
    seen: RefCell<(Reader, Rc<View>)>,
}

impl Views {
    pub(super) fn new(settings: Arc<Settings>, mut reader: Reader) -> Self {
        let view = View::new(reader.latest(), &settings, None);
        Self {
            settings,
            seen: RefCell::new((reader, Rc::new(view))),
        }
    }

    /// The view of the newest snapshot.
    pub(super) fn latest(&self) -> Rc<View> {
        let mut seen = self.seen.borrow_mut();
        let (reader, view) = &mut *seen;
        let cluster = reader.latest();
        if cluster.generation != view.generation {
            *view = Rc::new(View::new(cluster, &self.settings, Some(view)));
        }
        Rc::clone(view)
    }

    /// Closes connections that nobody needed for too long.
    pub(super) fn sweep(&self) {
        for pool in self.latest().pools.borrow().values() {
            pool.sweep();
        }
    }
}
