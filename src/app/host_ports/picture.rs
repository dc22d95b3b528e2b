//! Services as they are seen from outside: one copy for the load balancer, one for NodePorts.

use std::net::{IpAddr, SocketAddr};

use super::balancers::{Fairness, Verdicts};
use crate::model::{ClusterIp, EndpointSlice, NetworkSnapshot, Service, ServicePort, ServiceType};
use crate::registry::Cluster;

/// What a Service's NodePorts are called beside its load balancer's.
const NODE_PORT: &str = "NodePort";

/// Whether host ports lead to it. The ingress' own Service has its ports elsewhere.
pub(super) fn is_outside(service: &Service) -> bool {
    let published = matches!(
        service.kind,
        ServiceType::NodePort | ServiceType::LoadBalancer
    );
    published && service.cluster_ip != ClusterIp::None
}

/// The name of the copy that stands for a Service's NodePorts; no Service can have it.
pub(super) fn node_ports_of(service: &str) -> String {
    format!("{service} {NODE_PORT}")
}

/// The copies. A load balancer without an address listens nowhere.
pub(super) fn outside_of(
    cluster: &Cluster,
    address: IpAddr,
    verdicts: &Verdicts,
) -> NetworkSnapshot {
    let mut picture = NetworkSnapshot {
        proxy_mode: cluster.proxy_mode,
        faults: cluster.faults.to_vec(),
        ..NetworkSnapshot::default()
    };
    for service in cluster.services.values().filter(|found| is_outside(found)) {
        let slice = cluster.slices.get(&service.name);
        let mut add = |kind, name: String, host_port: fn(&ServicePort) -> Option<u16>| {
            let mut copy = Service::clone(service);
            for port in &mut copy.ports {
                port.listen = host_port(port).map(|port| SocketAddr::new(address, port));
            }
            copy.kind = kind;
            copy.name.clone_from(&name);
            // Written by whoever looks at the copy; with it the copy would never settle.
            copy.load_balancer = crate::model::LoadBalancerStatus::default();
            picture.services.push(copy);
            picture
                .slices
                .extend(slice.map(|slice| from_host(slice, name)));
        };
        if matches!(verdicts.get(&service.name), Some(Fairness::Given(_))) {
            add(ServiceType::LoadBalancer, service.name.clone(), |port| {
                Some(port.port)
            });
        }
        add(
            ServiceType::NodePort,
            node_ports_of(&service.name),
            |port| port.node_port.map(|port| port.0),
        );
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
