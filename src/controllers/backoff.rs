//! How long a pod that ended waits for its next start.

use std::time::Duration;

/// The first wait. Kubernetes starts at 10 s; a laptop has nothing to protect at that scale.
// Lab: 100 ms to 10 s where Kubernetes waits 10 s to 5 min.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);
/// A pod that ran this long starts again at once, as if it had never ended.
const STABLE: Duration = Duration::from_secs(10);

/// Doubles with every early end.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    early_ends: u32,
}

impl Backoff {
    /// The wait after a run of this length.
    pub(super) fn after(&mut self, ran: Duration) -> Duration {
        if ran >= STABLE {
            self.early_ends = 0;
            return Duration::ZERO;
        }
        // 2^7 × 100 ms is past the longest wait.
        let wait = FIRST * 2_u32.pow(self.early_ends.min(7));
        self.early_ends += 1;
        wait.min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_start_over_after_a_stable_run() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..10)
            .map(|_| backoff.after(Duration::ZERO).as_millis())
            .collect();
        assert_eq!(
            waits,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000]
        );
        assert_eq!(backoff.after(STABLE), Duration::ZERO);
        assert_eq!(backoff.after(Duration::ZERO), FIRST);
    }
}
