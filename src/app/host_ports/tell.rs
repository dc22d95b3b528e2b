//! `status.loadBalancer`: what is open, as which address, and why something is not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::balancers::{Fairness, Verdicts};
use super::health::Health;
use super::node_ports::{lacks_health_port, lacks_port};
use super::picture::{is_outside, node_ports_of};
use crate::config::LoadBalancerConfig;
use crate::kube_proxy::Problem;
use crate::lb::{Assignment, NODE};
use crate::model::{LoadBalancerStatus, Provider, Service, ServiceType};
use crate::registry::{Cluster, Registry};

/// Everything that is known about host ports at one moment.
pub(super) struct Seen<'a> {
    pub(super) config: &'a LoadBalancerConfig,
    pub(super) verdicts: &'a Verdicts,
    /// Ports that cannot be had.
    pub(super) problems: &'a [Problem],
    pub(super) health: &'a BTreeMap<String, Health>,
    /// Health ports that cannot be had.
    pub(super) health_ports: &'a BTreeMap<String, String>,
}

/// Writes it into the Services whose status is another one.
pub(super) fn write(registry: &Registry, seen: &Seen<'_>) {
    let differs = |cluster: &Cluster, service: &Service| {
        let wanted = seen.status(cluster, service);
        wanted.filter(|wanted| *wanted != service.load_balancer)
    };
    let cluster = registry.snapshot();
    let mut services = cluster.services.values();
    if !services.any(|service| differs(&cluster, service).is_some()) {
        return;
    }
    registry.change(|cluster| {
        let before = cluster.clone();
        for service in cluster.services.values_mut() {
            if let Some(status) = differs(&before, service) {
                Arc::make_mut(service).load_balancer = status;
            }
        }
    });
}

impl Seen<'_> {
    /// The status of a Service that is to have one.
    fn status(&self, cluster: &Cluster, service: &Service) -> Option<LoadBalancerStatus> {
        let own = service.name == cluster.ingress_classes.load_balancer;
        match service.kind {
            ServiceType::ClusterIP | ServiceType::ExternalName => None,
            ServiceType::NodePort => is_outside(service).then(|| LoadBalancerStatus {
                pending: self.node_port_problem(service),
                ..LoadBalancerStatus::default()
            }),
            ServiceType::LoadBalancer if own => Some(self.of_ingress(service)),
            ServiceType::LoadBalancer => is_outside(service).then(|| self.of_balancer(service)),
        }
    }

    /// The ingress' ports are open from the start, whatever its provider says.
    fn of_ingress(&self, service: &Service) -> LoadBalancerStatus {
        let mut status = LoadBalancerStatus {
            ingress: service.load_balancer.ingress.clone(),
            ..LoadBalancerStatus::default()
        };
        match self.verdicts.get(&service.name) {
            Some(Fairness::Given(assignment)) => self.describe(&mut status, assignment),
            Some(Fairness::Pending(reason)) => {
                let provider = self.config.provider.name();
                let note = format!("{provider} would leave it pending: {reason}");
                status.notes.push(note);
            }
            None => {}
        }
        status
    }

    fn of_balancer(&self, service: &Service) -> LoadBalancerStatus {
        let mut status = LoadBalancerStatus::default();
        let name = &service.name;
        let of_service = |problem: &&Problem| problem.service == *name;
        let problem = self.problems.iter().find(of_service);
        match (self.verdicts.get(name), problem) {
            (Some(Fairness::Pending(reason)), _) => status.pending = Some(reason.clone()),
            (_, Some(problem)) => status.pending = Some(problem.message.clone()),
            (Some(Fairness::Given(assignment)), None) => {
                let ports = service.ports.iter();
                let host = self.config.address;
                status.ingress = ports.map(|port| SocketAddr::new(host, port.port)).collect();
                self.describe(&mut status, assignment);
                let health = self.health.get(name).map(ToString::to_string);
                status.notes.extend(health);
            }
            (None, None) => {}
        }
        status.notes.extend(self.node_port_problem(service));
        status.notes.extend(self.health_ports.get(name).cloned());
        if lacks_health_port(service) {
            let note = "no port is left of 30000 to 32767 for healthCheckNodePort";
            status.notes.push(note.to_owned());
        }
        status
    }

    /// The address, and what its provider does beside giving it.
    fn describe(&self, status: &mut LoadBalancerStatus, assignment: &Assignment) {
        let config = self.config;
        status.address = Some(assignment.address.clone());
        if config.provider == Provider::ServiceLb {
            return;
        }
        let notes = &mut status.notes;
        notes.push(format!("simulated {}, node {NODE}", config.provider.name()));
        notes.extend(assignment.notes.iter().cloned());
        if let Some(idle) = config.idle {
            notes.push(format!("silent connections end after {:?}", idle.after));
        }
        notes.extend(config.provider.left_out().map(str::to_owned));
    }

    fn node_port_problem(&self, service: &Service) -> Option<String> {
        if lacks_port(service) {
            return Some("no NodePort is left of 30000 to 32767".to_owned());
        }
        let name = node_ports_of(&service.name);
        let problem = self.problems.iter().find(|problem| problem.service == name);
        problem.map(|problem| format!("NodePort of port {}: {}", problem.port, problem.message))
    }
}
