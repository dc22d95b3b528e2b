//! Service, EndpointSlice and Secret, as Kubernetes' `core/v1` and `discovery.k8s.io/v1` name them.
//!
//! A Service never holds addresses of pods; an EndpointSlice never holds ports of the Service.
//! The two meet by name in the registry.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Fault;
use super::route::Network;

/// A Service: one name and one ClusterIP in front of the pods that its Deployment runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// DNS label, unique in the lab.
    pub name: String,
    /// The lab's one namespace, or what a manifest says; part of the DNS name. Names are unique
    /// across namespaces.
    pub namespace: String,
    /// How the Service is published.
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// The virtual address, or none for a headless Service.
    pub cluster_ip: ClusterIp,
    /// At least one; names are unique when there is more than one.
    pub ports: Vec<ServicePort>,
    /// Whether connections of one client address stay on one endpoint.
    pub session_affinity: SessionAffinity,
    /// What happens to the client address of traffic that enters from outside.
    pub external_traffic_policy: TrafficPolicy,
    /// Which endpoints traffic from inside may use. With one machine all pods are local, so `Local`
    /// only leaves out endpoints that are not of this machine (a user's own addresses).
    #[serde(default)]
    pub internal_traffic_policy: TrafficPolicy,
    /// The Deployment whose pods are its endpoints beside those of its own name; `spec.selector` of
    /// a manifest.
    #[serde(default)]
    pub selector: Option<String>,
    /// `metadata.annotations`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// `spec.externalName`; only for that type.
    #[serde(default)]
    pub external_name: Option<String>,
    /// Client networks that may use its load balancer; all if empty.
    #[serde(default)]
    pub load_balancer_source_ranges: Vec<Network>,
    /// `spec.loadBalancerIP`: the address that it asks its load balancer for.
    #[serde(default)]
    pub load_balancer_ip: Option<IpAddr>,
    /// Whether DNS and proxies also use pods that are not ready.
    #[serde(default)]
    pub publish_not_ready_addresses: bool,
    /// `spec.allocateLoadBalancerNodePorts: false`: its load balancer needs no NodePorts, and none
    /// are given out beside those that are asked for.
    #[serde(default)]
    pub without_node_ports: bool,
    /// `spec.healthCheckNodePort`: where load balancers ask whether this machine has an endpoint
    /// (`externalTrafficPolicy: Local`); given out where it is not asked for.
    #[serde(default)]
    pub health_check_node_port: Option<NodePort>,
    /// What its load balancer says to the endpoint about the client before anything else.
    #[serde(default)]
    pub proxy_protocol: ProxyProtocol,
    /// Set by the load balancer controller; empty for other types.
    pub load_balancer: LoadBalancerStatus,
}

impl Service {
    /// The index of the port with this number, which is also its index in [`Endpoint::addresses`].
    pub fn port_index(&self, port: u16) -> Option<usize> {
        self.ports
            .iter()
            .position(|candidate| candidate.port == port)
    }

    /// The index of the port with this name.
    pub fn port_index_by_name(&self, name: &str) -> Option<usize> {
        self.ports
            .iter()
            .position(|candidate| candidate.name == name)
    }
}

/// `spec.type` of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceType {
    /// Reachable inside the pod network only.
    #[default]
    ClusterIP,
    /// Reachable at a port of the host as well.
    NodePort,
    /// Reachable through a load balancer, which gives it an address.
    LoadBalancer,
    /// A name for a name outside: DNS answers with a CNAME, and nothing is proxied.
    ExternalName,
}

/// `spec.clusterIP`: an address, or `None` for a headless Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClusterIp {
    /// Headless: DNS answers with the pods' own addresses and nothing is balanced.
    #[default]
    None,
    /// The virtual address that `kube_proxy` answers at.
    #[serde(untagged)]
    Address(IpAddr),
}

impl ClusterIp {
    /// The address, unless the Service is headless.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::None => None,
            Self::Address(address) => Some(address),
        }
    }
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// May be empty when the Service has one port.
    pub name: String,
    /// TCP unless said otherwise.
    pub protocol: Protocol,
    /// The port at the ClusterIP.
    pub port: u16,
    /// The port the program in the pod listens on.
    pub target_port: u16,
    /// The host port, for NodePort and LoadBalancer Services that have one.
    pub node_port: Option<NodePort>,
    /// What is spoken on it; decides how the ingress dials the endpoint.
    pub app_protocol: AppProtocol,
    /// Where `kube_proxy` really listens for this port: ClusterIP and port, except on hosts that
    /// have only 127.0.0.1. `None` for a headless Service.
    pub listen: Option<SocketAddr>,
}

/// A host port of a Service (`spec.ports[].nodePort`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodePort(pub u16);

/// Transport protocol of a Service port.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// The default of Kubernetes.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
}

/// `appProtocol` of a Service port, reduced to what the ingress must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppProtocol {
    /// HTTP/1.1 in clear text.
    #[default]
    Http,
    /// HTTP/2 with prior knowledge in clear text: `kubernetes.io/h2c`, and gRPC.
    H2c,
    /// Anything else; the ingress cannot route to it.
    Tcp,
}

