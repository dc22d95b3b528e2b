//! The state of the lab in Kubernetes' own words.
//!
//! One writer at a time, many readers. A change produces a new immutable [`Cluster`] that readers
//! pick up through a [`Reader`]; whoever holds an older one keeps a consistent picture. Objects are
//! behind `Arc`, so a change copies maps of pointers and never the objects.

mod faults;
mod scale;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::model::{
    Certificate, Deployment, EndpointSlice, Fault, Faults, GatewayApi, Ingress, IngressClasses,
    NetworkSnapshot, ObjectReport, Pod, ProxyMode, RouteTable, Secret, Service,
};

pub use faults::{FaultError, add_fault, is_over, is_same_program, undo_faults};
pub use scale::{ScaleError, scale};

/// A consistent picture of everything the lab knows, by object name.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    /// Goes up by one with every change.
    pub generation: u64,
    /// How ClusterIPs draw.
    pub proxy_mode: ProxyMode,
    /// Desired pods.
    pub deployments: BTreeMap<String, Arc<Deployment>>,
    /// Observed pods.
    pub pods: BTreeMap<String, Arc<Pod>>,
    /// Services with their ClusterIPs.
    pub services: BTreeMap<String, Arc<Service>>,
    /// Endpoints by Service name.
    pub slices: BTreeMap<String, Arc<EndpointSlice>>,
    /// Ingress objects as they were written.
    pub ingresses: BTreeMap<String, Arc<Ingress>>,
    /// Which of them the lab's controller serves.
    pub ingress_classes: Arc<IngressClasses>,
    /// Objects of Gateway API as they were written.
    pub gateway_api: Arc<GatewayApi>,
    /// How many ingress replicas should run.
    pub ingress_replicas: u32,
    /// Certificates that `spec.tls` asks for, by the name of their Secret.
    pub certificates: BTreeMap<String, Arc<Certificate>>,
    /// Certificates and other bytes.
    pub secrets: BTreeMap<String, Arc<Secret>>,
    /// What the ingress flavour made of `ingresses` and `gateway_api`.
    pub routes: Arc<RouteTable>,
    /// What is wrong with objects.
    pub reports: Arc<[ObjectReport]>,
    /// What is broken on purpose; no reload changes it.
    pub faults: Faults,
    /// How many faults there have been.
    pub fault_count: u64,
}

impl Cluster {
    /// What `kube_proxy` and DNS need of it, for the node.
    pub fn network(&self) -> NetworkSnapshot {
        NetworkSnapshot {
            generation: self.generation,
            proxy_mode: self.proxy_mode,
            services: self
                .services
                .values()
                .map(|service| (**service).clone())
                .collect(),
            slices: self
                .slices
                .values()
                .map(|slice| (**slice).clone())
                .collect(),
            only_slices: false,
            faults: self.faults.to_vec(),
        }
    }

    /// What the node must be told when it knows an earlier picture: nothing, the endpoints that are
    /// others, or everything.
    pub fn network_since(&self, before: &Self) -> Option<NetworkSnapshot> {
        if self.proxy_mode != before.proxy_mode
            || !same_services(&self.services, &before.services)
            || !self.slices.keys().eq(before.slices.keys())
        {
            return Some(self.network());
        }
        let pairs = self.slices.values().zip(before.slices.values());
        let slices: Vec<EndpointSlice> = pairs
            .filter(|(now, then)| !Arc::ptr_eq(now, then) && now != then)
            .map(|(now, _)| EndpointSlice::clone(now))
            .collect();
        let news = !slices.is_empty() || !Arc::ptr_eq(&self.faults, &before.faults);
        news.then(|| NetworkSnapshot {
            generation: self.generation,
            proxy_mode: self.proxy_mode,
            services: Vec::new(),
            slices,
            only_slices: true,
            faults: self.faults.to_vec(),
        })
    }

