//! Builds, binds, announces, spawns, waits and drains: the only room that knows all others.
//!
//! | file | what |
//! |---|---|
//! | `run` | the life of a lab, in the order in which things start and stop |
//! | `signals` | how the system asks a lab to stop |
//! | `cluster` | from a config to the first picture of the registry |
//! | `space` | room on the disk |
//! | `store` | what serves MongoDB's protocol |
//! | `extras` | what the lab tells its pods |
//! | `gateway` | certificates, host ports, ingress replicas |
//! | `network` | ClusterIPs and DNS: on this host, or in the node |
//! | `backend` | what runs inside pods: `lab pod`, `lab node`, `lab exec` |

mod backend;
mod cluster;
mod error;
mod extras;
mod gateway;
mod network;
mod run;
mod signals;
mod space;
mod store;

pub use backend::{exec, node, pod};
pub use error::StartError;
pub use gateway::warnings;
pub use run::{remove_leftovers, run};
