//! A laptop's lid is closed and opened again: every process stands still, and goes on later.

use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::eventually;
use crate::support::browser::Browser;
use crate::support::lab::{Lab, processes_of};

/// Longer than any probe's period times its threshold, and than what a client waits for a connection.
const CLOSED: Duration = Duration::from_secs(12);

fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(ToString::to_string);
    let sent = Command::new("kill").arg(name).args(pids).status().unwrap();
    assert!(sent.success());
}

async fn closed_and_opened(runtime: &'static str) {
    let lab = Lab::start(runtime, "");
    let token = lab.token().await;
    let (https, url) = (lab.https(), lab.list_url());
    let body = json!({"query": {"page": {"start": 1, "limit": 1}}});
    let mut open = https.connect(&url).await.unwrap();
    let before = open.post(&url, Some(&token), &body).await.unwrap();
    assert_eq!(before.status, 200);
    let browser = Browser::launch().await;
    let link = lab.ok(&["open", "state", "--print"]);
    let page = browser.open(link.trim(), 1366, 768).await;
    page.wait_for("[data-connection=live]").await;
    let restarts = |lab: &Lab| -> u64 {
        let status = lab.status();
        let pods = status["pods"].as_array().unwrap().iter();
        pods.map(|pod| pod["restarts"].as_u64().unwrap()).sum()
    };
    let had = restarts(&lab);

    // With processes the pods stand still too; containers of a real laptop would as well.
    let pids = match runtime {
        "process" => processes_of(lab.name()),
        _ => vec![lab.pid()],
    };
    signal("-STOP", &pids);
    tokio::time::sleep(CLOSED).await;
    signal("-CONT", &pids);

    // What was open goes on, new connections are taken, and nothing was started again for it.
    let after = open.post(&url, Some(&token), &body).await.unwrap();
    assert_eq!(after.status, 200, "{}", after.text());
    let fresh = https.post(&url, Some(&token), &body).await.unwrap();
    assert_eq!(fresh.status, 200, "{}", fresh.text());
    eventually!("everything is ready", {
        (lab.status()["ready"] == true).then_some(())
    });
    assert_eq!(restarts(&lab), had);
    lab.ok(&["scale", "inventory", "2"]);
    page.wait_until("document.querySelectorAll('[data-connection=live]').length === 1")
        .await;
    let second = "document.body.textContent.match(/inventory-[a-z0-9]{5}/g).length >= 2";
    page.wait_until(second).await;
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_goes_on_after_a_closed_lid() {
    closed_and_opened("process").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_goes_on_after_a_closed_lid_with_docker() {
    closed_and_opened("docker").await;
}
