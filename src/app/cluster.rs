//! From a config to a picture of the registry: ClusterIPs are given out, user's endpoints resolved,
//! Ingresses compiled, certificates issued. The start and every reload draw it in the same way.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::gateway::{self, Addresses};
use super::{StartError, certificates};
use crate::config::{Config, StaticEndpoints};
use crate::model::{
    ClusterIp, Deployment, Endpoint, EndpointAddress, EndpointSlice, NodePort, Service, ServicePort,
};
use crate::net::{Authority, Resolver};
use crate::pods::PodNetwork;
use crate::registry::Cluster;

/// Added to a privileged port that this user may not bind at a ClusterIP: 80 becomes 8080, the
/// number that people try first.
const UNPRIVILEGED: u16 = 8000;

/// What a picture depends on beside the config; fixed for the life of a lab.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// Issues certificates.
    pub(super) authority: Arc<Authority>,
    /// Of the host ports.
    pub(super) addresses: Addresses,
    /// Where ClusterIPs live.
    pub(super) network: PodNetwork,
    /// Whether that is the host itself.
    pub(super) on_host: bool,
}

impl Surroundings {
    /// Everything that the config says; no pod exists in it, and of endpoints only the user's own.
    /// ClusterIPs and certificates that `before` has are kept.
    pub(super) async fn picture(
        &self,
        config: &Config,
        deployments: Vec<Deployment>,
        before: &Cluster,
    ) -> Result<Cluster, StartError> {
        let mut cluster = Cluster {
            proxy_mode: config.proxy_mode,
            ingress_replicas: config.ingress.replicas,
            ingress_classes: Arc::new(config.ingress_classes.clone()),
            gateway_api: Arc::new(config.gateway_api.clone()),
            ..Cluster::default()
        };
        for deployment in deployments {
            cluster
                .deployments
                .insert(deployment.name.clone(), Arc::new(deployment));
        }
        let mut given = given(config, before);
        for (index, service) in config.services.iter().enumerate() {
            let mut service = service.clone();
            if service.cluster_ip != ClusterIp::None {
                let address = self
                    .address(&service.name, index, &mut given, before)
                    .ok_or(StartError::TooManyServices {
                        services: config.services.len(),
                    })?;
                self.settle(&mut service, address, before);
                keep_host_ports(&mut service, config, before);
            }
            let fixed = config.static_endpoints.iter();
            for endpoints in fixed.filter(|endpoints| endpoints.service == service.name) {
                let slice = EndpointSlice {
                    service: service.name.clone(),
                    endpoints: resolve(endpoints).await?,
                };
                cluster.slices.insert(service.name.clone(), Arc::new(slice));
            }
            cluster
                .services
                .insert(service.name.clone(), Arc::new(service));
        }
        for ingress in &config.ingresses {
            cluster
                .ingresses
                .insert(ingress.name.clone(), Arc::new(ingress.clone()));
        }
        for secret in &config.secrets {
            cluster
                .secrets
                .insert(secret.name.clone(), Arc::new(secret.clone()));
        }
        gateway::complete(&mut cluster, config, self.addresses, before);
        certificates::ask(&mut cluster, &self.authority, before);
        Ok(cluster)
    }

    /// The Service's ClusterIP of before, else that of its place in the config, else any free one.
    fn address(
        &self,
        service: &str,
        index: usize,
        given: &mut BTreeSet<IpAddr>,
        before: &Cluster,
    ) -> Option<IpAddr> {
        let known = before.services.get(service);
        if let Some(address) = known.and_then(|known| known.cluster_ip.address()) {
            return Some(address);
        }
        if self.network.size == 1 {
            return self.network.cluster_ip(0);
        }
        let own = u32::try_from(index).ok()?;
        std::iter::once(own)
            .chain(0..self.network.size)
            .filter_map(|index| self.network.cluster_ip(index))
            .find(|address| given.insert(*address))
    }

