//! `[services.NAME]`: a Service, and the Deployment or the addresses behind it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::field::Field;
use super::merge::SOURCES;
use super::section::Section;
use super::settings::{HostPort, StaticEndpoint, StaticEndpoints};
use super::suggest::nearest;
use super::{files, ingresses, names, ports, publishing, readiness};
use crate::model::{
    Deployment, MAX_REPLICAS, PodTemplate, Service, ServicePort, ServiceType, SessionAffinity,
    Volume, Workload,
};

/// The lab's one namespace.
pub(super) const NAMESPACE: &str = "cloudforet";
const REPLICAS: u32 = 1;
/// `terminationGracePeriodSeconds` of Kubernetes.
const GRACE: Duration = Duration::from_secs(30);
/// `sessionAffinityConfig.clientIP.timeoutSeconds` of Kubernetes: three hours.
const AFFINITY_TIMEOUT: Duration = Duration::from_secs(10_800);

/// The services of this binary.
const BUILT_INS: [&str; 7] = [
    "mongodb",
    "redis",
    "identity",
    "inventory",
    "console-api",
    "console-api-v2",
    "console",
];
/// The built-in services that keep data, each in a volume of its own name.
const WITH_VOLUME: [&str; 2] = ["mongodb", "redis"];
/// Where a volume appears inside a container, until the lab knows which store serves.
const VOLUME_MOUNT: &str = "/data/db";

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

/// What a Service is made of.
enum Source<'a> {
    Pods(Workload, Option<Field<'a>>),
    Addresses(Vec<HostPort>),
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
        source(section, folder)
    };
    let wait_for: Vec<_> = section
        .field("wait_for")
        .map(|field| field.texts())
        .unwrap_or_default();
    let replicas = section.number("replicas", 0..=i64::from(MAX_REPLICAS), REPLICAS);
    let readiness = readiness::read(section, &service.ports);
    let env = env(section);
    let grace = section.duration("grace", GRACE);
    let mut found = FoundService {
        service,
        deployment: None,
        endpoints: None,
        wait_for,
        image: None,
        node_port: section
            .field("node_port")
            .or_else(|| section.field("ports")),
    };
    if outside {
        publishing::only_a_name(section);
        return found;
    }
    match source {
        Some(Source::Addresses(addresses)) => {
            only_addresses(section, &found.service.ports);
            found.endpoints = Some(StaticEndpoints {
                service: name.to_owned(),
                endpoints: addresses.into_iter().map(StaticEndpoint::ready).collect(),
            });
        }
        Some(Source::Pods(workload, image)) => {
            found.image = image;
            found.deployment = Some(Deployment {
                name: name.to_owned(),
                service: Some(name.to_owned()),
                replicas,
                template: PodTemplate {
                    files: files::read(section, &workload, folder),
                    volume: volume(&workload),
                    workload,
                    ports: target_ports(&found.service.ports),
                    env,
                    readiness,
                    grace,
                    wait_for: found
                        .wait_for
                        .iter()
                        .map(|(name, _)| (*name).into())
                        .collect(),
                },
            });
        }
        // Reported already.
        None => {}
    }
    found
}

/// Exactly one of the four kinds.
fn source<'a>(section: &Section<'a>, folder: Option<&Path>) -> Option<Source<'a>> {
    let [built_in, image, command, endpoints] = SOURCES.map(|key| section.field(key));
    let arguments = section.field("args");
    let working_directory = section.field("working_directory");
    let given: Vec<_> = [&built_in, &image, &command, &endpoints]
        .into_iter()
        .flatten()
        .collect();
    if given.is_empty() {
        section.missing(
            "built_in, image, command or endpoints",
            "say what the Service is made of, for example command = [\"./serve\", \"{port}\"]",
        );
    }
    if let [first, others @ ..] = given.as_slice() {
        for other in others {
            other.refuse(
                format!("{} is given as well", first.key()),
                "keep exactly one of built_in, image, command and endpoints",
            );
        }
    }
    if let (Some(field), None) = (&arguments, &image) {
        field.refuse("belongs to an image", "put arguments into command itself");
    }
    if let (Some(field), None) = (&working_directory, &command) {
        field.refuse("belongs to a command", "leave it out");
    }
    if let Some(field) = built_in {
        let program = built_in_program(&field)?.to_owned();
        return Some(Source::Pods(Workload::BuiltIn { program }, None));
    }
    if let Some(field) = image {
        let workload = Workload::Image {
            image: field.words()?.to_owned(),
            command: arguments.map(|field| field.arguments()).unwrap_or_default(),
        };
        return Some(Source::Pods(workload, Some(field)));
    }
    if let Some(field) = command {
        let command: Vec<String> = texts_of_command(&field)?;
        let directory = working_directory.and_then(|field| field.words());
        let working_directory = match (folder, directory) {
            (Some(folder), Some(directory)) => Some(folder.join(directory)),
            (None, Some(directory)) => Some(PathBuf::from(directory)),
            (folder, None) => folder.map(Path::to_owned),
        };
        let workload = Workload::Command {
            command,
            working_directory,
        };
        return Some(Source::Pods(workload, None));
    }
    Some(Source::Addresses(addresses(&endpoints?)))
}

fn built_in_program<'a>(field: &Field<'a>) -> Option<&'a str> {
    let program = field.text()?;
    if BUILT_INS.contains(&program) {
        return Some(program);
    }
    let remedy = match nearest(program, BUILT_INS) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "for a program of your own write command = [\"./serve\"]".to_owned(),
    };
    field.refuse(
        format!(
            "no such built-in service (there are {})",
            BUILT_INS.join(", ")
        ),
        remedy,
    );
    None
}

fn texts_of_command(field: &Field<'_>) -> Option<Vec<String>> {
    let texts = field.arguments();
    if texts
        .first()
        .is_none_or(|program| program.trim().is_empty())
    {
        field.refuse(
            "must name a program and its arguments",
            "write command = [\"./serve\", \"--port\", \"{port}\"]",
        );
        return None;
    }
    Some(texts)
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

fn env(section: &Section<'_>) -> BTreeMap<String, String> {
    let Some(variables) = section.field("env").and_then(|field| field.section()) else {
        return BTreeMap::new();
    };
    let mut env = BTreeMap::new();
    for (name, field) in variables.children() {
        if name.is_empty() || name.contains(['=', '\0']) {
            field.refuse(
                "a variable's name has no \"=\" in it",
                "write env = { LOG_LEVEL = \"debug\" }",
            );
        } else if let Some(value) = field.text() {
            env.insert(name.to_owned(), value.to_owned());
        }
    }
    env
}

fn volume(workload: &Workload) -> Option<Volume> {
    let Workload::BuiltIn { program } = workload else {
        return None;
    };
    WITH_VOLUME.contains(&program.as_str()).then(|| Volume {
        name: program.clone(),
        mount: VOLUME_MOUNT.to_owned(),
    })
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
