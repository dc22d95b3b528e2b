//! What the names mean: the Kubernetes DNS specification, without packets.
//!
//! Beside the full names, `NAME`, `NAME.NAMESPACE` and `NAME.NAMESPACE.svc` are answered here and
//! not only by way of a search list, because pods of the process runtime ask with the short ones.

use std::net::{IpAddr, Ipv4Addr};

use crate::model::{Endpoint, Protocol, Service, ServiceType};
use crate::registry::Cluster;

/// What is known about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// These addresses; for a headless Service those of its ready pods.
    Addresses(Vec<IpAddr>),
    /// One entry for each way to reach the named port.
    Ports(Vec<Target>),
    /// Another name, without the last dot: what a Service of type ExternalName stands for.
    Alias(String),
    /// The name of an address.
    Name(String),
    /// A name that only has names below it.
    Empty,
    /// Ours, and it does not exist.
    Nothing,
    /// Not ours.
    Elsewhere,
}

/// What an SRV record points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// A full name, without the last dot.
    pub(super) name: String,
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// Looks a name up: labels in lower case, the leftmost first.
pub(super) fn look_up(cluster: &Cluster, labels: &[&str]) -> Known {
    match labels {
        [rest @ .., "cluster", "local"] => in_cluster_domain(cluster, rest),
        [rest @ .., "in-addr", "arpa"] => reverse(cluster, rest),
        [name] => of_service(cluster, name, None, &[]),
        [before @ .., name, namespace, "svc"] if has_namespace(cluster, namespace) => {
            of_service(cluster, name, Some(namespace), before)
        }
        [before @ .., name, namespace] if has_namespace(cluster, namespace) => {
            of_service(cluster, name, Some(namespace), before)
        }
        // `_http._tcp.console`
        [port, protocol, name] if port.starts_with('_') && protocol.starts_with('_') => {
            of_service(cluster, name, None, &labels[..2])
        }
        _ => Known::Elsewhere,
    }
}

/// `rest` is what stands before `cluster.local`.
fn in_cluster_domain(cluster: &Cluster, rest: &[&str]) -> Known {
    match rest {
        [] | ["svc" | "pod"] => Known::Empty,
        [namespace, "svc" | "pod"] if has_namespace(cluster, namespace) => Known::Empty,
        [before @ .., name, namespace, "svc"] => of_service(cluster, name, Some(namespace), before),
        [dashed, namespace, "pod"] if has_namespace(cluster, namespace) => {
            from_dashed(dashed).map_or(Known::Nothing, |address| Known::Addresses(vec![address]))
        }
        _ => Known::Nothing,
    }
}

/// A name of a Service or below one; `before` is what stands to the left of the Service's name.
fn of_service(cluster: &Cluster, name: &str, namespace: Option<&str>, before: &[&str]) -> Known {
    let service = cluster.services.get(name).filter(|service| {
        namespace.is_none_or(|namespace| service.namespace.eq_ignore_ascii_case(namespace))
    });
    let Some(service) = service else {
        return Known::Nothing;
    };
    if service.kind == ServiceType::ExternalName {
        return match (before, &service.external_name) {
            ([], Some(name)) => Known::Alias(name.to_ascii_lowercase()),
            _ => Known::Nothing,
        };
    }
    let full_name = full_name(service);
    match (before, reached_at(service)) {
        ([], Some(address)) => Known::Addresses(vec![address]),
        ([], None) => {
            let addresses: Vec<_> = ready(cluster, service).filter_map(address).collect();
            // The specification wants no such name, rather than an empty answer.
            if addresses.is_empty() {
                Known::Nothing
            } else {
                Known::Addresses(addresses)
            }
        }
        ([port, protocol], address) if port.starts_with('_') && protocol.starts_with('_') => ports(
            cluster,
            service,
            (&port[1..], &protocol[1..]),
            address,
            &full_name,
        ),
        // A pod of a headless Service by its own name.
        ([pod], None) => ready(cluster, service)
            .filter(|endpoint| endpoint_label(endpoint).as_deref() == Some(*pod))
            .find_map(address)
            .map_or(Known::Nothing, |address| Known::Addresses(vec![address])),
        // `_tcp.NAME`: there are names below it.
        (["_tcp" | "_udp"], Some(_)) => Known::Empty,
        _ => Known::Nothing,
    }
}

