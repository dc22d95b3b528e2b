//! Writes a new picture into the registry: only what differs, so that whoever follows an object sees
//! a change only where there is one. What is observed (pods and their endpoints) stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::controllers::{endpoint_of, is_listed};
use crate::model::{
    Change, ChangeKind, Endpoint, EndpointSlice, GatewayApi, Pod, RouteKind, RouteTable, Service,
    ServicePort,
};
use crate::registry::Cluster;

/// Makes `current` what `wanted` says; what that changed, kind by kind.
pub(super) fn write(current: &mut Cluster, mut wanted: Cluster) -> Vec<Change> {
    for service in wanted.services.values() {
        // What the picture has already are addresses of the user's.
        if !wanted.slices.contains_key(&service.name) {
            let slice = slice_of_pods(current, service);
            wanted.slices.insert(service.name.clone(), Arc::new(slice));
        }
    }
    // Those of plugins are the supervisor's.
    let plugins = current.deployments.iter();
    let plugins = plugins.filter(|(_, found)| found.plugin.is_some());
    for (name, deployment) in plugins {
        let of_plugin = || Arc::clone(deployment);
        wanted
            .deployments
            .entry(name.clone())
            .or_insert_with(of_plugin);
    }
    let mut changes = Vec::new();
    replace(
        "Deployment",
        &mut current.deployments,
        wanted.deployments,
        &mut changes,
    );
    replace(
        "Service",
        &mut current.services,
        wanted.services,
        &mut changes,
    );
    let mut slices = Vec::new();
    replace(
        "EndpointSlice",
        &mut current.slices,
        wanted.slices,
        &mut slices,
    );
    // Those of pods come and go with the Services and pods that are told already.
    slices.retain(|change| {
        let slice = current.slices.get(&change.name);
        change.what == ChangeKind::Changed
            && slice.is_some_and(|slice| slice.endpoints.iter().all(|one| one.pod.is_none()))
    });
    changes.append(&mut slices);
    replace(
        "Ingress",
        &mut current.ingresses,
        wanted.ingresses,
        &mut changes,
    );
    replace("Secret", &mut current.secrets, wanted.secrets, &mut changes);
    if current.gateway_api != wanted.gateway_api {
        gateway_api(&current.gateway_api, &wanted.gateway_api, &mut changes);
        current.gateway_api = wanted.gateway_api;
    }
    current.certificates = wanted.certificates;
    if current.ingress_classes != wanted.ingress_classes {
        current.ingress_classes = wanted.ingress_classes;
        changes.push(changed("IngressClass", "*"));
    }
    if current.proxy_mode != wanted.proxy_mode {
        current.proxy_mode = wanted.proxy_mode;
        changes.push(changed("kube_proxy", "mode"));
    }
    if current.ingress_replicas != wanted.ingress_replicas {
        current.ingress_replicas = wanted.ingress_replicas;
        changes.push(changed(
            "Deployment",
            &current.ingress_classes.load_balancer,
        ));
    }
    if !same(&current.routes, &wanted.routes) {
        current.routes = wanted.routes;
        // Where no object is another, a setting of the ingress reads them in another way.
        if changes.is_empty() {
            changes.push(changed("Ingress", "*"));
        }
    }
    current.reports = wanted.reports;
    changes
}

/// What differs between the objects of Gateway API.
fn gateway_api(current: &GatewayApi, wanted: &GatewayApi, changes: &mut Vec<Change>) {
    fn named<'o, T: Clone + 'o>(
        objects: impl IntoIterator<Item = &'o T>,
        name: impl Fn(&T) -> &str,
    ) -> BTreeMap<String, Arc<T>> {
        let objects = objects.into_iter();
        objects
            .map(|object| (name(object).to_owned(), Arc::new(object.clone())))
            .collect()
    }
    let classes = |api: &GatewayApi| named(&api.classes, |class| &class.name);
    let gateways = |api: &GatewayApi| named(&api.gateways, |gateway| &gateway.name);
    let grants = |api: &GatewayApi| named(&api.grants, |grant| &grant.name);
    let routes = |api: &GatewayApi, kind: RouteKind| {
        let routes = api.routes.iter().filter(|route| route.kind == kind);
        named(routes, |route| &route.name)
    };
    let (old, new) = (&mut classes(current), classes(wanted));
    replace("GatewayClass", old, new, changes);
    let (old, new) = (&mut gateways(current), gateways(wanted));
    replace("Gateway", old, new, changes);
    let (old, new) = (&mut grants(current), grants(wanted));
    replace("ReferenceGrant", old, new, changes);
    for kind in [RouteKind::Http, RouteKind::Grpc] {
        let (old, new) = (&mut routes(current, kind), routes(wanted, kind));
        replace(kind.name(), old, new, changes);
    }
}

