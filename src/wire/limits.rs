//! What one client connection may take of us.

use std::time::Duration;

/// Bytes of a request head.
pub(crate) const MAX_HEAD: usize = 64 * 1024;
/// Lines of a head; more is an attack or a mistake.
pub(crate) const MAX_HEADERS: usize = 100;

/// Times and numbers for one client connection.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first byte of a request head to its last (slowloris).
    pub head: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// How long the bytes of a body may be missing, in all; each 500 bytes earn a second more
    /// (Apache's `mod_reqtimeout` with `body=20,MinRate=500` has the same rule).
    pub body: Duration,
    /// How long a client may take nothing of an answer (nginx' `send_timeout`).
    pub write: Duration,
    /// HTTP/2 streams at a time.
    pub streams: u32,
}

/// Bytes of a body that earn a second.
pub(crate) const BODY_RATE: u64 = 500;
