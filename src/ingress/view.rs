//! What a replica has made of a snapshot of the registry: its routes' endpoints, each with its
//! connections, and whose turn it is. Immutable; what a change has not touched is carried over, so
//! that one endpoint more costs the same among ten Services and among a thousand.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use http::HeaderValue;

use super::pool::{Pool, Spoken};
use super::{Settings, balance};
use crate::model::{
    AppProtocol, Balancing, EndpointSlice, Faults, RouteBackend, RouteTable, Service, Session,
    Template,
};
use crate::registry::{Cluster, Reader};
use crate::trace::{EndpointCounts, ServiceCounts, Sheet};

/// A snapshot in the form the data path needs.
#[derive(Debug)]
pub(super) struct View {
    generation: u64,
    pub(super) routes: Arc<RouteTable>,
    /// What is broken on purpose.
    pub(super) faults: Faults,
    /// In the order of [`RouteTable::backends`].
    backends: Vec<Rc<Backend>>,
    /// Services that no route leads to and that filters ask.
    others: RefCell<HashMap<(String, u16), Rc<Backend>>>,
    pools: Pools,
    cluster: Arc<Cluster>,
    settings: Arc<Settings>,
    sheet: Arc<Sheet>,
}

/// By the address that is dialled, and what is spoken there; of all views that are in use.
type Pools = Rc<RefCell<HashMap<(SocketAddr, Spoken), Weak<Pool>>>>;

/// A Service port and its usable endpoints.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) service: String,
    pub(super) port: u16,
    pub(super) endpoints: Vec<Target>,
    own_host: bool,
    /// The only endpoint is the ClusterIP.
    pub(super) by_cluster_ip: bool,
    pub(super) selection: Balancing,
    /// What the hash is made of, where that selects.
    pub(super) hash_by: Option<Template>,
    pub(super) session: Option<Session>,
    turn: Rc<Cell<usize>>,
    pub(super) counts: Arc<ServiceCounts>,
    source: Source,
}

/// The objects that a backend was made of.
#[derive(Debug)]
struct Source {
    service: Option<Arc<Service>>,
    slice: Option<Arc<EndpointSlice>>,
}

impl Source {
    fn of(service: &str, cluster: &Cluster) -> Self {
        Self {
            service: cluster.services.get(service).cloned(),
            slice: cluster.slices.get(service).cloned(),
        }
    }

    /// Objects that have not changed have kept their place.
    fn is(&self, other: &Self) -> bool {
        fn same<T>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
            one.map(Arc::as_ptr) == other.map(Arc::as_ptr)
        }
        same(self.service.as_ref(), other.service.as_ref())
            && same(self.slice.as_ref(), other.slice.as_ref())
    }
}

/// An endpoint that may be used.
#[derive(Debug)]
pub(super) struct Target {
    /// The pod's name, or the address of one that the lab does not run.
    pub(super) name: String,
    /// Its name in cookies and hashes.
    pub(super) key: String,
    pub(super) pool: Rc<Pool>,
    pub(super) counts: Arc<EndpointCounts>,
}

impl Backend {
    /// The position whose turn it is. Endpoints must not be empty.
    pub(super) fn next(&self) -> usize {
        self.turn.replace(self.turn.get().wrapping_add(1)) % self.endpoints.len()
    }

    /// Of its Service.
    pub(super) fn namespace(&self) -> &str {
        let service = self.source.service.as_ref();
        service.map_or("", |service| service.namespace.as_str())
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
        let built = Rc::new(self.build(&backend, Source::of(name, &self.cluster), Rc::default()));
        self.others.borrow_mut().insert(key, Rc::clone(&built));
        Some(built)
    }

