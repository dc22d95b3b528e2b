//! The backends that run in pods; they know nothing of the lab.
//!
//! Each is `serve(listener, settings, shutdown)`: the caller owns the socket and the signal. They
//! speak Cloudforet's gRPC API to each other and MongoDB's wire protocol to the store, both over
//! ordinary sockets by Service name.

pub mod console;
pub mod console_api;
pub mod cost_analysis;
pub mod identity;
pub mod inventory;
pub mod plugin;
pub mod plugins;
pub mod proto;
pub mod repository;
pub mod scheduler;
pub mod secret;
pub mod supervisor;
pub mod telemetry;
pub mod worker;

mod auth;
mod client;
mod collecting;
mod database;
mod error;
mod http;
mod mongo;
mod query;
mod queue;
mod redis;
mod resource;
mod sample_data;
mod server;
mod settings;

pub use error::StartError;
pub use settings::{Login, Settings};
