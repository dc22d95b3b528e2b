//! The table of ClusterIP connections: the open ones, and a ring of closed ones.
//!
//! A connection is told twice, at the draw and at its end. Ids count from the start of one
//! `kube_proxy`, so a connection is known by its id and by who told of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use crate::model::Connection;

/// Who told, and the id there.
type Key = (String, u64);

#[derive(Debug, Default)]
pub(super) struct ConnectionTable {
    open: BTreeMap<Key, Connection>,
    closed: VecDeque<(Key, Connection)>,
    /// Open connections by Service, then by endpoint; an endpoint goes when it reaches zero.
    counts: BTreeMap<String, BTreeMap<SocketAddr, usize>>,
    /// How many were ever drawn, by Service.
    drawn: BTreeMap<String, u64>,
    max_open: usize,
    max_closed: usize,
}

impl ConnectionTable {
    pub(super) fn new(max_open: usize, max_closed: usize) -> Self {
        Self {
            max_open,
            max_closed,
            ..Self::default()
        }
    }

    pub(super) fn record(&mut self, source: &str, connection: Connection) {
        let key = (source.to_owned(), connection.id);
        if connection.closed_at.is_some() {
            self.take_open(&key);
            self.push_closed(key, connection);
            return;
        }
        // The end can overtake the draw only if they came by different ways, which those of this
        // process do not; the end says more.
        if !source.is_empty() && self.is_closed(&key, &connection) {
            return;
        }
        if self.take_open(&key).is_none() {
            let service = &connection.service;
            match self.drawn.get_mut(service) {
                Some(drawn) => *drawn += 1,
                None => drop(self.drawn.insert(service.clone(), 1)),
            }
        }
        if self.open.len() >= self.max_open {
            self.make_room();
        }
        let endpoint = connection.endpoint;
        if let Some(counts) = self.counts.get_mut(&connection.service) {
            *counts.entry(endpoint).or_default() += 1;
        } else {
            let counts = BTreeMap::from([(endpoint, 1)]);
            self.counts.insert(connection.service.clone(), counts);
        }
        self.open.insert(key, connection);
    }

    /// The `kube_proxy` that told of them has ended, and its connections with it.
    pub(super) fn source_ended(&mut self, source: &str, now: u64) {
        let keys: Vec<Key> = self
            .open
            .range((source.to_owned(), 0)..=(source.to_owned(), u64::MAX))
            .map(|(key, _)| key.clone())
            .collect();
        for key in keys {
            if let Some(mut connection) = self.take_open(&key) {
                connection.closed_at = Some(now.max(connection.drawn_at));
                self.push_closed(key, connection);
            }
        }
    }

    /// Connections with an end at one of these addresses.
    pub(super) fn touching(&self, addresses: &BTreeSet<SocketAddr>) -> Vec<Connection> {
        self.open
            .values()
            .chain(self.closed.iter().map(|(_, connection)| connection))
            .filter(|connection| {
                addresses.contains(&connection.client) || addresses.contains(&connection.outgoing)
            })
            .cloned()
            .collect()
    }

    /// Those that were drawn then or later, whether or not they are open still.
    pub(super) fn drawn_since(&self, moment: u64) -> Vec<Connection> {
        let closed = self.closed.iter().map(|(_, connection)| connection);
        self.open
            .values()
            .chain(closed)
            .filter(|connection| connection.drawn_at >= moment)
            .cloned()
            .collect()
    }

    pub(super) fn open(&self) -> Vec<Connection> {
        self.open.values().cloned().collect()
    }

    /// At most so many of the open ones, the newest first.
    pub(super) fn newest_open(&self, count: usize) -> Vec<&Connection> {
        let mut newest: Vec<&Connection> = self.open.values().collect();
        newest.sort_by_key(|connection| std::cmp::Reverse(connection.drawn_at));
        newest.truncate(count);
        newest
    }

    pub(super) fn counts(&self) -> BTreeMap<(String, SocketAddr), usize> {
        let services = self.counts.iter();
        services
            .flat_map(|(service, counts)| {
                let counts = counts.iter();
                counts.map(|(endpoint, count)| ((service.clone(), *endpoint), *count))
            })
            .collect()
    }

