//! How many resources a second of CPU time brings into the store.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lab::Session;
use crate::store::Store;
use crate::{median, meter};

const RESOURCES: u64 = 10_000;
/// The first brings everything in, the others find it there.
const ROUNDS: usize = 3;
/// A job is asked for so often.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn measure() {
    for store in Store::all() {
        let config = format!(
            "[cloudforet]\nsample_data = false\n[deployments.inventory-worker]\nreplicas = 2\n\
             [plugins.sample-cloud]\nproviders = [\"aws\"]\noptions = {{ count = {RESOURCES}, sub_tasks = 8 }}\n"
        );
        let lab = store.lab("collect", &config);
        let session = lab.session();
        let collector = collector(&session, "sample-cloud");
        println!(
            "collect of {RESOURCES} resources, 2 workers, {}",
            store.name()
        );
        let mut again = Vec::new();
        for round in 0..ROUNDS {
            let before = meter::read(&lab);
            let started = Instant::now();
            collect(&session, &collector);
            let taken = started.elapsed();
            let spent = meter::between(&before, &meter::read(&lab));
            let all: u64 = spent.values().sum();
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let rate = RESOURCES as f64 / (all as f64 / 1e9);
            if round > 0 {
                again.push(rate);
                continue;
            }
            println!(
                "  new ones: {rate:.0} resources per CPU-second, {:.1} s",
                taken.as_secs_f64()
            );
            for (hop, nanoseconds) in spent {
                let milliseconds = nanoseconds / 1_000_000;
                if milliseconds >= 10 {
                    println!("    {hop:<28}{milliseconds:>8} ms of CPU");
                }
            }
        }
        let rate = median(&mut again);
        println!("  known ones: {rate:.0} resources per CPU-second");
    }
}

fn collector(session: &Session, name: &str) -> Value {
    let listed = session.post("/inventory/collector/list", &json!({ "name": name }));
    listed["results"][0]["collector_id"].clone()
}

/// Collects, and waits for the end of the job.
fn collect(session: &Session, collector: &Value) {
    let job = session.post(
        "/inventory/collector/collect",
        &json!({ "collector_id": collector }),
    );
    loop {
        let job = session.post("/inventory/job/get", &json!({ "job_id": job["job_id"] }));
        match job["status"].as_str() {
            Some("SUCCESS") => return,
            Some("IN_PROGRESS") => pause(),
            other => panic!("the job ended with {other:?}: {job}"),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a program of its own, without tasks"
)]
fn pause() {
    std::thread::sleep(PAUSE);
}
