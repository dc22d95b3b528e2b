//! Service of `v1`.

use std::collections::BTreeMap;

use super::super::field::Field;
use super::super::names;
use super::super::ports::{NODE_PORTS, port_name, usual};
use super::super::publishing::{POLICIES, TYPES, annotated};
use super::super::section::Section;
use super::super::services::NAMESPACE;
use super::super::settings::Config;
use super::object::{self, Metadata};
use crate::model::{
    AppProtocol, ClusterIp, Network, NodePort, ObjectReport, Protocol, Service, ServicePort,
    ServiceType, SessionAffinity,
};

/// `sessionAffinityConfig.clientIP.timeoutSeconds` of Kubernetes: three hours.
const AFFINITY_TIMEOUT: u32 = 10_800;
const PROTOCOLS: [(&str, Transport); 3] = [
    ("TCP", Transport::Carried(Protocol::Tcp)),
    ("UDP", Transport::Carried(Protocol::Udp)),
    ("SCTP", Transport::Sctp),
];
/// What Kubernetes takes as `protocol`.
#[derive(Clone, Copy)]
enum Transport {
    Carried(Protocol),
    /// The lab does not carry it.
    Sctp,
}

/// A Service, and what is compared with other objects later.
#[derive(Debug)]
pub(super) struct FoundManifestService {
    pub(super) metadata: Metadata,
    pub(super) service: Service,
    /// `spec.selector`; empty without one.
    pub(super) selector: BTreeMap<String, String>,
    /// Ports whose `targetPort` is a name, by their position.
    pub(super) named_targets: Vec<(usize, String)>,
}

/// Reads a Service; `None` if its form is wrong, which was reported.
pub(super) fn read(
    object: &Section<'_>,
    metadata: Metadata,
    reports: &mut Vec<ObjectReport>,
) -> Option<FoundManifestService> {
    let spec = object::spec(object)?;
    if !names::is_label(&metadata.name) && !metadata.name.is_empty() {
        object.refuse(
            "metadata.name",
            "a Service's name must be a DNS label: small letters, digits and hyphens, at most 63",
        );
    }
    let kind = spec.choice("type", &TYPES);
    let mut found = FoundManifestService {
        service: Service {
            name: metadata.name.clone(),
            namespace: metadata
                .namespace
                .clone()
                .unwrap_or_else(|| NAMESPACE.to_owned()),
            kind,
            cluster_ip: cluster_ip(&spec, kind, &metadata, reports),
            session_affinity: affinity(&spec),
            external_traffic_policy: spec.choice("externalTrafficPolicy", &POLICIES),
            internal_traffic_policy: spec.choice("internalTrafficPolicy", &POLICIES),
            annotations: metadata.annotations.clone(),
            external_name: external_name(&spec, kind),
            load_balancer_source_ranges: source_ranges(&spec),
            load_balancer_ip: spec
                .field("loadBalancerIP")
                .and_then(|field| address(&field)),
            publish_not_ready_addresses: spec.boolean("publishNotReadyAddresses", false),
            proxy_protocol: annotated(&metadata.annotations),
            health_check_node_port: spec
                .field("healthCheckNodePort")
                .and_then(|field| node_port(&field)),
            without_node_ports: !spec.boolean("allocateLoadBalancerNodePorts", true),
            ..Service::default()
        },
        selector: object::texts(&spec, "selector"),
        named_targets: Vec::new(),
        metadata,
    };
    ports(&spec, &mut found, reports);
    for (key, remedy) in [
        ("externalIPs", "nothing listens there"),
        ("loadBalancerClass", "the lab has one load balancer"),
    ] {
        if spec.field(key).is_some() {
            let message = format!("{key} has no effect: {remedy}");
            reports.push(found.metadata.report(false, message));
        }
    }
    spec.accept(&[
        "clusterIPs",
        "ipFamilies",
        "ipFamilyPolicy",
        "trafficDistribution",
    ]);
    spec.finish();
    Some(found)
}

/// The lab gives out ClusterIPs itself; only `None` is a wish that it grants.
fn cluster_ip(
    spec: &Section<'_>,
    kind: ServiceType,
    metadata: &Metadata,
    reports: &mut Vec<ObjectReport>,
) -> ClusterIp {
    let field = spec.field("clusterIP");
    let written = field.as_ref().and_then(Field::text).unwrap_or_default();
    match written {
        "None" => return ClusterIp::None,
        "" => {}
        _ => {
            if field.and_then(|field| address(&field)).is_some() {
                let message =
                    format!("clusterIP {written} is not taken over; the lab gives it another");
                reports.push(metadata.report(false, message));
            }
        }
    }
    if kind == ServiceType::ExternalName {
        return ClusterIp::None;
    }
    Config::UNASSIGNED
}

fn address(field: &Field<'_>) -> Option<std::net::IpAddr> {
    let text = field.text().filter(|text| !text.is_empty())?;
    let address = text.parse().ok();
    if address.is_none() {
        field.refuse("must be an IP address", "leave it out");
    }
    address
}

