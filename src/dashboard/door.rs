//! Where the lab itself comes in from outside: the host ports of the ingress.

use std::net::{Ipv4Addr, SocketAddr};

use crate::registry::Cluster;

/// The host ports, clear text first and then TLS; none where the load balancer has none yet.
pub(super) fn host_ports(cluster: &Cluster) -> &[SocketAddr] {
    let balancer = cluster.services.get(&cluster.ingress_classes.load_balancer);
    balancer.map_or(&[], |service| &service.load_balancer.ingress)
}

/// The address by which this machine reaches a socket that is bound there.
pub(super) fn dialled(bound: SocketAddr) -> SocketAddr {
    if bound.ip().is_unspecified() {
        return SocketAddr::from((Ipv4Addr::LOCALHOST, bound.port()));
    }
    bound
}
