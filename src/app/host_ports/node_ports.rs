//! Gives out NodePorts that nobody asked for.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use super::picture::is_outside;
use crate::model::{NodePort, Service, ServiceType, TrafficPolicy};
use crate::registry::{Cluster, Registry};

/// `--service-node-port-range` of the API server. Kubernetes gives out the upper band first
/// (KEP-3070), so that the lower one is free for those that are asked for.
const UPPER: std::ops::Range<u16> = 30_086..32_768;
const LOWER: std::ops::Range<u16> = 30_000..30_086;

/// Whether one of its ports is to have a NodePort and has none.
pub(super) fn lacks_port(service: &Service) -> bool {
    let wants = match service.kind {
        ServiceType::NodePort => true,
        ServiceType::LoadBalancer => !service.without_node_ports,
        ServiceType::ClusterIP | ServiceType::ExternalName => false,
    };
    wants && is_outside(service) && service.ports.iter().any(|port| port.node_port.is_none())
}

/// Whether it is to have a `healthCheckNodePort` and has none.
pub(super) fn lacks_health_port(service: &Service) -> bool {
    service.kind == ServiceType::LoadBalancer
        && service.external_traffic_policy == TrafficPolicy::Local
        && service.health_check_node_port.is_none()
        && is_outside(service)
}

/// Gives each port that lacks one a NodePort: the same one each time, unless it is taken. Where none
/// is left nothing is written, and the status says so.
pub(super) fn give(registry: &Registry) {
    let cluster = registry.snapshot();
    let lacks = |service: &Service| lacks_port(service) || lacks_health_port(service);
    if !cluster.services.values().any(|service| lacks(service)) {
        return;
    }
    let all = usize::from(UPPER.end - LOWER.start);
    if taken(&cluster).len() >= all {
        return;
    }
    registry.change(|cluster| {
        let mut taken = taken(cluster);
        for service in cluster.services.values_mut() {
            if !lacks(service) {
                continue;
            }
            let ports = lacks_port(service);
            let health = lacks_health_port(service);
            let service = Arc::make_mut(service);
            for port in &mut service.ports {
                if ports && port.node_port.is_none() {
                    port.node_port = free(&service.name, port.port, &mut taken);
                }
            }
            if health {
                // No Service has a port 0.
                service.health_check_node_port = free(&service.name, 0, &mut taken);
            }
        }
    });
}

fn taken(cluster: &Cluster) -> BTreeSet<u16> {
    let services = cluster.services.values();
    let ports = services.flat_map(|service| {
        let ports = service.ports.iter().filter_map(|port| port.node_port);
        ports.chain(service.health_check_node_port)
    });
    let range = LOWER.start..UPPER.end;
    ports
        .map(|port| port.0)
        .filter(|port| range.contains(port))
        .collect()
}

fn free(service: &str, port: u16, taken: &mut BTreeSet<u16>) -> Option<NodePort> {
    let mut hasher = DefaultHasher::new();
    (service, port).hash(&mut hasher);
    let count = u64::from(UPPER.end - UPPER.start);
    let first = u16::try_from(hasher.finish() % count).unwrap_or_default();
    let upper = (UPPER.start + first..UPPER.end).chain(UPPER);
    let found = upper.chain(LOWER).find(|port| !taken.contains(port))?;
    taken.insert(found);
    Some(NodePort(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppProtocol, ClusterIp, Protocol, ServicePort};

    fn service(name: &str, node_ports: impl Iterator<Item = Option<u16>>) -> Service {
        let ports = node_ports.zip(1..).map(|(node_port, port)| ServicePort {
            name: format!("p{port}"),
            protocol: Protocol::Tcp,
            port,
            target_port: port,
            node_port: node_port.map(NodePort),
            app_protocol: AppProtocol::Tcp,
            listen: None,
        });
        Service {
            name: name.to_owned(),
            kind: ServiceType::NodePort,
            cluster_ip: ClusterIp::Address([10, 43, 0, 1].into()),
            ports: ports.collect(),
            ..Service::default()
        }
    }

    fn registry(services: Vec<Service>) -> Registry {
        let services = services.into_iter();
        Registry::new(Cluster {
            services: services
                .map(|service| (service.name.clone(), Arc::new(service)))
                .collect(),
            ..Cluster::default()
        })
    }

    #[test]
    fn node_ports_come_from_the_upper_band_and_once() {
        let mut taken = BTreeSet::new();
        let first = free("web", 80, &mut taken).unwrap();
        let second = free("web", 80, &mut taken).unwrap();
        assert!(UPPER.contains(&first.0) && UPPER.contains(&second.0));
        assert_ne!(first, second);
        assert_eq!(free("web", 80, &mut BTreeSet::new()), Some(first));
    }

    #[test]
    fn the_lower_band_is_the_last_resort() {
        let all = (30_000..32_768).filter(|port| *port != 30_005).map(Some);
        let registry = registry(vec![
            service("all", all),
            service("late", [None].into_iter()),
        ]);
        give(&registry);
        let late = &registry.snapshot().services["late"];
        assert_eq!(late.ports[0].node_port, Some(NodePort(30_005)));
    }

    #[test]
    fn an_exhausted_range_changes_nothing() {
        let registry = registry(vec![
            service("all", (30_000..32_768).map(Some)),
            service("late", [None].into_iter()),
        ]);
        give(&registry);
        let cluster = registry.snapshot();
        // A change would wake whoever follows, who would give again.
        assert_eq!(cluster.generation, 0);
        assert!(lacks_port(&cluster.services["late"]));
    }

    #[test]
    fn a_load_balancer_gets_none_where_it_wants_none() {
        let mut balancer = service("web", [None].into_iter());
        balancer.kind = ServiceType::LoadBalancer;
        balancer.without_node_ports = true;
        let registry = registry(vec![balancer]);
        give(&registry);
        assert_eq!(registry.snapshot().generation, 0);
    }
}
