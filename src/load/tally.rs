//! Counts what comes of requests. As large after an hour as after a second.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::link::{Answer, Cause};
use crate::model::{Latency, LoadError, LoadProgress, LoadResult, PodShare};

/// Longest time that is told apart, in microseconds: a run and its last answers.
const LONGEST: u64 = 2 * 3_600_000_000;
/// Digits of a time that are kept.
const DIGITS: u8 = 3;
/// Kinds of errors, and pods, that are counted apart.
const KINDS: usize = 1000;
/// A generator that is late by more, once in a hundred times, measures its own machine: ten ticks of
/// the runtime's clock.
const LATE: u64 = 10_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Tally {
    /// Microseconds from when a request was due to the end of its answer.
    latency: Histogram<u64>,
    /// Microseconds from when the generator wanted to wake up until it did.
    lag: Histogram<u64>,
    pub(super) sent: u64,
    answered: u64,
    failed: u64,
    pub(super) waited: u64,
    bytes: u64,
    pub(super) protocol: String,
    statuses: BTreeMap<u16, u64>,
    errors: BTreeMap<(String, Option<String>), u64>,
    pods: BTreeMap<String, u64>,
    unnamed: u64,
}

impl Tally {
    pub(super) fn new() -> Self {
        let histogram =
            || Histogram::new_with_bounds(1, LONGEST, DIGITS).expect("the bounds are in order");
        Self {
            latency: histogram(),
            lag: histogram(),
            sent: 0,
            answered: 0,
            failed: 0,
            waited: 0,
            bytes: 0,
            protocol: String::new(),
            statuses: BTreeMap::new(),
            errors: BTreeMap::new(),
            pods: BTreeMap::new(),
            unnamed: 0,
        }
    }

    /// The generator slept until a request was due, and woke up so much later.
    pub(super) fn woke(&mut self, late: Duration) {
        self.lag.saturating_record(micros(late));
    }

    /// A request that was due so long ago came to this.
    pub(super) fn ended(&mut self, since: Duration, outcome: Result<Answer, Cause>) {
        let answer = match outcome {
            Ok(answer) => answer,
            Err(Cause(cause)) => return self.failed(cause, None),
        };
        self.answered += 1;
        self.bytes += answer.bytes;
        self.latency.saturating_record(micros(since));
        *self.statuses.entry(answer.status).or_default() += 1;
        match answer.pod {
            Some(pod) => count(&mut self.pods, pod),
            None => self.unnamed += 1,
        }
        if answer.status >= 400 {
            self.failed(format!("status {}", answer.status), answer.code);
        } else if let Some(status) = answer.grpc {
            self.failed(format!("gRPC status {status}"), answer.code);
        }
    }

    fn failed(&mut self, cause: String, code: Option<String>) {
        self.failed += 1;
        count(&mut self.errors, (cause, code));
    }

    /// What there is so far; times and rates are the caller's.
    pub(super) fn progress(&self) -> LoadProgress {
        LoadProgress {
            sent: self.sent,
            answered: self.answered,
            failed: self.failed,
            p50: self.latency.value_at_quantile(0.5),
            p99: self.latency.value_at_quantile(0.99),
            ..LoadProgress::default()
        }
    }

    /// What came of it all; what was asked for, and times, are the caller's.
    pub(super) fn result(self) -> LoadResult {
        let quantile = |part| self.latency.value_at_quantile(part);
        let mut errors: Vec<LoadError> = self
            .errors
            .into_iter()
            .map(|((cause, code), count)| LoadError { cause, code, count })
            .collect();
        errors.sort_by_key(|error| std::cmp::Reverse(error.count));
        let lag = self.lag.value_at_quantile(0.99);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a mean of recorded values is one of them, or between them"
        )]
        let mean = self.latency.mean() as u64;
        LoadResult {
            protocol: self.protocol,
            sent: self.sent,
            answered: self.answered,
            waited: self.waited,
            latency: Latency {
                p50: quantile(0.5),
                p90: quantile(0.9),
                p99: quantile(0.99),
                p999: quantile(0.999),
                max: self.latency.max(),
                mean,
            },
            bytes: self.bytes,
            statuses: self.statuses,
            errors,
            generator_lag: lag,
            behind: lag > LATE,
            spread: self
                .pods
                .into_iter()
                .map(|(pod, requests)| PodShare {
                    pod,
                    service: None,
                    requests,
                })
                .collect(),
            unnamed: self.unnamed,
            ..LoadResult::default()
        }
    }
}

/// Counts, as long as there are not too many kinds: whoever answers chooses the words.
fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, kind: K) {
    if counts.len() < KINDS || counts.contains_key(&kind) {
        *counts.entry(kind).or_default() += 1;
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, pod: &str) -> Answer {
        Answer {
            status,
            bytes: 10,
            pod: Some(pod.to_owned()),
            code: (status == 503).then(|| "no-endpoint".to_owned()),
            grpc: None,
        }
    }

    #[test]
    fn quantiles_errors_and_pods_are_those_of_what_came() {
        let mut tally = Tally::new();
        for number in 1..=1000 {
            tally.ended(Duration::from_micros(number * 100), Ok(answer(200, "a")));
        }
        tally.ended(Duration::from_secs(1), Ok(answer(503, "b")));
        for _ in 0..2 {
            tally.ended(Duration::ZERO, Err(Cause("reset".to_owned())));
        }
        let result = tally.result();
        let near = |value: u64, wanted: u64| value.abs_diff(wanted) <= wanted / 500;
        assert!(near(result.latency.p50, 50_100), "{:?}", result.latency);
        assert!(near(result.latency.p99, 99_100), "{:?}", result.latency);
        assert!(near(result.latency.max, 1_000_000), "{:?}", result.latency);
        assert_eq!(result.answered, 1001);
        assert_eq!(result.statuses, [(200, 1000), (503, 1)].into());
        let errors: Vec<_> = result
            .errors
            .iter()
            .map(|error| (&*error.cause, error.code.as_deref(), error.count))
            .collect();
        assert_eq!(
            errors,
            [("reset", None, 2), ("status 503", Some("no-endpoint"), 1)]
        );
        assert_eq!(result.spread.len(), 2);
        assert!(!result.behind);
    }

    #[test]
    fn a_late_generator_says_so() {
        let mut tally = Tally::new();
        for number in 0..100 {
            tally.woke(Duration::from_millis(if number < 90 { 1 } else { 30 }));
        }
        assert!(tally.result().behind);
    }
}
