//! The L7 ingress: TLS by SNI, rules by host and path, then straight to a ready endpoint.
//!
//! ```text
//! Handoff → connection (TLS, wire) → proxy → way: check → find → filters → balance
//!                                      │            │      │                  │
//!                                      │         refuse  view            (endpoints)
//!                                      └──→ headers → exchange → pool (connections)
//! ```
//! A [`Replica`] is what a pod of Traefik is: its own thread, its own connections, its own turn in
//! the round robin. Nothing in it is shared with another one, so nothing takes a lock.
//! What is broken on purpose is in `faults`, and costs nothing while nothing is.
//! It knows the load balancer only by the connections it is handed.

mod access_log;
mod account;
mod afterwards;
mod balance;
mod body;
mod connection;
mod elsewhere;
mod endpoint_tls;
mod exchange;
mod failure;
mod faults;
mod film;
mod filters;
mod headers;
mod pool;
mod proxy;
mod refuse;
mod replica;
mod sampler;
mod settings;
mod take;
mod view;
mod way;
mod way_in;

pub use access_log::{AccessFormat, AccessLine, AccessLog};
pub use replica::{Replica, ReplicaError};
pub use sampler::Sampler;
pub use settings::Settings;
