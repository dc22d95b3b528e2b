//! The L7 ingress: TLS by SNI, rules by host and path, then straight to a ready endpoint.
//!
//! ```text
//! Handoff → connection (TLS, wire) → proxy: check → find → filters → balance → headers → exchange
//!                                      │      │                  │                     │
//!                                   refuse  view            (endpoints)        pool (connections)
//! ```
//! A [`Replica`] is what a pod of Traefik is: its own thread, its own connections, its own turn in
//! the round robin. Nothing in it is shared with another one, so nothing takes a lock.
//! It knows the load balancer only by the connections it is handed.

mod balance;
mod body;
mod connection;
mod endpoint_tls;
mod exchange;
mod failure;
mod film;
mod filters;
mod headers;
mod pool;
mod proxy;
mod refuse;
mod replica;
mod sampler;
mod settings;
mod view;

pub use replica::{Replica, ReplicaError};
pub use sampler::Sampler;
pub use settings::Settings;
