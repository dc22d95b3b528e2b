//! Follows the registry: which Service ports there should be, and which there are.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::backends::Backends;
use super::faults::{Word, is_full};
use super::port::{Port, Shared};
use super::{Outside, Problem, Settings, Status};
use crate::model::{EndpointSlice, Faults, Protocol, ProxyMode, Service};
use crate::net::Shutdown;
use crate::registry::{Cluster, Reader};
use crate::trace::Tracer;

/// A Service port is known by where it listens: a Service that takes over the address of another
/// one takes over its socket.
type Key = (SocketAddr, Protocol);

/// Serves all ClusterIPs of the registry until the signal or the end of the registry; then takes
/// no more connections and gives the open ones the drain time to end.
pub async fn serve(mut reader: Reader, tracer: Tracer, settings: Settings, mut shutdown: Shutdown) {
    let (tell, words) = watch::channel(Word::default());
    let shared = Shared {
        tracer,
        connect_timeout: settings.connect_timeout,
        udp_idle: settings.udp_idle,
        clock: settings.clock,
        seed: settings.seed,
        next_id: Arc::new(AtomicU64::new(1)),
        words,
    };
    let mut proxy = Proxy {
        outside: settings.outside,
        shared,
        faults: Faults::default(),
        services: HashMap::new(),
        ports: HashMap::new(),
        problems: BTreeMap::new(),
        tasks: JoinSet::new(),
    };
    let mut cluster = Arc::clone(reader.latest());
    loop {
        if !Arc::ptr_eq(&proxy.faults, &cluster.faults) {
            proxy.faults = Arc::clone(&cluster.faults);
            tell.send_modify(|word| word.faults = Arc::clone(&cluster.faults));
        }
        proxy.reconcile(&cluster).await;
        settings.status.send_replace(proxy.status(&cluster));
        tokio::select! {
            () = shutdown.recv() => break,
            changed = reader.changed() => match changed {
                Some(changed) => cluster = Arc::clone(changed),
                None => break,
            },
            () = tokio::time::sleep(settings.retry), if !proxy.problems.is_empty() => {}
            // Collects the tasks of ports that are gone.
            Some(_) = proxy.tasks.join_next() => {}
        }
    }
    let Proxy {
        ports,
        mut tasks,
        shared,
        ..
    } = proxy;
    drop(ports);
    while tasks.join_next().await.is_some() {}
    drop(shared);
    if tokio::time::timeout(settings.drain, tell.closed())
        .await
        .is_err()
    {
        tell.send_modify(|word| word.cut = true);
        tell.closed().await;
    }
}

/// What is in effect.
struct Proxy {
    outside: Option<Outside>,
    shared: Shared,
    /// What is broken on purpose.
    faults: Faults,
    services: HashMap<String, Seen>,
    ports: HashMap<Key, OpenPort>,
    problems: BTreeMap<(String, u16), Problem>,
    tasks: JoinSet<()>,
}

/// A Service as it was put into effect. The pointers tell whether it has changed since.
struct Seen {
    mode: ProxyMode,
    service: Arc<Service>,
    slice: Option<Arc<EndpointSlice>>,
    /// A fault lets it accept nobody.
    full: bool,
}

struct OpenPort {
    /// The Service it serves.
    owner: String,
    port: Port,
    /// Whether its socket is there.
    open: bool,
}

impl Proxy {
    fn status(&self, cluster: &Cluster) -> Status {
        Status {
            generation: Some(cluster.generation),
            open: self.ports.values().filter(|port| port.open).count(),
            problems: self.problems.values().cloned().collect(),
        }
    }

