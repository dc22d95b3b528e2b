//! The ports of a Service, in both ways to write them.

use super::field::Field;
use super::names;
use super::section::Section;
use crate::model::{AppProtocol, NodePort, Protocol, ServicePort};

const PROTOCOLS: [(&str, Protocol); 2] = [("TCP", Protocol::Tcp), ("UDP", Protocol::Udp)];
/// Kubernetes writes h2c as `kubernetes.io/h2c`; Cloudforet's charts call such a port `grpc`.
const APP_PROTOCOLS: [(&str, AppProtocol); 5] = [
    ("http", AppProtocol::Http),
    ("h2c", AppProtocol::H2c),
    ("tcp", AppProtocol::Tcp),
    ("grpc", AppProtocol::H2c),
    ("kubernetes.io/h2c", AppProtocol::H2c),
];
/// `IANA_SVC_NAME`, the form of port names in Kubernetes.
const PORT_NAME: usize = 15;

/// `--service-node-port-range` of the API server.
pub(super) const NODE_PORTS: std::ops::RangeInclusive<i64> = 30_000..=32_767;

/// `port` and what goes with it, or `ports`. At least one where it is required, or a mistake was
/// reported.
pub(super) fn read(section: &Section<'_>, required: bool) -> Vec<ServicePort> {
    let several = section.field("ports");
    let single = one(section, String::new());
    let Some(several) = several else {
        if required && single.is_none() && section.field("port").is_none() {
            section.missing(
                "port",
                "write port = 80, or ports = [{ name = \"http\", port = 80 }]",
            );
        }
        return single.into_iter().collect();
    };
    for key in [
        "port",
        "target_port",
        "protocol",
        "app_protocol",
        "node_port",
    ] {
        if let Some(field) = section.field(key) {
            field.refuse("ports is given as well", "put it into an entry of ports");
        }
    }
    let entries = several.list();
    if entries.is_empty() {
        several.refuse(
            "must name at least one port",
            "write ports = [{ name = \"http\", port = 80 }]",
        );
    }
    list(&entries)
}

fn list(entries: &[Field<'_>]) -> Vec<ServicePort> {
    let mut ports: Vec<ServicePort> = Vec::new();
    for field in entries {
        let Some(entry) = field.section() else {
            continue;
        };
        let name = name(&entry, entries.len() > 1);
        if let Some(port) = one(&entry, name) {
            let same = |other: &&ServicePort| {
                (other.port, other.protocol) == (port.port, port.protocol)
                    || (!port.name.is_empty() && other.name == port.name)
            };
            if ports.iter().any(|other| same(&other)) {
                field.refuse(
                    "another port has this number or this name",
                    "give each port a number and a name of its own",
                );
            }
            ports.push(port);
        } else if entry.field("port").is_none() {
            entry.missing("port", "write { name = \"http\", port = 80 }");
        }
        entry.finish();
    }
    ports
}

/// Port names are required where there are several.
fn name(entry: &Section<'_>, required: bool) -> String {
    let Some(field) = entry.field("name") else {
        if required {
            entry.missing("name", "a Service with several ports names each of them");
        }
        return String::new();
    };
    port_name(&field)
}

/// A port's name; empty if it is no text.
pub(super) fn port_name(field: &Field<'_>) -> String {
    let Some(name) = field.text() else {
        return String::new();
    };
    let letters = name.bytes().any(|byte| byte.is_ascii_lowercase());
    if !names::is_label(name) || name.len() > PORT_NAME || !letters {
        field.refuse(
            "must be 1 to 15 small letters, digits and hyphens, with a letter among them",
            "write for example \"http\"",
        );
    }
    name.to_owned()
}

/// A port from the keys beside each other; `None` if there is no usable `port`.
fn one(section: &Section<'_>, name: String) -> Option<ServicePort> {
    let number = section.field("port").and_then(|field| field.port());
    let target = section.field("target_port").and_then(|field| field.port());
    let protocol = section.choice("protocol", &PROTOCOLS);
    let app_protocol = section
        .field("app_protocol")
        .and_then(|field| field.choice(&APP_PROTOCOLS));
    let node_port = section.field("node_port");
    let node_port = node_port.and_then(|field| field.number(NODE_PORTS));
    let port = number?;
    Some(ServicePort {
        name,
        protocol,
        port,
        target_port: target.unwrap_or(port),
        node_port: node_port.map(NodePort),
        app_protocol: app_protocol.unwrap_or_else(|| usual(port, protocol)),
        listen: None,
    })
}

/// What is spoken on a port where nothing is said about it.
pub(super) fn usual(port: u16, protocol: Protocol) -> AppProtocol {
    match (protocol, port) {
        (Protocol::Udp, _) | (_, 27017 | 6379) => AppProtocol::Tcp,
        // Every Cloudforet service speaks gRPC here.
        (_, 50051) => AppProtocol::H2c,
        _ => AppProtocol::Http,
    }
}
