//! MongoDB through the official driver: one small pool per pod, connected to one address.
//!
//! The host is resolved by the pod's own resolver first (a ClusterIP does not change), and dialled
//! directly. Every command of a sampled request carries its `traceparent` as `comment`, and is told
//! as a span. Note: the driver binds its sockets to no address, so the store sees them come from the
//! host's default one and not from the pod's.

mod bulk;
mod collection;
mod connect;
mod document;
mod rides;

pub(crate) use bulk::Statement;
pub(crate) use collection::{Collection, Found};
pub(crate) use connect::Mongo;
pub(crate) use document::{date, float, list, number, rfc3339, structure, text, texts, truth};
