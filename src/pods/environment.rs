//! The environment of a pod: Kubernetes' variables for every Service, and the lab's own.
//!
//! Kubernetes sets its variables when the pod starts and never again; so does the lab.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::PodSpec;
use crate::model::{Protocol, Service, Workload};

/// `INVENTORY_SERVICE_HOST`, `INVENTORY_SERVICE_PORT`, `INVENTORY_PORT_50051_TCP_ADDR` … for every
/// Service with a ClusterIP, as Kubernetes' `kubelet/envvars` has them.
pub fn service_variables<'a>(
    services: impl IntoIterator<Item = &'a Service>,
) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for service in services {
        let Some(cluster_ip) = service.cluster_ip.address() else {
            continue;
        };
        let name = service.name.to_uppercase().replace('-', "_");
        for (index, port) in service.ports.iter().enumerate() {
            // Lab: where a port cannot be bound at the ClusterIP, the variables say where it is.
            let listen = port
                .listen
                .unwrap_or_else(|| SocketAddr::new(cluster_ip, port.port));
            let protocol = match port.protocol {
                Protocol::Tcp => "tcp",
                Protocol::Udp => "udp",
            };
            let url = format!("{protocol}://{listen}");
            let host = listen.ip().to_string();
            let number = listen.port().to_string();
            if index == 0 {
                variables.insert(format!("{name}_SERVICE_HOST"), host.clone());
                variables.insert(format!("{name}_SERVICE_PORT"), number.clone());
                variables.insert(format!("{name}_PORT"), url.clone());
            }
            if !port.name.is_empty() {
                let port_name = port.name.to_uppercase().replace('-', "_");
                variables.insert(format!("{name}_SERVICE_PORT_{port_name}"), number.clone());
            }
            let prefix = format!("{name}_PORT_{}_{}", port.port, protocol.to_uppercase());
            variables.insert(format!("{prefix}_PROTO"), protocol.to_owned());
            variables.insert(format!("{prefix}_PORT"), number);
            variables.insert(format!("{prefix}_ADDR"), host);
            variables.insert(prefix, url);
        }
    }
    variables
}

/// What only the runtime knows about a pod.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    /// Sockets to bind, in the order of the template's ports.
    pub(super) listen: Vec<SocketAddr>,
    /// The pod's own address, where it is known before the start.
    pub(super) ip: Option<IpAddr>,
    /// The folder of its volume.
    pub(super) data: Option<PathBuf>,
    /// The process to die with.
    pub(super) parent: Option<u32>,
}

/// All variables of a pod: Services and the caller's first, the lab's contract with `lab pod`
/// next, and the template's own last, because a user's word wins.
pub(super) fn compose(spec: &PodSpec, placement: &Placement) -> BTreeMap<String, String> {
    let mut variables = spec.env.clone();
    let mut set = |name: &str, value: String| {
        variables.insert(name.to_owned(), value);
    };
    set("LAB_POD", spec.name.clone());
    let listen: Vec<_> = placement.listen.iter().map(ToString::to_string).collect();
    if !listen.is_empty() {
        set("LAB_LISTEN", listen.join(","));
    }
    if let Some(ip) = placement.ip {
        set("LAB_IP", ip.to_string());
    }
    if let Some(dns) = spec.dns {
        set("LAB_DNS", dns.to_string());
    }
    if let Some(data) = &placement.data {
        set("LAB_DATA", data.display().to_string());
    }
    if let Some(parent) = placement.parent {
        set("LAB_PARENT", parent.to_string());
    }
    if spec.template.attached {
        set("LAB_ATTACHED", "1".to_owned());
    }
    match &spec.template.workload {
        Workload::BuiltIn { program } => {
            set("LAB_PROGRAM", program.clone());
            set("LAB_SETTINGS", spec.settings.to_string());
        }
        Workload::Image { .. } | Workload::Command { .. } => {
            if let Some(first) = placement.listen.first() {
                set("PORT", first.port().to_string());
            }
            for (port, listen) in spec.template.ports.iter().zip(&placement.listen) {
                set(&format!("PORT_{port}"), listen.port().to_string());
            }
        }
    }
    variables.extend(spec.template.env.clone());
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClusterIp, ServicePort};

    fn service(name: &str, ports: Vec<ServicePort>) -> Service {
        Service {
            name: name.into(),
            namespace: "cloudforet".into(),
            kind: crate::model::ServiceType::ClusterIP,
            cluster_ip: ClusterIp::Address("10.43.0.12".parse().unwrap()),
            ports,
            session_affinity: crate::model::SessionAffinity::None,
            external_traffic_policy: crate::model::TrafficPolicy::Cluster,
            ..Service::default()
        }
    }

    fn port(name: &str, port: u16, listen: Option<&str>) -> ServicePort {
        ServicePort {
            name: name.into(),
            protocol: Protocol::Tcp,
            port,
            target_port: port,
            node_port: None,
            app_protocol: crate::model::AppProtocol::Http,
            listen: listen.map(|address| address.parse().unwrap()),
        }
    }

    #[test]
    fn a_service_gets_the_variables_of_kubernetes() {
        let services = [service("console-api", vec![port("http", 80, None)])];
        let variables = service_variables(&services);
        let expected = [
            ("CONSOLE_API_PORT", "tcp://10.43.0.12:80"),
            ("CONSOLE_API_PORT_80_TCP", "tcp://10.43.0.12:80"),
            ("CONSOLE_API_PORT_80_TCP_ADDR", "10.43.0.12"),
            ("CONSOLE_API_PORT_80_TCP_PORT", "80"),
            ("CONSOLE_API_PORT_80_TCP_PROTO", "tcp"),
            ("CONSOLE_API_SERVICE_HOST", "10.43.0.12"),
            ("CONSOLE_API_SERVICE_PORT", "80"),
            ("CONSOLE_API_SERVICE_PORT_HTTP", "80"),
        ];
        let found: Vec<_> = variables.iter().map(|(k, v)| (&**k, &**v)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn variables_say_where_a_port_really_is() {
        let services = [service(
            "console",
            vec![port("", 80, Some("127.43.0.12:8080"))],
        )];
        let variables = service_variables(&services);
        assert_eq!(variables["CONSOLE_SERVICE_HOST"], "127.43.0.12");
        assert_eq!(variables["CONSOLE_SERVICE_PORT"], "8080");
    }

    #[test]
    fn a_headless_service_has_no_variables() {
        let mut headless = service("plugin", vec![port("", 50051, None)]);
        headless.cluster_ip = ClusterIp::None;
        assert!(service_variables([&headless]).is_empty());
    }
}
