//! The same where pods are containers.

use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use crate::eventually;

/// `true` for a container that Docker has paused.
fn is_paused(lab: &Lab, pod: &str) -> bool {
    let name = format!("label=lab.name={}", lab.name());
    let output = Command::new("docker")
        .args(["ps", "--filter", &name, "--filter", "status=paused"])
        .args(["--format", "{{.Names}}"])
        .output()
        .unwrap();
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    names.contains(pod)
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_freeze_go_down_and_feel_delays() {
    let lab = Lab::start("docker", "");
    let (https, url) = (lab.https(), lab.list_url());
    let token = lab.token().await;
    let list = async || {
        let begun = Instant::now();
        let body = serde_json::json!({});
        let answer = https.post(&url, Some(&token), &body).await.unwrap();
        (answer.status.as_u16(), begun.elapsed())
    };
    assert_eq!(list().await.0, 200);

    // The node does this, inside the pod network.
    add(&lab, &["delay", "inventory", "--by", "1500ms"]);
    let felt = async || (list().await.1 >= Duration::from_millis(1500)).then_some(());
    eventually!("the open channel is slow", felt().await);
    let film = lab.ok(&["trace", &url]);
    assert!(film.contains("broken on purpose: fault"), "{film}");
    undo(&lab);
    let prompt = async || (list().await.1 < Duration::from_millis(1500)).then_some(());
    eventually!("it is over", prompt().await);

    let pod = ready_pods(&lab, "inventory").pop().unwrap();
    add(&lab, &["freeze", &pod]);
    eventually!("it is paused", is_paused(&lab, &pod).then_some(()));
    undo(&lab);
    eventually!("it goes on", (!is_paused(&lab, &pod)).then_some(()));
    assert_eq!(list().await.0, 200);

    add(&lab, &["down", "inventory"]);
    eventually!(
        "it is gone",
        ready_pods(&lab, "inventory").is_empty().then_some(())
    );
    undo(&lab);
    let mended = async || (list().await.0 == 200).then_some(());
    eventually!("it is back", mended().await);

    // A paused container is in nobody's way when the lab ends.
    let pod = ready_pods(&lab, "inventory").pop().unwrap();
    add(&lab, &["freeze", &pod]);
    eventually!("it is paused", is_paused(&lab, &pod).then_some(()));
    lab.down();
}
