//! Builds, binds, announces, spawns, waits and drains: the only room that knows all others.
//!
//! | file | what |
//! |---|---|
//! | `run` | the life of a lab, in the order in which things start and stop |
//! | `runtime` | which runtime runs the pods |
//! | `signals` | how the system asks a lab to stop, or to read its files again |
//! | `cluster` | from a config to a picture of the registry |
//! | `difference` | writes a new picture into the registry, only what differs |
//! | `reload` | `lab reload`, SIGHUP and `lab kill` |
//! | `faults` | ends faults, and lets pods stand still |
//! | `space` | room on the disk |
//! | `store` | what serves MongoDB's and Redis's protocols |
//! | `extras` | what the lab tells its pods |
//! | `facts` | what the admin API is told before anything runs |
//! | `gateway` | the way in: flavour, host ports, load balancer |
//! | `access_log` | lines about requests, on their way to the log book |
//! | `replicas` | as many ingress replicas as are wanted |
//! | `certificates` | what `spec.tls` asks for: issued, renewed, served |
//! | `clocks` | certificates of another time, on purpose |
//! | `cert` | `lab cert`: what a client is served, looked at from outside |
//! | `forward` | `lab port-forward`: from a port of this machine to one pod |
//! | `network` | ClusterIPs and DNS: on this host, or in the node |
//! | `outlet` | where spans go beside the films |
//! | `lines` | what pods say, and who is told |
//! | `backend` | what runs inside pods: `lab pod`, `lab node`, `lab exec` |
//! | `programs` | the programs of this binary that run in pods |
//! | `link` | how a program in an attached pod talks to the lab |

mod access_log;
mod backend;
mod cert;
mod certificates;
mod clocks;
mod cluster;
mod difference;
mod error;
mod extras;
mod facts;
mod faults;
mod forward;
mod gateway;
mod grpc_variables;
mod host_ports;
mod lines;
mod link;
mod network;
mod outlet;
mod programs;
mod reload;
mod replicas;
mod run;
mod runtime;
mod signals;
mod space;
mod store;

pub use backend::{exec, node, pod};
pub use cert::{ServedChain, served_chain};
pub use error::StartError;
pub use extras::credentials;
pub use forward::{ForwardError, forward};
pub use gateway::warnings;
pub use run::{remove_leftovers, run};

// The CLI asks a lab over TLS as well.
pub use crate::net::takes_any_server;
