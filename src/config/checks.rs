//! Rules between entries: an ingress and its services, a service and what it waits for.

use std::collections::BTreeMap;

use super::deployments::FoundDeployment;
use super::field::Field;
use super::ingresses::FoundIngress;
use super::services::FoundService;
use super::settings::{Config, RuntimeChoice};
use super::suggest::nearest;
use crate::model::{AppProtocol, BackendPort, ObjectReport, Protocol, Service};

/// Every Service that an ingress names exists and has the port.
pub(super) fn services_of_ingresses(ingresses: &[FoundIngress<'_>], services: &[Service]) {
    let by_name: BTreeMap<&str, &Service> = services
        .iter()
        .map(|service| (service.name.as_str(), service))
        .collect();
    for found in ingresses.iter().flat_map(|ingress| &ingress.backends) {
        let name = found.backend.service.as_str();
        let Some(service) = by_name.get(name) else {
            let remedy = match nearest(name, by_name.keys().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add a [services.{name}]"),
            };
            found.service.refuse("no such Service", remedy);
            continue;
        };
        let index = match &found.backend.port {
            BackendPort::Number(port) => service.port_index(*port),
            BackendPort::Name(name) => service.port_index_by_name(name),
        };
        match index.map(|index| &service.ports[index]) {
            // A Service whose own ports are wrong has been reported.
            None if service.ports.is_empty() => {}
            None => found.port.refuse(
                format!("Service {name} has no such port"),
                format!("it has {}", ports_of(service)),
            ),
            Some(port) if port.app_protocol == AppProtocol::Tcp => found.port.refuse(
                format!("Service {name} speaks neither HTTP nor gRPC on it"),
                "an ingress routes HTTP only",
            ),
            Some(_) => {}
        }
    }
}

/// Tells which Ingresses the lab's controller does not serve.
pub(super) fn classes(ingresses: &[FoundIngress<'_>], config: &mut Config) {
    for ingress in &config.ingresses {
        let Err(reason) = config.ingress_classes.class_of(ingress) else {
            continue;
        };
        let message = format!("{reason}, so it gets no address and no routes");
        let written = ingresses
            .iter()
            .find(|found| found.ingress.name == ingress.name)
            .and_then(|found| found.class.as_ref());
        match written {
            Some(field) => field.warn(message, "leave class out for the lab's own controller"),
            None => config.reports.push(ObjectReport {
                kind: "Ingress".to_owned(),
                name: ingress.name.clone(),
                message,
                unusable: true,
            }),
        }
    }
}

fn ports_of(service: &Service) -> String {
    let ports: Vec<_> = service
        .ports
        .iter()
        .map(|port| match port.name.as_str() {
            "" => port.port.to_string(),
            name => format!("{} (\"{name}\")", port.port),
        })
        .collect();
    ports.join(", ")
}

/// No two Services ask for one NodePort.
pub(super) fn node_ports(services: &[FoundService<'_>]) {
    let mut owners: BTreeMap<(u16, Protocol), &str> = BTreeMap::new();
    for found in services {
        let name = found.service.name.as_str();
        for port in &found.service.ports {
            let Some(node_port) = port.node_port else {
                continue;
            };
            let owner = owners.insert((node_port.0, port.protocol), name);
            if let (Some(owner), Some(field)) = (owner, &found.node_port) {
                field.refuse(
                    format!(
                        "node_port {} belongs to Service {owner} already",
                        node_port.0
                    ),
                    "choose another, or leave it out for any free one",
                );
            }
        }
    }
}

/// Pods are told apart by the name of their Deployment, and those of a Service have its name.
pub(super) fn names(services: &[FoundService<'_>], deployments: &[FoundDeployment<'_>]) {
    for found in deployments {
        if services
            .iter()
            .any(|service| service.service.name == found.name)
        {
            found.field.refuse(
                format!("[services.{}] has this name", found.name),
                "give the pods without a Service another one",
            );
        }
    }
}

/// What is waited for exists, and nobody waits for itself, not even around corners.
pub(super) fn waiting(services: &[FoundService<'_>], deployments: &[FoundDeployment<'_>]) {
    let waits: BTreeMap<&str, Vec<&str>> = services
        .iter()
        .map(|found| {
            let names = found.wait_for.iter().map(|(name, _)| *name).collect();
            (found.service.name.as_str(), names)
        })
        .collect();
    let is_known = |name: &str, field: &Field<'_>| {
        let known = waits.contains_key(name);
        if !known {
            let remedy = match nearest(name, waits.keys().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "leave it out".to_owned(),
            };
            field.refuse("no such Service", remedy);
        }
        known
    };
    // Nobody can wait for these.
    for (name, field) in deployments.iter().flat_map(|found| &found.wait_for) {
        is_known(name, field);
    }
    for found in services {
        let own = found.service.name.as_str();
        for (name, field) in &found.wait_for {
            if !is_known(name, field) {
                continue;
            }
            if reaches(name, own, &waits) {
                let message = if *name == own {
                    "a Service that waits for itself never starts".to_owned()
                } else {
                    format!("{name} waits for {own}, so neither would ever start")
                };
                field.refuse(message, "leave one of them out");
            }
        }
    }
}

/// Whether `from` is `to` or waits for it, directly or through others.
fn reaches(from: &str, to: &str, waits: &BTreeMap<&str, Vec<&str>>) -> bool {
    let mut seen = Vec::new();
    let mut next = vec![from];
    while let Some(name) = next.pop() {
        if name == to {
            return true;
        }
        if !seen.contains(&name) {
            seen.push(name);
            next.extend(waits.get(name).into_iter().flatten());
        }
    }
    false
}

/// Images run in containers only.
pub(super) fn images<'a>(runtime: RuntimeChoice, images: impl Iterator<Item = &'a Field<'a>>) {
    for field in images {
        match runtime {
            RuntimeChoice::Process => field.refuse(
                "an image needs runtime = \"docker\"",
                "choose that runtime, or name a command in place of the image",
            ),
            RuntimeChoice::Auto | RuntimeChoice::Docker => {}
        }
    }
}
