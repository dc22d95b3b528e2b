//! The built-in store: the same answers as a real `mongod`, durability, and rude clients.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without fails the test"
)]
#![expect(clippy::too_many_lines, reason = "tables of cases")]

mod cases;
mod durability;
mod equality;
mod frames;
mod server;
mod spans;
