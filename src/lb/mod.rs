//! ServiceLB: owns the host ports and gives each accepted connection to one ready ingress replica.
//!
//! - `server` is the loop behind one host port.
//! - `faults` is what is broken there on purpose.
//! - `addresses` knows which address a provider would give a Service of type LoadBalancer.

mod addresses;
mod faults;
mod server;

pub use addresses::{Assignment, NODE, assign};
pub use server::{Doors, Policy, Settings, serve};
