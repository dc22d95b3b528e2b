//! What can go wrong with Docker: each told clearly, with nothing left behind.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::eventually;
use crate::failures::{fails_to_start, told};
use crate::support::lab::Lab;

const ONE_IMAGE: &str = r#"
[cloudforet]
enabled = false
[services.web]
image = "no-such/image:1"
port = 80
"#;

#[test]
fn an_image_that_nobody_has_ends_the_start_soon() {
    let lab = Lab::new("docker", ONE_IMAGE);
    let begun = Instant::now();
    fails_to_start(
        &lab,
        "docker",
        &["no-such/image:1", "pod web-", "docker load"],
    );
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn an_image_needs_docker() {
    let lab = Lab::new("process", ONE_IMAGE);
    let (code, text) = told(&lab.run(&["up", "--runtime", "process"]));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("[services.web] image"), "{text}");
    assert!(!lab.state().exists(), "nothing was made");
    let mut up = lab.command(&["up", "--runtime", "auto"]);
    up.env("DOCKER_HOST", "unix:///nonexistent.sock");
    let (code, text) = told(&up.output().unwrap());
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("web") && text.contains("--runtime docker"),
        "{text}"
    );
    lab.assert_nothing_left_but_data();
}

#[test]
fn a_subnet_in_use_names_the_key() {
    let first = Lab::start("docker", "[cloudforet]\nenabled = false\n");
    let network = docker(&[
        "network",
        "inspect",
        &format!("lab-{}", first.name()),
        "--format",
        "{{(index .IPAM.Config 0).Subnet}}",
    ]);
    let toml = format!("[cloudforet]\nenabled = false\n[docker]\nsubnet = \"{network}\"\n");
    let second = Lab::new("docker", &toml);
    fails_to_start(&second, "docker", &["subnet", "[docker]", &network]);
    first.down();
}

#[test]
fn two_labs_under_docker_have_subnets_of_their_own() {
    let one = Lab::start("docker", "");
    let two = Lab::start("docker", "");
    let cluster_ip = |lab: &Lab| {
        let status = lab.status();
        let services = status["services"].as_array().unwrap().clone();
        let inventory = services
            .iter()
            .find(|service| service["name"] == "inventory");
        inventory.unwrap()["cluster_ip"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let second_part = |address: &str| address.split('.').nth(1).unwrap().to_owned();
    assert_ne!(
        second_part(&cluster_ip(&one)),
        second_part(&cluster_ip(&two))
    );
    one.down();
    assert_eq!(two.status()["ready"], true);
    two.down();
}

#[tokio::test]
async fn a_container_that_is_killed_or_removed_is_replaced() {
    let lab = Lab::start("docker", "");
    let inventory = |lab: &Lab| {
        let status = lab.status();
        let pods = status["pods"].as_array().unwrap().clone();
        pods.into_iter()
            .find(|pod| pod["service"] == "inventory")
            .unwrap()
    };
    let name = inventory(&lab)["name"].as_str().unwrap().to_owned();
    let container = format!("{}-{name}", lab.name());
    for (restarts, words) in [(1, &["kill"][..]), (2, &["rm", "-f"])] {
        docker(&[words, &[&container]].concat());
        let pod = eventually!("it is back", {
            let pod = inventory(&lab);
            (pod["ready"] == true && pod["restarts"] == restarts).then_some(pod)
        });
        assert_eq!(pod["name"], name.as_str());
    }
    lab.down();
}

/// What `docker` prints; it must succeed.
fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output().unwrap();
    assert!(output.status.success(), "docker {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
