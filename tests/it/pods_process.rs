//! Pods as real child processes, run by the real binary.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lab::model::{PodTemplate, Probe, ProbeAction, Volume, Workload};
use lab::pods::process::ProcessRuntime;
use lab::pods::{PodError, PodLine, PodRuntime, PodSpec, RuntimeSettings, Source};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use crate::eventually;
use crate::support::lab::Lab;

const LIMIT: Duration = Duration::from_secs(20);

struct Set {
    runtime: ProcessRuntime,
    lines: mpsc::Receiver<PodLine>,
    state: tempfile::TempDir,
}

fn set(lab: &str) -> Set {
    let state = tempfile::tempdir().unwrap();
    let (sender, lines) = mpsc::channel(100);
    let settings = RuntimeSettings {
        lab: lab.into(),
        state: state.path().into(),
        lines: sender,
    };
    let program = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
    let runtime = ProcessRuntime::new(settings, program, "asked for".into()).unwrap();
    Set {
        runtime,
        lines,
        state,
    }
}

fn command(name: &str, words: &[&str]) -> PodSpec {
    PodSpec {
        name: name.into(),
        deployment: "web".into(),
        template: PodTemplate {
            workload: Workload::Command {
                command: words.iter().map(|word| (*word).to_owned()).collect(),
                working_directory: None,
            },
            ports: vec![50051],
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            readiness: Probe {
                action: ProbeAction::None,
                period: Duration::from_secs(1),
                timeout: Duration::from_secs(1),
                failure_threshold: 3,
            },
            grace: Duration::from_secs(5),
            volume: None,
            wait_for: Vec::new(),
            attached: false,
        },
        env: BTreeMap::new(),
        settings: serde_json::Value::Null,
        dns: None,
    }
}

async fn line(set: &mut Set) -> PodLine {
    let line = tokio::time::timeout(LIMIT, set.lines.recv()).await;
    line.expect("a line in time").expect("the channel is open")
}

#[tokio::test]
async fn a_command_is_told_its_port_and_its_lines_arrive() {
    let mut set = set("process-lines");
    let script = "echo $0 $PORT $PORT_50051 $OWN $LAB_POD $GIVEN; echo oops >&2; cat";
    let mut spec = command("web-1", &["sh", "-c", script, "{port}"]);
    spec.template.env.insert("OWN".into(), "port={port}".into());
    spec.env.insert("GIVEN".into(), "yes".into());
    let started = set.runtime.start(spec).await.unwrap();
    let place = started.ports[0];
    assert_eq!(place.port, 50051);
    assert_eq!(place.pod, place.host);
    assert!(place.host.ip().is_loopback());
    let port = place.host.port();
    let mut lines = [line(&mut set).await, line(&mut set).await];
    lines.sort_by_key(|line| line.source == Source::Stderr);
    assert_eq!(
        lines[0].text,
        format!("{port} {port} {port} port={port} web-1 yes")
    );
    assert_eq!(lines[1].text, "oops");
    // `cat` sees the end of an empty standard input.
    let exit = started.exited.await.unwrap();
    assert_eq!(exit.code, Some(0));
    assert_eq!(exit.last_lines.len(), 2);
}

#[tokio::test]
async fn a_command_that_is_told_an_address_gets_one_of_its_own() {
    let mut set = set("process-address");
    let spec = command("web-1", &["sh", "-c", "echo $0 $PORT", "{address}"]);
    let started = set.runtime.start(spec).await.unwrap();
    assert_eq!(started.ip, started.ports[0].pod.ip());
    assert!(
        started.ip.to_string().starts_with("127.42."),
        "{}",
        started.ip
    );
    let expected = format!("{} {}", started.ip, started.ports[0].pod.port());
    assert_eq!(line(&mut set).await.text, expected);
}

#[tokio::test]
async fn stop_asks_first_and_kills_after_the_grace() {
    let mut set = set("process-stop");
    // The shell may say of its `sleep` that it was terminated, too; that is not what is tested.
    let polite =
        "exec 2>/dev/null; trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done";
    let started = set
        .runtime
        .start(command("web-1", &["sh", "-c", polite]))
        .await
        .unwrap();
    assert_eq!(line(&mut set).await.text, "up");
    set.runtime.stop("web-1", LIMIT).await.unwrap();
    let exit = started.exited.await.unwrap();
    assert_eq!(
        (exit.code, exit.last_lines.last().unwrap().as_str()),
        (Some(0), "bye")
    );
    assert_eq!(line(&mut set).await.text, "bye");

    let deaf = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    let started = set
        .runtime
        .start(command("web-2", &["sh", "-c", deaf]))
        .await
        .unwrap();
    assert_eq!(line(&mut set).await.text, "up");
    set.runtime
        .stop("web-2", Duration::from_millis(100))
        .await
        .unwrap();
    assert_eq!(started.exited.await.unwrap().signal, Some(9));
    set.runtime.stop("web-2", LIMIT).await.unwrap();
}

