//! A lab started through the released binary, as a user starts it.
//!
//! Each has a name, a state folder and ports of its own, so tests run side by side. Dropping it
//! takes the lab down and removes everything, also when the test failed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::https::Https;

/// The binary under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_lab");

/// Inherited by every process of a lab, so that those that are left over can be told.
const MARK: &str = "LAB_TEST_NAME";

/// A lab that belongs to one test.
pub(crate) struct Lab {
    name: String,
    folder: TempDir,
    runtime: &'static str,
    config: Option<PathBuf>,
    path: Option<String>,
}

impl Lab {
    /// A lab that is not started yet; `toml` is what differs from the built-in default.
    pub(crate) fn new(runtime: &'static str, toml: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("lab-test-")
            .tempdir()
            .unwrap();
        let suffix: String = std::iter::repeat_with(fastrand::lowercase)
            .take(6)
            .collect();
        let config = folder.path().join("lab.toml");
        let ports = if toml.contains("[load_balancer]") {
            String::new()
        } else {
            "[load_balancer]\nhttp = 0\nhttps = 0\n".to_owned()
        };
        // What is on the PATH of this machine must not decide what is tested.
        let store = if toml.contains("[stores]") {
            ""
        } else {
            "[stores]\nmongodb = \"built-in\"\nredis = \"built-in\"\n"
        };
        std::fs::write(&config, format!("{toml}\n{ports}{store}")).unwrap();
        Self {
            name: format!("t-{suffix}"),
            folder,
            runtime,
            config: Some(config),
            path: None,
        }
    }

    /// Started and ready.
    pub(crate) fn start(runtime: &'static str, toml: &str) -> Self {
        let lab = Self::new(runtime, toml);
        lab.up();
        lab
    }

    /// Puts a folder in front of the `PATH` that the lab sees.
    pub(crate) fn with_path(mut self, folder: &Path) -> Self {
        let path = self.path.take();
        let path = path.unwrap_or_else(|| std::env::var("PATH").unwrap_or_default());
        self.path = Some(format!("{}:{path}", folder.display()));
        self
    }

    /// `lab up`, which must succeed.
    pub(crate) fn up(&self) -> String {
        self.ok(&["up", "--runtime", self.runtime])
    }

