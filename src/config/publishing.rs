//! The keys of `[services.NAME]` that say who reaches a Service, and how: `type` and what goes with it.
//!
//! The rules are those of Kubernetes' own validation of a Service.

use std::collections::BTreeMap;

use super::merge::SOURCES;
use super::names;
use super::ports::NODE_PORTS;
use super::section::Section;
use super::settings::Config;
use crate::model::{
    ClusterIp, Network, NodePort, ProxyProtocol, Service, ServiceType, TrafficPolicy,
};

/// How `type` is written.
pub(super) const TYPES: [(&str, ServiceType); 4] = [
    ("ClusterIP", ServiceType::ClusterIP),
    ("NodePort", ServiceType::NodePort),
    ("LoadBalancer", ServiceType::LoadBalancer),
    ("ExternalName", ServiceType::ExternalName),
];
/// How traffic policies are written.
pub(super) const POLICIES: [(&str, TrafficPolicy); 2] = [
    ("Cluster", TrafficPolicy::Cluster),
    ("Local", TrafficPolicy::Local),
];
/// How versions of the PROXY protocol are written.
pub(super) const PROXY_PROTOCOLS: [(&str, ProxyProtocol); 3] = [
    ("off", ProxyProtocol::Off),
    ("v1", ProxyProtocol::V1),
    ("v2", ProxyProtocol::V2),
];

/// Makes a load balancer begin each connection with a header of the PROXY protocol.
const PROXY_PROTOCOL: &str = "service.beta.kubernetes.io/aws-load-balancer-proxy-protocol";
/// Keys that only a load balancer has a use for.
const OF_LOAD_BALANCERS: [&str; 5] = [
    "health_check_node_port",
    "load_balancer_source_ranges",
    "load_balancer_ip",
    "allocate_load_balancer_node_ports",
    "proxy_protocol",
];
/// What a name for another name has no use for.
const OF_OTHERS: [&str; 13] = [
    "args",
    "env",
    "files",
    "grace",
    "headless",
    "internal_traffic_policy",
    "publish_not_ready_addresses",
    "readiness",
    "replicas",
    "session_affinity",
    "session_affinity_timeout",
    "wait_for",
    "working_directory",
];

/// Reads the keys into the Service; which port has which NodePort is said among the ports.
pub(super) fn read(section: &Section<'_>, service: &mut Service) {
    service.kind = section.choice("type", &TYPES);
    service.cluster_ip = cluster_ip(section, service.kind);
    service.external_traffic_policy = section.choice("external_traffic_policy", &POLICIES);
    service.internal_traffic_policy = section.choice("internal_traffic_policy", &POLICIES);
    service.publish_not_ready_addresses = section.boolean("publish_not_ready_addresses", false);
    service.without_node_ports = !section.boolean("allocate_load_balancer_node_ports", true);
    service.load_balancer_source_ranges = source_ranges(section);
    service.load_balancer_ip = load_balancer_ip(section);
    service.proxy_protocol = section.choice("proxy_protocol", &PROXY_PROTOCOLS);
    if section.field("proxy_protocol").is_none() {
        service.proxy_protocol = annotated(&service.annotations);
    }
    let health = section.field("health_check_node_port");
    let health = health.and_then(|field| field.number(NODE_PORTS));
    service.health_check_node_port = health.map(NodePort);
    service.external_name = external_name(section, service.kind);
    if service.kind != ServiceType::LoadBalancer {
        for key in OF_LOAD_BALANCERS {
            if let Some(field) = section.field(key) {
                field.refuse(
                    "belongs to a load balancer",
                    "write type = \"LoadBalancer\", or leave it out",
                );
            }
        }
    }
    let published = matches!(
        service.kind,
        ServiceType::NodePort | ServiceType::LoadBalancer
    );
    if let (Some(field), false) = (section.field("external_traffic_policy"), published) {
        field.refuse(
            "nothing from outside reaches this Service",
            "write type = \"NodePort\" or \"LoadBalancer\", or leave it out",
        );
    }
}

/// The version that an annotation of the AWS load balancer controller asks for: `*` is every target
/// group, and its NLBs speak version 2.
pub(super) fn annotated(annotations: &BTreeMap<String, String>) -> ProxyProtocol {
    match annotations.get(PROXY_PROTOCOL).map(String::as_str) {
        Some("*") => ProxyProtocol::V2,
        _ => ProxyProtocol::Off,
    }
}

fn cluster_ip(section: &Section<'_>, kind: ServiceType) -> ClusterIp {
    let headless = section.boolean("headless", false);
    let published = matches!(kind, ServiceType::NodePort | ServiceType::LoadBalancer);
    if let (Some(field), true, true) = (section.field("headless"), headless, published) {
        field.refuse(
            format!("a Service of type {kind:?} has a ClusterIP"),
            "leave one of them out",
        );
    }
    if headless || kind == ServiceType::ExternalName {
        ClusterIp::None
    } else {
        Config::UNASSIGNED
    }
}

fn source_ranges(section: &Section<'_>) -> Vec<Network> {
    let field = section.field("load_balancer_source_ranges");
    let texts = field.map(|field| field.texts()).unwrap_or_default();
    let mut networks = Vec::new();
    for (text, field) in texts {
        match Network::parse(text.trim()) {
            Some(network) => networks.push(network),
            None => field.refuse("must be a network", "write for example \"10.0.0.0/8\""),
        }
    }
    networks
}

fn load_balancer_ip(section: &Section<'_>) -> Option<std::net::IpAddr> {
    let field = section.field("load_balancer_ip")?;
    let address = field.text()?.parse().ok();
    if address.is_none() {
        field.refuse(
            "must be an IP address",
            "write for example \"192.168.1.240\", or leave it out for any",
        );
    }
    address
}

fn external_name(section: &Section<'_>, kind: ServiceType) -> Option<String> {
    let Some(field) = section.field("external_name") else {
        if kind == ServiceType::ExternalName {
            section.missing("external_name", "write external_name = \"db.example.com\"");
        }
        return None;
    };
    if kind != ServiceType::ExternalName {
        field.refuse(
            "belongs to the type ExternalName",
            "write type = \"ExternalName\", or leave it out",
        );
        return None;
    }
    let name = field.text()?;
    if !names::is_subdomain(name) {
        field.refuse(
            "must be a host name",
            "write for example external_name = \"db.example.com\"",
        );
        return None;
    }
    Some(name.to_owned())
}

/// A Service of type ExternalName is a name and nothing else.
pub(super) fn only_a_name(section: &Section<'_>) {
    for key in SOURCES.into_iter().chain(OF_OTHERS) {
        if let Some(field) = section.field(key) {
            field.refuse(
                "a Service of type ExternalName is only a name for another one",
                "leave it out",
            );
        }
    }
}

/// NodePorts belong to Services that have some.
pub(super) fn check_node_ports(section: &Section<'_>, service: &Service) {
    let without = match service.kind {
        ServiceType::ClusterIP | ServiceType::ExternalName => true,
        ServiceType::NodePort | ServiceType::LoadBalancer => false,
    };
    if without && service.ports.iter().any(|port| port.node_port.is_some()) {
        let field = section
            .field("node_port")
            .or_else(|| section.field("ports"));
        if let Some(field) = field {
            field.refuse(
                format!("a Service of type {:?} has no node_port", service.kind),
                "write type = \"NodePort\" or \"LoadBalancer\", or leave node_port out",
            );
        }
    }
}
