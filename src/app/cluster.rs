//! From a config to the first picture of the registry: ClusterIPs are given out, user's endpoints
//! resolved, Ingresses compiled.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::StartError;
use crate::config::{Config, StaticEndpoints};
use crate::model::{
    ClusterIp, Conditions, Deployment, Endpoint, EndpointAddress, EndpointSlice, Service,
    ServicePort,
};
use crate::net::Resolver;
use crate::pods::PodNetwork;
use crate::registry::Cluster;

/// Added to a privileged port that this user may not bind at a ClusterIP: 80 becomes 8080, the
/// number that people try first.
const UNPRIVILEGED: u16 = 8000;

/// Everything that the config says, with addresses; no pod exists yet.
pub(super) async fn first_picture(
    config: &Config,
    deployments: Vec<Deployment>,
    network: &PodNetwork,
    on_host: bool,
) -> Result<Cluster, StartError> {
    let mut cluster = Cluster {
        proxy_mode: config.proxy_mode,
        ..Cluster::default()
    };
    for deployment in deployments {
        cluster
            .deployments
            .insert(deployment.name.clone(), Arc::new(deployment));
    }
    for (index, service) in config.services.iter().enumerate() {
        let mut service = service.clone();
        if service.cluster_ip != ClusterIp::None {
            let address = u32::try_from(index)
                .ok()
                .and_then(|index| network.cluster_ip(index))
                .ok_or(StartError::TooManyServices {
                    services: config.services.len(),
                })?;
            service.cluster_ip = ClusterIp::Address(address);
            for port in &mut service.ports {
                port.listen = Some(listen_address(address, port, on_host));
            }
        }
        let fixed = config.static_endpoints.iter();
        let fixed = fixed.filter(|endpoints| endpoints.service == service.name);
        let mut slice = EndpointSlice {
            service: service.name.clone(),
            endpoints: Vec::new(),
        };
        for endpoints in fixed {
            slice.endpoints = resolve(endpoints, &service).await?;
        }
        cluster.slices.insert(service.name.clone(), Arc::new(slice));
        cluster
            .services
            .insert(service.name.clone(), Arc::new(service));
    }
    for ingress in &config.ingresses {
        cluster
            .ingresses
            .insert(ingress.name.clone(), Arc::new(ingress.clone()));
    }
    Ok(cluster)
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

/// The endpoints of a Service without selector. They are always ready: the lab did not start them
/// and does not judge them.
async fn resolve(
    endpoints: &StaticEndpoints,
    service: &Service,
) -> Result<Vec<Endpoint>, StartError> {
    let mut found = Vec::new();
    for address in &endpoints.addresses {
        let resolved = Resolver::system()
            .resolve(&address.host, address.port)
            .await
            .map_err(|source| StartError::StaticEndpoint {
                service: endpoints.service.clone(),
                host: address.host.clone(),
                source,
            })?;
        let Some(first) = resolved.first().copied() else {
            continue;
        };
        let one = EndpointAddress {
            pod: first,
            host: first,
        };
        found.push(Endpoint {
            pod: None,
            addresses: vec![one; service.ports.len()],
            conditions: Conditions {
                ready: true,
                serving: true,
                terminating: false,
            },
        });
    }
    Ok(found)
}
