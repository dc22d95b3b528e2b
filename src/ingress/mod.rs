//! The L7 ingress: TLS by SNI, rules by host and path, then straight to a ready endpoint.
//!
//! ```text
//! Handoff → connection (TLS, HTTP/1.1 or 2) → proxy: check → find → headers → exchange → body
//!                                               │      │               │
//!                                            refuse  view (endpoints)  pool (connections)
//! ```
//! A [`Replica`] is what a pod of Traefik is: its own connections, its own turn in the round robin.
//! It knows the load balancer only by the connections it is handed.

mod body;
mod connection;
mod exchange;
mod failure;
mod film;
mod headers;
mod pool;
mod proxy;
mod refuse;
mod replica;
mod sampler;
mod settings;
mod tunnel;
mod view;

pub use replica::Replica;
pub use sampler::Sampler;
pub use settings::Settings;
