//! The registry and the app's facts as `lab status` shows them.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::door::host_ports;
use super::{Facts, Records};
use crate::model::{
    CertificateStatus, ClusterIp, Deployment, DeploymentStatus, EndpointStatus, FaultStatus,
    GatewayStatus, IngressStatus, LabPhase, ObjectReport, PluginStatus, Pod, PodPhase, PodStatus,
    PortStatus, Service, ServiceStatus, Status,
};
use crate::registry::Cluster;

/// What runs.
pub fn status_of(facts: &Facts, cluster: &Cluster, records: &dyn Records) -> Status {
    let replicas: BTreeMap<&str, u32> = cluster
        .deployments
        .values()
        .filter_map(|deployment| Some((deployment.service.as_deref()?, deployment.replicas)))
        .collect();
    let services = cluster
        .services
        .values()
        .map(|found| {
            if found.name == cluster.ingress_classes.load_balancer {
                return ServiceStatus {
                    replicas: Some(cluster.ingress_replicas),
                    endpoints: ingress_replicas(found, cluster),
                    ..service(found)
                };
            }
            ServiceStatus {
                replicas: replicas.get(found.name.as_str()).copied(),
                endpoints: endpoints(&found.name, cluster, records),
                ..service(found)
            }
        })
        .collect();
    Status {
        name: facts.name.clone(),
        runtime: facts.runtime.clone(),
        runtime_reason: facts.runtime_reason.clone(),
        ready: facts.phase == LabPhase::Running && everything_is_ready(cluster),
        phase: facts.phase,
        reason: facts.reason.clone(),
        urls: facts.urls.clone(),
        ca_certificate: facts.ca_certificate.clone(),
        login: facts.login.clone(),
        stores: facts.stores.clone(),
        services,
        deployments: deployments(cluster),
        plugins: plugins(cluster),
        ingresses: ingresses(cluster),
        gateways: gateways(cluster),
        certificates: certificates(cluster),
        pods: cluster
            .pods
            .values()
            .map(|found| pod(found, cluster))
            .collect(),
        warnings: [&facts.warnings[..], &facts.problems].concat(),
        faults: faults(cluster),
        reports: cluster.reports.to_vec(),
    }
}

/// What is broken on purpose.
fn faults(cluster: &Cluster) -> Vec<FaultStatus> {
    let all = cluster.faults.iter();
    all.map(|fault| FaultStatus {
        id: fault.id,
        fault: fault.kind.to_string(),
        target: fault.place.to_string(),
        until: fault.until,
    })
    .collect()
}

/// Where the host ports are.
fn addresses(cluster: &Cluster) -> Vec<String> {
    let addresses = host_ports(cluster).iter();
    addresses.map(ToString::to_string).collect()
}

fn gateways(cluster: &Cluster) -> Vec<GatewayStatus> {
    let api = &cluster.gateway_api;
    let of = |kind: &str, name: &str| {
        let reports = cluster.reports.iter();
        let reports = reports.filter(|report| report.kind == kind && report.name == name);
        reports.cloned().collect::<Vec<ObjectReport>>()
    };
    let is_used = |kind: &str, name: &str| !of(kind, name).iter().any(|report| report.unusable);
    let gateways = api.gateways.iter().map(|gateway| {
        let routes = api.routes.iter().filter(|route| {
            let parents = route.parents.iter().map(|parent| &parent.object);
            let mut meant = parents.filter(|object| {
                let namespace = object.namespace.as_ref().unwrap_or(&route.namespace);
                (&object.name, namespace) == (&gateway.name, &gateway.namespace)
            });
            meant.next().is_some() && is_used(route.kind.name(), &route.name)
        });
        let served = is_used("Gateway", &gateway.name);
        GatewayStatus {
            name: gateway.name.clone(),
            namespace: gateway.namespace.clone(),
            class: gateway.class.clone(),
            listeners: gateway.listeners.iter().map(ToString::to_string).collect(),
            addresses: if served {
                addresses(cluster)
            } else {
                Vec::new()
            },
            routes: routes
                .map(|route| format!("{} {}", route.kind.name(), route.name))
                .collect(),
            reports: of("Gateway", &gateway.name)
                .into_iter()
                .map(|report| report.message)
                .collect(),
        }
    });
    gateways.collect()
}

