//! Load: requests at a fixed rate at one of the lab's own URLs, and what came of them.
//!
//! The loop is open: when a request is due follows from the rate alone, not from when the answer
//! before came, and an answer's time counts from then. So a lab that stalls is seen to stall, which a
//! client that politely waits would hide (coordinated omission).
//!
//! - `plan` is a request for load that was found good.
//! - `link` is one connection, HTTP/1.1 or HTTP/2 as the handshake gives it.
//! - `generator` sends, on a thread of its own, so that it measures the lab and not its own queue.
//! - `tally` counts.
//! - [`Loads`] are the runs of this lab: at most one at a time, and the results of the last ones.
//!
//! Who may be loaded is not decided here: the caller names the socket that is dialled.

mod generator;
mod link;
mod plan;
mod runs;
mod tally;

pub use plan::{Door, LoadPlanError, Plan};
pub use runs::{Busy, Loads, Run};
