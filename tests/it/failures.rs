//! What can go wrong before and beside the pods: each told clearly, with nothing left behind.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::eventually;
use crate::support::lab::{Lab, process_runs};

/// Exit code and what was told.
pub(crate) fn told(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), text)
}

/// `lab up` that must fail with 1, naming all of `parts`, and leaving nothing.
pub(crate) fn fails_to_start(lab: &Lab, runtime: &str, parts: &[&str]) -> String {
    let (code, text) = told(&lab.run(&["up", "--runtime", runtime]));
    assert_eq!(code, Some(1), "{text}\nlog:\n{}", lab.log());
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
    lab.assert_nothing_left();
    lab.assert_nothing_left_but_data();
    text
}

#[test]
fn a_taken_port_names_its_holder() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let toml = format!("[load_balancer]\nhttp = 0\nhttps = {port}\n");
    let lab = Lab::new("process", &toml);
    let holder = format!("127.0.0.1:{port} is in use by");
    let pid = std::process::id().to_string();
    let text = fails_to_start(&lab, "process", &[&holder, &pid, "hint: "]);
    assert_eq!(text.matches("error: ").count(), 1, "{text}");
}

#[test]
fn five_mistakes_in_the_config_are_five_lines_and_nothing_is_made() {
    let toml = r#"
runtime = "podman"
[load_balancer]
http = 70000
https = "8443"
[services.inventory]
replicas = -1
[kube_proxy]
mood = "ipvs"
"#;
    let lab = Lab::new("process", toml);
    let (code, text) = told(&lab.run(&["up"]));
    assert_eq!(code, Some(2), "{text}");
    for line in [2, 4, 5, 7, 9] {
        let place = format!("lab.toml:{line}:");
        assert_eq!(text.matches(&place).count(), 1, "{place} in: {text}");
    }
    assert!(text.contains("5 mistakes"), "{text}");
    assert!(!lab.state().exists(), "nothing was made");
    assert!(lab.nothing_runs());
}

#[test]
fn without_a_docker_daemon_there_is_a_remedy_or_processes() {
    let lab = Lab::new("process", "[cloudforet]\nenabled = false\n");
    let up = |runtime: &str| {
        let mut command = lab.command(&["up", "--runtime", runtime]);
        command.env("DOCKER_HOST", "unix:///nonexistent.sock");
        told(&command.output().unwrap())
    };
    let (code, text) = up("docker");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("unix:///nonexistent.sock"), "{text}");
    assert!(text.contains("--runtime process"), "{text}");
    lab.assert_nothing_left_but_data();
    let (code, text) = up("auto");
    assert_eq!(code, Some(0), "{text}");
    let status = lab.status();
    assert_eq!(status["runtime"], "process");
    let shown = lab.ok(&["status"]);
    assert!(shown.contains("no Docker daemon at"), "{shown}");
    lab.down();
}

#[test]
fn labs_run_side_by_side_and_each_only_once() {
    let one = Lab::start("process", "");
    let two = Lab::start("process", "");
    assert_ne!(one.status()["urls"], two.status()["urls"]);
    let (code, text) = told(&one.run(&["up", "--runtime", "process"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("runs already"), "{text}");
    assert!(text.contains("lab down"), "{text}");
    one.down();
    assert_eq!(two.status()["ready"], true);
    two.down();
}

#[test]
fn commands_without_a_lab_say_so() {
    let lab = Lab::new("process", "");
    let output = lab.run(&["down"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("is not running"), "{text}");
    for command in [
        &["status"][..],
        &["scale", "inventory", "3"],
        &["logs", "inventory"],
        &["trace", "https://console.lab.localhost:8443/"],
    ] {
        let (code, text) = told(&lab.run(command));
        assert_eq!(code, Some(1), "{command:?}: {text}");
        assert!(text.contains("not running"), "{command:?}: {text}");
        assert!(text.contains("hint: "), "{command:?}: {text}");
    }
    assert!(!lab.state().exists(), "nothing was made");
}

#[test]
fn scaling_what_is_not_there_names_what_is() {
    let lab = Lab::start("process", "");
    let (code, text) = told(&lab.run(&["scale", "nope", "3"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("nope") && text.contains("inventory"),
        "{text}"
    );
    lab.down();
}

#[tokio::test]
async fn sigterm_drains_a_lab_in_the_foreground() {
    let lab = Lab::new("process", "");
    let mut up = lab
        .command(&["up", "--foreground", "--runtime", "process"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually!("it is ready", {
        let output = lab.run(&["-o", "json", "status"]);
        String::from_utf8_lossy(&output.stdout)
            .contains("\"ready\": true,\n  \"urls\"")
            .then_some(())
            .or_else(|| {
                let status: Option<serde_json::Value> = serde_json::from_slice(&output.stdout).ok();
                (status?["ready"] == true).then_some(())
            })
    });
    let asked = Command::new("kill").arg(up.id().to_string()).status();
    assert!(asked.unwrap().success());
    let status = eventually!("it ends", up.try_wait().unwrap());
    assert_eq!(status.code(), Some(0), "{}", lab.log());
    assert!(!process_runs(up.id()));
    lab.assert_nothing_left();
    lab.assert_nothing_left_but_data();
}

/// A tmpfs that is unmounted at the end.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "lab-test"])
            .arg(folder)
            .output()
            .unwrap();
        assert!(
            mounted.status.success(),
            "mounting a small disk needs root; run this test as root, or leave it out with --skip full_disk: {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self(folder)
    }

    fn grow(&self, size: &str) {
        let grown = Command::new("mount")
            .args(["-o", &format!("remount,size={size}")])
            .arg(self.0)
            .status();
        assert!(grown.unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_breaks_nothing() {
    let lab = Lab::new("process", "");
    let folder = lab.state();
    let disk = SmallDisk::mount(&folder, "64k");
    let begun = std::time::Instant::now();
    let (code, text) = told(&lab.run(&["up", "--runtime", "process"]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no space left on device"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{text}");
    lab.assert_nothing_left();

    disk.grow("40m");
    lab.up();
    let token = lab.token().await;
    let create = lab.list_url().replace("/list", "/create");
    let https = lab.https();
    let mut connection = https.connect(&create).await.unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        let body = serde_json::json!({
            "name": format!("written-{acknowledged:05}"), "provider": "aws",
            "cloud_service_group": "EC2", "cloud_service_type": "Instance",
            "data": {"text": "x".repeat(400_000)}, "reference": {},
        });
        let answer = connection.post(&create, Some(&token), &body).await.unwrap();
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 200, "the disk never gets full");
    };
    assert!(refused.status.is_server_error(), "{}", refused.text());
    lab.ok(&["down"]);

    disk.grow("256m");
    lab.up();
    let token = lab.token().await;
    let query = serde_json::json!({"query": {
        "filter": [{"k": "name", "v": "written-", "o": "contain"}], "count_only": true,
    }});
    let answer = lab
        .https()
        .post(&lab.list_url(), Some(&token), &query)
        .await;
    assert_eq!(answer.unwrap().json()["total_count"], acknowledged);
    lab.down();
}
