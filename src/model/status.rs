//! `lab status -o json`: a contract that scripts rely on. Fields are added, never renamed.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What runs, as seen from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The lab's name.
    pub name: String,
    /// `process` or `docker`; empty until it is decided.
    pub runtime: String,
    /// Why that runtime.
    #[serde(default)]
    pub runtime_reason: String,
    /// Whether everything that should run runs and is ready.
    pub ready: bool,
    /// Where the lab is in its life.
    #[serde(default)]
    pub phase: LabPhase,
    /// Why it failed, or what it waits for.
    #[serde(default)]
    pub reason: Option<String>,
    /// Where to point a browser or a client.
    pub urls: Urls,
    /// The certificate of the lab's own CA, in PEM.
    pub ca_certificate: Option<PathBuf>,
    /// Who may log in; none where the built-in backends are left out.
    pub login: Option<Login>,
    /// What serves the data.
    pub stores: StoresStatus,
    /// In the order of their names.
    pub services: Vec<ServiceStatus>,
    /// Pods that nobody connects to, in the order of their names.
    #[serde(default)]
    pub deployments: Vec<DeploymentStatus>,
    /// Plugins that somebody needs now, in the order of their Deployments' names.
    #[serde(default)]
    pub plugins: Vec<PluginStatus>,
    /// In the order of their names.
    #[serde(default)]
    pub ingresses: Vec<IngressStatus>,
    /// Gateways, in the order of the files.
    #[serde(default)]
    pub gateways: Vec<GatewayStatus>,
    /// Certificates of Ingresses and Gateways, in the order of their Secrets' names.
    #[serde(default)]
    pub certificates: Vec<CertificateStatus>,
    /// In the order of their names.
    pub pods: Vec<PodStatus>,
    /// What is allowed but probably not meant, and what went less well than it could.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What is broken on purpose, in the order in which it began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultStatus>,
    /// Objects that cannot be used as they are written, or not wholly.
    #[serde(default)]
    pub reports: Vec<ObjectReport>,
}

/// Something that is broken on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultStatus {
    /// Undoes it.
    pub id: u64,
    /// What is broken about it, in words.
    pub fault: String,
    /// What is broken, in words.
    pub target: String,
    /// Microseconds since the Unix epoch when it undoes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
}

/// What is wrong with one object. The others are not affected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReport {
    /// `Ingress`, `Service`, `Secret` …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// One sentence without full stop.
    pub message: String,
    /// Whether it has no effect at all; else the rest of it works.
    pub unusable: bool,
}

impl fmt::Display for ObjectReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            name,
            message,
            unusable,
        } = self;
        let state = if *unusable { " is not used" } else { "" };
        write!(formatter, "{kind} {name}{state}: {message}")
    }
}

/// Where the lab is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabPhase {
    /// Not everything was started yet.
    #[default]
    Starting,
    /// Everything was started.
    Running,
    /// It will not start; `reason` says why.
    Failed,
    /// It was asked to stop.
    Stopping,
}

/// `urls`; those of services that the lab does not have are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urls {
    /// The console.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console: Option<String>,
    /// The REST API, version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_api: Option<String>,
    /// The REST API, version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub console_api_v2: Option<String>,
    /// The lab's own admin API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashboard: Option<String>,
}

/// Who may log in to the console.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Name of the domain.
    pub domain: String,
    /// User id.
    pub user: String,
    /// Shown on purpose: the lab is for one person on one machine.
    pub password: String,
}

/// What serves the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoresStatus {
    /// In words, such as `built-in` or `mongod 6.0.5 (/usr/bin/mongod)`.
    pub mongodb: Option<String>,
    /// Likewise, such as `redis-server (/usr/bin/redis-server)`.
    #[serde(default)]
    pub redis: Option<String>,
}

/// An Ingress.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressStatus {
    /// Its name.
    pub name: String,
    /// The IngressClass by which the lab's controller serves it; absent if it does not.
    pub class: Option<String>,
    /// The hosts of its rules; `*` for any.
    pub hosts: Vec<String>,
    /// The Services that its rules and its default backend lead to, each once.
    #[serde(default)]
    pub services: Vec<String>,
    /// Where it is reached; empty without a controller.
    pub addresses: Vec<String>,
    /// What of it does not do what it says.
    pub reports: Vec<String>,
}

