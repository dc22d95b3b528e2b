//! `sessionAffinity: ClientIP`: remembers which endpoint a client address was given.
//!
//! A pairing is forgotten when it was not used for the timeout, or when its endpoint is no longer a
//! candidate. The table is bounded, so that a scan from many addresses cannot fill the memory.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// More client addresses than any lab has; at about 80 bytes each, some 5 MiB at worst.
const MOST_CLIENTS: usize = 65_536;

/// Pairings of one Service port.
#[derive(Debug)]
pub(super) struct AffinityTable {
    timeout: Duration,
    most: usize,
    pairings: HashMap<IpAddr, Pairing>,
}

#[derive(Clone, Copy, Debug)]
struct Pairing {
    endpoint: SocketAddr,
    used: Instant,
}

impl AffinityTable {
    pub(super) fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            most: MOST_CLIENTS,
            pairings: HashMap::new(),
        }
    }

    /// The position of this client's endpoint among the candidates; counts as a use.
    pub(super) fn recall(
        &mut self,
        candidates: &[SocketAddr],
        client: IpAddr,
        now: Instant,
    ) -> Option<usize> {
        let pairing = self.pairings.get_mut(&client)?;
        let fresh = now.saturating_duration_since(pairing.used) < self.timeout;
        let index = candidates
            .iter()
            .position(|candidate| *candidate == pairing.endpoint);
        match index {
            Some(index) if fresh => {
                pairing.used = now;
                Some(index)
            }
            _ => {
                self.pairings.remove(&client);
                None
            }
        }
    }

    /// Remembers what was drawn for a client.
    pub(super) fn remember(&mut self, client: IpAddr, endpoint: SocketAddr, now: Instant) {
        if self.pairings.len() >= self.most {
            self.make_room(now);
        }
        let used = now;
        self.pairings.insert(client, Pairing { endpoint, used });
    }

    /// Changes the timeout and keeps the pairings, as an update of the Service does.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Drops what has expired, and the longest unused half if that was not enough: half, so that
    /// the work is shared by many calls.
    fn make_room(&mut self, now: Instant) {
        let timeout = self.timeout;
        self.pairings
            .retain(|_, pairing| now.saturating_duration_since(pairing.used) < timeout);
        if self.pairings.len() < self.most {
            return;
        }
        let mut uses: Vec<_> = self.pairings.values().map(|pairing| pairing.used).collect();
        let middle = uses.len() / 2;
        let (_, &mut median, _) = uses.select_nth_unstable(middle);
        self.pairings.retain(|_, pairing| pairing.used > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stays_within_its_bound() {
        let mut table = AffinityTable::new(Duration::from_secs(60));
        table.most = 100;
        let endpoint = SocketAddr::from(([127, 42, 0, 1], 80));
        let start = Instant::now();
        for number in 0..1_000u32 {
            let now = start + Duration::from_millis(u64::from(number));
            table.remember(IpAddr::from(number.to_be_bytes()), endpoint, now);
            assert!(table.pairings.len() <= 100);
        }
        let newest = IpAddr::from(999u32.to_be_bytes());
        let now = start + Duration::from_secs(1);
        assert_eq!(table.recall(&[endpoint], newest, now), Some(0));
    }

    #[test]
    fn a_full_table_of_equal_age_still_finds_room() {
        let mut table = AffinityTable::new(Duration::from_secs(60));
        table.most = 10;
        let now = Instant::now();
        for number in 0..100u32 {
            let client = IpAddr::from(number.to_be_bytes());
            table.remember(client, SocketAddr::from(([127, 42, 0, 1], 80)), now);
            assert!(table.pairings.len() <= 10);
        }
    }
}
