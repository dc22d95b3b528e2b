//! The life of a lab as its commands tell it: up, status, a second up, down, and a lab that died.
//!
//! No pods run here: the one Service is an address of the user's own.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::lab::process_runs;

const TOML: &str = r#"
name = "life"
runtime = "process"
cloudforet.enabled = false
[load_balancer]
http = 0
https = 0
[services.away]
endpoints = ["127.0.0.1:9"]
port = 80
"#;

struct Life(TempDir);

impl Life {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lab.toml"), TOML).unwrap();
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("LAB_STATE_DIR", self.0.path().join("state"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join("state/life").join(name)
    }

    fn pid(&self) -> u32 {
        let text = std::fs::read(self.file("admin.json")).unwrap();
        let admin: Value = serde_json::from_slice(&text).unwrap();
        u32::try_from(admin["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.run(&["down", "--data"]);
    }
}

#[test]
fn a_lab_starts_tells_of_itself_and_stops() {
    let life = Life::new();
    let table = life.ok(&["up"]);
    assert!(
        table.contains("away") && table.contains("life (ready)"),
        "{table}"
    );
    let status: Value = serde_json::from_str(&life.ok(&["-o", "json", "status"])).unwrap();
    for key in [
        "name",
        "runtime",
        "ready",
        "urls",
        "ca_certificate",
        "login",
        "stores",
        "services",
        "pods",
    ] {
        assert!(status.get(key).is_some(), "{key}: {status}");
    }
    assert_eq!(
        (&status["name"], &status["ready"]),
        (&"life".into(), &true.into())
    );
    let mode = |name| {
        std::fs::metadata(life.file(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("admin.json"), mode("")), (0o600, 0o700));

    let again = life.fails(&["up"]);
    assert!(
        again.starts_with("error: lab \"life\" runs already\nhint: "),
        "{again}"
    );
    let pods = life.fails(&["scale", "away", "2"]);
    assert!(pods.contains("endpoints of your own"), "{pods}");
    assert!(
        life.fails(&["scale", "awya", "2"])
            .contains("hint: did you mean away?")
    );
    assert!(
        life.fails(&["logs", "awya"])
            .contains("hint: did you mean away?")
    );

    let pid = life.pid();
    assert!(process_runs(pid));
    life.ok(&["down"]);
    assert!(!process_runs(pid));
    assert!(!life.file("admin.json").exists());
    let gone = life.fails(&["status"]);
    assert!(gone.contains("is not running"), "{gone}");
}

#[test]
fn what_a_killed_lab_left_is_told_and_removed() {
    let life = Life::new();
    life.ok(&["up"]);
    let pid = life.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    let told = loop {
        // The signal is on its way for a moment; until then the lab answers, or stops to.
        let told = life.run(&["status"]);
        let told = String::from_utf8(told.stderr).unwrap();
        if told.contains("ended without cleaning up") {
            break told;
        }
    };
    assert!(told.contains("lab down") && told.contains(&pid), "{told}");
    life.ok(&["down"]);
    assert!(!life.file("admin.json").exists());
    life.ok(&["up"]);
    assert_ne!(life.pid().to_string(), pid);
}

#[test]
fn of_two_that_start_at_once_one_runs() {
    let life = Life::new();
    let start = || -> Child {
        let mut command = life.command(&["up"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let outcomes = [start(), start()].map(|child| child.wait_with_output().unwrap());
    let codes = outcomes.each_ref().map(|output| output.status.code());
    let told = outcomes
        .each_ref()
        .map(|output| String::from_utf8_lossy(&output.stderr));
    assert!(
        codes.contains(&Some(0)) && codes.contains(&Some(1)),
        "{codes:?} {told:?}"
    );
    life.ok(&["status"]);
}
