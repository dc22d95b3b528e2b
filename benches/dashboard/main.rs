//! What the dashboard costs: `cargo bench --bench dashboard [cost|hour] [MINUTES]`.
//!
//! - `cost`: the same load with the dashboard shut and open, in turns: the lab's CPU time for each
//!   request, and the median and 99th percentile of the answers.
//! - `hour`: 200 requests a second with the dashboard open, for an hour or so many minutes: the memory
//!   of the lab, of its pods and of the page, once a minute, and what each grows by in an hour.
//!
//! Everything runs as processes, through the release binary; the page is in a real Chromium (on the
//! PATH, or named by `LAB_CHROMIUM`). Nothing is asserted.

#![expect(clippy::print_stdout, reason = "a report for people")]

mod browser;
mod cost;
#[path = "../proxies/cpu.rs"]
mod cpu;
mod hour;
#[path = "../support/lab.rs"]
mod lab;
#[path = "../journey/memory.rs"]
mod memory;

use std::process::{Child, Command, Stdio};

use lab::Lab;
use serde_json::Value;

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let number = words.iter().find_map(|word| word.parse().ok());
    let wanted = |name: &str| {
        let mut names = words.iter().filter(|word| word.parse::<u64>().is_err());
        names.clone().next().is_none() || names.any(|word| word == name)
    };
    if wanted("cost") {
        cost::measure();
    }
    if wanted("hour") {
        hour::measure(number.unwrap_or(60));
    }
}

/// What is asked for: twenty resources, the whole path to the store.
const LIST: &str = "/inventory/cloud-service/list";
const BODY: &str = r#"{"query": {"page": {"limit": 20}}}"#;

/// A lab that has answered once.
fn started(name: &str) -> Lab {
    let lab = Lab::new(name, "", None);
    lab.run(&["up", "--runtime", "process"]);
    let body = serde_json::from_str(BODY).expect("JSON");
    lab.session().post(LIST, &body);
    lab
}

/// So many of them a second.
fn load(lab: &Lab, rate: u32, seconds: u64) -> Child {
    let status = lab.status();
    let api = status["urls"]["console_api_v2"].as_str().expect("a URL");
    let url = format!("{}{LIST}", api.trim_end_matches('/'));
    let (rate, duration) = (rate.to_string(), format!("{seconds}s"));
    lab.command(&[
        "-o",
        "json",
        "load",
        &url,
        "--rate",
        &rate,
        "--duration",
        &duration,
    ])
    .args(["--connections", "8", "--method", "POST", "--token"])
    .args(["--body", BODY])
    .args(["--header", "content-type: application/json"])
    .stdout(Stdio::piped())
    .stderr(Stdio::null())
    .spawn()
    .expect("lab starts")
}

/// What came of it.
fn result(load: Child) -> Value {
    let output = load.wait_with_output().expect("lab load ends");
    serde_json::from_slice(&output.stdout).expect("lab load prints JSON")
}

/// Chromium, as somebody has it.
fn chromium() -> Command {
    let program = std::env::var_os("LAB_CHROMIUM").unwrap_or_else(|| "chromium".into());
    Command::new(program)
}
