//! The backends that run in pods; they know nothing of the lab.

pub mod proto;