/// A Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayStatus {
    /// Its name.
    pub name: String,
    /// Where it lives.
    pub namespace: String,
    /// Its GatewayClass.
    pub class: String,
    /// Protocol, port and host of each listener; `*` for any host.
    pub listeners: Vec<String>,
    /// Where it is reached; empty if it is not served.
    pub addresses: Vec<String>,
    /// Kinds and names of the routes that are attached.
    pub routes: Vec<String>,
    /// What of it does not do what it says.
    pub reports: Vec<String>,
}

/// A certificate, as `kubectl describe certificate` would tell of it. Times are RFC 3339.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateStatus {
    /// The Secret that holds it.
    pub secret: String,
    /// The Ingresses that ask for it.
    pub ingresses: Vec<String>,
    /// The names that they want it for.
    pub hosts: Vec<String>,
    /// `lab` for the lab's CA; absent for one of the user's own.
    pub issuer: Option<String>,
    /// Whether it can be served.
    pub ready: bool,
    /// `Ready`, or why it is not.
    pub reason: String,
    /// First moment of its validity.
    pub not_before: Option<String>,
    /// Last moment of its validity.
    pub not_after: Option<String>,
    /// When the lab's CA issues it anew.
    pub renewal: Option<String>,
}

/// A Service and its endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// `ClusterIP`, `NodePort` or `LoadBalancer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `None` for a headless Service, as Kubernetes writes it.
    pub cluster_ip: String,
    /// Its ports.
    pub ports: Vec<PortStatus>,
    /// Host addresses and ports at which a load balancer publishes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<String>,
    /// What stands in `status.loadBalancer` of a Service of type LoadBalancer: the address or host name
    /// of its provider. Traffic arrives at `external` all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What its provider says beside that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Where load balancers ask for its health (`externalTrafficPolicy: Local`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_node_port: Option<u16>,
    /// Why there are none, or why a NodePort is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// In the order in which they were added.
    pub endpoints: Vec<EndpointStatus>,
    /// How many pods are wanted; absent for addresses of the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// A Deployment without a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentStatus {
    /// Its name.
    pub name: String,
    /// How many pods are wanted.
    pub replicas: u32,
    /// How many of them are ready.
    pub ready: u32,
}

/// A plugin whose pods run on the supervisor's word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginStatus {
    /// The plugin.
    pub plugin_id: String,
    /// Its Deployment.
    pub deployment: String,
    /// How many pods are wanted.
    pub replicas: u32,
    /// How many of them are ready.
    pub ready: u32,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// May be empty when there is one.
    pub name: String,
    /// At the ClusterIP.
    pub port: u16,
    /// The host port of a Service of type NodePort or LoadBalancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_port: Option<u16>,
    /// Where it really listens, when that is not the ClusterIP and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
}

/// An endpoint of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The pod; absent for addresses of the user's own.
    pub pod: Option<String>,
    /// Address and first port.
    pub address: String,
    /// Whether new connections may go there.
    pub ready: bool,
    /// Whether it is being drained.
    #[serde(default)]
    pub terminating: bool,
    /// Open connections through the ClusterIP.
    pub connections: u64,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodStatus {
    /// Its name.
    pub name: String,
    /// The Service it belongs to.
    pub service: Option<String>,
    /// The Deployment that owns it.
    #[serde(default)]
    pub deployment: String,
    /// The plugin that it is a pod of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Its own address, once it has one.
    pub address: Option<String>,
    /// Whether its probe passes.
    pub ready: bool,
    /// How often its program was started again.
    pub restarts: u32,
    /// As `kubectl get pods` would show it.
    #[serde(default)]
    pub phase: String,
    /// Why it is not running or not ready.
    #[serde(default)]
    pub reason: Option<String>,
    /// The last lines it wrote before it ended.
    #[serde(default)]
    pub last_lines: Vec<String>,
}