    /// Writes the ClusterIP, and where each port listens: ports of before stay where they are.
    fn settle(&self, service: &mut Service, address: IpAddr, before: &Cluster) {
        service.cluster_ip = ClusterIp::Address(address);
        let known = before.services.get(&service.name);
        let known = known.map_or(&[][..], |known| &known.ports);
        for port in &mut service.ports {
            let same =
                |known: &&ServicePort| (known.port, known.protocol) == (port.port, port.protocol);
            let listens = known.iter().find(same).and_then(|known| known.listen);
            port.listen =
                Some(listens.unwrap_or_else(|| listen_address(address, port, self.on_host)));
        }
    }
}

/// NodePorts that were given out stay with their Service, unless somebody asks for them now; and so
/// does what its load balancer has said.
fn keep_host_ports(service: &mut Service, config: &Config, before: &Cluster) {
    let Some(known) = before.services.get(&service.name) else {
        return;
    };
    if service.kind != known.kind {
        return;
    }
    let asked = |wanted: NodePort| {
        let services = config.services.iter();
        let mut ports = services.flat_map(|service| {
            let ports = service.ports.iter().filter_map(|port| port.node_port);
            ports.chain(service.health_check_node_port)
        });
        ports.any(|port| port == wanted)
    };
    for port in service
        .ports
        .iter_mut()
        .filter(|port| port.node_port.is_none())
    {
        let same =
            |known: &&ServicePort| (known.port, known.protocol) == (port.port, port.protocol);
        let given = known
            .ports
            .iter()
            .find(same)
            .and_then(|known| known.node_port);
        port.node_port = given.filter(|given| !asked(*given) && !service.without_node_ports);
    }
    if service.external_traffic_policy == known.external_traffic_policy {
        let given = known.health_check_node_port.filter(|given| !asked(*given));
        service.health_check_node_port = service.health_check_node_port.or(given);
    }
    service.load_balancer.clone_from(&known.load_balancer);
}

/// The ClusterIPs that stay with their Services.
fn given(config: &Config, before: &Cluster) -> BTreeSet<IpAddr> {
    let stay = config
        .services
        .iter()
        .filter_map(|service| before.services.get(&service.name));
    stay.filter_map(|service| service.cluster_ip.address())
        .collect()
}

/// Where `kube_proxy` listens for a port: at the ClusterIP, unless it lives on the host and the
/// port is not to be had there.
fn listen_address(cluster_ip: IpAddr, port: &ServicePort, on_host: bool) -> SocketAddr {
    let wanted = SocketAddr::new(cluster_ip, port.port);
    if !on_host {
        return wanted;
    }
    let alternatives = [
        Some(port.port),
        port.port.checked_add(UNPRIVILEGED),
        Some(0),
    ];
    let bindable = |port| {
        let listener = std::net::TcpListener::bind(SocketAddr::new(cluster_ip, port)).ok()?;
        listener.local_addr().ok()
    };
    // If nothing can be bound, kube_proxy reports why at the address where it should be.
    alternatives
        .into_iter()
        .flatten()
        .find_map(bindable)
        .unwrap_or(wanted)
}

/// The endpoints of a Service without selector.
async fn resolve(endpoints: &StaticEndpoints) -> Result<Vec<Endpoint>, StartError> {
    let mut found = Vec::new();
    for endpoint in &endpoints.endpoints {
        let mut addresses = Vec::new();
        for address in &endpoint.addresses {
            let resolved = Resolver::system()
                .resolve(&address.host, address.port)
                .await
                .map_err(|source| StartError::StaticEndpoint {
                    service: endpoints.service.clone(),
                    host: address.host.clone(),
                    source,
                })?;
            addresses.extend(resolved.first().map(|&first| EndpointAddress {
                pod: first,
                host: first,
            }));
        }
        // A name without an address leaves a gap, and an endpoint has all ports.
        if addresses.len() == endpoint.addresses.len() {
            found.push(Endpoint {
                pod: None,
                addresses,
                conditions: endpoint.conditions,
            });
        }
    }
    Ok(found)
}
