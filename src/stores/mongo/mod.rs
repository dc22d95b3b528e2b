//! The built-in MongoDB wire server.
//!
//! It supports what Cloudforet's services and a curious user's client need. Everything else is
//! answered with MongoDB's own error, or with `NotImplemented` (238): never with a wrong result.
//!
//! - [`serve`]: accept, one task a connection, drain.
//! - `wire`: frames. `commands`: what each command does. `cursors`: batches.
//! - `filter`, `expression`, `projection`, `update`, `order`, `pipeline`: the query language, pure.
//! - `storage`, `catalog`, `records`, `writing`, `plan`, `scan`: the database file, collections, documents with their
//!   index entries, and which index answers a query.

mod catalog;
mod commands;
mod connection;
mod cursors;
mod expression;
mod failure;
mod filter;
mod key;
mod number;
mod order;
mod path;
mod pipeline;
mod plan;
mod projection;
mod records;
mod scan;
mod server;
mod show;
mod storage;
mod update;
mod wire;
mod writing;

pub use server::{Emit, Settings, serve};
pub use storage::StoreError;
