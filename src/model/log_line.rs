//! A line that a pod wrote.

use serde::{Deserialize, Serialize};

/// One line of a pod's output, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Microseconds since the Unix epoch when the lab read it.
    pub time: u64,
    /// The pod (or `node`).
    pub pod: String,
    /// Which of its two outputs.
    pub stream: OutputStream,
    /// Without the line feed.
    pub text: String,
}

/// The two outputs of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}