    /// The view of a snapshot, with what can be kept from the one before.
    fn new(
        cluster: &Arc<Cluster>,
        settings: &Arc<Settings>,
        sheet: &Arc<Sheet>,
        before: Option<&Self>,
    ) -> Self {
        let mut view = Self {
            generation: cluster.generation,
            routes: Arc::clone(&cluster.routes),
            faults: Arc::clone(&cluster.faults),
            backends: Vec::new(),
            others: RefCell::default(),
            pools: before.map_or_else(Pools::default, |before| Rc::clone(&before.pools)),
            cluster: Arc::clone(cluster),
            settings: Arc::clone(settings),
            sheet: Arc::clone(sheet),
        };
        let backends = cluster.routes.backends().iter();
        view.backends = match before {
            Some(before) if Arc::ptr_eq(&before.routes, &view.routes) => backends
                .zip(&before.backends)
                .map(|(backend, known)| {
                    let source = Source::of(&backend.service, cluster);
                    if source.is(&known.source) {
                        return Rc::clone(known);
                    }
                    Rc::new(view.build(backend, source, Rc::clone(&known.turn)))
                })
                .collect(),
            _ => {
                let known = before.map_or(&[][..], |before| &before.backends);
                let turns: HashMap<_, _> = known
                    .iter()
                    .map(|known| ((known.service.as_str(), known.port), &known.turn))
                    .collect();
                backends
                    .map(|backend| {
                        let turn = turns.get(&(backend.service.as_str(), backend.port));
                        let turn = turn.map_or_else(Rc::default, |turn| Rc::clone(turn));
                        let source = Source::of(&backend.service, cluster);
                        Rc::new(view.build(backend, source, turn))
                    })
                    .collect()
            }
        };
        if let Some(before) = before {
            let mut others = before.others.borrow().clone();
            others.retain(|(name, _), known| Source::of(name, cluster).is(&known.source));
            view.others = RefCell::new(others);
        }
        view
    }

    fn build(&self, backend: &RouteBackend, source: Source, turn: Rc<Cell<usize>>) -> Backend {
        let spoken = match (backend.app_protocol == AppProtocol::H2c, backend.tls) {
            (false, false) => Spoken::Http,
            (true, false) => Spoken::H2c,
            (false, true) => Spoken::Https,
            (true, true) => Spoken::H2,
        };
        let counts = self.sheet.service(&backend.service);
        let target = |name: String, address: SocketAddr| Target {
            counts: counts.endpoint(&name),
            name,
            key: balance::key(address),
            pool: self.pool(address, spoken),
        };
        let endpoints = if backend.through_cluster_ip {
            let listen = source
                .service
                .as_ref()
                .and_then(|service| service.ports.get(backend.port_index))
                .and_then(|port| port.listen);
            let name = format!("{} (ClusterIP)", backend.service);
            listen
                .map(|address| target(name, address))
                .into_iter()
                .collect()
        } else {
            let usable = source.slice.iter().flat_map(|slice| slice.usable());
            usable
                .filter_map(|endpoint| {
                    let address = endpoint.addresses.get(backend.port_index)?;
                    let name = endpoint.pod.clone();
                    let name = name.unwrap_or_else(|| address.pod.to_string());
                    Some(target(name, address.host))
                })
                .collect()
        };
        Backend {
            service: backend.service.clone(),
            port: backend.port,
            endpoints,
            own_host: backend.own_host,
            by_cluster_ip: backend.through_cluster_ip,
            hash_by: match &backend.selection {
                Balancing::HashBy(text) => Template::parse(text).ok(),
                Balancing::RoundRobin | Balancing::LeastLatency => None,
            },
            selection: backend.selection.clone(),
            session: backend.session.clone(),
            turn,
            counts,
            source,
        }
    }

    /// The one pool of an address, as long as a view leads there.
    fn pool(&self, address: SocketAddr, spoken: Spoken) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        let place = pools.entry((address, spoken)).or_default();
        place.upgrade().unwrap_or_else(|| {
            let pool = Rc::new(Pool::new(address, spoken, &self.settings));
            *place = Rc::downgrade(&pool);
            pool
        })
    }
}

/// A replica's way to the newest view; costs a load while nothing changes.
#[derive(Debug)]
pub(super) struct Views {
    settings: Arc<Settings>,
    sheet: Arc<Sheet>,
    nowhere: Arc<ServiceCounts>,
    seen: RefCell<(Reader, Rc<View>)>,
}

impl Views {
    pub(super) fn new(settings: Arc<Settings>, mut reader: Reader) -> Self {
        let sheet = settings.ledger.sheet();
        let view = View::new(reader.latest(), &settings, &sheet, None);
        Self {
            settings,
            nowhere: sheet.service(""),
            sheet,
            seen: RefCell::new((reader, Rc::new(view))),
        }
    }

    /// The view of the newest snapshot.
    pub(super) fn latest(&self) -> Rc<View> {
        let mut seen = self.seen.borrow_mut();
        let (reader, view) = &mut *seen;
        let cluster = reader.latest();
        if cluster.generation != view.generation {
            let new = View::new(cluster, &self.settings, &self.sheet, Some(view));
            *view = Rc::new(new);
        }
        Rc::clone(view)
    }

