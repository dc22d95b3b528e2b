//! Plugins that the lab brings along: programs of pods of their own, dialled by whoever collects.
//!
//! They are servers like every backend's (reflection, health, version), without a database and
//! without callers that have to show a token: whoever reaches a plugin brings its own credentials.

pub mod host;
pub mod sample_cloud;
pub mod sample_cost;

mod options;
mod resource;
mod server;
