//! How long the main job takes, measured from outside through the release binary:
//! `cargo bench --bench journey [process|docker]`.
//!
//! Prints, for each runtime: `up` to the first listed server over HTTPS, `scale inventory 5` to
//! five ready endpoints, `down`, memory; under Docker beside it what the same number of containers
//! takes with the bare API, measured in turns with the lab so that both see the same machine.
//! Nothing is asserted about time.

#![expect(clippy::print_stdout, reason = "a report for people")]

mod bare;
mod first_connection;
mod lab;
mod memory;
#[path = "../support/lab.rs"]
mod support;

use std::time::{Duration, Instant};

use bare::Work;
use support::Lab;

const ROUNDS: usize = 7;
/// It takes microseconds, so that many rounds cost nothing.
const CONNECTION_ROUNDS: usize = 200;
/// `lab up` runs one container for each of the eleven Services' pods and of the three Deployments', and
/// the node.
const CONTAINERS_OF_UP: usize = 15;
const PODS_ADDED: usize = 4;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for runtime in ["process", "docker"] {
        if wanted.is_empty() || wanted.iter().any(|word| word == runtime) {
            measure(runtime);
        }
    }
}

fn measure(runtime: &'static str) {
    let mut figures = Figures::default();
    // The first round warms the page cache and, under Docker, builds the image.
    for round in 0..=ROUNDS {
        let found = round_of(runtime);
        if round > 0 {
            figures.add(&found);
        }
    }
    println!("{runtime} runtime, {ROUNDS} rounds, median (min … max)");
    let line = |what: &str, durations: &mut Vec<Duration>| {
        println!("  {what:<32}{}", spread(durations));
    };
    line("up returns", &mut figures.up);
    line("up to the first list over HTTPS", &mut figures.first_answer);
    line("scale to five ready endpoints", &mut figures.scale);
    line("down", &mut figures.down);
    if runtime == "docker" {
        let bare = format!("bare API, network and {CONTAINERS_OF_UP}");
        line(&bare, &mut figures.bare_up);
        line("bare API, 4 more", &mut figures.bare_scale);
        let ratio = |own: &mut Vec<Duration>, bare: &mut Vec<Duration>| {
            median(own).as_secs_f64() / median(bare).as_secs_f64()
        };
        let up = ratio(&mut figures.first_answer, &mut figures.bare_up);
        let scale = ratio(&mut figures.scale, &mut figures.bare_scale);
        println!("  of the bare API's time          up {up:.2}, scale {scale:.2}");
    } else {
        let mut taken = first_connection::measure(CONNECTION_ROUNDS);
        let middle = median(&mut taken).as_micros();
        let (first, last) = (taken[0].as_micros(), taken[taken.len() - 1].as_micros());
        println!("  ready to the first connection   {middle:>5} µs ({first} … {last})");
        println!(
            "  memory of the lab with its pods {:>5} MiB (PSS)",
            median(&mut figures.whole) / 1024
        );
    }
    println!(
        "  memory of the lab process       {:>5} MiB (PSS)",
        median(&mut figures.own) / 1024
    );
}

/// What one life of a lab showed.
struct Round {
    up: Duration,
    first_answer: Duration,
    scale: Duration,
    down: Duration,
    own: u64,
    whole: u64,
    bare: Option<(Duration, Duration)>,
}

fn round_of(runtime: &'static str) -> Round {
    let lab = Lab::new(runtime, "", None);
    let started = Instant::now();
    lab.run(&["up", "--runtime", runtime]);
    let up = started.elapsed();
    lab::list(&lab);
    let first_answer = started.elapsed();
    let scale = lab::scale_to_five(&lab);
    let (own, whole) = lab::memory(&lab);
    let started = Instant::now();
    lab.run(&["down", "--data"]);
    let down = started.elapsed();
    let bare = (runtime == "docker").then(|| {
        let up = bare::measure(Work::All(CONTAINERS_OF_UP));
        (up, bare::measure(Work::Containers(PODS_ADDED)))
    });
    Round {
        up,
        first_answer,
        scale,
        down,
        own,
        whole,
        bare,
    }
}

#[derive(Default)]
struct Figures {
    up: Vec<Duration>,
    first_answer: Vec<Duration>,
    scale: Vec<Duration>,
    down: Vec<Duration>,
    own: Vec<u64>,
    whole: Vec<u64>,
    bare_up: Vec<Duration>,
    bare_scale: Vec<Duration>,
}

impl Figures {
    fn add(&mut self, round: &Round) {
        self.up.push(round.up);
        self.first_answer.push(round.first_answer);
        self.scale.push(round.scale);
        self.down.push(round.down);
        self.own.push(round.own);
        self.whole.push(round.whole);
        if let Some((up, scale)) = round.bare {
            self.bare_up.push(up);
            self.bare_scale.push(scale);
        }
    }
}

fn median<T: Ord + Copy>(figures: &mut [T]) -> T {
    figures.sort_unstable();
    figures[figures.len() / 2]
}

fn spread(figures: &mut [Duration]) -> String {
    let middle = median(figures);
    let (first, last) = (figures[0], figures[figures.len() - 1]);
    let ms = |duration: Duration| duration.as_millis();
    format!("{:>5} ms ({} … {})", ms(middle), ms(first), ms(last))
}
