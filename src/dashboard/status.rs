//! The registry and the app's facts as `lab status` shows them.

use std::collections::BTreeMap;

use super::{Facts, Records};
use crate::model::{
    ClusterIp, EndpointStatus, LabPhase, Pod, PodPhase, PodStatus, PortStatus, Service,
    ServiceStatus, Status,
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
        .map(|found| ServiceStatus {
            replicas: replicas.get(found.name.as_str()).copied(),
            endpoints: endpoints(&found.name, cluster, records),
            ..service(found)
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
        pods: cluster.pods.values().map(|found| pod(found)).collect(),
        warnings: facts.warnings.clone(),
    }
}

/// Every Deployment has as many ready pods as it wants, and they are endpoints already.
fn everything_is_ready(cluster: &Cluster) -> bool {
    cluster.deployments.values().all(|deployment| {
        let wanted = deployment.replicas as usize;
        let pods = cluster.pods.values();
        let ready = pods
            .filter(|pod| pod.deployment == deployment.name && pod.ready && !pod.terminating)
            .count();
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
        listen: port.listen.and_then(|listen| {
            let usual =
                service.cluster_ip.address() == Some(listen.ip()) && port.port == listen.port();
            (!usual).then(|| listen.to_string())
        }),
    });
    ServiceStatus {
        name: service.name.clone(),
        kind: format!("{:?}", service.kind),
        cluster_ip: match service.cluster_ip {
            ClusterIp::None => "None".to_owned(),
            ClusterIp::Address(address) => address.to_string(),
        },
        ports: ports.collect(),
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

fn pod(pod: &Pod) -> PodStatus {
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
        address: pod.ip.map(|ip| ip.to_string()),
        ready: pod.ready,
        restarts: pod.restarts,
        phase: phase.to_owned(),
        reason: pod.reason.clone(),
        last_lines: pod.last_lines.clone(),
    }
}