    pub(super) fn drawn(&self) -> &BTreeMap<String, u64> {
        &self.drawn
    }

    pub(super) fn open_at(&self, service: &str, endpoint: SocketAddr) -> usize {
        let counts = self.counts.get(service);
        counts
            .and_then(|counts| counts.get(&endpoint))
            .copied()
            .unwrap_or(0)
    }

    fn is_closed(&self, key: &Key, connection: &Connection) -> bool {
        // The newest are at the back, and a draw that comes late comes soon after its end.
        self.closed
            .iter()
            .rev()
            .take(64)
            .any(|(known, closed)| closed.drawn_at == connection.drawn_at && known == key)
    }

    fn take_open(&mut self, key: &Key) -> Option<Connection> {
        let connection = self.open.remove(key)?;
        if let Some(counts) = self.counts.get_mut(&connection.service)
            && let Some(count) = counts.get_mut(&connection.endpoint)
        {
            *count -= 1;
            if *count == 0 {
                counts.remove(&connection.endpoint);
            }
        }
        Some(connection)
    }

    /// Drops the oldest sixteenth at once, so that a full table costs little for each connection.
    fn make_room(&mut self) {
        let mut ages: Vec<(u64, Key)> = self
            .open
            .iter()
            .map(|(key, connection)| (connection.drawn_at, key.clone()))
            .collect();
        ages.sort_unstable();
        for (_, key) in ages.into_iter().take((self.max_open / 16).max(1)) {
            self.take_open(&key);
        }
    }

    fn push_closed(&mut self, key: Key, connection: Connection) {
        if self.max_closed == 0 {
            return;
        }
        while self.closed.len() >= self.max_closed {
            self.closed.pop_front();
        }
        self.closed.push_back((key, connection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::samples::connection;

    fn closed(id: u64, at: u64) -> Connection {
        Connection {
            closed_at: Some(at),
            ..connection(id)
        }
    }

    #[test]
    fn open_connections_are_counted_by_endpoint_until_they_end() {
        let mut table = ConnectionTable::new(10, 10);
        table.record("node", connection(1));
        table.record("node", connection(1));
        table.record("node", connection(2));
        let endpoint = connection(1).endpoint;
        assert_eq!(table.open_at("inventory", endpoint), 2);
        assert_eq!(table.drawn()["inventory"], 2);
        table.record("node", closed(1, 5_000_000));
        assert_eq!(table.open_at("inventory", endpoint), 1);
        table.record("node", closed(2, 5_000_000));
        assert_eq!(table.open_at("inventory", endpoint), 0);
        assert!(table.counts().is_empty());
        table.record("", connection(1));
        assert_eq!(table.counts()[&("inventory".to_owned(), endpoint)], 1);
    }

    #[test]
    fn a_draw_told_after_its_end_opens_nothing() {
        let mut table = ConnectionTable::new(10, 10);
        table.record("node", closed(1, 5_000_000));
        table.record("node", connection(1));
        assert!(table.open().is_empty());
    }

    #[test]
    fn both_rings_are_bounded_and_lose_the_oldest() {
        let mut table = ConnectionTable::new(3, 2);
        for id in 1..=10 {
            table.record("node", connection(id));
        }
        let open: Vec<u64> = table
            .open()
            .iter()
            .map(|connection| connection.id)
            .collect();
        assert_eq!(open, [8, 9, 10]);
        let newest = table.newest_open(2).into_iter();
        let newest: Vec<u64> = newest.map(|connection| connection.id).collect();
        assert_eq!(newest, [10, 9]);
        for id in 1..=10 {
            table.record("node", closed(id, 5_000_000));
        }
        assert_eq!(table.closed.len(), 2);
        assert!(table.counts().is_empty());
    }

    #[test]
    fn connections_end_with_the_proxy_that_told_of_them() {
        let mut table = ConnectionTable::new(10, 10);
        table.record("node", connection(1));
        table.record("kube-proxy", connection(1));
        table.source_ended("node", 900_000_000);
        assert_eq!(table.open().len(), 1);
        assert_eq!(table.closed[0].1.closed_at, Some(900_000_000));
    }
}