    /// Takes over services and endpoints from the lab; the node's counterpart of [`Self::network`].
    /// Objects that are equal keep their `Arc`, by which readers tell what has changed.
    pub fn apply_network(&mut self, network: NetworkSnapshot) {
        self.proxy_mode = network.proxy_mode;
        // A fault that is known has counted its draws.
        let known = |fault: Arc<Fault>| {
            let known = self.faults.iter().find(|known| **known == fault);
            known.map_or(fault, Arc::clone)
        };
        let faults: Vec<Arc<Fault>> = network.faults.into_iter().map(known).collect();
        if faults[..] != self.faults[..] {
            self.faults = faults.into();
        }
        if network.only_slices {
            let slices = network.slices.into_iter();
            let named = slices.map(|slice| (slice.service.clone(), Arc::new(slice)));
            return self.slices.extend(named);
        }
        self.services = by_name(network.services, &self.services, |service| {
            service.name.clone()
        });
        self.slices = by_name(network.slices, &self.slices, |slice| slice.service.clone());
    }
}

/// By place where they have not been written again, else by value.
fn same_services(
    now: &BTreeMap<String, Arc<Service>>,
    then: &BTreeMap<String, Arc<Service>>,
) -> bool {
    now.len() == then.len()
        && now.iter().zip(then).all(|((name, now), (known, then))| {
            name == known && (Arc::ptr_eq(now, then) || now == then)
        })
}

/// Index objects by name, each behind its own `Arc`: the old one if the object has not changed.
fn by_name<T: PartialEq>(
    objects: Vec<T>,
    old: &BTreeMap<String, Arc<T>>,
    name: impl Fn(&T) -> String,
) -> BTreeMap<String, Arc<T>> {
    objects
        .into_iter()
        .map(|object| {
            let name = name(&object);
            let kept = old.get(&name).filter(|old| ***old == object).cloned();
            (name, kept.unwrap_or_else(|| Arc::new(object)))
        })
        .collect()
}

/// Holds the current [`Cluster`]; cheap to clone.
#[derive(Clone, Debug)]
pub struct Registry {
    current: Arc<watch::Sender<Arc<Cluster>>>,
    /// Serialises writers: each change must start from the result of the one before. A std mutex,
    /// because it is never held across an await and no reader takes it.
    writing: Arc<Mutex<()>>,
    /// Those of the current picture, for who need nothing else of it.
    faults: Arc<watch::Sender<Faults>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new(Cluster::default())
    }
}

impl Registry {
    /// A registry that starts from this picture.
    pub fn new(cluster: Cluster) -> Self {
        let faults = watch::Sender::new(Arc::clone(&cluster.faults));
        let (sender, _) = watch::channel(Arc::new(cluster));
        Self {
            current: Arc::new(sender),
            writing: Arc::default(),
            faults: Arc::new(faults),
        }
    }

    /// Changes the state; readers see the result as one step.
    pub fn change<T>(&self, change: impl FnOnce(&mut Cluster) -> T) -> T {
        // A writer that panicked has published nothing, so the state behind a poisoned lock is good.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = Cluster::clone(&self.current.borrow());
        let before = Arc::clone(&next.faults);
        let result = change(&mut next);
        next.generation += 1;
        if !Arc::ptr_eq(&before, &next.faults) {
            self.faults.send_replace(Arc::clone(&next.faults));
        }
        self.current.send_replace(Arc::new(next));
        result
    }

    /// The current picture.
    pub fn snapshot(&self) -> Arc<Cluster> {
        Arc::clone(&self.current.borrow())
    }

    /// What is broken on purpose; changes only when that does.
    pub fn faults(&self) -> watch::Receiver<Faults> {
        self.faults.subscribe()
    }

    /// A reader for one task.
    pub fn reader(&self) -> Reader {
        let receiver = self.current.subscribe();
        let seen = Arc::clone(&receiver.borrow());
        Reader { receiver, seen }
    }
}

