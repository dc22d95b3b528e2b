//! Stores that are built in, for when no real one is at hand.
//!
//! - [`mongo`]: a server of MongoDB's wire protocol over an embedded, durable storage engine.
//! - [`redis`]: a server of Redis's protocol, kept by the same engine.

mod file;
pub mod mongo;
pub mod redis;

pub use file::FileError;
