//! Plugins: what the catalogue knows of them, and what the lab and two of its pods tell each other
//! about them over standard input and output, one JSON document a line.
//!
//! The supervisor says which plugin pods it wants and is told which there are, as upstream it asks
//! Kubernetes' API server. The `host` plugin asks what the machine is, which a container cannot see.
//! Both sides always tell the whole state, so a line that is lost is made good by the next.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `resource_type` of plugins that collect cloud resources.
pub const COLLECTOR: &str = "inventory.Collector";
/// `resource_type` of plugins that tell costs.
pub const DATA_SOURCE: &str = "cost_analysis.DataSource";

/// A plugin that `[plugins.NAME]` describes: a row of the repository's catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugin {
    /// Its name in `lab.toml`, and that of the collector or data source made for it.
    pub name: String,
    /// `plugin-<name>`.
    pub plugin_id: String,
    /// [`COLLECTOR`] or [`DATA_SOURCE`].
    pub resource_type: String,
    /// Where its program comes from, in words: `lab/host`, the image, or the command.
    pub image: String,
    /// The one version that the catalogue has.
    pub version: String,
    /// How many pods of it run once it is needed.
    pub replicas: u32,
    /// Providers for which it is given an account, at least one.
    pub providers: Vec<String>,
    /// Options of the collector or data source made for it: a JSON object.
    pub options: Value,
}

/// A line of a pod's stdout that asks the lab for something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PodWish {
    /// Of the supervisor: all plugin pods that should run, and no others.
    Plugins {
        /// In any order.
        plugins: Vec<WantedPlugin>,
    },
    /// Of the `host` plugin: one [`Told::Host`], please.
    Host,
}

/// A line that the lab writes to such a pod's stdin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "kebab-case")]
pub enum Told {
    /// To the supervisor: every plugin that was asked for, after each change.
    Plugins {
        /// In any order.
        plugins: Vec<RunningPlugin>,
    },
    /// To the `host` plugin: what the machine is.
    Host {
        /// Or why it is not known.
        machine: Result<Box<Machine>, String>,
    },
}

/// A plugin that should run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedPlugin {
    /// Unique; the name of its Deployment: `<plugin_id>-<suffix>`.
    pub name: String,
    /// Which plugin.
    pub plugin_id: String,
    /// How many pods.
    pub replicas: u32,
}

/// A plugin that was asked for, as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningPlugin {
    /// [`WantedPlugin::name`].
    pub name: String,
    /// Its pods.
    pub pods: Vec<PluginPod>,
    /// Why there can be none: no plugin of this id, or an image that this runtime cannot run.
    pub problem: Option<String>,
}

/// A pod of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginPod {
    /// The pod's name.
    pub name: String,
    /// Its own address and port, inside the pod network, once it has one.
    pub address: Option<SocketAddr>,
    /// Whether its probe passes.
    pub ready: bool,
    /// Why it is not, in words.
    pub reason: Option<String>,
}

/// The machine that the lab runs on, as a program outside of every container sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub name: String,
    /// Operating system and version: `Debian GNU/Linux 12`.
    pub os: String,
    /// Kernel version.
    pub kernel: String,
    /// `x86_64`, `aarch64` …
    pub architecture: String,
    /// What the processor calls itself.
    pub processor: String,
    /// Logical processors.
    pub cores: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes that programs could still have.
    pub memory_available: u64,
    /// Seconds since it started.
    pub uptime: u64,
    /// Mounted disks.
    pub disks: Vec<Disk>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// Of all processes together.
    pub processes: Processes,
    /// Containers of the Docker engine, if one answers.
    pub containers: Option<Vec<Container>>,
}

/// A mounted disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// Device: `/dev/vda1`.
    pub name: String,
    /// Where it is mounted.
    pub mount: String,
    /// `ext4`, `apfs` …
    pub file_system: String,
    /// Bytes.
    pub size: u64,
    /// Bytes.
    pub available: u64,
}

/// A network interface.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// `eth0`.
    pub name: String,
    /// `02:42:…`.
    pub mac: String,
    /// With prefix length: `192.168.1.7/24`.
    pub addresses: Vec<String>,
    /// Bytes since it came up.
    pub received: u64,
    /// Bytes since it came up.
    pub sent: u64,
}

/// A summary of processes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Processes {
    /// How many there are.
    pub count: u32,
    /// The five with most memory: name and bytes.
    pub largest: Vec<(String, u64)>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Without the slash in front.
    pub name: String,
    /// Its image.
    pub image: String,
    /// `running`, `exited` …
    pub state: String,
    /// Its addresses in Docker's networks.
    pub addresses: Vec<String>,
}
