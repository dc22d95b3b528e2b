//! The built-in Redis server: RESP2 and RESP3 over keys that are held in memory and kept on disk.
//!
//! It supports what queues, caches and a curious user's client need: strings, lists with blocking
//! pops, hashes, sets, expiry, transactions. Everything else is answered with Redis's own error:
//! never with a wrong result. The measure is Redis 7.0; one suite runs against both.
//!
//! Durability: a write is answered after it is on the disk (as Redis with `appendfsync always`), so
//! what was acknowledged survives a kill of the process and of the machine. A read may show what
//! another client's write has done and the disk does not hold yet.
//!
//! - [`serve`]: accept, one task a connection, drain.
//! - `protocol`, `words`, `reply`: requests in, answers out. `connection`, `session`: one client.
//! - `commands`: what each command does, and the table of all.
//! - `keyspace`, `elements`, `value`, `waiting`: the keys, and who waits for them. `storage`: the file.

mod arguments;
mod budget;
mod commands;
mod connection;
mod elements;
mod glob;
mod keyspace;
mod protocol;
mod reply;
mod server;
mod session;
mod storage;
mod value;
mod waiting;
mod words;

pub use server::{Settings, serve};
pub use storage::StoreError;
