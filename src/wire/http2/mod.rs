//! HTTP/2 for a thread that does everything itself (RFC 9113).
//!
//! The same engine serves clients and calls endpoints. A connection is a future that reads and
//! writes (`connection`); its streams are handles that share its state without locks (`state`,
//! `stream`). What a careless or hostile peer can make it do is bounded (`receive`, `control`). `server`,
//! `client` and `streamed` are where the rest of the program meets it.
//!
//! Not there: server push, priorities, extended CONNECT, HPACK's dynamic table for what is sent.

mod client;
mod connection;
mod control;
mod error;
mod frame;
mod head;
mod hpack;
mod receive;
mod server;
mod state;
mod stream;
mod streamed;
#[cfg(test)]
mod tests;

pub use client::{Client, exchange};
pub(crate) use server::serve;
pub use streamed::Streamed;
