//! Services as they were written, and slices for those whose addresses are the user's own.

use serde_json::{Value, json};

use super::document::Document;
use super::{Export, annotated, metadata};
use crate::model::{
    AppProtocol, ClusterIp, Endpoint, EndpointAddress, EndpointSlice, Protocol, ProxyProtocol,
    Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
};

/// How Traefik is told that a Service speaks HTTP/2 in clear text.
const SERVERS_SCHEME: &str = "traefik.ingress.kubernetes.io/service.serversscheme";

/// Services, and the slices of those without selector.
pub(super) fn all(export: &mut Export<'_>) -> (Vec<Document>, Vec<Document>) {
    let (mut services, mut slices) = (Vec::new(), Vec::new());
    for service in export.cluster.services.values() {
        // It belongs to the controller, which a cluster has of its own.
        if service.name == export.cluster.ingress_classes.load_balancer {
            continue;
        }
        let selected = selected(export, service);
        if selected.is_none() && service.kind != ServiceType::ExternalName {
            slices.extend(slice(export, service));
        }
        services.push(write(export, service, selected.as_deref()));
    }
    (services, slices)
}

/// The Deployment whose pods are the Service's endpoints.
fn selected(export: &Export<'_>, service: &Service) -> Option<String> {
    let deployments = &export.cluster.deployments;
    let own = service.selector.clone().or_else(|| {
        let mut owners = deployments.values();
        let found = owners.find(|one| one.service.as_deref() == Some(&*service.name));
        found.map(|deployment| deployment.name.clone())
    });
    own.filter(|name| deployments.contains_key(name))
}

fn write(export: &mut Export<'_>, service: &Service, selected: Option<&str>) -> Document {
    let mut comments = Vec::new();
    let mut annotations = service.annotations.clone();
    let traefik = export.cluster.ingress_classes.load_balancer == "traefik";
    let h2c = service
        .ports
        .iter()
        .any(|port| port.app_protocol == AppProtocol::H2c);
    if traefik && h2c && !annotations.contains_key(SERVERS_SCHEME) {
        annotations.insert(SERVERS_SCHEME.to_owned(), "h2c".to_owned());
        comments.push(
            "The lab takes HTTP/2 from the port's appProtocol; Traefik asks for an annotation"
                .to_owned(),
        );
    }
    if service.proxy_protocol != ProxyProtocol::Off {
        let told = format!(
            "Service {}: the PROXY protocol is a matter of the cluster's load balancer, and K3s' has none",
            service.name
        );
        comments.push(told.clone());
        export.notes.push(told);
    }
    let mut spec = json!({ "type": service.kind });
    let mut set = |key: &str, value: Value| spec[key] = value;
    if service.kind == ServiceType::ExternalName {
        set("externalName", json!(service.external_name));
    } else if service.cluster_ip == ClusterIp::None {
        set("clusterIP", json!("None"));
    }
    if let Some(name) = selected {
        set("selector", json!({ "app": name }));
    }
    let ports = service.ports.iter().map(|found| port(found, service));
    let ports: Vec<_> = ports.collect();
    if !ports.is_empty() {
        set("ports", json!(ports));
    }
    if let SessionAffinity::ClientIP { timeout_seconds } = service.session_affinity {
        set("sessionAffinity", json!("ClientIP"));
        let config = json!({ "clientIP": { "timeoutSeconds": timeout_seconds } });
        set("sessionAffinityConfig", config);
    }
    let outside = matches!(
        service.kind,
        ServiceType::NodePort | ServiceType::LoadBalancer
    );
    if outside {
        set(
            "externalTrafficPolicy",
            json!(service.external_traffic_policy),
        );
    }
    if service.internal_traffic_policy == TrafficPolicy::Local {
        set("internalTrafficPolicy", json!("Local"));
    }
    if service.publish_not_ready_addresses {
        set("publishNotReadyAddresses", json!(true));
    }
    if service.kind == ServiceType::LoadBalancer {
        if let Some(address) = service.load_balancer_ip {
            set("loadBalancerIP", json!(address));
        }
        if !service.load_balancer_source_ranges.is_empty() {
            let ranges = service.load_balancer_source_ranges.iter();
            let ranges = ranges.map(|range| format!("{}/{}", range.address, range.prefix));
            let ranges: Vec<_> = ranges.collect();
            set("loadBalancerSourceRanges", json!(ranges));
        }
        if service.without_node_ports {
            set("allocateLoadBalancerNodePorts", json!(false));
        }
        let local = service.external_traffic_policy == TrafficPolicy::Local;
        if let Some(port) = service.health_check_node_port.filter(|_| local) {
            set("healthCheckNodePort", json!(port));
        }
        let busy = service
            .ports
            .iter()
            .find(|port| [80, 443].contains(&port.port));
        if let Some(port) = busy {
            export.notes.push(format!(
                "Service {} asks for port {} of every machine, which the ingress controller of K3s has: one of them stays pending",
                service.name, port.port
            ));
        }
    }
    let object = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": annotated(&service.name, &annotations),
        "spec": spec,
    });
    Document::with(object, comments)
}

