//! What the ingress has counted since the lab began: requests, answers, and how long they took.

use serde::{Deserialize, Serialize};

/// Upper ends of the histogram's buckets, in seconds; a last one has no end. A click in the lab takes
/// a few milliseconds, so half of them lie below ten.
pub const DURATION_BOUNDS: [f64; 14] = [
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Everything that went to one Service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceTraffic {
    /// Its name; empty for requests that reached no Service.
    pub service: String,
    /// Requests by method and status; 499 where the client did not wait.
    pub requests: Vec<RequestCount>,
    /// From the request's head to the answer's.
    pub duration: Durations,
    /// By the endpoint that answered.
    pub endpoints: Vec<EndpointTraffic>,
}

/// So many requests of one method got one status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCount {
    /// `GET`, `POST` …; `OTHER` for what is no common method.
    pub method: String,
    /// HTTP's status.
    pub code: u16,
    /// How many.
    pub count: u64,
}

/// What one endpoint has answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointTraffic {
    /// The pod, or the address of one that the lab does not run.
    pub pod: String,
    /// Answers of 500 and above, and requests that it broke off.
    pub errors: u64,
    /// From the request's head to the answer's.
    pub duration: Durations,
}

/// A histogram over [`DURATION_BOUNDS`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Durations {
    /// How many fell into each bucket, and not into one before; one more than there are bounds.
    pub buckets: Vec<u64>,
    /// Of all of them, in seconds.
    pub sum: f64,
}

impl Durations {
    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Those that came after `before` was taken of the same histogram.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let old = before.buckets.iter().copied().chain(std::iter::repeat(0));
        let pairs = self.buckets.iter().zip(old);
        Self {
            buckets: pairs.map(|(now, then)| now.saturating_sub(then)).collect(),
            sum: (self.sum - before.sum).max(0.0),
        }
    }

    /// The duration, in seconds, that so large a share (0 to 1) did not exceed: a straight line through
    /// the bucket that it falls into, as Prometheus' `histogram_quantile` draws it. `None` without any.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate needs no more")]
        let (wanted, float) = (share * count as f64, |count: u64| count as f64);
        let (mut below, mut lower) = (0, 0.0);
        for (index, found) in self.buckets.iter().enumerate() {
            let Some(upper) = DURATION_BOUNDS.get(index) else {
                // Nothing is known of the last bucket but where it begins.
                return Some(lower);
            };
            if *found > 0 && float(below + found) >= wanted {
                let part = (wanted - float(below)) / float(*found);
                return Some(lower + (upper - lower) * part.clamp(0.0, 1.0));
            }
            below += found;
            lower = *upper;
        }
        Some(lower)
    }

    /// Adds another histogram.
    pub fn add(&mut self, other: &Self) {
        let length = self.buckets.len().max(other.buckets.len());
        self.buckets.resize(length, 0);
        for (own, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += more;
        }
        self.sum += other.sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn durations(filled: &[(usize, u64)]) -> Durations {
        let mut buckets = vec![0; DURATION_BOUNDS.len() + 1];
        for (index, count) in filled {
            buckets[*index] = *count;
        }
        Durations { buckets, sum: 0.0 }
    }

    #[test]
    fn quantiles_lie_in_the_bucket_that_holds_them() {
        assert_eq!(Durations::default().quantile(0.5), None);
        let all = durations(&[(2, 50), (5, 50)]);
        assert_eq!(all.quantile(0.5), Some(0.001));
        assert_eq!(all.quantile(0.25), Some(0.00075));
        assert!((all.quantile(0.95).unwrap() - 0.0095).abs() < 1e-9);
        // Beyond the last bound nothing more is known.
        assert_eq!(durations(&[(14, 3)]).quantile(0.5), Some(10.0));
    }

    #[test]
    fn what_came_since_is_the_difference() {
        let mut now = durations(&[(2, 50)]);
        let since = now.since(&durations(&[(2, 20)]));
        assert_eq!(since.count(), 30);
        assert_eq!(now.since(&Durations::default()).count(), 50);
        now.add(&durations(&[(3, 1)]));
        assert_eq!(now.count(), 51);
    }
}