#[tokio::test]
async fn what_a_command_started_ends_with_it() {
    let mut set = set("process-group");
    let script = "sleep 1000 & echo $!; wait";
    let started = set
        .runtime
        .start(command("web-1", &["sh", "-c", script]))
        .await
        .unwrap();
    let grandchild = line(&mut set).await.text;
    assert!(is_alive(&grandchild));
    set.runtime.kill("web-1").await.unwrap();
    assert_eq!(started.exited.await.unwrap().signal, Some(9));
    assert_ends(&grandchild).await;
}

#[tokio::test]
async fn the_volume_is_a_folder_that_stays() {
    let mut set = set("process-volume");
    let mut spec = command(
        "store-1",
        &["sh", "-c", "echo kept > $LAB_DATA/file; echo done"],
    );
    spec.template.volume = Some(Volume {
        name: "mongodb".into(),
        mount: "/data".into(),
    });
    let started = set.runtime.start(spec).await.unwrap();
    assert_eq!(line(&mut set).await.text, "done");
    started.exited.await.unwrap();
    let file = set.state.path().join("data/mongodb/file");
    set.runtime.shut_down(false).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept\n");
    set.runtime.shut_down(true).await.unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn what_cannot_run_here_says_what_to_do() {
    let set = set("process-errors");
    let mut spec = command("web-1", &[]);
    spec.template.workload = Workload::Image {
        image: "nginx".into(),
        command: Vec::new(),
    };
    let error = set.runtime.start(spec).await.unwrap_err();
    assert!(error.to_string().contains("--runtime docker"), "{error}");
    let started = set
        .runtime
        .start(command("web-2", &["no-such-program-anywhere"]))
        .await
        .unwrap();
    assert_eq!(started.exited.await.unwrap().code, Some(127));
    let running = set
        .runtime
        .start(command("web-3", &["sleep", "1000"]))
        .await
        .unwrap();
    let again = set
        .runtime
        .start(command("web-3", &["sleep", "1000"]))
        .await;
    assert!(matches!(again, Err(PodError::Running { .. })), "{again:?}");
    set.runtime.shut_down(false).await.unwrap();
    running.exited.await.unwrap();
    let late = set
        .runtime
        .start(command("web-4", &["sleep", "1000"]))
        .await;
    assert!(matches!(late, Err(PodError::NotPrepared)), "{late:?}");
}

#[tokio::test]
async fn pods_die_with_a_lab_that_is_killed() {
    let toml = r#"
        [cloudforet]
        enabled = false
        [services.web]
        command = ["sh", "-c", "echo pids $$; sleep 1000 & echo pids $!; wait"]
        port = 80
        readiness = { none = true }
    "#;
    let lab = Lab::start("process", toml);
    let pids = eventually!("the pod tells its processes", {
        let lines = lab.ok(&["logs", "web"]);
        let pids = lines.lines().filter_map(|line| line.split_once("pids "));
        let pids: Vec<_> = pids.map(|(_, pid)| pid.trim().to_owned()).collect();
        (pids.len() == 2).then_some(pids)
    });
    assert!(pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
    let killed = Command::new("kill")
        .args(["-9", &lab.pid().to_string()])
        .status();
    assert!(killed.unwrap().success());
    for pid in &pids {
        assert_ends(pid).await;
    }
}

fn is_alive(pid: &str) -> bool {
    // A zombie has ended; somebody just has not looked yet.
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = status
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !matches!(state, None | Some('Z'))
}

async fn assert_ends(pid: &str) {
    let ends = async {
        while is_alive(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(LIMIT, ends).await.is_ok(),
        "{pid} lives on"
    );
}

#[tokio::test]
async fn a_binary_stream_does_not_break_the_lines() {
    let mut set = set("process-binary");
    let spec = command("web-1", &["sh", "-c", "printf '\\377\\000a\\nnext\\n'"]);
    let started = set.runtime.start(spec).await.unwrap();
    assert_eq!(line(&mut set).await.text, "\u{fffd}\0a");
    assert_eq!(line(&mut set).await.text, "next");
    started.exited.await.unwrap();
}

#[tokio::test]
async fn an_attached_pod_hears_the_lab_and_ends_with_it() {
    let mut set = set("process-attached");
    let mut spec = command("talker-1", &[]);
    spec.template.workload = Workload::BuiltIn {
        program: "redis".to_owned(),
    };
    spec.template.attached = true;
    spec.settings = serde_json::json!({});
    let mut started = set.runtime.start(spec).await.unwrap();
    while !line(&mut set).await.text.contains("starting") {}
    let mut input = started.input.take().expect("it is attached");
    input.write_all(b"what is this\n").await.unwrap();
    input.flush().await.unwrap();
    while !line(&mut set).await.text.contains("is not understood") {}
    drop(input);
    let exit = tokio::time::timeout(LIMIT, started.exited).await.unwrap();
    assert_eq!(exit.unwrap().code, Some(0));
}