fn port(port: &ServicePort, service: &Service) -> Value {
    let mut value = json!({});
    if !port.name.is_empty() {
        value["name"] = json!(port.name);
    }
    value["protocol"] = json!(port.protocol);
    value["port"] = json!(port.port);
    if service.kind != ServiceType::ExternalName {
        value["targetPort"] = json!(port.target_port);
    }
    if let Some(node_port) = port.node_port {
        value["nodePort"] = json!(node_port);
    }
    match (port.protocol, port.app_protocol) {
        (Protocol::Tcp, AppProtocol::H2c) => value["appProtocol"] = json!("kubernetes.io/h2c"),
        (Protocol::Tcp, AppProtocol::Http) => value["appProtocol"] = json!("http"),
        _ => {}
    }
    value
}

/// The user's addresses, unless a cluster could not reach or would not take them.
fn slice(export: &mut Export<'_>, service: &Service) -> Option<Document> {
    let name = &service.name;
    let nothing = EndpointSlice::default();
    let slice = export
        .cluster
        .slices
        .get(name)
        .map_or(&nothing, |slice| slice);
    let fixed = slice
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.pod.is_none());
    let here = |address: &EndpointAddress| address.pod.ip().is_loopback();
    let all: Vec<_> = fixed.collect();
    let good = all.iter().copied();
    let good: Vec<&Endpoint> = good.filter(|one| !one.addresses.iter().any(here)).collect();
    if good.len() < all.len() || all.is_empty() {
        export.notes.push(format!(
            "Service {name} leads to addresses of this machine or to none, which no cluster can reach: give it a selector or other addresses"
        ));
    }
    let first = good.first()?;
    // All ports of an address are in one slice, so the addresses' own ports must be the same.
    let numbers = |one: &Endpoint| -> Vec<u16> {
        one.addresses
            .iter()
            .map(|address| address.pod.port())
            .collect()
    };
    let wanted = numbers(first);
    let same = good.iter().filter(|one| numbers(one) == wanted);
    let same: Vec<_> = same.collect();
    if same.len() < good.len() {
        export.notes.push(format!(
            "Service {name}: of its endpoints only those at the first one's ports are exported"
        ));
    }
    let ports = service.ports.iter().zip(&wanted).map(
        |(port, number)| json!({ "name": port.name, "protocol": port.protocol, "port": number }),
    );
    let endpoints = same.iter().filter_map(|one| {
        let address = one.addresses.first()?.pod.ip();
        Some(json!({ "addresses": [address], "conditions": { "ready": one.conditions.ready } }))
    });
    let family = match first.addresses.first()?.pod {
        std::net::SocketAddr::V4(_) => "IPv4",
        std::net::SocketAddr::V6(_) => "IPv6",
    };
    let mut metadata = metadata(&format!("{name}-fixed"));
    metadata["labels"]["kubernetes.io/service-name"] = json!(name);
    Some(Document::new(json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": family,
        "ports": ports.collect::<Vec<_>>(),
        "endpoints": endpoints.collect::<Vec<_>>(),
    })))
}
