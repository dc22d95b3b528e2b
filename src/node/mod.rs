//! The part of the lab that runs inside the pod network: ClusterIPs and cluster DNS in a container
//! of their own.
//!
//! It is fed over its standard streams and opens no port to be controlled by. A line of standard
//! input is a [`NetworkSnapshot`](crate::model::NetworkSnapshot); a line of standard output is a
//! [`NodeLine`](crate::model::NodeLine): connections as they are drawn and as they end, and one
//! acknowledgement for each snapshot. When standard input ends, so does the node: whoever fed it is
//! gone.
//!
//! - `run` follows the snapshots and serves.
//! - `addresses` gives the interface the ClusterIPs, by way of `netlink`.

mod addresses;
#[cfg(target_os = "linux")]
mod netlink;
mod run;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use run::run;

/// What decides how a node behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where cluster DNS listens.
    pub dns: SocketAddr,
    /// Who is asked about names outside the cluster.
    pub upstream: Vec<SocketAddr>,
    /// Whose interface gets the ClusterIPs.
    pub interface: InterfaceChoice,
}

/// Which interface gets the ClusterIPs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfaceChoice {
    /// The one that has this address.
    Holding(IpAddr),
    /// The one with this name.
    Named(String),
    /// None: every address in use is there already, as on loopback.
    Untouched,
}

/// Why a node cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// An environment variable does not hold what it should.
    #[error("{variable}={value} is not {expected}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// There is no interface to add addresses to.
    #[error("cannot find the interface for ClusterIPs ({choice})")]
    Interface {
        /// How it was looked for.
        choice: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// Without its address there is no DNS.
    #[error(
        "cannot add {address} to the interface; hint: the node's container needs the capability NET_ADMIN"
    )]
    Address {
        /// Cluster DNS.
        address: IpAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// DNS cannot listen.
    #[error("cannot listen on {address} for DNS")]
    Bind {
        /// Cluster DNS.
        address: SocketAddr,
        /// What the kernel says.
        source: io::Error,
    },
    /// The lab's end of a standard stream broke.
    #[error("the connection to the lab broke")]
    Stream(#[from] io::Error),
}

/// The tenth address of K3s' range for Services, which is where it has its DNS, too.
const CLUSTER_DNS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 43, 0, 10)), 53);
/// Docker's name for the first interface of a container.
const FIRST_INTERFACE: &str = "eth0";
const RESOLV_CONF: &str = "/etc/resolv.conf";

impl Settings {
    /// From the environment of the container: `LAB_DNS` (where to serve DNS, `ip:port`) and
    /// `LAB_IP` (the container's own address), both optional, and `/etc/resolv.conf`.
    pub fn from_environment() -> Result<Self, NodeError> {
        let dns = variable("LAB_DNS", "an address with a port")?.unwrap_or(CLUSTER_DNS);
        let interface = match variable("LAB_IP", "an address")? {
            Some(address) => InterfaceChoice::Holding(address),
            None => InterfaceChoice::Named(FIRST_INTERFACE.to_owned()),
        };
        // Without the file there is nobody to ask, which is an answer as well.
        let resolv_conf = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        Ok(Self {
            upstream: crate::dns::name_servers(&resolv_conf, dns.ip()),
            dns,
            interface,
        })
    }
}

fn variable<T: std::str::FromStr>(
    variable: &'static str,
    expected: &'static str,
) -> Result<Option<T>, NodeError> {
    let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match value.parse() {
        Ok(parsed) => Ok(Some(parsed)),
        Err(_) => Err(NodeError::Environment {
            variable,
            value,
            expected,
        }),
    }
}
