//! Puts the objects of manifests beside what `lab.toml` says: who selects whom, whose endpoints are
//! whose, and which name is taken.

use std::collections::BTreeMap;

use super::super::settings::{Config, HostPort, StaticEndpoint, StaticEndpoints};
use super::endpoint_slice::{SERVICE_NAME, Slice};
use super::object::Metadata;
use super::service::FoundManifestService;
use super::{Manifests, gateway, secret};
use crate::model::{
    Conditions, GatewayApi, IngressClass, IngressClasses, ObjectReport, Protocol, ServicePort,
    ServiceType,
};

/// The labels that the lab's pods have; their value is the name of their Deployment.
const POD_LABELS: [&str; 2] = ["app", "app.kubernetes.io/name"];

/// Adds everything to a config that holds what `lab.toml` says.
pub(in super::super) fn link(manifests: Manifests, config: &mut Config) {
    config.reports.extend(manifests.reports);
    config.gateway_api = GatewayApi {
        classes: gateway_objects(manifests.gateway_classes, config),
        gateways: gateway_objects(manifests.gateways, config),
        routes: gateway_objects(manifests.routes, config),
        grants: gateway_objects(manifests.grants, config),
        namespaces: manifests
            .namespaces
            .into_iter()
            .map(|metadata| (metadata.name, metadata.labels))
            .collect(),
    };
    services(manifests.services, manifests.slices, config);
    let mut taken = Taken::new(config.ingresses.iter().map(|ingress| &*ingress.name));
    for (metadata, ingress) in manifests.ingresses {
        if taken.is_free(&metadata, &mut config.reports) {
            config.ingresses.push(ingress);
        }
    }
    let mut taken = Taken::new(config.secrets.iter().map(|secret| &*secret.name));
    for (metadata, secret) in manifests.secrets {
        if taken.is_free(&metadata, &mut config.reports) {
            // One that lacks a key is kept: what names it gets the default certificate, as in
            // Kubernetes, and not one of the lab's CA.
            config.reports.extend(secret::check(&secret, &metadata));
            config.secrets.push(secret);
        }
    }
    classes(manifests.classes, config);
}

/// The names of one kind that are in use, and where.
struct Taken(BTreeMap<String, String>);

impl Taken {
    fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter();
        Self(
            names
                .map(|name| (name.to_owned(), "lab.toml".to_owned()))
                .collect(),
        )
    }

    /// Takes the name, or tells who has it.
    fn is_free(&mut self, metadata: &Metadata, reports: &mut Vec<ObjectReport>) -> bool {
        self.takes(metadata.name.clone(), metadata, reports)
    }

    fn takes(
        &mut self,
        name: String,
        metadata: &Metadata,
        reports: &mut Vec<ObjectReport>,
    ) -> bool {
        if let Some(place) = self.0.get(&name) {
            let message = format!("{} is ignored: {place} has the name", metadata.place);
            reports.push(metadata.report(true, message));
            return false;
        }
        self.0.insert(name, metadata.place.to_string());
        true
    }
}

/// Objects of Gateway API, whose names are unique in their namespace.
fn gateway_objects<T>(found: Vec<(Metadata, T)>, config: &mut Config) -> Vec<T> {
    let mut taken = Taken::new([]);
    let mut objects = Vec::new();
    for (metadata, object) in found {
        let kind = metadata.kind;
        let name = format!("{kind} {}/{}", gateway::namespace(&metadata), metadata.name);
        if taken.takes(name, &metadata, &mut config.reports) {
            objects.push(object);
        }
    }
    objects
}

fn services(
    services: Vec<FoundManifestService>,
    slices: Vec<(Metadata, Slice)>,
    config: &mut Config,
) {
    let mut by_service: BTreeMap<String, Vec<(Metadata, Slice)>> = BTreeMap::new();
    for (metadata, slice) in slices {
        match metadata.labels.get(SERVICE_NAME) {
            Some(service) => by_service
                .entry(service.clone())
                .or_default()
                .push((metadata, slice)),
            None => config.reports.push(metadata.report(
                true,
                format!("has no label {SERVICE_NAME}, so it belongs to no Service"),
            )),
        }
    }
    let mut taken = Taken::new(config.services.iter().map(|service| &*service.name));
    let own = config.ingress.controller.name().to_owned();
    taken
        .0
        .insert(own, "the load balancer of the lab".to_owned());
    for mut found in services {
        if !taken.is_free(&found.metadata, &mut config.reports) {
            continue;
        }
        if found.service.kind == ServiceType::ExternalName {
            // DNS answers with a name; nobody asks for endpoints.
        } else if found.selector.is_empty() {
            let slices = by_service.remove(&found.service.name).unwrap_or_default();
            endpoints(&found, &slices, config);
        } else {
            select(&mut found, config);
        }
        node_ports(&mut found, config);
        config.services.push(found.service);
    }
    for (service, slices) in by_service {
        let reason = if config.services.iter().any(|known| known.name == service) {
            format!("Service \"{service}\" has endpoints of its own")
        } else {
            format!("there is no Service \"{service}\"")
        };
        for (metadata, _) in slices {
            config.reports.push(metadata.report(true, reason.clone()));
        }
    }
}

/// Takes away NodePorts that another Service asks for as well.
///
/// Lab: the API server refuses such a Service; this one gets another port.
fn node_ports(found: &mut FoundManifestService, config: &mut Config) {
    for port in &mut found.service.ports {
        let Some(wanted) = port.node_port else {
            continue;
        };
        let same = |other: &ServicePort| {
            other.node_port == Some(wanted) && other.protocol == port.protocol
        };
        let mut services = config.services.iter();
        if let Some(owner) = services.find(|service| service.ports.iter().any(same)) {
            let message = format!(
                "nodePort {} belongs to Service \"{}\" already; it gets another",
                wanted.0, owner.name
            );
            config.reports.push(found.metadata.report(false, message));
            port.node_port = None;
        }
    }
}

