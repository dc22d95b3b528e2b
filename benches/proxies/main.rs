//! What a request costs: the CPU time of the proxy, side by side for the lab, nginx and `haproxy`.
//! `cargo bench --bench proxies [http tls h2 grpc close l4]`.
//!
//! Wants `nginx`, `haproxy`, `wrk` and `h2load` on the PATH and says which is missing (Debian:
//! `apt install nginx-light libnginx-mod-stream haproxy wrk nghttp2-client`). Each proxy has one
//! worker, routes one host to two pods, logs nothing, and makes no films. The proxies take turns, so
//! that all see the same machine; figures of one machine are not figures of another, ratios nearly
//! are. Nothing is asserted.

#![expect(clippy::print_stdout, reason = "a report for people")]

mod contestants;
mod cpu;
mod load;
mod pods;

use std::collections::BTreeMap;

use contestants::{Contestant, Surroundings};
use load::Column;

/// Enough for a median.
const ROUNDS: usize = 5;

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |column: &&Column| {
        let mut names = words
            .iter()
            .filter(|word| !word.starts_with('-'))
            .peekable();
        names.peek().is_none() || names.any(|name| name == column.name)
    };
    let columns: Vec<&Column> = load::COLUMNS.iter().filter(wanted).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    let pods = runtime
        .block_on(async { Ok::<_, Failed>([pods::start().await?, pods::start().await?]) })?;
    let surroundings = Surroundings::new(pods)?;
    let mut running = Vec::new();
    for contestant in contestants::ALL {
        match surroundings.start(contestant) {
            Ok(started) => running.push(started),
            Err(reason) => println!("without {}: {reason}", contestant.name()),
        }
    }
    let mut costs: BTreeMap<(&str, Contestant), Vec<f64>> = BTreeMap::new();
    for _ in 0..ROUNDS {
        for column in &columns {
            for proxy in &running {
                let before = cpu::nanoseconds(proxy.pid());
                let requests = column.drive(&proxy.ports)?;
                let spent = cpu::nanoseconds(proxy.pid()) - before;
                // A proxy without such a port answers none.
                if requests > 0 {
                    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
                    let cost = spent as f64 / requests as f64 / 1_000.0;
                    costs
                        .entry((column.name, proxy.contestant))
                        .or_default()
                        .push(cost);
                }
            }
        }
    }
    println!(
        "\nCPU time of the proxy for a request in µs, and its ratio to nginx' (median of {ROUNDS})"
    );
    for column in &columns {
        let mut middle = |contestant| {
            costs
                .get_mut(&(column.name, contestant))
                .map(|costs| median(costs))
        };
        let nginx = middle(Contestant::Nginx);
        let cells = contestants::ALL.map(|contestant| match (middle(contestant), nginx) {
            (Some(cost), Some(nginx)) => {
                format!("{} {cost:6.1} ({:.2})", contestant.name(), cost / nginx)
            }
            (Some(cost), None) => format!("{} {cost:6.1}", contestant.name()),
            (None, _) => format!("{} –", contestant.name()),
        });
        println!(
            "  {:<6}{:<60}{}",
            column.name,
            column.what,
            cells.join("   ")
        );
    }
    Ok(())
}

fn median(costs: &mut [f64]) -> f64 {
    costs.sort_unstable_by(f64::total_cmp);
    costs[costs.len() / 2]
}
