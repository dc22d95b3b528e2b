//! The backends that run in pods; they know nothing of the lab.
//!
//! Each is `serve(listener, settings, shutdown)`: the caller owns the socket and the signal. They
//! speak Cloudforet's gRPC API to each other and MongoDB's wire protocol to the store, both over
//! ordinary sockets by Service name.

pub mod console;
pub mod console_api;
pub mod identity;
pub mod inventory;
pub mod proto;
pub mod telemetry;

mod auth;
mod client;
mod error;
mod http;
mod mongo;
mod query;
mod resource;
mod sample_data;
mod server;
mod settings;

pub use error::StartError;
pub use settings::{Login, Settings};
