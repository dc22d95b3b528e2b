//! The command line without a lab: `check`, `completions`, what is printed where, and exit codes.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn lab(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(arguments)
        .current_dir(folder.path())
        .env("LAB_STATE_DIR", folder.path().join("state"))
        .output()
        .unwrap()
}

fn folder(toml: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    if !toml.is_empty() {
        std::fs::write(folder.path().join("lab.toml"), toml).unwrap();
    }
    folder
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_good_config_is_ok_and_shown() {
    let here = folder("name = \"mine\"\n[services.inventory]\nreplicas = 3\n");
    for arguments in [
        &["check"][..],
        &["check", "lab.toml"],
        &["--config", "lab.toml", "check"],
    ] {
        let output = lab(&here, arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stderr), "ok: lab.toml\n");
        assert!(text(&output.stdout).starts_with("lab mine, runtime auto\n"));
        assert!(text(&output.stdout).contains("3 pods of built-in inventory"));
    }
    let json: Value = serde_json::from_slice(&lab(&here, &["check", "-o", "json"]).stdout).unwrap();
    assert_eq!(json["name"], "mine");
    let elsewhere = lab(&folder(""), &["check"]);
    assert_eq!(text(&elsewhere.stderr), "ok: the built-in default\n");
}

#[test]
fn mistakes_go_to_stderr_with_exit_code_two() {
    let here = folder("nmae = \"x\"\nruntime = \"dokcer\"\n");
    for arguments in [&["check"][..], &["up"]] {
        let output = lab(&here, arguments);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(text(&output.stdout), "");
        let told = text(&output.stderr);
        assert!(
            told.starts_with("error: 2 mistakes in the config\n"),
            "{told}"
        );
        assert!(
            told.contains("lab.toml:1:1: nmae: unknown key; did you mean name?"),
            "{told}"
        );
        assert!(
            told.contains("lab.toml:2:1: runtime = \"dokcer\":"),
            "{told}"
        );
        assert!(told.contains("\nhint: "), "{told}");
        assert!(
            !told.contains('\x1b'),
            "no colour where stderr is no terminal"
        );
    }
    assert!(
        !here.path().join("state").exists(),
        "a bad config does nothing to the world"
    );
    let missing = lab(&here, &["check", "nowhere.toml"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("cannot read nowhere.toml: "));
    assert_eq!(lab(&here, &["frobnicate"]).status.code(), Some(2));
    assert_eq!(
        lab(&here, &["--name", "My Lab", "status"]).status.code(),
        Some(2)
    );
}

#[test]
fn commands_that_need_a_lab_say_how_to_get_one() {
    let here = folder("");
    for arguments in [&["status"][..], &["scale", "inventory", "2"], &["logs"]] {
        let output = lab(&here, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(
            text(&output.stderr),
            "error: lab \"lab\" is not running\nhint: start it with: lab up\n"
        );
    }
    let down = lab(&here, &["-o", "json", "down"]);
    assert_eq!(down.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&down.stdout).unwrap();
    assert_eq!(json["was_running"], false);
}

#[test]
fn completions_are_a_script() {
    let output = lab(&folder(""), &["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("_lab()"));
}

#[test]
fn every_command_for_people_has_a_page_for_man() {
    let folder = folder("");
    let output = lab(&folder, &["man", "pages"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = |name: &str| std::fs::read_to_string(folder.path().join("pages").join(name));
    assert!(page("lab.1").unwrap().contains("lab\\-port\\-forward(1)"));
    assert!(page("lab-export-kubernetes.1").unwrap().starts_with(".ie"));
    assert!(page("lab-pod.1").is_err(), "it is for the lab itself");
}

#[test]
fn help_names_only_commands_for_people() {
    let output = lab(&folder(""), &["--help"]);
    let help = text(&output.stdout);
    for command in [
        "up",
        "down",
        "status",
        "scale",
        "logs",
        "check",
        "completions",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
    for hidden in ["pod", "node", "exec"] {
        assert!(!help.contains(&format!("\n  {hidden} ")), "{hidden}");
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let here = folder("");
    let mut child = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("check")
        .current_dir(here.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr), "ok: the built-in default\n");
}
