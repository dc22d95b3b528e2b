//! What a pod runtime is: start a pod, stop it, tell how it ended and what it wrote.
//!
//! A runtime knows neither Deployments nor Services nor probes. It keeps what it started apart by
//! pod name; a name may be started again once the pod before it has ended.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::sync::{mpsc, oneshot};

use super::PodError;
use crate::model::{PodPort, PodTemplate};

/// The future of a method of an object-safe trait.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where lines for a pod or the node are written; it takes its closing for the end of the lab.
pub type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Runs pods.
pub trait PodRuntime: Send + Sync + fmt::Debug {
    /// `process` or `docker`.
    fn name(&self) -> &'static str;

    /// Why this one was chosen, and what it is, in one sentence.
    fn describe(&self) -> String;

    /// Removes what a crashed lab of this name left, and makes image and network. Must have
    /// returned before the first pod is started. `progress` gets sentences for people.
    fn prepare<'a>(
        &'a self,
        progress: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Boxed<'a, Result<(), PodError>>;

    /// Where ClusterIPs and the lab's DNS live. Known once `prepare` has returned.
    fn network(&self) -> PodNetwork;

    /// Starts the part that must run inside the pod network, with these variables beside
    /// `LAB_DNS`; `None` where the pod network is the host's own.
    fn start_node(
        &self,
        env: BTreeMap<String, String>,
    ) -> Boxed<'_, Result<Option<NodeHandle>, PodError>>;

    /// Whether pods can have this image without asking a registry; never where they are processes.
    fn has_image<'a>(&'a self, image: &'a str) -> Boxed<'a, bool> {
        let _ = image;
        Box::pin(async { false })
    }

    /// Whether the volume of this name was made before.
    fn has_volume<'a>(&'a self, volume: &'a str) -> Boxed<'a, bool> {
        let _ = volume;
        Box::pin(async { false })
    }

    /// Starts a pod. Returns once its program has been started, not once it listens.
    fn start(&self, spec: PodSpec) -> Boxed<'_, Result<StartedPod, PodError>>;

    /// SIGTERM; SIGKILL after `grace`. Returns when the pod is gone, also if it never was there.
    fn stop<'a>(&'a self, pod: &'a str, grace: Duration) -> Boxed<'a, Result<(), PodError>>;

    /// Kills the pod's program as a fault would (SIGKILL); the pod then ends like any other.
    fn kill<'a>(&'a self, pod: &'a str) -> Boxed<'a, Result<(), PodError>>;

    /// Lets a pod's program stand still, or go on. A pod that is stopped or killed goes all the same.
    fn freeze<'a>(&'a self, pod: &'a str, still: bool) -> Boxed<'a, Result<(), PodError>>;

    /// Removes everything of this lab, volumes too if `data` is to go.
    fn shut_down(&self, data: bool) -> Boxed<'_, Result<(), PodError>>;
}

/// What every runtime is told about the lab it serves.
#[derive(Clone, Debug)]
pub struct RuntimeSettings {
    /// Name of the lab; part of every name and label outside this process.
    pub lab: String,
    /// Folder of this lab's state; volumes under processes live in its `data`.
    pub state: PathBuf,
    /// Gets every line that pods write. A full channel makes the pod wait, as a full pipe does.
    pub lines: mpsc::Sender<PodLine>,
}

impl RuntimeSettings {
    /// The folder that holds the volumes under processes.
    pub fn data(&self) -> PathBuf {
        self.state.join("data")
    }
}

/// A pod to start.
#[derive(Clone, Debug)]
pub struct PodSpec {
    /// Unique among the running pods of the lab.
    pub name: String,
    /// The Deployment that owns it, for labels.
    pub deployment: String,
    /// What it runs.
    pub template: PodTemplate,
    /// Variables of the lab, such as those of [`service_variables`](super::service_variables);
    /// the template's own win over them.
    pub env: BTreeMap<String, String>,
    /// JSON for `LAB_SETTINGS`, of built-in programs.
    pub settings: serde_json::Value,
    /// Where built-in programs ask for names, if the system's resolver does not know them.
    pub dns: Option<SocketAddr>,
}

/// A pod whose program was started.
pub struct StartedPod {
    /// Its own address.
    pub ip: IpAddr,
    /// Where each port of the template is reached, in the template's order.
    pub ports: Vec<PodPort>,
    /// Tells how the program ended, once. A dropped sender means that the runtime is gone.
    pub exited: oneshot::Receiver<Exit>,
    /// The standard input of an attached pod.
    pub input: Option<Input>,
}

