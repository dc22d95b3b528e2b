//! How much the lab remembers.

use std::time::Duration;

/// Bounds of everything the room keeps; whatever comes above pushes the oldest out.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Requests whose spans are kept.
    pub films: usize,
    /// Spans of one request. A page of a thousand resources needs some ten; a loop needs a stop.
    pub spans_per_film: usize,
    /// Bytes of all spans together, estimated. With the log book's bytes it keeps an idle lab that
    /// has seen much traffic under 30 MiB.
    pub film_bytes: usize,
    /// Open ClusterIP connections; as many as one address has ephemeral ports, twice over.
    pub open_connections: usize,
    /// Closed ClusterIP connections, for films of requests that rode on them.
    pub closed_connections: usize,
    /// Log lines of one pod.
    pub lines_per_pod: usize,
    /// Bytes of all log lines together.
    pub log_bytes: usize,
    /// One log line; the rest of it is cut off.
    pub line_bytes: usize,
    /// How long the lines of a pod that has ended are kept.
    pub keep_dead_pods: Duration,
    /// A film counts as finished when no hop was added for so long after its first one. Pods flush
    /// each line at once, so this only bridges the time a pipe needs on a busy machine.
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            films: 500,
            spans_per_film: 2_000,
            film_bytes: 8 << 20,
            open_connections: 1 << 16,
            closed_connections: 4_096,
            lines_per_pod: 1_000,
            log_bytes: 6 << 20,
            line_bytes: 16 << 10,
            keep_dead_pods: Duration::from_secs(600),
            quiet: Duration::from_millis(150),
        }
    }
}
