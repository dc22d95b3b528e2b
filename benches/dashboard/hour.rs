//! Memory while the dashboard looks on for long.

use std::thread::park_timeout;
use std::time::{Duration, Instant};

use super::browser::Page;
use super::{load, memory, result, started};

const RATE: u32 = 200;
/// Caches fill in the first minutes; growth is told of what comes after.
const SETTLING: usize = 10;

/// MiB: the lab's process, its pods, the page.
type Reading = [f64; 3];

pub(crate) fn measure(minutes: u64) {
    let lab = started("hour");
    let page = Page::open(&lab, "path");
    let load = load(&lab, RATE, minutes * 60);
    let begun = Instant::now();
    println!("{RATE} requests/s for {minutes} min with the dashboard open, MiB (PSS)");
    println!("  minute      lab     pods     page");
    let mut readings: Vec<Reading> = Vec::new();
    for minute in 1..=minutes {
        let until = begun + Duration::from_secs(minute * 60);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            park_timeout(left);
        }
        let own = memory::of(lab.pid().into());
        let whole = memory::of_tree(lab.pid().into());
        let reading = [own, whole - own, page.memory()].map(mebibytes);
        let [own, pods, page] = reading;
        println!("  {minute:>6} {own:>8.1} {pods:>8.1} {page:>8.1}");
        readings.push(reading);
    }
    let told = result(load);
    println!(
        "  {} answered of {} sent; errors: {}",
        told["answered"], told["sent"], told["errors"]
    );
    if let Some(settled) = readings.get(SETTLING..).filter(|rest| rest.len() > 1) {
        for (index, what) in ["lab", "pods", "page"].into_iter().enumerate() {
            println!(
                "  {what:<5} grows by {:+.1} MiB an hour",
                slope(settled, index) * 60.0
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52 KiB")]
fn mebibytes(kibibytes: u64) -> f64 {
    kibibytes as f64 / 1024.0
}

/// MiB a minute, by least squares.
#[expect(clippy::cast_precision_loss, reason = "minutes of some hours")]
fn slope(readings: &[Reading], index: usize) -> f64 {
    let count = readings.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = readings.iter().map(|one| one[index]).sum::<f64>() / count;
    let mut above = 0.0;
    let mut below = 0.0;
    for (minute, reading) in readings.iter().enumerate() {
        let away = minute as f64 - middle;
        above += away * (reading[index] - mean);
        below += away * away;
    }
    above / below
}
