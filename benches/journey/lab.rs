//! What the journey does with a lab, and looks at.

use std::time::{Duration, Instant};

use serde_json::json;

use super::memory;
use super::support::Lab;

/// Lists one page the way a script does: log in with curl, enter the first workspace, then list.
pub(crate) fn list(lab: &Lab) {
    let page = json!({ "query": { "page": { "start": 1, "limit": 20 } } });
    let listed = lab.session().post("/inventory/cloud-service/list", &page);
    assert_eq!(listed["results"].as_array().map(Vec::len), Some(20));
}

/// `lab scale` returns with the fifth ready endpoint; that it told the truth is not timed.
pub(crate) fn scale_to_five(lab: &Lab) -> Duration {
    let started = Instant::now();
    lab.run(&["scale", "inventory", "5"]);
    let taken = started.elapsed();
    let status = lab.status();
    let services = status["services"].as_array().expect("services");
    let inventory = services
        .iter()
        .find(|service| service["name"] == "inventory");
    let endpoints = inventory.expect("inventory")["endpoints"]
        .as_array()
        .expect("endpoints");
    let ready = endpoints
        .iter()
        .filter(|endpoint| endpoint["ready"] == true);
    assert_eq!(ready.count(), 5);
    taken
}

/// KiB of the lab's own process, and of it with everything that descends from it.
pub(crate) fn memory(lab: &Lab) -> (u64, u64) {
    let pid = u64::from(lab.pid());
    (memory::of(pid), memory::of_tree(pid))
}
