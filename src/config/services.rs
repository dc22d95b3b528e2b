//! `[services.NAME]`: a Service, and the Deployment or the addresses behind it.

use std::path::Path;
use std::time::Duration;

use super::field::Field;
use super::section::Section;
use super::settings::{HostPort, StaticEndpoint, StaticEndpoints};
use super::workload::{self, Kind, Source};
use super::{ingresses, names, ports, publishing, readiness};
use crate::model::{Deployment, MAX_REPLICAS, Service, ServicePort, ServiceType, SessionAffinity};

/// The lab's one namespace.
pub(super) const NAMESPACE: &str = "cloudforet";
const REPLICAS: u32 = 1;
/// `sessionAffinityConfig.clientIP.timeoutSeconds` of Kubernetes: three hours.
const AFFINITY_TIMEOUT: Duration = Duration::from_secs(10_800);

/// What one `[services.NAME]` says, and the fields that are compared with other entries later.
#[derive(Debug)]
pub(super) struct FoundService<'a> {
    pub(super) service: Service,
    pub(super) deployment: Option<Deployment>,
    pub(super) endpoints: Option<StaticEndpoints>,
    pub(super) wait_for: Vec<(&'a str, Field<'a>)>,
    pub(super) image: Option<Field<'a>>,
    /// Where its NodePorts are written.
    pub(super) node_port: Option<Field<'a>>,
}

/// All services.
pub(super) fn read<'a>(root: &Section<'a>, folder: Option<&Path>) -> Vec<FoundService<'a>> {
    let section = root.field("services").and_then(|field| field.section());
    let mut found = Vec::new();
    for (name, field) in section.iter().flat_map(Section::children) {
        if !names::is_label(name) {
            field.refuse(
                "a Service's name must be a DNS label: small letters, digits and hyphens, at most 63",
                "write [services.my-service]",
            );
        }
        if let Some(section) = field.section_headed(format!("[services.{name}]")) {
            found.push(service(name, &section, folder));
            section.finish();
        }
    }
    found
}

fn service<'a>(name: &str, section: &Section<'a>, folder: Option<&Path>) -> FoundService<'a> {
    let mut service = Service {
        name: name.to_owned(),
        namespace: NAMESPACE.to_owned(),
        session_affinity: affinity(section),
        annotations: ingresses::annotations(section),
        ..Service::default()
    };
    publishing::read(section, &mut service);
    let outside = service.kind == ServiceType::ExternalName;
    service.ports = ports::read(section, !outside);
    publishing::check_node_ports(section, &service);
    let source = if outside {
        None
    } else {
        workload::read(section, Kind::Service, folder)
    };
    let wait_for: Vec<_> = section
        .field("wait_for")
        .map(|field| field.texts())
        .unwrap_or_default();
    let replicas = section.number("replicas", 0..=i64::from(MAX_REPLICAS), REPLICAS);
    let first = service.ports.first().map(|port| port.target_port);
    let readiness = readiness::read(section, readiness::usual(&service.ports), first);
    let (workload, image, addresses) = match source {
        Some(Source::Pods(workload, image)) => (Some(workload), image, None),
        Some(Source::Addresses(field)) => (None, None, Some(field)),
        None => (None, None, None),
    };
    let template = workload::template(section, workload.as_ref(), folder, readiness);
    let mut found = FoundService {
        service,
        deployment: None,
        endpoints: None,
        wait_for,
        image,
        node_port: section
            .field("node_port")
            .or_else(|| section.field("ports")),
    };
    if outside {
        publishing::only_a_name(section);
        return found;
    }
    if let Some(field) = addresses {
        let addresses = self::addresses(&field);
        only_addresses(section, &found.service.ports);
        found.endpoints = Some(StaticEndpoints {
            service: name.to_owned(),
            endpoints: addresses.into_iter().map(StaticEndpoint::ready).collect(),
        });
    }
    found.deployment = template.map(|mut template| {
        template.ports = target_ports(&found.service.ports);
        template.wait_for = found
            .wait_for
            .iter()
            .map(|(name, _)| (*name).into())
            .collect();
        Deployment {
            name: name.to_owned(),
            service: Some(name.to_owned()),
            plugin: None,
            replicas,
            template,
        }
    });
    found
}

fn addresses(field: &Field<'_>) -> Vec<HostPort> {
    let texts = field.texts();
    if texts.is_empty() {
        field.refuse(
            "must name at least one address",
            "write endpoints = [\"127.0.0.1:50051\"]",
        );
    }
    texts
        .into_iter()
        .filter_map(|(text, field)| {
            let address = host_port(text);
            if address.is_none() {
                field.refuse(
                    "must be a host and a port",
                    "write \"127.0.0.1:50051\", \"my-host:80\" or \"[::1]:80\"",
                );
            }
            address
        })
        .collect()
}

fn host_port(text: &str) -> Option<HostPort> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let host = match host.strip_prefix('[') {
        Some(inner) => {
            let inner = inner.strip_suffix(']')?;
            inner.parse::<std::net::Ipv6Addr>().ok()?;
            inner
        }
        None => host,
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok();
    let is_name = names::is_host(&host.to_lowercase()) && !host.starts_with('*');
    (is_address || is_name).then(|| HostPort {
        host: host.to_owned(),
        port,
    })
}

/// Addresses of the user's own have one port, and nothing that is started or stopped.
fn only_addresses(section: &Section<'_>, ports: &[ServicePort]) {
    if ports.len() > 1
        && let Some(field) = section.field("ports")
    {
        field.refuse(
            "a Service with endpoints has one port",
            "make a Service of each port",
        );
    }
    for key in ["replicas", "readiness", "wait_for", "grace", "env", "files"] {
        if let Some(field) = section.field(key) {
            field.refuse(
                "a Service with endpoints starts no pods",
                "leave it out, or name a command in place of endpoints",
            );
        }
    }
}

fn affinity(section: &Section<'_>) -> SessionAffinity {
    let words = [("None", false), ("ClientIP", true)];
    let sticky = section.choice("session_affinity", &words);
    let timeout = section.duration("session_affinity_timeout", AFFINITY_TIMEOUT);
    if !sticky {
        return SessionAffinity::None;
    }
    let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
    if seconds == 0
        && let Some(field) = section.field("session_affinity_timeout")
    {
        field.refuse(
            "must be 1s to 24h",
            "write session_affinity_timeout = \"3h\"",
        );
    }
    SessionAffinity::ClientIP {
        timeout_seconds: seconds,
    }
}

/// Each target port once, in the order of the Service's ports.
fn target_ports(ports: &[ServicePort]) -> Vec<u16> {
    let mut targets = Vec::new();
    for port in ports {
        if !targets.contains(&port.target_port) {
            targets.push(port.target_port);
        }
    }
    targets
}
