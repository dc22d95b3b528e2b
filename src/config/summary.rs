//! A config in a few lines, as `lab check` prints it.

use std::fmt::Write as _;

use super::settings::{Config, PluginConfig, RuntimeChoice};
use crate::model::{
    AppProtocol, BackendPort, ClusterIp, Deployment, Gateway, GatewayRoute, HostMatch, Ingress,
    IngressBackend, PathType, Plugin, ProbeAction, Protocol, Provider, ProxyProtocol, Service,
    SessionAffinity, TrafficPolicy, Workload,
};

impl Config {
    /// What would run, a line for each thing.
    pub fn summary(&self) -> String {
        let runtime = match self.runtime {
            RuntimeChoice::Auto => "auto",
            RuntimeChoice::Process => "process",
            RuntimeChoice::Docker => "docker",
        };
        let balancer = &self.load_balancer;
        let mut lines = vec![
            format!("lab {}, runtime {runtime}", self.name),
            format!(
                "load balancer {}: http {}, https {}, externalTrafficPolicy {:?}",
                balancer.address,
                host_port(balancer.http),
                host_port(balancer.https),
                balancer.external_traffic_policy
            ),
            format!(
                "ingress {}: {}",
                self.ingress.controller.name(),
                counted(self.ingress.replicas, "replica")
            ),
        ];
        if balancer.provider != Provider::ServiceLb {
            lines.push(format!(
                "load balancers of Services: simulated {}, {}",
                balancer.provider.name(),
                counted(
                    u32::try_from(balancer.pools.len()).unwrap_or(u32::MAX),
                    "pool"
                )
            ));
        }
        lines.extend(self.services.iter().map(|service| self.service(service)));
        let without_service = self.deployments.iter();
        let without_service = without_service.filter(|found| found.service.is_none());
        lines.extend(
            without_service.map(|found| format!("deployment {}: {}", found.name, pods(found))),
        );
        lines.extend(self.plugins.iter().map(plugin));
        lines.extend(self.ingresses.iter().flat_map(ingress));
        lines.extend(self.gateway_api.gateways.iter().map(gateway));
        lines.extend(self.gateway_api.routes.iter().map(gateway_route));
        lines.join("\n")
    }

    fn service(&self, service: &Service) -> String {
        let ports: Vec<_> = service.ports.iter().map(port).collect();
        if let Some(name) = &service.external_name {
            return format!("service {}: ExternalName {name}", service.name);
        }
        let mut line = format!("service {}: {}, ", service.name, ports.join(", "));
        // Writing to a String cannot fail.
        match service.cluster_ip {
            ClusterIp::None => line.push_str("headless"),
            ClusterIp::Address(_) => {
                let _ = write!(line, "{:?}", service.kind);
            }
        }
        if let SessionAffinity::ClientIP { timeout_seconds } = service.session_affinity {
            let _ = write!(line, ", affinity ClientIP {timeout_seconds} s");
        }
        line.push_str(&published(service));
        let of_service = |name: &String| *name == service.name;
        if let Some(found) = self
            .static_endpoints
            .iter()
            .find(|found| of_service(&found.service))
        {
            let first = found
                .endpoints
                .iter()
                .filter_map(|one| one.addresses.first());
            let addresses: Vec<_> = first.map(ToString::to_string).collect();
            let shown = match addresses.as_slice() {
                [] => "none".to_owned(),
                addresses => addresses.join(" "),
            };
            let _ = write!(line, ", endpoints {shown}");
        }
        if let Some(selector) = &service.selector {
            let _ = write!(line, ", pods of {selector}");
        }
        if let Some(deployment) = self
            .deployments
            .iter()
            .find(|deployment| of_service(&deployment.name))
        {
            let _ = write!(line, ", {}", pods(deployment));
        }
        line
    }
}

/// What runs behind a Service, or without one.
fn pods(deployment: &Deployment) -> String {
    let template = &deployment.template;
    let mut text = format!(
        "{} of {}, ready by {}",
        counted(deployment.replicas, "pod"),
        workload(&template.workload),
        probe(&template.readiness.action)
    );
    if !template.wait_for.is_empty() {
        let _ = write!(text, ", after {}", template.wait_for.join(" "));
    }
    text
}

fn plugin(found: &PluginConfig) -> String {
    let Plugin {
        name,
        resource_type,
        version,
        replicas,
        providers,
        options,
        ..
    } = &found.plugin;
    let mut text = format!(
        "plugin {name} {version}: {resource_type} of {}, {} of {}, ready by {}",
        providers.join(" "),
        counted(*replicas, "pod"),
        workload(&found.template.workload),
        probe(&found.template.readiness.action)
    );
    if options
        .as_object()
        .is_some_and(|options| !options.is_empty())
    {
        let _ = write!(text, ", options {options}");
    }
    text
}

