//! What Cloudforet's own plane costs: `cargo bench --bench backends [list|rows|collect]`.
//!
//! - `list`: twenty resources by REST → gRPC → MongoDB and back, beside the same question asked of
//!   inventory directly: the CPU time of every hop, and the median of the answers.
//! - `rows`: the same list among 10,000 to 1,000,000 resources, on both stores. `LAB_BENCH_ROWS` sets
//!   another number for the last.
//! - `collect`: 10,000 resources from a plugin into the store: resources for each second of CPU time.
//!
//! Everything runs as processes, through the release binary, without films. The built-in store and a
//! real `mongod` (on the PATH, or named by `LAB_MONGOD`) take turns. Nothing is asserted about time.

#![expect(clippy::print_stdout, reason = "a report for people")]

mod collect;
#[path = "../proxies/cpu.rs"]
mod cpu;
#[path = "../support/lab.rs"]
mod lab;
mod list;
mod meter;
mod rows;
mod store;

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| {
        let mut names = words.iter().filter(|word| !word.starts_with('-'));
        words.iter().all(|word| word.starts_with('-')) || names.any(|word| word == name)
    };
    let runtime = tokio::runtime::Runtime::new()?;
    if wanted("list") {
        runtime.block_on(list::measure())?;
    }
    if wanted("rows") {
        runtime.block_on(rows::measure())?;
    }
    if wanted("collect") {
        collect::measure();
    }
    Ok(())
}

/// The middle one.
fn median<T: PartialOrd + Copy>(figures: &mut [T]) -> T {
    figures.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    figures[figures.len() / 2]
}
