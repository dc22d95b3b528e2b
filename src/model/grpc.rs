//! How gRPC connections live and are chosen: what decides which pod a call reaches.
//!
//! By default a channel has one connection, which stays with the pod it was drawn for. Every
//! setting here is one of the cures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// gRPC's own settings, as far as they decide which pod a call reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grpc {
    /// How a channel chooses among the addresses of its name.
    pub load_balancing: LoadBalancing,
    /// Connections of one channel under `pick_first`; at least 1.
    pub channels: u32,
    /// How often `round_robin` asks for the name's addresses; zero: only when a connection ended.
    pub resolve_again: Duration,
    /// After this time a server asks a connection to end (GOAWAY); calls under way go on. Zero:
    /// never.
    pub max_connection_age: Duration,
}

/// How a channel chooses among the addresses of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadBalancing {
    /// The first that answers; the default of every gRPC client.
    #[default]
    PickFirst,
    /// All of them, in turn.
    RoundRobin,
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            load_balancing: LoadBalancing::PickFirst,
            channels: 1,
            resolve_again: Duration::ZERO,
            max_connection_age: Duration::ZERO,
        }
    }
}