fn ingresses(cluster: &Cluster) -> Vec<IngressStatus> {
    let addresses = addresses(cluster);
    let ingresses = cluster.ingresses.values().map(|ingress| {
        let class = cluster.ingress_classes.class_of(ingress).ok();
        let mut hosts: Vec<String> = Vec::new();
        for rule in &ingress.rules {
            let host = rule.host.clone().unwrap_or_else(|| "*".to_owned());
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        let paths = ingress.rules.iter().flat_map(|rule| &rule.paths);
        let backends = paths.map(|path| &path.backend);
        let backends = backends.chain(&ingress.default_backend);
        let mut services: Vec<String> = Vec::new();
        for backend in backends {
            if !services.contains(&backend.service) {
                services.push(backend.service.clone());
            }
        }
        let of_ingress =
            |report: &&ObjectReport| report.kind == "Ingress" && report.name == ingress.name;
        IngressStatus {
            name: ingress.name.clone(),
            class: class.map(str::to_owned),
            hosts,
            services,
            addresses: class.map(|_| addresses.clone()).unwrap_or_default(),
            reports: cluster
                .reports
                .iter()
                .filter(of_ingress)
                .map(|report| report.message.clone())
                .collect(),
        }
    });
    ingresses.collect()
}

fn certificates(cluster: &Cluster) -> Vec<CertificateStatus> {
    let written = |moment: OffsetDateTime| moment.format(&Rfc3339).ok();
    let certificates = cluster
        .certificates
        .values()
        .map(|found| CertificateStatus {
            secret: found.secret.clone(),
            ingresses: found.ingresses.clone(),
            hosts: found.hosts.clone(),
            issuer: found.issued.then(|| "lab".to_owned()),
            ready: found.problem.is_none(),
            reason: found.problem.clone().unwrap_or_else(|| "Ready".to_owned()),
            not_before: found.validity.and_then(|(begin, _)| written(begin)),
            not_after: found.validity.and_then(|(_, end)| written(end)),
            renewal: found.renewal().and_then(written),
        });
    certificates.collect()
}

/// The replicas behind the host ports.
///
/// Lab: they have no address of their own, because they get accepted connections; what clients dial
/// stands in its place.
fn ingress_replicas(service: &Service, cluster: &Cluster) -> Vec<EndpointStatus> {
    let address = service.load_balancer.ingress.first();
    let pods = cluster.pods.values();
    let replicas = pods.filter(|pod| pod.deployment == service.name);
    let endpoints = replicas.map(|pod| EndpointStatus {
        pod: Some(pod.name.clone()),
        address: address.map(ToString::to_string).unwrap_or_default(),
        ready: pod.ready && !pod.terminating,
        terminating: pod.terminating,
        connections: 0,
    });
    endpoints.collect()
}

fn deployments(cluster: &Cluster) -> Vec<DeploymentStatus> {
    let found = cluster.deployments.values();
    let found = found.filter(|found| found.service.is_none() && found.plugin.is_none());
    found
        .map(|found| DeploymentStatus {
            name: found.name.clone(),
            replicas: found.replicas,
            ready: ready_pods(found, cluster),
        })
        .collect()
}

fn plugins(cluster: &Cluster) -> Vec<PluginStatus> {
    let status = |found: &Deployment| {
        Some(PluginStatus {
            plugin_id: found.plugin.clone()?,
            deployment: found.name.clone(),
            replicas: found.replicas,
            ready: ready_pods(found, cluster),
        })
    };
    let found = cluster.deployments.values();
    found.filter_map(|found| status(found)).collect()
}

/// Pods of it that are ready and stay.
fn ready_pods(deployment: &Deployment, cluster: &Cluster) -> u32 {
    let pods = cluster.pods.values();
    let ready =
        pods.filter(|pod| pod.deployment == deployment.name && pod.ready && !pod.terminating);
    u32::try_from(ready.count()).unwrap_or(u32::MAX)
}

/// Every Deployment has as many ready pods as it wants, and they are endpoints already. Plugins come
/// and go while the lab is ready.
fn everything_is_ready(cluster: &Cluster) -> bool {
    let load_balancer = &cluster.ingress_classes.load_balancer;
    let pods = cluster.pods.values();
    let replicas = pods.filter(|pod| pod.deployment == *load_balancer && pod.ready);
    if replicas.count() < cluster.ingress_replicas as usize {
        return false;
    }
    let deployments = cluster.deployments.values();
    let mut permanent = deployments.filter(|found| found.plugin.is_none());
    permanent.all(|deployment| {
        let wanted = deployment.replicas as usize;
        let ready = ready_pods(deployment, cluster) as usize;
        let slice = deployment
            .service
            .as_ref()
            .and_then(|service| cluster.slices.get(service));
        let endpoints = slice.map_or(0, |slice| {
            let endpoints = slice.endpoints.iter();
            endpoints.filter(|found| found.conditions.ready).count()
        });
        ready == wanted && (deployment.service.is_none() || endpoints == wanted)
    })
}

fn service(service: &Service) -> ServiceStatus {
    let ports = service.ports.iter().map(|port| PortStatus {
        name: port.name.clone(),
        port: port.port,
        node_port: port.node_port.map(|port| port.0),
        listen: port.listen.and_then(|listen| {
            let usual =
                service.cluster_ip.address() == Some(listen.ip()) && port.port == listen.port();
            (!usual).then(|| listen.to_string())
        }),
    });
    let external = service.load_balancer.ingress.iter();
    ServiceStatus {
        name: service.name.clone(),
        kind: format!("{:?}", service.kind),
        cluster_ip: match service.cluster_ip {
            ClusterIp::None => "None".to_owned(),
            ClusterIp::Address(address) => address.to_string(),
        },
        ports: ports.collect(),
        external: external.map(ToString::to_string).collect(),
        address: service.load_balancer.address.clone(),
        notes: service.load_balancer.notes.clone(),
        health_check_node_port: service.health_check_node_port.map(|port| port.0),
        pending: service.load_balancer.pending.clone(),
        ..ServiceStatus::default()
    }
}

fn endpoints(service: &str, cluster: &Cluster, records: &dyn Records) -> Vec<EndpointStatus> {
    let Some(slice) = cluster.slices.get(service) else {
        return Vec::new();
    };
    let endpoints = slice.endpoints.iter().map(|endpoint| EndpointStatus {
        pod: endpoint.pod.clone(),
        address: endpoint
            .addresses
            .first()
            .map(|address| address.pod.to_string())
            .unwrap_or_default(),
        ready: endpoint.conditions.ready,
        terminating: endpoint.conditions.terminating,
        connections: endpoint
            .addresses
            .iter()
            .map(|address| records.connections(service, address.pod))
            .sum(),
    });
    endpoints.collect()
}

fn pod(pod: &Pod, cluster: &Cluster) -> PodStatus {
    let deployment = cluster.deployments.get(&pod.deployment);
    let phase = match pod.phase {
        _ if pod.terminating => "Terminating",
        PodPhase::Pending => "Pending",
        PodPhase::Running => "Running",
        PodPhase::CrashLoopBackOff => "CrashLoopBackOff",
        PodPhase::CreateContainerError => "CreateContainerError",
        PodPhase::Terminating => "Terminating",
    };
    PodStatus {
        name: pod.name.clone(),
        service: pod.service.clone(),
        deployment: pod.deployment.clone(),
        plugin: deployment.and_then(|found| found.plugin.clone()),
        address: pod.ip.map(|ip| ip.to_string()),
        ready: pod.ready,
        restarts: pod.restarts,
        phase: phase.to_owned(),
        reason: pod.reason.clone(),
        last_lines: pod.last_lines.clone(),
    }
}