fn changed(kind: &str, name: &str) -> Change {
    Change {
        kind: kind.to_owned(),
        name: name.to_owned(),
        what: ChangeKind::Changed,
    }
}

/// Whether both lead to the same; the index of a table follows from its routes.
fn same(one: &RouteTable, other: &RouteTable) -> bool {
    one.routes() == other.routes()
        && one.backends() == other.backends()
        && one.client_auth() == other.client_auth()
        && one.tls_listeners() == other.tls_listeners()
}

/// Objects that are equal keep their `Arc`, by which readers tell what has changed.
fn replace<T: PartialEq>(
    kind: &str,
    current: &mut BTreeMap<String, Arc<T>>,
    mut wanted: BTreeMap<String, Arc<T>>,
    changes: &mut Vec<Change>,
) {
    let mut tell = |name: &str, what| {
        changes.push(Change {
            kind: kind.to_owned(),
            name: name.to_owned(),
            what,
        });
    };
    for (name, object) in &mut wanted {
        match current.get(name) {
            Some(known) if **known == **object => *object = Arc::clone(known),
            Some(_) => tell(name, ChangeKind::Changed),
            None => tell(name, ChangeKind::Added),
        }
    }
    for name in current.keys().filter(|name| !wanted.contains_key(*name)) {
        tell(name, ChangeKind::Removed);
    }
    *current = wanted;
}

/// The endpoints that the running pods are of a Service as it will be.
fn slice_of_pods(current: &Cluster, service: &Service) -> EndpointSlice {
    let selects = |pod: &Pod| {
        pod.service.as_ref() == Some(&service.name)
            || service.selector.as_ref() == Some(&pod.deployment)
    };
    let old_ports = current.services.get(&service.name);
    let old_ports = old_ports.map_or(&[][..], |old| &old.ports);
    let known = current.slices.get(&service.name);
    let known = known.map_or(&[][..], |slice| &slice.endpoints);
    let mut endpoints = Vec::new();
    for endpoint in known {
        let pod = endpoint.pod.as_ref().and_then(|pod| current.pods.get(pod));
        let Some(pod) = pod.filter(|pod| selects(pod)) else {
            continue;
        };
        let now = endpoint_of(pod, service);
        endpoints.extend(now.or_else(|| moved(endpoint, old_ports, service)));
    }
    for pod in current.pods.values().filter(|pod| selects(pod)) {
        let is_known = |one: &Endpoint| one.pod.as_ref() == Some(&pod.name);
        if !endpoints.iter().any(is_known) {
            endpoints.extend(endpoint_of(pod, service).filter(is_listed));
        }
    }
    EndpointSlice {
        service: service.name.clone(),
        endpoints,
    }
}

