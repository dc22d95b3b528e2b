//! Which ClusterIP connection carried a call: the join of L7 and L4 by socket address.
//!
//! The caller knows its own end and the ClusterIP; the pod that answers knows the address that
//! `kube_proxy` dialled from. Only the connection knows both.

use std::collections::BTreeMap;

use crate::model::{Connection, SocketPair};

/// A connection that fits a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match<'a> {
    /// The connection.
    pub(super) connection: &'a Connection,
    /// Whether the caller's own socket is its first half.
    pub(super) caller: bool,
    /// Whether the answering pod's socket is its second half.
    pub(super) server: bool,
}

/// The connections of one film, each once.
#[derive(Debug)]
pub(super) struct Joiner<'a> {
    connections: Vec<&'a Connection>,
}

impl<'a> Joiner<'a> {
    /// Takes connections in any order. Of the two reports about one connection the later wins.
    pub(super) fn new(connections: impl IntoIterator<Item = &'a Connection>) -> Self {
        let mut latest = BTreeMap::new();
        for connection in connections {
            let key = (connection.drawn_at, connection.id, connection.outgoing);
            let kept = latest.entry(key).or_insert(connection);
            if connection.closed_at > kept.closed_at {
                *kept = connection;
            }
        }
        Self {
            connections: latest.into_values().collect(),
        }
    }

    /// The connection between a caller's `outbound` and a server's `inbound` that was open between
    /// these moments. Proof from both sides beats proof from one; then the one drawn last wins,
    /// because an address is only used again after its connection has ended.
    pub(super) fn find(
        &self,
        outbound: Option<SocketPair>,
        inbound: Option<SocketPair>,
        from: u64,
        to: u64,
    ) -> Option<Match<'a>> {
        self.connections
            .iter()
            .filter(|connection| connection.open_between(from, to))
            .map(|connection| Match {
                connection,
                caller: outbound.is_some_and(|pair| called_through(connection, pair)),
                server: inbound.is_some_and(|pair| arrived_through(connection, pair)),
            })
            .filter(|found| found.caller || found.server)
            .max_by_key(|found| {
                let exact = outbound.is_some_and(|pair| pair.remote == found.connection.cluster_ip);
                let proof = u8::from(found.caller) + u8::from(found.server);
                (
                    proof,
                    found.caller,
                    exact,
                    found.connection.drawn_at,
                    found.connection.id,
                )
            })
    }
}

/// The port may differ: where a ClusterIP's own port cannot be bound, the lab listens at another
/// port of the same address.
fn called_through(connection: &Connection, outbound: SocketPair) -> bool {
    connection.client == outbound.local && connection.cluster_ip.ip() == outbound.remote.ip()
}

fn arrived_through(connection: &Connection, inbound: SocketPair) -> bool {
    connection.outgoing == inbound.remote && connection.endpoint == inbound.local
}
