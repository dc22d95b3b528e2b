//! Every lesson that is shipped, step by step to its end, on both runtimes, as a class goes through
//! it: the commands are run by a shell as they are written.

use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use lab::model::{LessonSummary, LessonView, StepView};

use crate::eventually;
use crate::support::lab::{BINARY, Lab};

/// The host port that a lesson opens: two labs of these tests cannot both have it.
const LESSONS_PORT: &str = "18088";

/// A class types slower than a test: all of its requests find room among those that are filmed.
const FILMS: &str = "[trace]\nfilms_per_second = 10000\n";

/// A lab, and a shell in which `lab` means it.
pub(crate) struct Class {
    pub(crate) lab: Lab,
    /// What `lab.toml` says without a lesson.
    toml: String,
    port: String,
}

impl Class {
    pub(crate) fn begin(runtime: &'static str) -> Self {
        let lab = Lab::new(runtime, FILMS);
        let toml = std::fs::read_to_string(lab.folder().join("lab.toml")).unwrap();
        let script = format!(
            "#!/bin/sh\nexec {BINARY} --name {} --state-dir {} --config {} \"$@\"\n",
            lab.name(),
            lab.state().display(),
            lab.folder().join("lab.toml").display(),
        );
        let path = lab.folder().join("bin");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("lab"), script).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path.join("lab"), executable).unwrap();
        lab.up();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            toml,
            port: free.local_addr().unwrap().port().to_string(),
            lab,
        }
    }

    /// Runs what a user types.
    pub(crate) fn shell(&self, command: &str) -> Output {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.lab.folder().join("bin").display());
        Command::new("sh")
            .args(["-c", &command.replace(LESSONS_PORT, &self.port)])
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .current_dir(self.lab.folder())
            .output()
            .unwrap()
    }

    /// `lab.toml` with what the lesson says: below the head of a table that is there already, else
    /// at the end.
    pub(crate) fn write(&self, lesson: &str) {
        let mut toml = self.toml.clone();
        for table in format!("\n{lesson}").split("\n[") {
            if table.trim().is_empty() {
                continue;
            }
            let (head, body) = table.split_once('\n').unwrap_or((table, ""));
            let head = format!("[{head}\n");
            if toml.contains(&head) {
                toml = toml.replacen(&head, &format!("{head}{body}\n"), 1);
            } else {
                toml = format!("{toml}\n[{table}\n");
            }
        }
        self.lab
            .file("lab.toml", &toml.replace(LESSONS_PORT, &self.port));
    }

    pub(crate) fn lesson(&self, arguments: &[&str]) -> LessonView {
        let arguments = [&["-o", "json", "lesson"], arguments].concat();
        serde_json::from_str(&self.lab.ok(&arguments)).unwrap()
    }

    /// How many steps the lesson has that was begun elsewhere.
    pub(crate) async fn eventually_started(&self, id: &str) -> usize {
        let begun = || {
            let output = self.lab.run(&["-o", "json", "lesson", "show"]);
            serde_json::from_slice::<LessonView>(&output.stdout).ok()
        };
        eventually!(format!("{id} is begun"), {
            begun().filter(|view| view.id == id).map(|view| view.steps)
        })
    }

    /// How many pods everything is to have, and what there is at all.
    pub(crate) fn state(&self) -> BTreeMap<String, u64> {
        let status = self.lab.status();
        let of = |list: &str| status[list].as_array().unwrap().clone();
        let counted = |kind: &'static str, list: &str| {
            of(list).into_iter().map(move |found| {
                let name = found["name"].as_str().unwrap();
                (
                    format!("{kind} {name}"),
                    found["replicas"].as_u64().unwrap_or(0),
                )
            })
        };
        counted("Service", "services")
            .chain(counted("Deployment", "deployments"))
            .chain(counted("Ingress", "ingresses"))
            .collect()
    }

    /// One step: nothing of it is seen before, all of it after.
    async fn step(&self, step: &StepView, of: &str) {
        let place = format!("{of}, step {}", step.number);
        let before = self.lesson(&["show"]).step.unwrap();
        assert!(
            before.observations.iter().any(|one| !one.holds),
            "{place} is done before it is done: {:#?}",
            before.observations
        );
        if let Some(toml) = &step.toml {
            self.write(toml);
        }
        for command in &step.run {
            assert!(
                !command.command.contains("{pod") && !command.command.contains("{cluster"),
                "{place}: {}",
                command.command
            );
            let output = self.shell(&command.command);
            assert_eq!(
                !output.status.success(),
                command.fails,
                "{place}: {}\n{}{}",
                command.command,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
        }
        let mut seen;
        eventually!(format!("{place}: {seen:#?}"), {
            seen = self.lesson(&["check"]).step.unwrap().observations;
            seen.iter().all(|one| one.holds).then_some(())
        });
    }

    async fn lesson_to_its_end(&self, summary: &LessonSummary) {
        let begun = self.state();
        let mut view = self.lesson(&["start", &summary.id]);
        while let Some(step) = view.step {
            self.step(&step, &summary.title).await;
            view = match &step.predict {
                Some(_) => self.lesson(&["next", "--answer", "1"]),
                None => self.lesson(&["next"]),
            };
            let outcome = view.before.unwrap();
            assert!(!outcome.skipped);
            assert_eq!(outcome.prediction.is_some(), step.predict.is_some());
        }
        self.write("");
        for command in &view.undo {
            let output = self.shell(&command.command);
            assert!(output.status.success(), "{}", command.command);
        }
        assert_eq!(self.state(), begun, "{} leaves something", summary.title);
    }
}