/// An endpoint whose pod has not the ports of the new template: it serves at those of the old one
/// until it is replaced.
fn moved(endpoint: &Endpoint, old: &[ServicePort], service: &Service) -> Option<Endpoint> {
    let address = |port: &ServicePort| {
        let index = old.iter().position(|old| {
            (old.port, old.protocol) == (port.port, port.protocol) || {
                !port.name.is_empty() && old.name == port.name
            }
        });
        endpoint.addresses.get(index?).copied()
    };
    let addresses: Option<Vec<_>> = service.ports.iter().map(address).collect();
    Some(Endpoint {
        addresses: addresses?,
        ..endpoint.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Deployment;

    #[test]
    fn equal_objects_keep_their_pointer_and_only_others_are_told() {
        let service = |port| {
            let name = "web".to_owned();
            let ports = vec![ServicePort {
                name: String::new(),
                protocol: crate::model::Protocol::Tcp,
                port,
                target_port: 8080,
                node_port: None,
                app_protocol: crate::model::AppProtocol::Http,
                listen: None,
            }];
            Arc::new(Service {
                name,
                ports,
                ..Service::default()
            })
        };
        let picture = |port| Cluster {
            services: BTreeMap::from([("web".to_owned(), service(port))]),
            ..Cluster::default()
        };
        let mut cluster = Cluster::default();
        let told = write(&mut cluster, picture(80));
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].to_string(), "Service web added");
        let before = Arc::clone(&cluster.services["web"]);
        assert_eq!(write(&mut cluster, picture(80)), []);
        assert!(Arc::ptr_eq(&before, &cluster.services["web"]));
        assert_eq!(
            write(&mut cluster, picture(81))[0].to_string(),
            "Service web changed"
        );
        let told = write(&mut cluster, Cluster::default());
        assert_eq!(told[0].to_string(), "Service web removed");
        assert_eq!(cluster.slices.len(), 0);
    }

    #[test]
    fn deployments_of_plugins_are_not_the_files_business() {
        let deployment = |name: &str, plugin: Option<&str>| {
            let config = crate::config::parse(None, &crate::config::Overrides::default());
            let config = config.unwrap();
            let deployment = Deployment {
                name: name.to_owned(),
                service: None,
                plugin: plugin.map(str::to_owned),
                ..config.deployments[0].clone()
            };
            (name.to_owned(), Arc::new(deployment))
        };
        let mut cluster = Cluster::default();
        let before = [
            deployment("worker", None),
            deployment("plugin-a", Some("plugin")),
        ];
        cluster.deployments = before.into();
        let told = write(&mut cluster, Cluster::default());
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].to_string(), "Deployment worker removed");
        assert_eq!(cluster.deployments.keys().collect::<Vec<_>>(), ["plugin-a"]);
    }

    #[test]
    fn endpoints_outlive_a_change_of_their_service() {
        let port = |port, target_port| ServicePort {
            name: String::new(),
            protocol: crate::model::Protocol::Tcp,
            port,
            target_port,
            node_port: None,
            app_protocol: crate::model::AppProtocol::Http,
            listen: None,
        };
        let address = "127.0.0.1:8080".parse().unwrap();
        let pod = Pod {
            name: "web-1".to_owned(),
            deployment: "web".to_owned(),
            service: Some("web".to_owned()),
            phase: crate::model::PodPhase::Running,
            ready: true,
            terminating: false,
            restarts: 0,
            ip: None,
            ports: vec![crate::model::PodPort {
                port: 8080,
                pod: address,
                host: address,
            }],
            reason: None,
            last_lines: Vec::new(),
        };
        let service = |ports| Service {
            name: "web".to_owned(),
            ports,
            ..Service::default()
        };
        let mut cluster = Cluster::default();
        let deployments: BTreeMap<String, Arc<Deployment>> = BTreeMap::new();
        cluster.deployments = deployments;
        cluster.pods.insert("web-1".to_owned(), Arc::new(pod));
        let mut write_ports = |ports| {
            let wanted = service(ports);
            let wanted = Cluster {
                services: BTreeMap::from([("web".to_owned(), Arc::new(wanted))]),
                ..Cluster::default()
            };
            write(&mut cluster, wanted);
            cluster.slices["web"].endpoints.clone()
        };
        // Pods that run already become endpoints of a new Service.
        assert_eq!(write_ports(vec![port(80, 8080)])[0].addresses.len(), 1);
        // The new target port is one of pods to come; the old pod serves until then.
        let endpoints = write_ports(vec![port(80, 9090)]);
        assert_eq!(endpoints[0].addresses[0].pod, address);
        assert!(write_ports(vec![port(81, 9090)]).is_empty());
    }
}