/// One task's view of the registry. Reading costs one atomic load while nothing changes.
#[derive(Clone, Debug)]
pub struct Reader {
    receiver: watch::Receiver<Arc<Cluster>>,
    seen: Arc<Cluster>,
}

impl Reader {
    /// The newest picture.
    pub fn latest(&mut self) -> &Arc<Cluster> {
        if self.receiver.has_changed().unwrap_or(false) {
            self.seen = Arc::clone(&self.receiver.borrow_and_update());
        }
        &self.seen
    }

    /// Waits for a picture newer than the last one this reader saw. `None` once the registry is
    /// gone.
    pub async fn changed(&mut self) -> Option<&Arc<Cluster>> {
        self.receiver.changed().await.ok()?;
        self.seen = Arc::clone(&self.receiver.borrow_and_update());
        Some(&self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_sees_each_change_as_one_step() {
        let registry = Registry::new(Cluster::default());
        let mut reader = registry.reader();
        assert_eq!(reader.latest().generation, 0);
        registry.change(|cluster| cluster.proxy_mode = ProxyMode::Ipvs);
        assert_eq!(reader.changed().await.unwrap().proxy_mode, ProxyMode::Ipvs);
        assert_eq!(reader.latest().generation, 1);
        drop(registry);
        assert!(reader.changed().await.is_none());
    }

    #[test]
    fn an_equal_object_from_the_network_keeps_its_pointer() {
        let slice = |service: &str| crate::model::EndpointSlice {
            service: service.to_owned(),
            endpoints: Vec::new(),
        };
        let network = |names: &[&str]| NetworkSnapshot {
            slices: names.iter().map(|name| slice(name)).collect(),
            ..NetworkSnapshot::default()
        };
        let mut cluster = Cluster::default();
        cluster.apply_network(network(&["a", "b"]));
        let before = cluster.slices.clone();
        cluster.apply_network(network(&["b", "c"]));
        assert!(Arc::ptr_eq(&before["b"], &cluster.slices["b"]));
        assert_eq!(cluster.slices.keys().collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn the_node_is_told_what_it_does_not_know() {
        let slice = |service: &str, pods: &[&str]| {
            let endpoint = |pod: &&str| crate::model::Endpoint {
                pod: Some((*pod).to_owned()),
                addresses: Vec::new(),
                conditions: crate::model::Conditions::default(),
            };
            Arc::new(EndpointSlice {
                service: service.to_owned(),
                endpoints: pods.iter().map(endpoint).collect(),
            })
        };
        let mut first = Cluster::default();
        for name in ["a", "b"] {
            let service = Service {
                name: name.to_owned(),
                ..Service::default()
            };
            first.services.insert(name.to_owned(), Arc::new(service));
            first.slices.insert(name.to_owned(), slice(name, &[]));
        }
        let mut node = Cluster::default();
        node.apply_network(first.network());
        // Pods and routes are nothing to it, and neither is an equal object.
        let mut second = first.clone();
        second.ingress_replicas = 3;
        second.slices.insert("a".to_owned(), slice("a", &[]));
        assert_eq!(second.network_since(&first), None);
        second.slices.insert("b".to_owned(), slice("b", &["b-0"]));
        let told = second.network_since(&first).unwrap();
        assert!(told.only_slices && told.services.is_empty());
        assert_eq!(told.slices.len(), 1);
        node.apply_network(told);
        assert_eq!(
            (&node.services, &node.slices),
            (&second.services, &second.slices)
        );
        second.services.remove("a");
        let told = second.network_since(&first).unwrap();
        assert!(!told.only_slices);
        node.apply_network(told);
        assert_eq!(node.services.len(), 1);
    }

    #[test]
    fn an_older_picture_stays_as_it_was() {
        let registry = Registry::new(Cluster::default());
        let before = registry.snapshot();
        registry.change(|cluster| cluster.proxy_mode = ProxyMode::Ipvs);
        assert_eq!(before.proxy_mode, ProxyMode::Iptables);
    }
}