impl fmt::Debug for StartedPod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("StartedPod")
            .field("ip", &self.ip)
            .field("ports", &self.ports)
            .field("attached", &self.input.is_some())
            .finish_non_exhaustive()
    }
}

/// How the program of a pod ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i64>,
    /// The signal that ended it.
    pub signal: Option<i64>,
    /// Whether the kernel killed it for want of memory, as far as the runtime can tell.
    pub out_of_memory: bool,
    /// Set when the runtime lost it, in place of a code: a container that somebody removed.
    pub lost: Option<String>,
    /// The last lines it wrote, oldest first, at most ten.
    pub last_lines: Vec<String>,
}

impl Exit {
    /// From what a shell or Docker reports: above 128 the rest is the signal's number.
    pub fn from_shell_code(code: i64) -> Self {
        let signal = (code > 128 && code <= 128 + 64).then(|| code - 128);
        Self {
            code: signal.is_none().then_some(code),
            signal,
            ..Self::default()
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self {
                lost: Some(why), ..
            } => formatter.write_str(why),
            Self {
                out_of_memory: true,
                ..
            } => formatter.write_str("killed for want of memory"),
            Self {
                signal: Some(9), ..
            } => formatter.write_str("killed (SIGKILL)"),
            Self {
                signal: Some(15), ..
            } => formatter.write_str("ended by SIGTERM"),
            Self {
                signal: Some(signal),
                ..
            } => write!(formatter, "ended by signal {signal}"),
            Self {
                code: Some(code), ..
            } => write!(formatter, "exited with code {code}"),
            Self { .. } => formatter.write_str("ended"),
        }
    }
}

/// A line that a pod wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodLine {
    /// Which pod.
    pub pod: String,
    /// Where it wrote it.
    pub source: Source,
    /// Without the line end. Bytes that are no UTF-8 are replaced, overlong lines are cut.
    pub text: String,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Where the virtual addresses of a lab live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodNetwork {
    /// First address of the range of ClusterIPs, itself not one.
    pub cluster_ips: Ipv4Addr,
    /// How many addresses that range has; 1 where the host has 127.0.0.1 only, and every listener
    /// needs a port of its own.
    pub size: u32,
    /// Address of the lab's DNS.
    pub dns: Ipv4Addr,
    /// Port of the lab's DNS: 53 inside a pod network, 0 for any free one on the host.
    pub dns_port: u16,
}

impl PodNetwork {
    /// `.10` of the range, as in K3s.
    pub(crate) const DNS_OFFSET: u32 = 10;
    /// ClusterIPs start after the DNS server's.
    const FIRST_OFFSET: u32 = Self::DNS_OFFSET + 1;

    /// The ClusterIP of the `index`th Service; `None` when the range is used up.
    pub fn cluster_ip(&self, index: u32) -> Option<IpAddr> {
        if self.size == 1 {
            return Some(self.cluster_ips.into());
        }
        let offset = index.checked_add(Self::FIRST_OFFSET)?;
        // The last address of a range is its broadcast address.
        (offset < self.size - 1)
            .then(|| Ipv4Addr::from_bits(self.cluster_ips.to_bits() + offset).into())
    }
}

/// The node's standard input and output.
pub struct NodeHandle {
    /// Takes one JSON document a line. Closing it ends the node.
    pub input: Input,
    /// What the node writes. Ends with the node.
    pub lines: mpsc::Receiver<PodLine>,
}

impl fmt::Debug for NodeHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NodeHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_ips_start_after_dns_and_end_before_broadcast() {
        let network = PodNetwork {
            cluster_ips: Ipv4Addr::new(10, 43, 0, 0),
            size: 256,
            dns: Ipv4Addr::new(10, 43, 0, 10),
            dns_port: 53,
        };
        assert_eq!(network.cluster_ip(0).unwrap().to_string(), "10.43.0.11");
        assert_eq!(network.cluster_ip(243).unwrap().to_string(), "10.43.0.254");
        assert_eq!(network.cluster_ip(244), None);
        assert_eq!(network.cluster_ip(u32::MAX), None);
    }

    #[test]
    fn an_exit_says_what_ended_it() {
        assert_eq!(Exit::from_shell_code(1).to_string(), "exited with code 1");
        assert_eq!(Exit::from_shell_code(137).to_string(), "killed (SIGKILL)");
        assert_eq!(
            Exit::from_shell_code(255).to_string(),
            "exited with code 255"
        );
    }
}
