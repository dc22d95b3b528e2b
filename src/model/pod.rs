//! Deployment and Pod: what should run, and what does.
//!
//! A [`Deployment`] is desired state, written by config and `scale`; a [`Pod`] is observed state,
//! written by the controllers alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Desired state: so many pods of one template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Unique in the lab; the pods are called `<name>-<suffix>`.
    pub name: String,
    /// The Service whose endpoints the pods become, if any.
    pub service: Option<String>,
    /// The plugin whose pods they are, on the supervisor's word; nobody else changes such a one.
    pub plugin: Option<String>,
    /// How many pods should run.
    pub replicas: u32,
    /// What each of them is.
    pub template: PodTemplate,
}

/// Most pods of one Deployment. More would exceed what a laptop runs, long before the lab's thousand
/// pod addresses.
pub const MAX_REPLICAS: u32 = 200;

/// Most ingress replicas: they share one process, so more of them show nothing new.
pub const MAX_INGRESS_REPLICAS: u32 = 20;

/// What a pod runs and how it is looked after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTemplate {
    /// The program.
    pub workload: Workload,
    /// Ports the program listens on, the first is the main one.
    pub ports: Vec<u16>,
    /// Environment beside the one that every pod gets.
    pub env: BTreeMap<String, String>,
    /// Templates of config files by the path where the program finds them: absolute in an image,
    /// below `{files}` for a command. `${NAME}` in them is the pod's variable of that name.
    pub files: BTreeMap<String, String>,
    /// When the pod counts as ready.
    pub readiness: Probe,
    /// From the request to stop until the pod is killed; Kubernetes' default is 30 s.
    pub grace: Duration,
    /// A place that outlives the pod, for stores.
    pub volume: Option<Volume>,
    /// Names of Services that must have a ready endpoint before a pod is started.
    pub wait_for: Vec<String>,
    /// Whether the pod and the lab talk over its standard input and output (see
    /// [`PodWish`](super::PodWish)).
    pub attached: bool,
}

/// The program of a pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workload {
    /// A service of this binary: `lab pod <program>`.
    BuiltIn {
        /// `inventory`, `console-api-v2`, `mongodb` …
        program: String,
    },
    /// A container image of the user's (Docker runtime only).
    Image {
        /// Reference as Docker takes it.
        image: String,
        /// Arguments in place of the image's own, if not empty.
        command: Vec<String>,
    },
    /// A command of the user's; `{port}`, `{address}` and `{files}` are filled in.
    Command {
        /// Program and arguments.
        command: Vec<String>,
        /// Where it runs; the lab's own folder by default.
        working_directory: Option<PathBuf>,
    },
}

/// Storage that outlives the pod: a folder under processes, a named volume under Docker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Last part of the folder's or volume's name, such as `mongodb`.
    pub name: String,
    /// Where the program finds it inside a container; under processes it is told the folder.
    pub mount: String,
}

/// A readiness probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub action: ProbeAction,
    /// Between two probes once the pod is ready; until then the controller asks more often.
    pub period: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// So many failures in a row make a ready pod not ready.
    pub failure_threshold: u32,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeAction {
    /// `grpc.health.v1.Health/Check` answers SERVING.
    Grpc {
        /// Target port.
        port: u16,
    },
    /// A GET answers 200–399.
    Http {
        /// Target port.
        port: u16,
        /// Path with leading slash.
        path: String,
    },
    /// The port accepts a connection.
    Tcp {
        /// Target port.
        port: u16,
    },
    /// PING is answered with PONG, as `redis-cli ping` would show it.
    Redis {
        /// Target port.
        port: u16,
    },
    /// Ready as soon as it runs (workers without a port).
    None,
}

impl ProbeAction {
    /// The port that is asked.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Grpc { port }
            | Self::Http { port, .. }
            | Self::Tcp { port }
            | Self::Redis { port } => Some(*port),
            Self::None => None,
        }
    }
}

/// Observed state of one launched container or process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    /// Unique, `<deployment>-<suffix>`.
    pub name: String,
    /// The Deployment that owns it.
    pub deployment: String,
    /// The Service it is an endpoint of, if any.
    pub service: Option<String>,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// Whether its probe passes.
    pub ready: bool,
    /// Whether it is being stopped.
    pub terminating: bool,
    /// How often its program was started again after it ended by itself.
    pub restarts: u32,
    /// Its own address, once it has one.
    pub ip: Option<IpAddr>,
    /// Where its ports are reached.
    pub ports: Vec<PodPort>,
    /// Why it is not running or not ready, in words.
    pub reason: Option<String>,
    /// The last lines it wrote before it ended, oldest first, at most ten.
    pub last_lines: Vec<String>,
}

/// Where one port of a pod is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodPort {
    /// The port of the template.
    pub port: u16,
    /// Inside the pod network.
    pub pod: SocketAddr,
    /// From the lab's own process.
    pub host: SocketAddr,
}

/// `status.phase` of a pod, with `CrashLoopBackOff` told apart as `kubectl get pods` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodPhase {
    /// Wanted, not started yet.
    #[default]
    Pending,
    /// Its program runs.
    Running,
    /// Its program ended; the next start waits.
    CrashLoopBackOff,
    /// It cannot be started until something outside the lab changes: an image that nobody has.
    CreateContainerError,
    /// It is being stopped.
    Terminating,
}
