//! A lab as its user starts it: the release binary, and curl.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::memory;

const BINARY: &str = env!("CARGO_BIN_EXE_lab");

/// A lab of its own name, folder and ports.
pub(crate) struct Lab {
    name: String,
    folder: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn new(runtime: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = "[load_balancer]\nhttp = 0\nhttps = 0\n";
        std::fs::write(folder.path().join("lab.toml"), config).expect("the config is written");
        Self {
            name: format!("bench-{runtime}"),
            folder,
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Vec<u8> {
        let output = Command::new(BINARY)
            .args(["--name", &self.name, "--state-dir"])
            .arg(self.folder.path().join("state"))
            .arg("--config")
            .arg(self.folder.path().join("lab.toml"))
            .args(arguments)
            .output()
            .expect("lab starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "lab {arguments:?}: {errors}");
        output.stdout
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.run(&["-o", "json", "status"])).expect("status is JSON")
    }

    /// Lists one page the way a script does: log in with curl, enter the
    /// first workspace, then list.
    pub(crate) fn list(&self) {
        let status = self.status();
        let api = status["urls"]["console_api_v2"]
            .as_str()
            .expect("a URL")
            .trim_end_matches('/')
            .to_owned();
        let ca = status["ca_certificate"]
            .as_str()
            .expect("a path")
            .to_owned();
        let post = |path: &str, token: &str, body: Value| -> Value {
            let output = Command::new("curl")
                .args(["-sS", "--fail-with-body", "--cacert", &ca])
                .args(["-H", "content-type: application/json"])
                .args(["-H", &format!("authorization: Bearer {token}")])
                .args(["-d", &body.to_string(), &format!("{api}{path}")])
                .output()
                .expect("curl runs");
            assert!(
                output.status.success(),
                "{path}: {}",
                String::from_utf8_lossy(&output.stdout)
            );
            serde_json::from_slice(&output.stdout).expect("an answer in JSON")
        };
        let login = &status["login"];
        let domain = post(
            "/identity/domain/get-auth-info",
            "",
            serde_json::json!({"name": login["domain"]}),
        );
        let issued = post(
            "/identity/token/issue",
            "",
            serde_json::json!({
                "domain_id": domain["domain_id"], "auth_type": "LOCAL",
                "credentials": {"user_id": login["user"], "password": login["password"]},
            }),
        );
        let own = issued["access_token"].as_str().expect("a token");
        let mine = post(
            "/identity/user-profile/get-workspaces",
            own,
            serde_json::json!({}),
        );
        let granted = post(
            "/identity/token/grant",
            "",
            serde_json::json!({
                "grant_type": "REFRESH_TOKEN", "token": issued["refresh_token"],
                "scope": "WORKSPACE", "workspace_id": mine["results"][0]["workspace_id"],
            }),
        );
        let token = granted["access_token"].as_str().expect("a token");
        let page = serde_json::json!({"query": {"page": {"start": 1, "limit": 20}}});
        let listed = post("/inventory/cloud-service/list", token, page);
        assert_eq!(listed["results"].as_array().map(Vec::len), Some(20));
    }

    /// `lab scale` returns with the fifth ready endpoint; that it told the truth is not timed.
    pub(crate) fn scale_to_five(&self) -> Duration {
        let started = Instant::now();
        self.run(&["scale", "inventory", "5"]);
        let taken = started.elapsed();
        let status = self.status();
        let services = status["services"].as_array().expect("services");
        let inventory = services
            .iter()
            .find(|service| service["name"] == "inventory");
        let endpoints = inventory.expect("inventory")["endpoints"]
            .as_array()
            .expect("endpoints");
        let ready = endpoints
            .iter()
            .filter(|endpoint| endpoint["ready"] == true);
        assert_eq!(ready.count(), 5);
        taken
    }

    /// KiB of the lab's own process, and of it with everything that descends from it.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let admin = self
            .folder
            .path()
            .join("state")
            .join(&self.name)
            .join("admin.json");
        let admin: Value =
            serde_json::from_slice(&std::fs::read(admin).expect("admin.json")).expect("JSON");
        let pid = admin["pid"].as_u64().expect("a process id");
        (memory::of(pid), memory::of_tree(pid))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let state = self.folder.path().join("state");
            let _ = Command::new(BINARY)
                .args(["--name", &self.name, "--state-dir"])
                .arg(state)
                .args(["down", "--data"])
                .output();
        }
    }
}
