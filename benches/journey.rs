//! How long the main job takes, measured from outside through the release binary:
//! `cargo bench --bench journey [process|docker]`.
//!
//! Prints, for each runtime: `up` to the first listed server over HTTPS, `scale inventory 5` to
//! five ready endpoints, memory; under Docker the same number of containers created and started
//! with the bare API in parallel, as the figure to compare with. Nothing is asserted.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_lab");
const ROUNDS: usize = 5;
/// `lab up` runs one container for each of the six Services' pods, and the node.
const CONTAINERS_OF_UP: usize = 7;
const PODS_ADDED: usize = 4;

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for runtime in ["process", "docker"] {
        if wanted.is_empty() || wanted.iter().any(|word| word == runtime) {
            measure(runtime);
        }
    }
}

fn measure(runtime: &'static str) {
    let mut figures = Figures::default();
    // The first round warms the page cache and, under Docker, builds the image.
    for round in 0..=ROUNDS {
        let lab = Lab::new(runtime);
        let started = Instant::now();
        lab.run(&["up", "--runtime", runtime]);
        let up = started.elapsed();
        lab.list();
        let first_answer = started.elapsed();
        let scale = lab.scale_to_five();
        let (own, whole) = lab.memory();
        let started = Instant::now();
        lab.run(&["down", "--data"]);
        let down = started.elapsed();
        if round > 0 {
            figures.up.push(up);
            figures.first_answer.push(first_answer);
            figures.scale.push(scale);
            figures.down.push(down);
            figures.own.push(own);
            figures.whole.push(whole);
        }
    }
    println!("{runtime} runtime, {ROUNDS} rounds, median (min … max)");
    println!(
        "  up returns                      {}",
        spread(&mut figures.up)
    );
    println!(
        "  up to the first list over HTTPS {}",
        spread(&mut figures.first_answer)
    );
    println!(
        "  scale to five ready endpoints   {}",
        spread(&mut figures.scale)
    );
    println!(
        "  down                            {}",
        spread(&mut figures.down)
    );
    println!(
        "  memory of the lab process       {} MiB (PSS)",
        median(&mut figures.own) / 1024
    );
    if runtime == "process" {
        println!(
            "  memory of lab and pods          {} MiB (PSS)",
            median(&mut figures.whole) / 1024
        );
    } else {
        bare_api();
    }
}

#[derive(Default)]
struct Figures {
    up: Vec<Duration>,
    first_answer: Vec<Duration>,
    scale: Vec<Duration>,
    down: Vec<Duration>,
    own: Vec<u64>,
    whole: Vec<u64>,
}

/// A lab of its own name, folder and ports.
struct Lab {
    name: String,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new(runtime: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = "[load_balancer]\nhttp = 0\nhttps = 0\n";
        std::fs::write(folder.path().join("lab.toml"), config).expect("the config is written");
        Self {
            name: format!("bench-{runtime}"),
            folder,
        }
    }

