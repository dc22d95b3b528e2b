//! HTTP/1.1: one message after the other on a connection.
//!
//! What two servers could read differently is refused here and not repaired: the head is looked at
//! as it came over the socket.

mod chunks;
mod client;
mod framing;
mod incoming;
mod outgoing;
mod reader;
mod request;
mod response;
mod server;
mod tunnel;
mod write;

pub use client::{Call, Connection, Exchange, Home, SendError, exchange};
pub use incoming::Incoming;
pub use server::serve;
pub use tunnel::Tunnel;