/// Finds the Deployment of `lab.toml` whose pods a Service selects.
fn select(found: &mut FoundManifestService, config: &mut Config) {
    let mut report = |unusable, message: String| {
        config
            .reports
            .push(found.metadata.report(unusable, message));
    };
    let asked: Vec<_> = found
        .selector
        .iter()
        .map(|(label, value)| format!("{label}={value}"))
        .collect();
    let matching = config.deployments.iter_mut().find(|deployment| {
        found
            .selector
            .iter()
            .all(|(label, value)| POD_LABELS.contains(&label.as_str()) && *value == deployment.name)
    });
    let Some(deployment) = matching else {
        report(
            false,
            format!(
                "selector {} matches no pod, so it has no endpoints; pods of [services.NAME] have the labels app and app.kubernetes.io/name, both NAME",
                asked.join(",")
            ),
        );
        return;
    };
    // Pods of the lab name their ports as the Service of their own name does.
    let pods = config
        .services
        .iter()
        .find(|service| service.name == deployment.name);
    for (index, name) in std::mem::take(&mut found.named_targets).into_iter().rev() {
        let of_pods = pods.and_then(|service| {
            let port = service.port_index_by_name(&name)?;
            Some(service.ports[port].target_port)
        });
        if let Some(target) = of_pods {
            found.service.ports[index].target_port = target;
        } else {
            let port = found.service.ports.remove(index);
            report(
                false,
                format!(
                    "port {} is left out: the pods of {} name no port \"{name}\"",
                    port.port, deployment.name
                ),
            );
        }
    }
    for port in &found.service.ports {
        let ports = &mut deployment.template.ports;
        if !ports.contains(&port.target_port) {
            ports.push(port.target_port);
        }
    }
    found.service.selector = Some(deployment.name.clone());
}

/// The endpoints of a Service without selector: one for each address in its slices.
fn endpoints(found: &FoundManifestService, slices: &[(Metadata, Slice)], config: &mut Config) {
    let mut known: Vec<Known<'_>> = Vec::new();
    for (_, slice) in slices {
        for (address, conditions) in &slice.endpoints {
            // Slices may share the ports of an address among them; where both say a port, they
            // mean two endpoints.
            let ports = &slice.ports;
            let partner = known.iter_mut().find(|one| {
                one.address == address && !one.ports.iter().any(|port| says(ports, &port.0))
            });
            if let Some(partner) = partner {
                partner.ports.extend(ports);
            } else {
                known.push(Known {
                    address,
                    conditions: *conditions,
                    ports: ports.iter().collect(),
                });
            }
        }
    }
    let mut endpoints = Vec::new();
    for one in known {
        let addresses: Result<Vec<_>, _> = found
            .service
            .ports
            .iter()
            .map(|port| {
                let of_port = one
                    .ports
                    .iter()
                    .find(|(name, protocol, _)| *name == port.name && *protocol == port.protocol);
                of_port
                    .map(|(_, _, number)| HostPort {
                        host: one.address.to_owned(),
                        port: *number,
                    })
                    .ok_or(port)
            })
            .collect();
        match addresses {
            Ok(addresses) => {
                let endpoint = StaticEndpoint {
                    addresses,
                    conditions: one.conditions,
                };
                // While endpoints move between slices they are in both.
                if !endpoints.contains(&endpoint) {
                    endpoints.push(endpoint);
                }
            }
            Err(port) => {
                let message = format!(
                    "endpoint {} is left out: no EndpointSlice says its port for port {} \"{}\"",
                    one.address, port.port, port.name
                );
                config.reports.push(found.metadata.report(false, message));
            }
        }
    }
    if slices.is_empty() {
        let message = format!(
            "has neither a selector nor an EndpointSlice labelled {SERVICE_NAME}, so it has no endpoints"
        );
        config.reports.push(found.metadata.report(false, message));
    }
    config.static_endpoints.push(StaticEndpoints {
        service: found.service.name.clone(),
        endpoints,
    });
}

fn says(ports: &[(String, Protocol, u16)], name: &str) -> bool {
    ports.iter().any(|port| port.0 == name)
}

/// What slices say about one endpoint.
struct Known<'a> {
    address: &'a str,
    conditions: Conditions,
    ports: Vec<&'a (String, Protocol, u16)>,
}

/// The classes of manifests beside the one that the lab's controller brings with it. That one is the
/// default unless another is.
fn classes(found: Vec<(Metadata, IngressClass)>, config: &mut Config) {
    let controller = config.ingress.controller;
    let mut taken = Taken::new([]);
    let mut classes = Vec::new();
    let last = found.iter().rposition(|(_, class)| class.is_default);
    for (index, (metadata, class)) in found.into_iter().enumerate() {
        if !taken.is_free(&metadata, &mut config.reports) {
            continue;
        }
        if class.is_default && last.is_some_and(|last| last > index) {
            let message = "another IngressClass is the default as well; the last one counts";
            config.reports.push(metadata.report(false, message));
        }
        classes.push(class);
    }
    let built_in = controller.name();
    if !classes.iter().any(|class| class.name == built_in) {
        let class = IngressClass {
            name: built_in.to_owned(),
            controller: controller.controller().to_owned(),
            is_default: last.is_none(),
        };
        classes.insert(0, class);
    }
    config.ingress_classes = IngressClasses {
        controller: controller.controller().to_owned(),
        load_balancer: controller.name().to_owned(),
        classes,
    };
}