    fn run(&self, arguments: &[&str]) -> Vec<u8> {
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

    /// Lists one page the way a script does: log in with curl, then list.
    fn list(&self) {
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
        let user = issued["access_token"].as_str().expect("a token");
        let nothing = serde_json::json!({});
        let workspaces = post("/identity/user-profile/get-workspaces", user, nothing);
        let granted = post(
            "/identity/token/grant",
            "",
            serde_json::json!({
                "grant_type": "REFRESH_TOKEN", "token": issued["refresh_token"],
                "scope": "WORKSPACE",
                "workspace_id": workspaces["results"][0]["workspace_id"],
            }),
        );
        let token = granted["access_token"].as_str().expect("a token");
        let page = serde_json::json!({"query": {"page": {"start": 1, "limit": 20}}});
        let listed = post("/inventory/cloud-service/list", token, page);
        assert_eq!(listed["results"].as_array().map(Vec::len), Some(20));
    }

    fn scale_to_five(&self) -> Duration {
        let started = Instant::now();
        self.run(&["scale", "inventory", "5"]);
        loop {
            let status = self.status();
            let services = status["services"].as_array().expect("services");
            let inventory = services
                .iter()
                .find(|service| service["name"] == "inventory");
            let endpoints = inventory.expect("inventory")["endpoints"]
                .as_array()
                .expect("endpoints");
            if endpoints
                .iter()
                .filter(|endpoint| endpoint["ready"] == true)
                .count()
                == 5
            {
                return started.elapsed();
            }
        }
    }

    /// KiB of the lab's own process, and of it with its pods.
    fn memory(&self) -> (u64, u64) {
        let admin = self
            .folder
            .path()
            .join("state")
            .join(&self.name)
            .join("admin.json");
        let admin: Value =
            serde_json::from_slice(&std::fs::read(admin).expect("admin.json")).expect("JSON");
        let pid = admin["pid"].as_u64().expect("a process id");
        let own = pss(pid);
        let pods = std::fs::read_dir("/proc")
            .expect("proc")
            .filter_map(|entry| {
                let pid: u64 = entry.ok()?.file_name().to_str()?.parse().ok()?;
                (parent(pid)? == admin["pid"].as_u64()?).then(|| pss(pid))
            });
        (own, own + pods.sum::<u64>())
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

fn pss(pid: u64) -> u64 {
    let rollup = PathBuf::from(format!("/proc/{pid}/smaps_rollup"));
    let text = std::fs::read_to_string(rollup).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn parent(pid: u64) -> Option<u64> {
    let stat =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    stat.rsplit(')')
        .next()?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Containers of the lab's own image, created and started in parallel through the API.
fn bare_api() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    for (what, count) in [("of up", CONTAINERS_OF_UP), ("of scale", PODS_ADDED)] {
        let mut taken: Vec<Duration> = (0..=ROUNDS)
            .map(|_| runtime.block_on(start_containers(count)))
            .skip(1)
            .collect();
        println!(
            "  bare API, {count} containers {what:<9}  {}",
            spread(&mut taken)
        );
    }
}

async fn start_containers(count: usize) -> Duration {
    use bollard::models::ContainerCreateBody;
    use bollard::query_parameters::{
        CreateContainerOptions, ListImagesOptions, RemoveContainerOptions, StartContainerOptions,
    };
    let docker = bollard::Docker::connect_with_local_defaults().expect("Docker");
    let images = docker
        .list_images(None::<ListImagesOptions>)
        .await
        .expect("images");
    let tags = images.into_iter().flat_map(|image| image.repo_tags);
    let image = tags
        .into_iter()
        .find(|tag| tag.starts_with("cloudforet-lab:"))
        .expect("the lab's image");
    let started = Instant::now();
    let start = |number: usize| {
        let (docker, image) = (docker.clone(), image.clone());
        tokio::spawn(async move {
            let body = ContainerCreateBody {
                image: Some(image),
                // Waits for stdin, which stays open: the cheapest program of the image.
                cmd: Some(vec!["/lab".into(), "node".into()]),
                open_stdin: Some(true),
                ..Default::default()
            };
            let name = format!("lab-bench-bare-{number}");
            let options = CreateContainerOptions {
                name: Some(name.clone()),
                ..Default::default()
            };
            docker
                .create_container(Some(options), body)
                .await
                .expect("created");
            docker
                .start_container(&name, None::<StartContainerOptions>)
                .await
                .expect("started");
            name
        })
    };
    let mut names = Vec::new();
    for task in (0..count).map(start).collect::<Vec<_>>() {
        names.push(task.await.expect("no panic"));
    }
    let taken = started.elapsed();
    for name in names {
        let options = RemoveContainerOptions {
            force: true,
            ..Default::default()
        };
        docker
            .remove_container(&name, Some(options))
            .await
            .expect("removed");
    }
    taken
}

fn median<T: Ord + Copy>(figures: &mut [T]) -> T {
    figures.sort_unstable();
    figures[figures.len() / 2]
}

fn spread(figures: &mut [Duration]) -> String {
    let middle = median(figures);
    let (first, last) = (figures[0], figures[figures.len() - 1]);
    let ms = |duration: Duration| duration.as_millis();
    format!("{:>5} ms ({} … {})", ms(middle), ms(first), ms(last))
}
