//! HTTP as all backends with a REST face serve it: the accept loop, and the hop around each request.

mod hop;
mod server;

pub(super) use hop::{Hop, ServedBy, hop};
pub(super) use server::serve;
