//! Which requests get a film without having asked for one: so many a second, and no more. Those that
//! fail have a bound of their own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Lets a fixed number of requests a second through; shared by all replicas.
#[derive(Debug)]
pub struct Sampler {
    per_second: AtomicU64,
    /// The second since the start in the upper half, how many were taken in it in the lower.
    taken: AtomicU64,
}

impl Sampler {
    /// So many films a second; 0 is off.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second: AtomicU64::new(per_second.into()),
            taken: AtomicU64::new(0),
        }
    }

    /// Changes the rate.
    pub fn set(&self, per_second: u32) {
        self.per_second.store(per_second.into(), Ordering::Relaxed);
    }

    /// Whether this request gets a film. Off costs one load.
    pub(super) fn take(&self, now: Instant) -> bool {
        static START: OnceLock<Instant> = OnceLock::new();
        let limit = self.per_second.load(Ordering::Relaxed);
        if limit == 0 {
            return false;
        }
        let second = now.saturating_duration_since(*START.get_or_init(|| now));
        let second = second.as_secs() & u64::from(u32::MAX);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
                let used = if taken >> 32 == second {
                    taken & u64::from(u32::MAX)
                } else {
                    0
                };
                (used < limit).then_some((second << 32) | (used + 1))
            })
            .is_ok()
    }
}
