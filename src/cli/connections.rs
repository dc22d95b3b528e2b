//! `lab connections [SERVICE]`: the open connections through ClusterIPs and host ports.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::arguments::Global;
use super::printer::{self, Failure, Printer};
use super::trace::words;
use crate::client::Client;
use crate::model::{ConnectionStatus, Selection};

/// Which connections.
#[derive(Debug, Args)]
pub(super) struct ConnectionsArguments {
    /// Only those to this Service
    service: Option<String>,
}

pub(super) async fn run(
    arguments: &ConnectionsArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let mut connections = client.connections().await?;
    if let Some(service) = &arguments.service {
        connections.retain(|one| one.connection.service == *service);
    }
    printer.data(&connections, || {
        if connections.is_empty() {
            return "no open connections".to_owned();
        }
        table(&connections)
    })
}

fn table(connections: &[ConnectionStatus]) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
    let row = |one: &ConnectionStatus| {
        let connection = &one.connection;
        let endpoint = match &connection.pod {
            Some(pod) => pod.clone(),
            None => connection.endpoint.to_string(),
        };
        let drawn = match connection.selection {
            Selection::Random { .. } => format!("random of {}", connection.candidates.len()),
            Selection::RoundRobin { .. } => format!("in turn of {}", connection.candidates.len()),
            Selection::ClientIp { .. } => "as before".to_owned(),
        };
        let state = if one.endpoint_gone {
            "endpoint gone"
        } else {
            "open"
        };
        vec![
            connection.client.to_string(),
            format!("{} {}", connection.service, connection.cluster_ip),
            endpoint,
            drawn,
            words::age(now.saturating_sub(connection.drawn_at)),
            state.to_owned(),
        ]
    };
    printer::table(
        &["CLIENT", "SERVICE", "ENDPOINT", "DRAWN", "AGE", "STATE"],
        connections.iter().map(row).collect(),
    )
}
