//! A lab as its user starts it: the release binary, and curl.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_lab");

/// A lab of its own name, folder and ports; gone with all its data when it is dropped.
pub(crate) struct Lab {
    name: String,
    folder: tempfile::TempDir,
    path: Option<PathBuf>,
}

impl Lab {
    /// Not started yet. `toml` is what its config says beside any free host ports; `path` is a folder
    /// that it finds programs in before it looks at the `PATH`.
    pub(crate) fn new(name: &str, toml: &str, path: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = format!("{toml}\n[load_balancer]\nhttp = 0\nhttps = 0\n");
        std::fs::write(folder.path().join("lab.toml"), config).expect("the config is written");
        Self {
            name: format!("bench-{name}"),
            folder,
            path,
        }
    }

    /// Runs a command of this lab, which must succeed, and returns what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(arguments).output().expect("lab starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lab {arguments:?}: {errors}");
        output.stdout
    }

    /// A command of this lab, not run yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .args(["--name", &self.name, "--state-dir"])
            .arg(self.folder.path().join("state"))
            .arg("--config")
            .arg(self.folder.path().join("lab.toml"))
            .args(arguments);
        if let Some(folder) = &self.path {
            let path = std::env::var("PATH").unwrap_or_default();
            command.env("PATH", format!("{}:{path}", folder.display()));
        }
        command
    }

    /// `lab status` as data.
    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&self.run(&["-o", "json", "status"])).expect("status is JSON")
    }

    /// The lab's own process.
    pub(crate) fn pid(&self) -> u32 {
        let state = self.folder.path().join("state");
        let admin = state.join(&self.name).join("admin.json");
        let admin = std::fs::read(admin).expect("admin.json");
        let admin: Value = serde_json::from_slice(&admin).expect("JSON");
        let pid = admin["pid"].as_u64().expect("a process id");
        u32::try_from(pid).expect("a process id")
    }

    /// Logs in and enters the first workspace, as a script does.
    pub(crate) fn session(&self) -> Session {
        let status = self.status();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let mut session = Session {
            api: text(&status["urls"]["console_api_v2"])
                .trim_end_matches('/')
                .to_owned(),
            ca: text(&status["ca_certificate"]),
            token: String::new(),
        };
        let login = &status["login"];
        let name = json!({ "name": login["domain"] });
        let domain = session.post("/identity/domain/get-auth-info", &name);
        let issued = session.post(
            "/identity/token/issue",
            &json!({
                "domain_id": domain["domain_id"], "auth_type": "LOCAL",
                "credentials": { "user_id": login["user"], "password": login["password"] },
            }),
        );
        session.token = text(&issued["access_token"]);
        let mine = session.post("/identity/user-profile/get-workspaces", &json!({}));
        let granted = session.post(
            "/identity/token/grant",
            &json!({
                "grant_type": "REFRESH_TOKEN", "token": issued["refresh_token"],
                "scope": "WORKSPACE", "workspace_id": mine["results"][0]["workspace_id"],
            }),
        );
        session.token = text(&granted["access_token"]);
        session
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Also of one that a failed round left behind; an error has no one left to hear it.
        let _ = self.command(&["down", "--data"]).output();
    }
}

/// The console API over HTTPS, with a token.
pub(crate) struct Session {
    api: String,
    ca: String,
    pub(crate) token: String,
}

impl Session {
    /// Calls a method, which must succeed.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "--cacert", &self.ca])
            .args(["-H", "content-type: application/json"])
            .args(["-d", &body.to_string(), &format!("{}{path}", self.api)]);
        if !self.token.is_empty() {
            curl.args(["-H", &format!("authorization: Bearer {}", self.token)]);
        }
        let output = curl.output().expect("curl runs");
        let answer = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{path}: {answer}{errors}");
        serde_json::from_str(&answer).expect("an answer in JSON")
    }
}
