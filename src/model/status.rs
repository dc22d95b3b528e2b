//! `lab status -o json`: a contract that scripts rely on. Fields are added, never renamed.

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
    /// In the order of their names.
    pub pods: Vec<PodStatus>,
    /// What is allowed but probably not meant, and what went less well than it could.
    #[serde(default)]
    pub warnings: Vec<String>,
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
    /// In the order in which they were added.
    pub endpoints: Vec<EndpointStatus>,
    /// How many pods are wanted; absent for addresses of the user's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// May be empty when there is one.
    pub name: String,
    /// At the ClusterIP.
    pub port: u16,
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
