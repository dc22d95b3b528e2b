//! Builds, binds, announces, spawns, waits and drains: the only room that knows all others.
//!
//! | file | what |
//! |---|---|
//! | `run` | the life of a lab, in the order in which things start and stop |
//! | `signals` | how the system asks a lab to stop, or to read its files again |
//! | `cluster` | from a config to a picture of the registry |
//! | `difference` | writes a new picture into the registry, only what differs |
//! | `reload` | `lab reload`, SIGHUP and `lab kill` |
//! | `space` | room on the disk |
//! | `store` | what serves MongoDB's and Redis's protocols |
//! | `extras` | what the lab tells its pods |
//! | `gateway` | the way in: flavour, host ports, load balancer |
//! | `replicas` | as many ingress replicas as are wanted |
//! | `certificates` | what `spec.tls` asks for: issued, renewed, served |
//! | `cert` | `lab cert`: what a client is served, looked at from outside |
//! | `network` | ClusterIPs and DNS: on this host, or in the node |
//! | `backend` | what runs inside pods: `lab pod`, `lab node`, `lab exec` |

mod backend;
mod cert;
mod certificates;
mod cluster;
mod difference;
mod error;
mod extras;
mod gateway;
mod host_ports;
mod network;
mod reload;
mod replicas;
mod run;
mod signals;
mod space;
mod store;

pub use backend::{exec, node, pod};
pub use cert::{ServedChain, served_chain};
pub use error::StartError;
pub use gateway::warnings;
pub use run::{remove_leftovers, run};

// The CLI asks a lab over TLS as well.
pub use crate::net::takes_any_server;
