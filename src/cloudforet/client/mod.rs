//! gRPC calls to other services: one long-lived HTTP/2 channel per target and pod.
//!
//! That is how the real services (grpc-python) do it, and why a ClusterIP does not spread their
//! calls: the connection is drawn once, and every call rides on it. The channel connects at the
//! first call, and again after the connection has ended. The settings can cure it: `picker`.

mod call_as;
mod connector;
mod picker;
mod target;

pub(crate) use call_as::CallAs;
pub(crate) use connector::dial;
pub(crate) use target::{
    Answers, CallError, Channels, MESSAGE_LIMIT, Target, code_name, method_of,
};
