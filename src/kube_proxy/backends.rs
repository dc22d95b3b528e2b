//! What one Service port needs to know for a draw, worked out once for each change.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Outside;
use crate::model::{
    Endpoint, EndpointSlice, IdleTimeout, Network, ProxyMode, ProxyProtocol, Service, ServiceType,
    SessionAffinity, TrafficPolicy,
};

/// The endpoints of one Service port, how they are drawn, and how they are dialled.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) service: Arc<str>,
    pub(super) mode: ProxyMode,
    pub(super) affinity: SessionAffinity,
    /// Clients that may use the load balancer; all if empty.
    sources: Vec<Network>,
    /// Usable endpoints only.
    pub(super) addresses: Vec<SocketAddr>,
    /// The pod at each of the addresses, or `None` for an address of the user's.
    pub(super) pods: Vec<Option<String>>,
    /// Pods by name, others by address, in the order of `addresses`.
    pub(super) names: Arc<[String]>,
    /// The traffic policy is `Local`, and all usable endpoints are elsewhere: kube-proxy drops.
    pub(super) drops: bool,
    /// What an endpoint is told about its client first.
    pub(super) proxy_protocol: ProxyProtocol,
    /// What becomes of a silent connection.
    pub(super) idle: Option<IdleTimeout>,
    /// As whom an endpoint sees the client.
    appears: Appears,
}

/// As whom an endpoint sees a client, as far as that is an address of this host.
#[derive(Clone, Copy, Debug)]
enum Appears {
    /// As the address that the host chooses.
    Anyhow,
    /// As this one, in place of SNAT.
    As(IpAddr),
    /// As itself.
    Itself,
}

impl Backends {
    /// Those of the port at `index` of a Service; of a `full` one there is nothing to choose from, and
    /// what comes is dropped.
    pub(super) fn of(
        service: &Service,
        slice: Option<&EndpointSlice>,
        mode: ProxyMode,
        index: usize,
        outside: Option<&Outside>,
        full: bool,
    ) -> Self {
        let policy = match outside {
            Some(_) => service.external_traffic_policy,
            None => service.internal_traffic_policy,
        };
        let usable: Vec<&Endpoint> = match (slice, policy) {
            (None, _) => Vec::new(),
            _ if full => Vec::new(),
            (Some(slice), TrafficPolicy::Cluster) => slice.usable().collect(),
            (Some(slice), TrafficPolicy::Local) => slice.usable_here().collect(),
        };
        let drops = usable.is_empty() && slice.is_some_and(|slice| slice.usable().next().is_some());
        let (addresses, pods): (Vec<SocketAddr>, Vec<Option<String>>) = usable
            .into_iter()
            .filter_map(|endpoint| {
                // A slice written by hand may be shorter than the Service's list of ports.
                let address = endpoint.addresses.get(index)?.pod;
                Some((address, endpoint.pod.clone()))
            })
            .unzip();
        // What a NodePort has nothing of.
        let balancer = outside.filter(|_| service.kind == ServiceType::LoadBalancer);
        Self {
            service: Arc::from(service.name.as_str()),
            mode,
            affinity: service.session_affinity,
            sources: balancer
                .map_or_else(Vec::new, |_| service.load_balancer_source_ranges.clone()),
            names: pods
                .iter()
                .zip(&addresses)
                .map(|(pod, address)| pod.clone().unwrap_or_else(|| address.to_string()))
                .collect(),
            addresses,
            pods,
            drops,
            proxy_protocol: balancer.map_or(ProxyProtocol::Off, |_| service.proxy_protocol),
            idle: balancer.and_then(|outside| outside.idle),
            appears: match (outside, policy) {
                (None, _) => Appears::Anyhow,
                (Some(_), TrafficPolicy::Local) => Appears::Itself,
                (Some(outside), TrafficPolicy::Cluster) => {
                    outside.own_address.map_or(Appears::Anyhow, Appears::As)
                }
            },
        }
    }

    /// Whether this client may use the load balancer.
    pub(super) fn admit(&self, client: IpAddr) -> bool {
        self.sources.is_empty() || self.sources.iter().any(|one| one.contains(client))
    }

    /// The address from which an endpoint is to be dialled for a client; `None` for any. Loopback
    /// reaches loopback only, and nothing else is reached from there.
    pub(super) fn dialled_from(&self, client: SocketAddr, endpoint: SocketAddr) -> Option<IpAddr> {
        let address = match self.appears {
            Appears::Anyhow => return None,
            Appears::As(address) => address,
            Appears::Itself => client.ip(),
        };
        let alike = address.is_ipv4() == endpoint.is_ipv4()
            && address.is_loopback() == endpoint.ip().is_loopback();
        alike.then_some(address)
    }
}
