//! The memory that requests in arrival may take, over all connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As much as Redis allows one client (`client-query-buffer-limit`); here it is for all together.
const MOST: usize = 1 << 30;
/// Below this a connection is not counted: as many as can be open take no more than 256 MiB.
const FREE: usize = 64 << 10;

/// What all connections hold together.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget(Arc<AtomicUsize>);

/// One connection's share; given back with this value.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A share of nothing yet.
    pub(super) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

impl Share {
    /// Tells how much the connection holds now; whether all together stay within the limit.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let bytes = if bytes <= FREE { 0 } else { bytes };
        let total = &self.budget.0;
        let before = total.fetch_add(bytes, Ordering::Relaxed);
        total.fetch_sub(self.bytes, Ordering::Relaxed);
        let fits = before + bytes <= MOST + self.bytes;
        self.bytes = bytes;
        fits
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_for_all_together_and_is_given_back() {
        let budget = Budget::default();
        let (mut one, mut two) = (budget.share(), budget.share());
        assert!(one.hold(MOST / 2));
        assert!(one.hold(MOST - FREE));
        assert!(two.hold(FREE), "a small one is not counted");
        assert!(!two.hold(2 * FREE));
        drop(one);
        assert!(two.hold(MOST));
        drop(two);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