/// `spec.sessionAffinity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionAffinity {
    /// Every connection is drawn anew.
    #[default]
    None,
    /// Connections of one client address go to one endpoint until `timeout_seconds` without any
    /// (1–86400, Kubernetes' default 10800).
    ClientIP {
        /// Idle time after which the pairing is forgotten.
        timeout_seconds: u32,
    },
}

/// `spec.externalTrafficPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrafficPolicy {
    /// Any endpoint may serve; the client address becomes the load balancer pod's.
    #[default]
    Cluster,
    /// Only endpoints of the same machine serve; the client address is kept.
    Local,
}

/// Whether a connection begins with a header that says who the client is, as HAProxy's
/// `proxy-protocol.txt` defines it, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// There is no header.
    #[default]
    Off,
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// `status.loadBalancer` of a Service, with the reason that Kubernetes hides in events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerStatus {
    /// Host addresses and ports at which clients reach it.
    pub ingress: Vec<SocketAddr>,
    /// The address or host name that its provider would give it, which leads nowhere but here.
    #[serde(default)]
    pub address: Option<String>,
    /// Why `ingress` is empty, when the Service should have an address.
    pub pending: Option<String>,
    /// What else its provider says: pool, node, health.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How a new connection to a ClusterIP picks its endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyMode {
    /// Uniform random, as kube-proxy's iptables rules draw.
    #[default]
    Iptables,
    /// Round robin, IPVS' default scheduler.
    Ipvs,
}

/// All endpoints of one Service.
///
/// Lab: one slice for each Service; Kubernetes splits after 100 endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSlice {
    /// The Service they belong to.
    pub service: String,
    /// In the order in which they were added.
    pub endpoints: Vec<Endpoint>,
}

impl EndpointSlice {
    /// The endpoints that may get a new connection: the ready ones; if there is none, those that
    /// still serve while they terminate (kube-proxy's `topology.go`).
    pub fn usable(&self) -> impl Iterator<Item = &Endpoint> {
        self.usable_of(|_| true)
    }

    /// Those that a traffic policy `Local` leaves: the same rule among the endpoints of this machine
    /// alone. A pod that is ready elsewhere does not keep one that terminates here from serving.
    pub fn usable_here(&self) -> impl Iterator<Item = &Endpoint> {
        self.usable_of(Endpoint::is_here)
    }

    fn usable_of(&self, wanted: fn(&Endpoint) -> bool) -> impl Iterator<Item = &Endpoint> {
        let mut candidates = self.endpoints.iter().filter(move |one| wanted(one));
        let any_ready = candidates.any(|endpoint| endpoint.conditions.ready);
        let candidates = self.endpoints.iter().filter(move |one| wanted(one));
        candidates.filter(move |endpoint| {
            let conditions = endpoint.conditions;
            if any_ready {
                conditions.ready
            } else {
                conditions.serving && conditions.terminating
            }
        })
    }
}

/// One pod (or one address from outside) behind a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The pod, or `None` for an address written by the user (a Service without selector).
    pub pod: Option<String>,
    /// One for each port of the Service, in the same order.
    pub addresses: Vec<EndpointAddress>,
    /// Whether it may be used.
    pub conditions: Conditions,
}

impl Endpoint {
    /// Whether it is on this machine: a pod of the lab, or an address of the user's on loopback.
    pub fn is_here(&self) -> bool {
        self.pod.is_some() || self.addresses.iter().all(|one| one.host.ip().is_loopback())
    }
}

/// Where one port of an endpoint is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndpointAddress {
    /// From inside the pod network.
    pub pod: SocketAddr,
    /// From the process that runs the ingress; the same unless the pod network cannot be reached
    /// from the host.
    pub host: SocketAddr,
}

/// `conditions` of an endpoint in `discovery.k8s.io/v1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// The pod's probe passes and it is not being stopped.
    pub ready: bool,
    /// The pod's probe passes, whether or not it is being stopped.
    pub serving: bool,
    /// The pod is being stopped.
    pub terminating: bool,
}

/// A Secret: named bytes. The lab uses type `kubernetes.io/tls` (`tls.crt`, `tls.key`).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Unique in the lab.
    pub name: String,
    /// `type` of the Secret.
    pub kind: String,
    /// PEM or other bytes by key.
    pub data: BTreeMap<String, Vec<u8>>,
}

impl std::fmt::Debug for Secret {
    /// Prints the keys only: a Secret must never reach a log.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Secret")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("keys", &self.data.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// What `kube_proxy` and DNS need to know, as the node is told it: one JSON document a line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NetworkSnapshot {
    /// Of the registry that it was taken from.
    pub generation: u64,
    /// How ClusterIPs draw.
    pub proxy_mode: ProxyMode,
    /// All Services.
    pub services: Vec<Service>,
    /// Their endpoints.
    pub slices: Vec<EndpointSlice>,
    /// Whether only the endpoints of these slices have changed since the snapshot before, and
    /// everything that is not named here is as it was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_slices: bool,
    /// What is broken on purpose; told with every snapshot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Arc<Fault>>,
}