    async fn reconcile(&mut self, cluster: &Cluster) {
        let owners = self.owners(cluster);
        self.ports.retain(|key, _| owners.contains_key(key));
        self.services
            .retain(|name, _| cluster.services.contains_key(name));
        let mut answers = Vec::new();
        let mut problems = Vec::new();
        for service in cluster.services.values() {
            if self.is_in_effect(cluster, service) {
                continue;
            }
            let slice = cluster.slices.get(&service.name);
            let full = is_full(&self.faults, &service.name);
            for (index, port) in service.ports.iter().enumerate() {
                let Some(listen) = port.listen else {
                    continue;
                };
                let key = (listen, port.protocol);
                let owner = owners.get(&key);
                if owner != Some(&(&service.name, index)) {
                    let owner = owner.map_or("another", |(owner, _)| owner.as_str());
                    let message = format!("{listen} belongs to Service {owner} already");
                    problems.push(problem(service, index, message));
                    continue;
                }
                let slice = slice.map(Arc::as_ref);
                let outside = self.outside.as_ref();
                let mode = cluster.proxy_mode;
                let backends = Backends::of(service, slice, mode, index, outside, full);
                let wanted = !backends.addresses.is_empty();
                let open_port = self.ports.entry(key).or_insert_with(|| OpenPort {
                    owner: service.name.clone(),
                    port: Port::start(listen, port.protocol, self.shared.clone(), &mut self.tasks),
                    open: false,
                });
                open_port.owner.clone_from(&service.name);
                let answer = open_port.port.update(Arc::new(backends)).await;
                answers.push((key, Arc::clone(service), index, wanted, answer));
            }
            let seen = Seen {
                mode: cluster.proxy_mode,
                service: Arc::clone(service),
                slice: slice.cloned(),
                full,
            };
            self.services.insert(service.name.clone(), seen);
        }
        for (key, service, index, wanted, answer) in answers {
            let result = answer
                .await
                .unwrap_or_else(|_| Err("its task has ended".to_owned()));
            if let Some(port) = self.ports.get_mut(&key) {
                port.open = wanted && result.is_ok();
            }
            if let Err(message) = result {
                problems.push(problem(&service, index, message));
            }
        }
        self.note(problems);
    }

    /// Who gets each address: the one that has it, else the first by name.
    fn owners<'a>(&self, cluster: &'a Cluster) -> HashMap<Key, (&'a String, usize)> {
        let mut owners = HashMap::with_capacity(self.ports.len());
        for (name, service) in &cluster.services {
            for (index, port) in service.ports.iter().enumerate() {
                let Some(listen) = port.listen else {
                    continue;
                };
                let key = (listen, port.protocol);
                let has_it = self.ports.get(&key).is_some_and(|port| port.owner == *name);
                let owner = owners.entry(key).or_insert((name, index));
                if has_it && owner.0 != name {
                    *owner = (name, index);
                }
            }
        }
        owners
    }

    /// A Service with a problem never is, so that it is tried again.
    fn is_in_effect(&self, cluster: &Cluster, service: &Arc<Service>) -> bool {
        let Some(seen) = self.services.get(&service.name) else {
            return false;
        };
        let same_slice = match (&seen.slice, cluster.slices.get(&service.name)) {
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            (None, None) => true,
            _ => false,
        };
        same_slice
            && seen.mode == cluster.proxy_mode
            && seen.full == is_full(&self.faults, &service.name)
            && Arc::ptr_eq(&seen.service, service)
            && !self
                .problems
                .values()
                .any(|old| old.service == service.name)
    }

    /// Takes over the problems of this round. Those of the round before are all in it if they
    /// persist, since their Services were tried again.
    fn note(&mut self, problems: Vec<Problem>) {
        let problems: BTreeMap<_, _> = problems
            .into_iter()
            .map(|problem| ((problem.service.clone(), problem.port), problem))
            .collect();
        for (key, problem) in &problems {
            if self.problems.get(key) != Some(problem) {
                tracing::warn!(service = problem.service, port = problem.port, message = %problem.message, "service port is not open");
            }
        }
        self.problems = problems;
    }
}

fn problem(service: &Service, index: usize, message: String) -> Problem {
    Problem {
        service: service.name.clone(),
        port: service.ports[index].port,
        message,
    }
}
