//! The same load with the dashboard shut and open, in turns.

use super::browser::Page;
use super::lab::Lab;
use super::{cpu, load, result, started};

const ROUNDS: usize = 6;
const SECONDS: u64 = 15;
/// What goes before each round and is not counted: a browser that starts takes all cores for a while.
const SETTLING: u64 = 8;
const RATE: u32 = 200;

#[derive(Default)]
struct Figures {
    /// Microseconds of the lab and its pods for each request. The thread that drives the load is gone
    /// when they are read, and counts for neither.
    cpu: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
}

pub(crate) fn measure() {
    let lab = started("dashboard");
    let (mut shut, mut open) = (Figures::default(), Figures::default());
    for _ in 0..ROUNDS {
        round(&lab, &mut shut);
        let page = Page::open(&lab, "path");
        round(&lab, &mut open);
        drop(page);
    }
    println!("{RATE} requests/s, {ROUNDS} rounds of {SECONDS} s in turns, median (min … max)");
    for (what, figures) in [("dashboard shut", &mut shut), ("dashboard open", &mut open)] {
        println!(
            "  {what}   lab and pods {} µs CPU a request   p50 {} ms   p99 {} ms",
            spread(&mut figures.cpu),
            spread(&mut figures.p50),
            spread(&mut figures.p99),
        );
    }
}

fn round(lab: &Lab, figures: &mut Figures) {
    result(load(lab, RATE, SETTLING));
    let before = cpu::nanoseconds(lab.pid());
    let told = result(load(lab, RATE, SECONDS));
    let spent = cpu::nanoseconds(lab.pid()) - before;
    let number = |name: &str| told["latency"][name].as_f64().expect("a latency") / 1_000.0;
    let answered = told["answered"].as_f64().expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 nanoseconds")]
    figures.cpu.push(spent as f64 / 1_000.0 / answered);
    figures.p50.push(number("p50"));
    figures.p99.push(number("p99"));
}

fn spread(figures: &mut [f64]) -> String {
    figures.sort_by(f64::total_cmp);
    let (first, middle, last) = (
        figures[0],
        figures[figures.len() / 2],
        figures[figures.len() - 1],
    );
    format!("{middle:.1} ({first:.1} … {last:.1})")
}