    /// Counts requests that reach no Service.
    pub(super) fn nowhere(&self) -> &ServiceCounts {
        &self.nowhere
    }

    /// Closes connections that nobody needed for too long.
    pub(super) fn sweep(&self) {
        let view = self.latest();
        view.pools.borrow_mut().retain(|_, pool| {
            let pool = pool.upgrade();
            if let Some(pool) = &pool {
                pool.sweep();
            }
            pool.is_some()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        BackendPort, Conditions, Endpoint, EndpointAddress, Flavour, HttpPath, Ingress,
        IngressBackend, IngressRule, Objects, PathType, ServicePort, compile,
    };
    use crate::registry::Registry;

    fn slice(service: &str, ports: &[u16]) -> Arc<EndpointSlice> {
        let endpoint = |port: &u16| {
            let address = SocketAddr::from(([127, 0, 0, 1], *port));
            Endpoint {
                pod: None,
                addresses: vec![EndpointAddress {
                    pod: address,
                    host: address,
                }],
                conditions: Conditions {
                    ready: true,
                    serving: true,
                    terminating: false,
                },
            }
        };
        Arc::new(EndpointSlice {
            service: service.to_owned(),
            endpoints: ports.iter().map(endpoint).collect(),
        })
    }

    /// Services `a` and `b`, each behind a host of its name.
    fn cluster() -> Cluster {
        let mut cluster = Cluster::default();
        let mut rules = Vec::new();
        for (name, port) in [("a", 1), ("b", 2)] {
            let service = Service {
                name: name.to_owned(),
                ports: vec![ServicePort {
                    name: String::new(),
                    protocol: crate::model::Protocol::Tcp,
                    port: 80,
                    target_port: 80,
                    node_port: None,
                    app_protocol: AppProtocol::Http,
                    listen: None,
                }],
                ..Service::default()
            };
            cluster.services.insert(name.to_owned(), Arc::new(service));
            cluster.slices.insert(name.to_owned(), slice(name, &[port]));
            rules.push(IngressRule {
                host: Some(name.to_owned()),
                paths: vec![HttpPath {
                    path: "/".to_owned(),
                    path_type: PathType::Prefix,
                    backend: IngressBackend {
                        service: name.to_owned(),
                        port: BackendPort::Number(80),
                    },
                }],
            });
        }
        let ingress = Ingress {
            rules,
            ..Ingress::default()
        };
        let objects = Objects::new(&cluster.services);
        cluster.routes = Arc::new(compile(&[ingress], &objects, &Flavour::default()).table);
        cluster
    }

    #[test]
    fn a_change_touches_what_it_changes_and_nothing_else() {
        let registry = Registry::new(cluster());
        let settings = Arc::new(Settings::new(Flavour::default()));
        let views = Views::new(settings, registry.reader());
        let before = views.latest();
        let find = |view: &View, name: &str| {
            let found = view.backends.iter().find(|backend| backend.service == name);
            Rc::clone(found.unwrap())
        };
        let other = before.service("b", 80).unwrap();
        find(&before, "a").next();
        registry.change(|cluster| {
            cluster.slices.insert("a".to_owned(), slice("a", &[1, 3]));
        });
        let after = views.latest();
        assert!(Rc::ptr_eq(&find(&before, "b"), &find(&after, "b")));
        assert!(Rc::ptr_eq(&other, &after.service("b", 80).unwrap()));
        let (old, new) = (find(&before, "a"), find(&after, "a"));
        assert_eq!(new.endpoints.len(), 2);
        assert!(Rc::ptr_eq(&old.endpoints[0].pool, &new.endpoints[0].pool));
        assert_eq!(new.next(), 1, "whose turn it is goes on");
        // Two ways to one address share its connections, and the last one to go closes them.
        registry.change(|cluster| {
            cluster.slices.insert("b".to_owned(), slice("b", &[3]));
        });
        let last = views.latest();
        assert!(Rc::ptr_eq(
            &find(&last, "b").endpoints[0].pool,
            &new.endpoints[1].pool
        ));
        drop((before, after, other));
        views.sweep();
        let pools = last.pools.borrow();
        let mut ports: Vec<u16> = pools.keys().map(|(address, _)| address.port()).collect();
        ports.sort_unstable();
        assert_eq!(ports, [1, 3]);
    }
}