    /// The lab's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where its config lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file beside its config.
    pub(crate) fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Where its state lies.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// A command of this lab, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(["--name", &self.name, "--state-dir"])
            .arg(self.state())
            .env("NO_COLOR", "1")
            .env(MARK, &self.name)
            .current_dir(self.folder.path());
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        command.args(arguments);
        command
    }

    /// Runs a command of this lab.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must succeed and gives its stdout.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "lab {arguments:?}: {}\n{}\n{}\nlog:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            self.log(),
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// `lab status -o json`.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_str(&self.ok(&["-o", "json", "status"])).unwrap()
    }

    /// What the lab's own process wrote.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.state().join(&self.name).join("lab.log")).unwrap_or_default()
    }

    /// Process id of the running lab.
    pub(crate) fn pid(&self) -> u32 {
        let file = self.state().join(&self.name).join("admin.json");
        let admin: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        u32::try_from(admin["pid"].as_u64().unwrap()).unwrap()
    }

    /// A client that trusts this lab's CA.
    pub(crate) fn https(&self) -> Https {
        let status = self.status();
        Https::trusting(Path::new(status["ca_certificate"].as_str().unwrap()))
    }

    /// Logs in as the lab's user and gives the token for its workspace.
    pub(crate) async fn token(&self) -> String {
        let status = self.status();
        let api = status["urls"]["console_api_v2"]
            .as_str()
            .unwrap()
            .trim_end_matches('/');
        let login = &status["login"];
        let https = self.https();
        let call = async |path: &str, token: Option<&str>, body: Value| {
            let answer = https
                .post(&format!("{api}{path}"), token, &body)
                .await
                .unwrap();
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.json()
        };
        let domain = call(
            "/identity/domain/get-auth-info",
            None,
            serde_json::json!({"name": login["domain"]}),
        )
        .await;
        let credentials =
            serde_json::json!({"user_id": login["user"], "password": login["password"]});
        let issued = call(
            "/identity/token/issue",
            None,
            serde_json::json!({"domain_id": domain["domain_id"], "auth_type": "LOCAL", "credentials": credentials}),
        )
        .await;
        let user = issued["access_token"].as_str().unwrap();
        let workspaces = call(
            "/identity/user-profile/get-workspaces",
            Some(user),
            serde_json::json!({}),
        )
        .await;
        let granted = call(
            "/identity/token/grant",
            None,
            serde_json::json!({
                "grant_type": "REFRESH_TOKEN",
                "token": issued["refresh_token"],
                "scope": "WORKSPACE",
                "workspace_id": workspaces["results"][0]["workspace_id"],
            }),
        )
        .await;
        granted["access_token"].as_str().unwrap().to_owned()
    }

    /// URL of the list method that most tests ask.
    pub(crate) fn list_url(&self) -> String {
        let status = self.status();
        let api = status["urls"]["console_api_v2"]
            .as_str()
            .unwrap()
            .trim_end_matches('/');
        format!("{api}/inventory/cloud-service/list")
    }

    /// Takes it down and checks that nothing is left.
    pub(crate) fn down(&self) {
        let pid = self.pid();
        self.ok(&["down", "--data"]);
        assert!(!process_runs(pid), "the lab's process is gone");
        self.assert_nothing_left();
    }

    /// Whether no process of this lab runs.
    pub(crate) fn nothing_runs(&self) -> bool {
        processes_of(&self.name).is_empty()
    }

    /// The process of a pod (process runtime).
    pub(crate) fn pid_of_pod(&self, pod: &str) -> Option<u32> {
        let needle = format!("LAB_POD={pod}");
        let is_pod = |pid: &u32| {
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| {
                text.split(|byte| *byte == 0)
                    .any(|var| var == needle.as_bytes())
            })
        };
        processes_of(&self.name).into_iter().find(is_pod)
    }

    /// Nothing runs; what lies in the state folder is data, the CA, the lessons done and the log.
    pub(crate) fn assert_nothing_left_but_data(&self) {
        assert!(
            self.nothing_runs(),
            "processes left: {:?}",
            processes_of(&self.name)
        );
        let folder = self.state().join(&self.name);
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = [
                "ca", "ca.pem", "ca.key", "data", "lab.log", "lessons", "lock",
            ];
            assert!(
                known.contains(&name.as_str()),
                "left in the state folder: {name}"
            );
        }
    }

    /// No process, container, network or socket of this lab exists.
    pub(crate) fn assert_nothing_left(&self) {
        let processes = processes_of(&self.name);
        assert!(processes.is_empty(), "processes left: {processes:?}");
        if self.runtime == "docker" {
            for what in [
                &["ps", "-aq"][..],
                &["network", "ls", "-q"],
                &["volume", "ls", "-q"],
            ] {
                let left = docker_list(what, &self.name);
                assert!(left.is_empty(), "docker {what:?}: {left}");
            }
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.run(&["down", "--data"]);
        for pid in processes_of(&self.name) {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
        if self.runtime == "docker" {
            let remove = |list: &[&str], remove: &[&str]| {
                let found = docker_list(list, &self.name);
                let ids: Vec<_> = found.split_whitespace().collect();
                if !ids.is_empty() {
                    let _ = Command::new("docker").args(remove).args(ids).output();
                }
            };
            remove(&["ps", "-aq"], &["rm", "-f"]);
            remove(&["network", "ls", "-q"], &["network", "rm"]);
            remove(&["volume", "ls", "-q"], &["volume", "rm"]);
        }
        if std::thread::panicking() {
            show(&format!("log of {}:\n{}", self.name, self.log()));
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "what a failing test says is shown with it"
)]
fn show(text: &str) {
    eprintln!("{text}");
}

/// What a `docker` listing prints for the lab of this name.
fn docker_list(list: &[&str], name: &str) -> String {
    let filter = format!("label=lab.name={name}");
    let output = Command::new("docker")
        .args(list)
        .args(["--filter", &filter])
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether a process with this id exists and is not a zombie.
pub(crate) fn process_runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

/// Processes that a lab of this name has started, directly or not.
pub(crate) fn processes_of(name: &str) -> Vec<u32> {
    let mark = format!("{MARK}={name}");
    let marked = |pid: &u32| {
        std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|text| {
            text.split(|byte| *byte == 0)
                .any(|var| var == mark.as_bytes())
        })
    };
    let entries = std::fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    numbers
        .filter(|pid| process_runs(*pid))
        .filter(marked)
        .collect()
}

/// A Service in what `status` has told.
pub(crate) fn service<'s>(status: &'s Value, name: &str) -> &'s Value {
    let services = status["services"].as_array().unwrap();
    services
        .iter()
        .find(|service| service["name"] == name)
        .unwrap()
}

/// Its ClusterIP.
pub(crate) fn cluster_ip<'s>(status: &'s Value, name: &str) -> &'s str {
    service(status, name)["cluster_ip"].as_str().unwrap()
}

/// The host port for HTTPS, whichever controller has it.
pub(crate) fn https_port(status: &Value) -> u64 {
    let services = status["services"].as_array().unwrap().iter();
    let mut ports = services.flat_map(|service| service["ports"].as_array().unwrap());
    let https = ports.find(|port| port["name"] == "websecure").unwrap();
    https["port"].as_u64().unwrap()
}
