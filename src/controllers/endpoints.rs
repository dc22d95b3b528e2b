//! What the pods of a Service make of its EndpointSlice.
//!
//! Works inside one change of the registry. Endpoints without a pod are the user's own addresses
//! and are left alone; the order of endpoints is the order in which they were added.

use std::sync::Arc;

use crate::model::{
    Conditions, Deployment, Endpoint, EndpointAddress, EndpointSlice, Pod, Service,
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
        // Lab: Kubernetes lists a pod that was never ready as well, with ready = false.
        (None, Some(endpoint)) if endpoint.conditions.serving => slice.endpoints.push(endpoint),
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

/// The endpoint that a running pod is; `None` if it lacks one of the Service's ports.
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
            ready: pod.ready && !pod.terminating,
            serving: pod.ready,
            terminating: pod.terminating,
        },
    })
}

/// The first of these Services that no new connection would get through to.
pub(super) fn first_without<'a>(cluster: &Cluster, services: &'a [String]) -> Option<&'a str> {
    let usable = |name: &str| {
        let slice = cluster.slices.get(name);
        slice.is_some_and(|slice| slice.usable().next().is_some())
    };
    services
        .iter()
        .map(String::as_str)
        .find(|name| !usable(name))
}
