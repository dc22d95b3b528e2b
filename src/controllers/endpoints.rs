//! What the pods of a Service make of its EndpointSlice.
//!
//! Works inside one change of the registry. Endpoints without a pod are the user's own addresses
//! and are left alone; the order of endpoints is the order in which they were added.

use std::sync::Arc;

use crate::model::{
    Conditions, Deployment, Endpoint, EndpointAddress, EndpointSlice, Pod, Service, ServiceType,
};
use crate::registry::Cluster;

/// Brings the endpoints that one pod of a Deployment is in line with the pod, or removes them with
/// the pod.
pub(super) fn sync(cluster: &mut Cluster, deployment: &Deployment, pod_name: &str) {
    let selected = cluster.services.values().filter(|service| {
        service.selector.as_ref() == Some(&deployment.name)
            && deployment.service.as_ref() != Some(&service.name)
    });
    let services: Vec<String> = selected.map(|service| service.name.clone()).collect();
    for service in deployment.service.iter().chain(&services) {
        sync_one(cluster, service, pod_name);
    }
}

fn sync_one(cluster: &mut Cluster, service: &str, pod_name: &str) {
    // A reload may take a Service away while its pods still drain.
    if !cluster.services.contains_key(service) {
        cluster.slices.remove(service);
        return;
    }
    let mut slice = match cluster.slices.get(service) {
        Some(slice) => EndpointSlice::clone(slice),
        None => EndpointSlice {
            service: service.to_owned(),
            endpoints: Vec::new(),
        },
    };
    let position = slice
        .endpoints
        .iter()
        .position(|endpoint| endpoint.pod.as_deref() == Some(pod_name));
    let pod = cluster.pods.get(pod_name);
    let of_pod = pod.zip(cluster.services.get(service));
    let endpoint = of_pod.and_then(|(pod, service)| endpoint_of(pod, service));
    match (position, endpoint) {
        (Some(position), Some(endpoint)) => slice.endpoints[position] = endpoint,
        (Some(position), None) => {
            slice.endpoints.remove(position);
        }
        (None, Some(endpoint)) if is_listed(&endpoint) => slice.endpoints.push(endpoint),
        (None, _) => {}
    }
    let unchanged = cluster
        .slices
        .get(service)
        .is_some_and(|before| **before == slice);
    if !unchanged {
        cluster.slices.insert(service.to_owned(), Arc::new(slice));
    }
}

/// Whether an endpoint that was not listed so far is to be.
///
/// Lab: Kubernetes lists a pod that was never ready as well, with ready = false.
pub fn is_listed(endpoint: &Endpoint) -> bool {
    endpoint.conditions.serving || endpoint.conditions.ready
}

/// The endpoint that a running pod is; `None` if it lacks one of the Service's ports.
/// `publishNotReadyAddresses` makes it ready whatever its probe says, even while it terminates
/// (Kubernetes' EndpointSlice controller).
pub fn endpoint_of(pod: &Pod, service: &Service) -> Option<Endpoint> {
    let addresses: Option<Vec<_>> = service
        .ports
        .iter()
        .map(|port| {
            let place = pod
                .ports
                .iter()
                .find(|place| place.port == port.target_port)?;
            Some(EndpointAddress {
                pod: place.pod,
                host: place.host,
            })
        })
        .collect();
    Some(Endpoint {
        pod: Some(pod.name.clone()),
        addresses: addresses?,
        conditions: Conditions {
            ready: service.publish_not_ready_addresses || (pod.ready && !pod.terminating),
            serving: pod.ready,
            terminating: pod.terminating,
        },
    })
}

/// The first of these Services that no new connection would get through to. A name for something
/// outside is not judged.
pub(super) fn first_without<'a>(cluster: &Cluster, services: &'a [String]) -> Option<&'a str> {
    let usable = |name: &str| {
        let service = cluster.services.get(name);
        if service.is_some_and(|service| service.kind == ServiceType::ExternalName) {
            return true;
        }
        let slice = cluster.slices.get(name);
        slice.is_some_and(|slice| slice.usable().next().is_some())
    };
    services
        .iter()
        .map(String::as_str)
        .find(|name| !usable(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppProtocol, PodPhase, PodPort, Protocol, ServicePort};

    fn pod(ready: bool, terminating: bool) -> Pod {
        let address = "127.42.0.7:8080".parse().unwrap();
        Pod {
            name: "web-1".to_owned(),
            deployment: "web".to_owned(),
            service: Some("web".to_owned()),
            phase: PodPhase::Running,
            ready,
            terminating,
            restarts: 0,
            ip: None,
            ports: vec![PodPort {
                port: 8080,
                pod: address,
                host: address,
            }],
            reason: None,
            last_lines: Vec::new(),
        }
    }

    fn service(publish_not_ready_addresses: bool) -> Service {
        Service {
            name: "web".to_owned(),
            ports: vec![ServicePort {
                name: String::new(),
                protocol: Protocol::Tcp,
                port: 80,
                target_port: 8080,
                node_port: None,
                app_protocol: AppProtocol::Http,
                listen: None,
            }],
            publish_not_ready_addresses,
            ..Service::default()
        }
    }

    #[test]
    fn conditions_are_those_of_the_endpoint_slice_controller() {
        // publishNotReadyAddresses, the pod's ready and terminating; the endpoint's ready and
        // serving, and whether a pod that was never an endpoint becomes one.
        for (publish, ready, terminating, expected) in [
            (false, true, false, (true, true, true)),
            (false, false, false, (false, false, false)),
            (false, true, true, (false, true, true)),
            (true, true, false, (true, true, true)),
            (true, false, false, (true, false, true)),
            (true, true, true, (true, true, true)),
            (true, false, true, (true, false, true)),
        ] {
            let endpoint = endpoint_of(&pod(ready, terminating), &service(publish)).unwrap();
            let conditions = endpoint.conditions;
            let found = (conditions.ready, conditions.serving, is_listed(&endpoint));
            assert_eq!(found, expected, "{publish} {ready} {terminating}");
            assert_eq!(conditions.terminating, terminating);
        }
    }

    #[test]
    fn a_name_outside_is_waited_for_by_nobody() {
        let mut cluster = Cluster::default();
        let mut outside = service(false);
        outside.kind = ServiceType::ExternalName;
        cluster.services.insert("web".to_owned(), Arc::new(outside));
        let names = ["web".to_owned(), "db".to_owned()];
        assert_eq!(first_without(&cluster, &names), Some("db"));
    }
}
