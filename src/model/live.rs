//! What a dashboard is told of traffic, a few times a second: differences, so that little is said
//! when little happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Connection, TraceId};

/// Upper bounds of the latency buckets: `100 µs · 10^(i/6)`, so five decades in thirty steps; the last
/// bucket has none.
pub const LATENCY_BUCKETS: usize = 31;

/// The bucket of a latency in microseconds.
pub fn latency_bucket(micros: u64) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        reason = "buckets are far wider than what is lost"
    )]
    let steps = (micros.max(1) as f64 / 100.0).log10() * 6.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a latency of u64 microseconds is a hundred and odd steps at most"
    )]
    let step = steps.ceil().max(0.0) as usize;
    step.min(LATENCY_BUCKETS - 1)
}

/// What happened since the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Microseconds since the Unix epoch.
    pub at: u64,
    /// Requests that the ingress has answered, filmed or not.
    pub requests: u64,
    /// Requests of which the ingress has told a film. What pods did is known of these alone.
    pub filmed: u64,
    /// By pod or ingress replica; those that did nothing are absent.
    pub pods: BTreeMap<String, PodTraffic>,
    /// Ways of single requests, the oldest first; not all of them when there are many.
    pub flows: Vec<Flow>,
}

/// What one pod did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTraffic {
    /// Requests, calls, commands or tasks that it has served.
    pub served: u64,
    /// Those of them that failed for a reason of the server's.
    pub failed: u64,
    /// Bucket (see [`latency_bucket`]) and how many fell into it.
    pub latency: Vec<(usize, u64)>,
}

/// The way of one request or task through the picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Its film.
    pub trace: String,
    /// What its first hop answered.
    pub status: String,
    /// Microseconds that took.
    pub duration: u64,
    /// Who called whom, in order of time: names of pods, ingress replicas, `lb` and, where the one who
    /// answered tells nothing, `service:NAME`.
    pub edges: Vec<(String, String)>,
}

/// An open connection through a ClusterIP, and how much rode on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// As it was drawn.
    #[serde(flatten)]
    pub connection: Connection,
    /// The pod that dialled, if it is one of the lab's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_pod: Option<String>,
    /// Filmed calls that rode on it since it was opened.
    pub calls: u64,
}

impl Flow {
    /// An empty one of this trace.
    pub fn of(trace: TraceId) -> Self {
        Self {
            trace: trace.to_string(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_grow_by_a_sixth_of_a_decade() {
        assert_eq!(latency_bucket(0), 0);
        assert_eq!(latency_bucket(100), 0);
        assert_eq!(latency_bucket(101), 1);
        assert_eq!(latency_bucket(1_000), 6);
        assert_eq!(latency_bucket(1_001), 7);
        assert_eq!(latency_bucket(10_000_000), 30);
        assert_eq!(latency_bucket(u64::MAX), LATENCY_BUCKETS - 1);
    }
}