fn ports(
    cluster: &Cluster,
    service: &Service,
    (name, protocol): (&str, &str),
    cluster_ip: Option<IpAddr>,
    full_name: &str,
) -> Known {
    let wanted = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => return Known::Nothing,
    };
    let found = service
        .ports
        .iter()
        .position(|port| port.protocol == wanted && port.name.eq_ignore_ascii_case(name));
    let Some((index, port)) = found.and_then(|index| Some((index, service.ports.get(index)?)))
    else {
        return Known::Nothing;
    };
    let targets: Vec<_> = match cluster_ip {
        Some(address) => vec![Target {
            name: full_name.to_owned(),
            address,
            // Lab: where kube_proxy really listens, which is not the Service's port on hosts that
            // allow no other way.
            port: port.listen.map_or(port.port, |listen| listen.port()),
        }],
        None => ready(cluster, service)
            .filter_map(|endpoint| {
                let at = endpoint.addresses.get(index)?.pod;
                Some(Target {
                    name: format!("{}.{full_name}", endpoint_label(endpoint)?),
                    address: at.ip(),
                    port: at.port(),
                })
            })
            .collect(),
    };
    if targets.is_empty() {
        Known::Nothing
    } else {
        Known::Ports(targets)
    }
}

/// `rest` is what stands before `in-addr.arpa`: the address, last part first.
fn reverse(cluster: &Cluster, rest: &[&str]) -> Known {
    let [last, third, second, first] = rest else {
        return Known::Elsewhere;
    };
    let text = format!("{first}.{second}.{third}.{last}");
    let Ok(address) = text.parse::<Ipv4Addr>().map(IpAddr::V4) else {
        return Known::Elsewhere;
    };
    cluster
        .services
        .values()
        .find(|service| service.cluster_ip.address() == Some(address))
        .map_or(Known::Elsewhere, |service| Known::Name(full_name(service)))
}

/// The address to dial; none for a headless Service.
///
/// Lab: where `kube_proxy` really listens, which is not the ClusterIP on hosts that have only
/// 127.0.0.1.
fn reached_at(service: &Service) -> Option<IpAddr> {
    let cluster_ip = service.cluster_ip.address()?;
    let listen = service.ports.iter().find_map(|port| port.listen);
    Some(listen.map_or(cluster_ip, |listen| listen.ip()))
}

fn full_name(service: &Service) -> String {
    let Service {
        name, namespace, ..
    } = service;
    format!("{name}.{namespace}.svc.{}", super::CLUSTER_DOMAIN)
}

fn has_namespace(cluster: &Cluster, namespace: &str) -> bool {
    cluster
        .services
        .values()
        .any(|service| service.namespace.eq_ignore_ascii_case(namespace))
}

fn ready<'a>(cluster: &'a Cluster, service: &Service) -> impl Iterator<Item = &'a Endpoint> {
    cluster
        .slices
        .get(&service.name)
        .into_iter()
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| endpoint.conditions.ready)
}

fn address(endpoint: &Endpoint) -> Option<IpAddr> {
    endpoint.addresses.first().map(|address| address.pod.ip())
}

/// The pod's name, or the address with dashes where there is no pod.
fn endpoint_label(endpoint: &Endpoint) -> Option<String> {
    match &endpoint.pod {
        Some(pod) => Some(pod.to_ascii_lowercase()),
        None => address(endpoint).map(|address| address.to_string().replace(['.', ':'], "-")),
    }
}

fn from_dashed(label: &str) -> Option<IpAddr> {
    let v4 = label.replace('-', ".").parse::<Ipv4Addr>();
    v4.map(IpAddr::V4).ok()
}