fn affinity(spec: &Section<'_>) -> SessionAffinity {
    let sticky = spec.choice("sessionAffinity", &[("None", false), ("ClientIP", true)]);
    let mut timeout_seconds = AFFINITY_TIMEOUT;
    let config = spec
        .field("sessionAffinityConfig")
        .and_then(|field| field.section());
    if let Some(config) = config {
        if let Some(inner) = config.field("clientIP").and_then(|field| field.section()) {
            timeout_seconds = inner.number("timeoutSeconds", 1..=86_400, timeout_seconds);
            inner.finish();
        }
        config.finish();
    }
    if sticky {
        SessionAffinity::ClientIP { timeout_seconds }
    } else {
        SessionAffinity::None
    }
}

fn external_name(spec: &Section<'_>, kind: ServiceType) -> Option<String> {
    if kind != ServiceType::ExternalName {
        // Kubernetes keeps it and ignores it.
        spec.accept(&["externalName"]);
        return None;
    }
    let field = spec.required("externalName", "write externalName: db.example.com")?;
    object::name(&field)
}

fn source_ranges(spec: &Section<'_>) -> Vec<Network> {
    let ranges = spec
        .field("loadBalancerSourceRanges")
        .map(|field| field.texts());
    let mut networks = Vec::new();
    for (text, field) in ranges.unwrap_or_default() {
        match Network::parse(text.trim()) {
            Some(network) => networks.push(network),
            None => field.refuse("must be a network", "write for example 10.0.0.0/8"),
        }
    }
    networks
}

fn ports(spec: &Section<'_>, found: &mut FoundManifestService, reports: &mut Vec<ObjectReport>) {
    let entries = object::sections(spec, "ports");
    let portless = found.service.cluster_ip == ClusterIp::None;
    if entries.is_empty() && !portless {
        spec.missing("ports", "write ports: [{ port: 80 }]");
    }
    let several = entries.len() > 1;
    for entry in entries {
        let name = match entry.field("name") {
            Some(field) => port_name(&field),
            None if several => {
                entry.missing("name", "a Service with several ports names each of them");
                String::new()
            }
            None => String::new(),
        };
        port(&entry, name, found, reports);
        entry.finish();
    }
}

/// A NodePort; 0 is none.
fn node_port(field: &Field<'_>) -> Option<NodePort> {
    let wanted: Option<i64> = field.number(0..=*NODE_PORTS.end());
    if wanted.is_some_and(|port| port != 0 && !NODE_PORTS.contains(&port)) {
        field.refuse("must be 30000 to 32767", "leave it out for any free one");
    }
    let port = wanted.and_then(|port| u16::try_from(port).ok())?;
    (port != 0).then_some(NodePort(port))
}

fn port(
    entry: &Section<'_>,
    name: String,
    found: &mut FoundManifestService,
    reports: &mut Vec<ObjectReport>,
) {
    let number = entry.required("port", "write port: 80");
    let number = number.and_then(|field| field.port());
    let protocol = transport(entry);
    let target = entry.field("targetPort");
    let named = target.as_ref().filter(|field| !field.is_number());
    let named = named.and_then(Field::words);
    let target = match &target {
        Some(field) if field.is_number() => field.port(),
        _ => number,
    };
    let node_port = entry.field("nodePort");
    let node_port = node_port.and_then(|field| self::node_port(&field));
    let app_protocol = entry.field("appProtocol").and_then(|field| field.words());
    let (Some(number), Some(target), Some(protocol)) = (number, target, protocol) else {
        return;
    };
    let Transport::Carried(protocol) = protocol else {
        let message =
            format!("port {number} is SCTP, which the lab does not carry; it is left out");
        reports.push(found.metadata.report(false, message));
        return;
    };
    let ports = &mut found.service.ports;
    let taken = ports.iter().any(|other| {
        (other.port, other.protocol) == (number, protocol)
            || (!name.is_empty() && other.name == name)
    });
    if taken {
        entry.refuse("port", "another port has this number or this name");
        return;
    }
    if let Some(named) = named {
        found.named_targets.push((ports.len(), named.to_owned()));
    }
    ports.push(ServicePort {
        app_protocol: app_protocol.map_or_else(|| usual(number, protocol), spoken),
        name,
        protocol,
        port: number,
        target_port: target,
        node_port,
        listen: None,
    });
}

/// What the names of `appProtocol` mean to an ingress: Kubernetes' own, and IANA's for what is no
/// HTTP.
fn spoken(name: &str) -> AppProtocol {
    match name.to_ascii_lowercase().as_str() {
        "kubernetes.io/h2c" | "h2c" | "http2" | "grpc" => AppProtocol::H2c,
        "tcp" | "mongo" | "mongodb" | "redis" | "mysql" | "postgresql" | "postgres" | "kafka"
        | "amqp" | "smtp" | "ldap" => AppProtocol::Tcp,
        _ => AppProtocol::Http,
    }
}

/// The protocol of a port; `None` if it is refused or one that the lab does not carry.
pub(super) fn protocol(entry: &Section<'_>) -> Option<Protocol> {
    match transport(entry)? {
        Transport::Carried(protocol) => Some(protocol),
        Transport::Sctp => None,
    }
}

/// What is written, TCP if nothing is; `None` if it is refused.
fn transport(entry: &Section<'_>) -> Option<Transport> {
    match entry.field("protocol") {
        None => Some(Transport::Carried(Protocol::Tcp)),
        Some(field) => field.choice(&PROTOCOLS),
    }
}
