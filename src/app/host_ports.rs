//! Host ports of Services: NodePorts, and the ports of load balancers.
//!
//! A copy of those Services, with host addresses in place of ClusterIPs, is served by a
//! `kube_proxy` of its own in this process, on both runtimes. Which ports are open, and why one is
//! not, goes into `status.loadBalancer`.
//!
//! Lab: ServiceLB and kube-proxy rewrite packets; here a connection is accepted and dialled again,
//! so an endpoint sees an address of this machine under either `externalTrafficPolicy`, and a client
//! outside `loadBalancerSourceRanges` is accepted and closed without a byte.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::kube_proxy;
use crate::model::{
    ClusterIp, EndpointSlice, LoadBalancerStatus, NetworkSnapshot, NodePort, Service, ServiceType,
};
use crate::net::Shutdown;
use crate::registry::{Cluster, Registry};
use crate::trace::Tracer;

/// The band from which Kubernetes gives out NodePorts by itself: the upper part of 30000–32767
/// (KEP-3070), so that the lower one is free for those that are asked for.
const NODE_PORTS: std::ops::Range<u16> = 30_086..32_768;
/// What a Service's NodePorts are called beside its load balancer's.
const NODE_PORT: &str = "NodePort";

/// Serves until the signal.
pub(super) async fn serve(registry: Registry, address: IpAddr, tracer: Tracer, shutdown: Shutdown) {
    let outside = Registry::new(Cluster::default());
    let settings = kube_proxy::Settings {
        only_source_ranges: true,
        ..kube_proxy::Settings::default()
    };
    let mut status = settings.status.subscribe();
    let started = kube_proxy::start(outside.reader(), tracer, settings, shutdown.clone());
    let mut proxy = match started {
        Ok(proxy) => proxy,
        Err(error) => return tracing::error!(%error, "host ports of Services cannot be served"),
    };
    let following = async {
        let mut reader = registry.reader();
        let mut shown = NetworkSnapshot::default();
        loop {
            give_node_ports(&registry);
            let picture = outside_of(reader.latest(), address);
            // The proxy answers each picture with a status, so an equal one would go round for ever.
            if picture != shown {
                shown.clone_from(&picture);
                outside.change(|cluster| cluster.apply_network(picture));
            }
            tokio::select! {
                changed = reader.changed() => if changed.is_none() { return },
                changed = status.changed() => if changed.is_err() { return },
            }
            let problems = status.borrow_and_update().problems.clone();
            tell(&registry, address, &problems);
        }
    };
    let mut ending = shutdown;
    tokio::select! {
        () = proxy.ended() => return,
        () = following => {}
        () = ending.recv() => {}
    }
    proxy.ended().await;
}

/// Whether host ports lead to it. The ingress' own Service has its ports elsewhere.
fn is_outside(service: &Service) -> bool {
    let published = matches!(
        service.kind,
        ServiceType::NodePort | ServiceType::LoadBalancer
    );
    published && service.cluster_ip != ClusterIp::None
}

/// Services as they are seen from outside.
fn outside_of(cluster: &Cluster, address: IpAddr) -> NetworkSnapshot {
    let mut picture = NetworkSnapshot {
        proxy_mode: cluster.proxy_mode,
        ..NetworkSnapshot::default()
    };
    for service in cluster.services.values().filter(|found| is_outside(found)) {
        let slice = cluster.slices.get(&service.name);
        let mut add = |name: String, at: &dyn Fn(usize) -> Option<u16>| {
            let mut copy = Service::clone(service);
            for (index, port) in copy.ports.iter_mut().enumerate() {
                port.listen = at(index).map(|port| SocketAddr::new(address, port));
            }
            copy.name.clone_from(&name);
            picture.services.push(copy);
            picture
                .slices
                .extend(slice.map(|slice| from_host(slice, name)));
        };
        if service.kind == ServiceType::LoadBalancer {
            add(service.name.clone(), &|index| {
                Some(service.ports[index].port)
            });
        }
        add(format!("{} {NODE_PORT}", service.name), &|index| {
            service.ports[index].node_port.map(|port| port.0)
        });
    }
    picture
}

/// Endpoints at the addresses by which this process reaches them.
fn from_host(slice: &EndpointSlice, service: String) -> EndpointSlice {
    let mut slice = slice.clone();
    slice.service = service;
    for endpoint in &mut slice.endpoints {
        for address in &mut endpoint.addresses {
            address.pod = address.host;
        }
    }
    slice
}

/// Gives a NodePort to each port that has none: the same one each time, unless it is taken.
fn give_node_ports(registry: &Registry) {
    let cluster = registry.snapshot();
    let lacks = |service: &&Arc<Service>| {
        is_outside(service) && service.ports.iter().any(|port| port.node_port.is_none())
    };
    if !cluster.services.values().any(|service| lacks(&service)) {
        return;
    }
    registry.change(|cluster| {
        let ports = cluster.services.values().flat_map(|service| &service.ports);
        let mut taken: BTreeSet<u16> = ports
            .filter_map(|port| port.node_port)
            .map(|port| port.0)
            .collect();
        for service in cluster.services.values_mut() {
            if !lacks(&&*service) {
                continue;
            }
            let service = Arc::make_mut(service);
            for port in &mut service.ports {
                if port.node_port.is_none() {
                    port.node_port = free(&service.name, port.port, &mut taken);
                }
            }
        }
    });
}

fn free(service: &str, port: u16, taken: &mut BTreeSet<u16>) -> Option<NodePort> {
    let mut hasher = DefaultHasher::new();
    (service, port).hash(&mut hasher);
    let count = u64::from(NODE_PORTS.end - NODE_PORTS.start);
    let first = u16::try_from(hasher.finish() % count).unwrap_or_default();
    let candidates = (NODE_PORTS.start + first..NODE_PORTS.end).chain(NODE_PORTS);
    let found = candidates.into_iter().find(|port| !taken.contains(port))?;
    taken.insert(found);
    Some(NodePort(found))
}

/// Writes what is open, and why something is not, into the Services.
fn tell(registry: &Registry, address: IpAddr, problems: &[kube_proxy::Problem]) {
    let wanted = |service: &Service| {
        let problem = problems
            .iter()
            .find(|problem| problem.service == service.name);
        let ports = service.ports.iter();
        match problem {
            Some(problem) => LoadBalancerStatus {
                ingress: Vec::new(),
                pending: Some(problem.message.clone()),
            },
            None => LoadBalancerStatus {
                ingress: ports
                    .map(|port| SocketAddr::new(address, port.port))
                    .collect(),
                pending: None,
            },
        }
    };
    let differs = |service: &Service| {
        service.kind == ServiceType::LoadBalancer
            && is_outside(service)
            && service.load_balancer != wanted(service)
    };
    let cluster = registry.snapshot();
    if !cluster.services.values().any(|service| differs(service)) {
        return;
    }
    registry.change(|cluster| {
        for service in cluster.services.values_mut() {
            if differs(service) {
                let status = wanted(service);
                Arc::make_mut(service).load_balancer = status;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ports_come_from_the_upper_band_and_once() {
        let mut taken = BTreeSet::new();
        let first = free("web", 80, &mut taken).unwrap();
        let second = free("web", 80, &mut taken).unwrap();
        assert!(NODE_PORTS.contains(&first.0) && NODE_PORTS.contains(&second.0));
        assert_ne!(first, second);
        assert_eq!(free("web", 80, &mut BTreeSet::new()), Some(first));
    }
}
