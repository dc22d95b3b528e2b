//! `lab top [--watch]`: what each pod does now.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::arguments::Global;
use super::printer::{self, Failure, Printer};
use crate::client::Client;
use crate::model::{Durations, ServiceTraffic, Status};

/// Between two looks, from which rates are made.
const INTERVAL: Duration = Duration::from_secs(1);

/// Once, or again and again.
#[derive(Debug, Args)]
pub(super) struct TopArguments {
    /// Look again every second until Ctrl-C
    #[arg(short, long)]
    watch: bool,
}

/// One line. Requests are those that the ingress sent; what pods send each other is seen in their
/// connections alone.
#[derive(Debug, Serialize)]
struct Row {
    pod: String,
    state: String,
    /// Requests a second.
    rate: Option<f64>,
    /// Answers of 500 and above, a second.
    errors: Option<f64>,
    /// Milliseconds, over the second or, if there was nothing in it, since the start.
    p50: Option<f64>,
    p95: Option<f64>,
    /// Open connections through ClusterIPs and host ports.
    connections: u64,
}

/// Requests, errors and durations of the pods that the ingress knows.
type Seen = BTreeMap<String, (u64, Durations)>;

pub(super) async fn run(
    arguments: &TopArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let mut before = seen(&client).await?;
    let mut at = Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
        let (now, status) = (seen(&client).await?, client.status().await?);
        let rows = rows(&status, &before, &now, at.elapsed());
        (before, at) = (now, Instant::now());
        if arguments.watch && !printer.is_json() && io::stdout().is_terminal() {
            // To the upper left corner, and nothing below.
            printer.bytes(b"\x1b[H\x1b[J")?;
        }
        printer.data(&rows, || table(&rows))?;
        if !arguments.watch {
            return Ok(());
        }
    }
}

async fn seen(client: &Client) -> Result<Seen, Failure> {
    let services: Vec<ServiceTraffic> = client.get("/api/traffic").await?;
    let mut seen = Seen::new();
    for endpoint in services.into_iter().flat_map(|service| service.endpoints) {
        // A pod may be behind several Services.
        let (errors, durations) = seen.entry(endpoint.pod).or_default();
        *errors += endpoint.errors;
        durations.add(&endpoint.duration);
    }
    Ok(seen)
}

fn rows(status: &Status, before: &Seen, now: &Seen, between: Duration) -> Vec<Row> {
    let mut connections: BTreeMap<&str, u64> = BTreeMap::new();
    let endpoints = status.services.iter().flat_map(|found| &found.endpoints);
    for endpoint in endpoints {
        if let Some(pod) = &endpoint.pod {
            *connections.entry(pod).or_default() += endpoint.connections;
        }
    }
    let nothing = (0, Durations::default());
    let row = |pod: &crate::model::PodStatus| {
        let then = before.get(&pod.name).unwrap_or(&nothing);
        let counted = now.get(&pod.name).map(|(errors, durations)| {
            let since = durations.since(&then.1);
            let rate = a_second(since.count(), between);
            let errors = a_second(errors.saturating_sub(then.0), between);
            let shown = if since.count() > 0 { &since } else { durations };
            let quantile = |share| shown.quantile(share).map(|seconds| seconds * 1000.0);
            (rate, errors, quantile(0.5), quantile(0.95))
        });
        Row {
            pod: pod.name.clone(),
            state: super::view::state(pod),
            rate: counted.map(|found| found.0),
            errors: counted.map(|found| found.1),
            p50: counted.and_then(|found| found.2),
            p95: counted.and_then(|found| found.3),
            connections: connections.get(&*pod.name).copied().unwrap_or_default(),
        }
    };
    status.pods.iter().map(row).collect()
}

fn a_second(count: u64, between: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a rate is no count")]
    let count = count as f64;
    count / between.as_secs_f64().max(0.001)
}

fn table(rows: &[Row]) -> String {
    let number =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"));
    let millis =
        |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1} ms"));
    let rows = rows.iter().map(|row| {
        vec![
            row.pod.clone(),
            row.state.clone(),
            number(row.rate),
            number(row.errors),
            millis(row.p50),
            millis(row.p95),
            row.connections.to_string(),
        ]
    });
    printer::table(
        &["POD", "STATE", "REQ/S", "ERR/S", "P50", "P95", "CONN"],
        rows.collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DURATION_BOUNDS, PodStatus};

    #[test]
    fn rates_are_of_the_time_between_two_looks() {
        let seen = |errors: u64, requests: u64| {
            let mut buckets = vec![0; DURATION_BOUNDS.len() + 1];
            buckets[2] = requests;
            Seen::from([(
                "web-a".to_owned(),
                (errors, Durations { buckets, sum: 0.0 }),
            )])
        };
        let pod = |name: &str| PodStatus {
            name: name.to_owned(),
            ready: true,
            ..PodStatus::default()
        };
        let status = Status {
            pods: vec![pod("web-a"), pod("inventory-b")],
            ..Status::default()
        };
        let rows = rows(&status, &seen(1, 10), &seen(3, 30), Duration::from_secs(2));
        assert_eq!((rows[0].rate, rows[0].errors), (Some(10.0), Some(1.0)));
        assert_eq!(rows[0].p95, Some(0.975));
        assert_eq!(rows[1].rate, None, "the ingress does not send it anything");
        for line in table(&rows).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