/// These lessons one after the other in one lab.
async fn lessons(runtime: &'static str, numbers: impl RangeBounds<usize>) {
    let class = Class::begin(runtime);
    let list = || -> Vec<LessonSummary> {
        let list: Vec<LessonSummary> =
            serde_json::from_str(&class.lab.ok(&["-o", "json", "lesson", "list"])).unwrap();
        assert!(list.len() >= 12, "only {} lessons", list.len());
        let meant = list.into_iter();
        meant
            .filter(|lesson| numbers.contains(&lesson.number))
            .collect()
    };
    for lesson in &list() {
        class.lesson_to_its_end(lesson).await;
    }
    let after = list();
    assert!(after.iter().all(|lesson| lesson.done && !lesson.current));
    assert!(after.len() > 5);
    class.lab.down();
}

#[tokio::test]
async fn lessons_1_to_6_run_to_their_end_under_processes() {
    lessons("process", 1..=6).await;
}

#[tokio::test]
async fn lessons_7_and_on_run_to_their_end_under_processes() {
    lessons("process", 7..).await;
}

#[tokio::test]
async fn lessons_1_to_6_run_to_their_end_under_docker() {
    lessons("docker", 1..=6).await;
}

#[tokio::test]
async fn lessons_7_and_on_run_to_their_end_under_docker() {
    lessons("docker", 7..).await;
}

/// A lesson that asks for two pods, without a prediction.
const OWN: &str = r#"
title = "Two pods are enough"
about = "What a second pod changes."
question = "What does it change?"
undo = ["lab scale console 1"]
[[step]]
say = "Give the console a second pod."
run = ["lab scale console 2"]
why = "There are two endpoints now."
kubernetes = "The same."
kubectl = ["kubectl scale deployment console --replicas=2"]
[step.predict]
question = "Is the first pod started again?"
choices = ["Yes", "No"]
answer = 2
[[step.check]]
replicas = { of = "console", ready = 2 }
"#;

#[test]
fn a_teachers_own_lesson_is_told_on_a_terminal_of_eighty_columns() {
    let lab = Lab::start("process", "");
    lab.file("own.toml", OWN);
    let fails = |arguments: &[&str], code: i32, words: &str| {
        let output = lab.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(words), "{arguments:?}: {told}");
    };
    fails(&["lesson", "show"], 1, "no lesson is under way");
    fails(
        &["lesson", "start", "grpc-pining"],
        1,
        "did you mean grpc-pinning?",
    );
    lab.file("wrong.toml", "title = \"x\"\nabut = \"y\"\n");
    fails(
        &["lesson", "start", "wrong.toml"],
        2,
        "wrong.toml:2:1: abut: unknown key; did you mean about?",
    );

    let begun = lab.ok(&["lesson", "start", "own.toml"]);
    for part in [
        "Two pods are enough",
        "Step 1 of 1",
        "2  No",
        "lab scale console 2",
    ] {
        assert!(begun.contains(part), "{part}: {begun}");
    }
    assert!(
        !begun.contains("two endpoints"),
        "not explained yet: {begun}"
    );
    fails(&["lesson", "start", "1"], 1, "is under way");
    fails(
        &["lesson", "next"],
        1,
        "2 ready pods of console, saw 1 ready pod",
    );
    fails(
        &["lesson", "check", "--answer", "3"],
        1,
        "the answers are 1 to 2",
    );
    let looked = lab.ok(&["lesson", "check", "--answer", "1"]);
    assert!(
        looked.contains("not yet: 2 ready pods of console"),
        "{looked}"
    );

    lab.ok(&["scale", "console", "2"]);
    assert!(
        lab.ok(&["lesson", "check"])
            .contains("seen:    2 ready pods")
    );
    let explained = lab.ok(&["lesson", "next"]);
    for part in [
        "you said \"Yes\"; it is \"No\"",
        "Why: There are two",
        "kubectl scale",
        "lab scale console 1",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    for shown in [&begun, &looked, &explained] {
        for line in shown.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
    fails(&["lesson", "next"], 1, "this lesson is over");
    lab.ok(&["scale", "console", "1"]);

    lab.ok(&["lesson", "start", "own.toml"]);
    let skipped = lab.ok(&["lesson", "next", "--skip"]);
    assert!(skipped.contains("Step 1 was skipped"), "{skipped}");
    lab.ok(&["lesson", "start", "1"]);
    assert!(lab.ok(&["lesson", "list"]).contains("now"));
    assert!(lab.ok(&["lesson", "stop"]).contains("is left"));
    fails(&["lesson", "stop"], 1, "no lesson is under way");
    lab.down();
}

#[test]
fn what_is_done_is_remembered_until_the_data_goes() {
    let lab = Lab::start("process", "");
    let lesson = |arguments: &[&str]| -> LessonView {
        let all = [&["-o", "json", "lesson"][..], arguments].concat();
        serde_json::from_str(&lab.ok(&all)).unwrap()
    };
    let done = || -> Vec<usize> {
        let list: Vec<LessonSummary> =
            serde_json::from_str(&lab.ok(&["-o", "json", "lesson", "list"])).unwrap();
        let done = list.iter().filter(|lesson| lesson.done);
        done.map(|lesson| lesson.number).collect()
    };
    assert!(done().is_empty());
    let mut view = lesson(&["start", "2"]);
    while view.step.is_some() {
        view = lesson(&["next", "--skip"]);
    }
    lab.ok(&["down"]);
    lab.assert_nothing_left_but_data();
    lab.up();
    assert_eq!(done(), [2]);
    lab.ok(&["down", "--data"]);
    lab.up();
    assert!(done().is_empty());
    lab.down();
}
