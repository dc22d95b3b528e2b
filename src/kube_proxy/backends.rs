//! What one Service port needs to know for a draw, worked out once for each change.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{EndpointSlice, Network, ProxyMode, Service, SessionAffinity};

/// The endpoints of one Service port and how they are drawn.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) service: Arc<str>,
    pub(super) mode: ProxyMode,
    pub(super) affinity: SessionAffinity,
    /// Clients that may use the load balancer; all if empty.
    pub(super) sources: Vec<Network>,
    /// Usable endpoints only.
    pub(super) addresses: Vec<SocketAddr>,
    /// The pod at each of the addresses, or `None` for an address of the user's.
    pub(super) pods: Vec<Option<String>>,
    /// Pods by name, others by address, in the order of `addresses`.
    pub(super) names: Arc<[String]>,
}

impl Backends {
    /// Those of the port at `index` of a Service.
    pub(super) fn of(
        service: &Service,
        slice: Option<&EndpointSlice>,
        mode: ProxyMode,
        index: usize,
    ) -> Self {
        let (addresses, pods): (Vec<SocketAddr>, Vec<Option<String>>) = slice
            .into_iter()
            .flat_map(EndpointSlice::usable)
            .filter_map(|endpoint| {
                // A slice written by hand may be shorter than the Service's list of ports.
                let address = endpoint.addresses.get(index)?.pod;
                Some((address, endpoint.pod.clone()))
            })
            .unzip();
        Self {
            service: Arc::from(service.name.as_str()),
            mode,
            affinity: service.session_affinity,
            sources: service.load_balancer_source_ranges.clone(),
            names: pods
                .iter()
                .zip(&addresses)
                .map(|(pod, address)| pod.clone().unwrap_or_else(|| address.to_string()))
                .collect(),
            addresses,
            pods,
        }
    }
}
