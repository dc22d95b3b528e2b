//! What happens to pods: they stand still, are not ready, start slowly, or are not there.

use std::time::{Duration, Instant};

use super::*;
use crate::eventually;
use crate::support::lab::service;

/// `T` for a process that stands still.
fn is_still(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default();
    state.trim_start().starts_with('T')
}

#[tokio::test]
async fn a_frozen_pod_stands_still_and_goes_on_and_dies_cleanly() {
    // More than a lab on a busy machine ever needs to end.
    let patient = shop(1).replace("grace = \"5s\"", "grace = \"60s\"");
    let lab = Lab::start("process", &patient);
    let pod = ready_pods(&lab, "shop").pop().unwrap();
    let pid = lab.pid_of_pod(&pod).unwrap();
    add(&lab, &["freeze", &pod]);
    eventually!("it stands still", is_still(pid).then_some(()));
    assert_eq!(errors(&load(&lab, &["--timeout", "300ms"])).len(), 1);
    let left = || ready_pods(&lab, "shop").is_empty().then_some(());
    eventually!("its probe fails", left());
    undo(&lab);
    eventually!("it goes on", (!is_still(pid)).then_some(()));
    eventually!(
        "it is ready",
        (ready_pods(&lab, "shop").len() == 1).then_some(())
    );
    assert_eq!(errors(&load(&lab, &[])), []);

    // All of a Deployment; killed, they are started again and have no freeze any more.
    add(&lab, &["freeze", "shop"]);
    eventually!("it stands still", is_still(pid).then_some(()));
    lab.ok(&["kill", &pod]);
    eventually!("the fault is gone", list(&lab).is_empty().then_some(()));
    eventually!(
        "it is ready",
        (ready_pods(&lab, "shop").len() == 1).then_some(())
    );
    let again = lab.pid_of_pod(&pod).unwrap();
    assert!(again != pid && !is_still(again));
    // One that stands still is in nobody's way when the lab ends.
    add(&lab, &["freeze", &pod]);
    eventually!("it stands still", is_still(again).then_some(()));
    let begun = Instant::now();
    lab.down();
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_pod_that_is_not_to_be_ready_gets_nothing_until_undone() {
    let lab = Lab::start("process", &shop(2));
    let pod = ready_pods(&lab, "shop").pop().unwrap();
    add(&lab, &["not-ready", &pod]);
    eventually!(
        "it is out",
        (ready_pods(&lab, "shop").len() == 1).then_some(())
    );
    let result = load(&lab, &[]);
    assert_eq!(errors(&result), []);
    let spread = result["spread"].as_array().unwrap();
    assert_eq!(spread.len(), 1, "{result}");
    assert_ne!(spread[0]["pod"], pod.as_str());
    let shown = lab.ok(&["status"]);
    assert!(shown.contains("not ready: fault"), "{shown}");
    undo(&lab);
    eventually!(
        "it is back",
        (ready_pods(&lab, "shop").len() == 2).then_some(())
    );
    lab.down();
}

#[tokio::test]
async fn new_pods_start_slowly_and_old_ones_are_spared() {
    let lab = Lab::start("process", &shop(1));
    add(&lab, &["slow-start", "shop", "--by", "3s"]);
    assert_eq!(ready_pods(&lab, "shop").len(), 1);
    let begun = Instant::now();
    lab.ok(&["scale", "shop", "2"]);
    assert!(
        begun.elapsed() >= Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    undo(&lab);
    // So much later that a busy machine cannot be taken for it.
    add(&lab, &["slow-start", "shop", "--by", "60s"]);
    undo(&lab);
    let begun = Instant::now();
    lab.ok(&["scale", "shop", "3"]);
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
    lab.down();
}

#[tokio::test]
async fn a_deployment_that_is_down_keeps_the_wish_for_its_pods() {
    let lab = Lab::start("process", &shop(2));
    add(&lab, &["down", "shop"]);
    let pods = || {
        let status = lab.status();
        let pods = status["pods"].as_array().unwrap().iter();
        pods.filter(|pod| pod["deployment"] == "shop").count()
    };
    eventually!("all are gone", (pods() == 0).then_some(()));
    assert_eq!(service(&lab.status(), "shop")["replicas"], 2);
    let told = errors_of(&lab);
    assert_eq!(
        told,
        ("status 503".to_owned(), Some("no-endpoint".to_owned()))
    );
    undo(&lab);
    eventually!(
        "all are back",
        (ready_pods(&lab, "shop").len() == 2).then_some(())
    );
    assert_eq!(errors(&load(&lab, &[])), []);
    lab.down();
}

fn errors_of(lab: &Lab) -> (String, Option<String>) {
    let result = load(lab, &[]);
    let (cause, code, _) = errors(&result)[0];
    (cause.to_owned(), code.map(str::to_owned))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_comes_back_with_its_data() {
    let lab = Lab::start("process", "");
    let (https, url) = (lab.https(), lab.list_url());
    let token = lab.token().await;
    let count = async || {
        let body = serde_json::json!({});
        let answer = https.post(&url, Some(&token), &body).await.ok()?;
        (answer.status == 200).then(|| answer.json()["total_count"].clone())
    };
    let before = count().await.unwrap();
    add(&lab, &["down", "mongodb"]);
    let gone = || ready_pods(&lab, "mongodb").is_empty().then_some(());
    eventually!("it is gone", gone());
    undo(&lab);
    eventually!("it is back", count().await.filter(|now| *now == before));
    lab.down();
}