/// Who reaches a Service and how, as far as that is not usual.
fn published(service: &Service) -> String {
    let mut words = Vec::new();
    for (policy, name) in [
        (service.external_traffic_policy, "externalTrafficPolicy"),
        (service.internal_traffic_policy, "internalTrafficPolicy"),
    ] {
        if policy == TrafficPolicy::Local {
            words.push(format!("{name} Local"));
        }
    }
    if let Some(port) = service.health_check_node_port {
        words.push(format!("healthCheckNodePort {}", port.0));
    }
    if let Some(address) = service.load_balancer_ip {
        words.push(format!("loadBalancerIP {address}"));
    }
    let sources = service.load_balancer_source_ranges.iter();
    let sources = sources.map(|network| format!("for {}/{}", network.address, network.prefix));
    words.extend(sources);
    if service.without_node_ports {
        words.push("without NodePorts".to_owned());
    }
    if service.publish_not_ready_addresses {
        words.push("pods that are not ready too".to_owned());
    }
    match service.proxy_protocol {
        ProxyProtocol::Off => {}
        ProxyProtocol::V1 => words.push("PROXY protocol v1".to_owned()),
        ProxyProtocol::V2 => words.push("PROXY protocol v2".to_owned()),
    }
    match words.as_slice() {
        [] => String::new(),
        words => format!(", {}", words.join(", ")),
    }
}

fn host_port(port: u16) -> String {
    match port {
        0 => "any port".to_owned(),
        port => port.to_string(),
    }
}

fn counted(number: u32, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn port(port: &crate::model::ServicePort) -> String {
    let mut text = port.port.to_string();
    if port.target_port != port.port {
        let _ = write!(text, "->{}", port.target_port);
    }
    if !port.name.is_empty() {
        let _ = write!(text, " {}", port.name);
    }
    text.push_str(match (port.protocol, port.app_protocol) {
        (Protocol::Udp, _) => " udp",
        (_, AppProtocol::Http) => " http",
        (_, AppProtocol::H2c) => " h2c",
        (_, AppProtocol::Tcp) => " tcp",
    });
    if let Some(node_port) = port.node_port {
        let _ = write!(text, " at {}", node_port.0);
    }
    text
}

fn workload(workload: &Workload) -> String {
    match workload {
        Workload::BuiltIn { program } => format!("built-in {program}"),
        Workload::Image { image, .. } => format!("image {image}"),
        Workload::Command { command, .. } => format!("command {}", command.join(" ")),
    }
}

fn probe(action: &ProbeAction) -> String {
    match action {
        ProbeAction::Grpc { port } => format!("grpc {port}"),
        ProbeAction::Http { port, path } => format!("http {port}{path}"),
        ProbeAction::Tcp { port } => format!("tcp {port}"),
        ProbeAction::Redis { port } => format!("redis {port}"),
        ProbeAction::None => "itself".to_owned(),
    }
}

fn ingress(ingress: &Ingress) -> Vec<String> {
    let tls: Vec<HostMatch> = ingress
        .tls
        .iter()
        .flat_map(|tls| &tls.hosts)
        .map(|host| HostMatch::parse(Some(host)))
        .collect();
    let mut lines = Vec::new();
    for rule in &ingress.rules {
        for path in &rule.paths {
            let host = rule.host.as_deref().unwrap_or("*");
            let kind = match path.path_type {
                PathType::Exact => "Exact",
                PathType::Prefix => "Prefix",
                PathType::ImplementationSpecific => "ImplementationSpecific",
            };
            let has_tls = tls
                .iter()
                .any(|tls| *tls == HostMatch::parse(Some(host)) || tls.matches(host));
            let secured = if has_tls { ", TLS" } else { "" };
            lines.push(format!(
                "ingress {}: {host}{} ({kind}) to {}{secured}",
                ingress.name,
                path.path,
                backend(&path.backend)
            ));
        }
    }
    if let Some(default) = &ingress.default_backend {
        lines.push(format!(
            "ingress {}: everything else to {}",
            ingress.name,
            backend(default)
        ));
    }
    lines
}

fn backend(backend: &IngressBackend) -> String {
    match &backend.port {
        BackendPort::Number(port) => format!("{}:{port}", backend.service),
        BackendPort::Name(name) => format!("{}:{name}", backend.service),
    }
}

fn gateway(gateway: &Gateway) -> String {
    let listeners = gateway.listeners.iter().map(ToString::to_string);
    let listeners: Vec<_> = listeners.collect();
    format!("gateway {}: {}", gateway.name, listeners.join(", "))
}

fn gateway_route(route: &GatewayRoute) -> String {
    let hosts: Vec<_> = route.hosts.iter().map(ToString::to_string).collect();
    let parents = route.parents.iter().map(|parent| &*parent.object.name);
    let rules = u32::try_from(route.rules.len()).unwrap_or(u32::MAX);
    format!(
        "{} {}: {} at {}, {}",
        route.kind.name(),
        route.name,
        if hosts.is_empty() {
            "*".to_owned()
        } else {
            hosts.join(" ")
        },
        parents.collect::<Vec<_>>().join(" "),
        counted(rules, "rule")
    )
}
