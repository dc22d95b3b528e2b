//! MongoDB through the official driver: one small pool per pod, connected to one address.
//!
//! The host is resolved by the pod's own resolver first (a ClusterIP does not change), and dialled
//! directly. Every command of a sampled request carries its `traceparent` as `comment`, and is told
//! as a span. Note: the driver neither lets us bind its sockets nor tells their local address, so
//! these spans have no `outbound`; the store's own span and `kube_proxy`'s connection name both ends.

mod collection;
mod connect;
mod document;

pub(crate) use collection::{Collection, Found};
pub(crate) use connect::Mongo;
pub(crate) use document::{date, float, list, number, rfc3339, structure, text, texts, truth};
