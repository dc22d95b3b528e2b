//! ServiceLB: owns the host ports and gives each accepted connection to one ready ingress replica.

mod server;

pub use server::{Doors, Settings, serve};
