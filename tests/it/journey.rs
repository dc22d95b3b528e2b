//! The main job, end to end, through the released binary, on both runtimes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::eventually;
use crate::support::lab::{Lab, process_runs};

/// Endpoints of a Service that are ready, by pod.
fn ready_endpoints(status: &Value, service: &str) -> BTreeSet<String> {
    let services = status["services"].as_array().unwrap();
    let service = services
        .iter()
        .find(|candidate| candidate["name"] == service)
        .unwrap();
    let endpoints = service["endpoints"].as_array().unwrap().iter();
    endpoints
        .filter(|endpoint| endpoint["ready"] == true)
        .map(|endpoint| endpoint["pod"].as_str().unwrap().to_owned())
        .collect()
}

/// Pods by name, with their restarts.
fn pods(status: &Value, service: &str) -> Vec<(String, u64)> {
    let pods = status["pods"].as_array().unwrap().iter();
    pods.filter(|pod| pod["service"] == service)
        .map(|pod| {
            (
                pod["name"].as_str().unwrap().to_owned(),
                pod["restarts"].as_u64().unwrap(),
            )
        })
        .collect()
}

/// Requests in a loop on several kept-alive connections until stopped; counts and first failures.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(lab: &Lab, token: &str, connections: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let https = lab.https();
        let url = lab.list_url();
        let body = json!({"query": {"page": {"start": 1, "limit": 1}}});
        let tasks = (0..connections)
            .map(|_| {
                let (https, url, token, body) =
                    (https.clone(), url.clone(), token.to_owned(), body.clone());
                let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
                tokio::spawn(async move {
                    let mut failures = Vec::new();
                    let mut connection = https.connect(&url).await.unwrap();
                    while !stop.load(Ordering::Relaxed) {
                        sent.fetch_add(1, Ordering::Relaxed);
                        match connection.post(&url, Some(&token), &body).await {
                            Ok(answer) if answer.status == 200 => {}
                            Ok(answer) => {
                                failures.push(format!("{} {}", answer.status, answer.text()));
                            }
                            Err(error) => {
                                failures.push(error.to_string());
                                connection = https.connect(&url).await.unwrap();
                            }
                        }
                    }
                    failures
                })
            })
            .collect();
        Self { stop, sent, tasks }
    }

    /// Waits until so many more requests were sent.
    async fn pass(&self, more: usize) {
        let target = self.sent.load(Ordering::Relaxed) + more;
        eventually!(
            "requests flow",
            (self.sent.load(Ordering::Relaxed) >= target).then_some(())
        );
    }

    /// Stops and gives the failures.
    async fn finish(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for task in self.tasks {
            failures.extend(task.await.unwrap());
        }
        assert!(self.sent.load(Ordering::Relaxed) > 20, "the load ran");
        failures
    }
}

async fn whole_path(runtime: &'static str) {
    let lab = Lab::new(runtime, "");
    let told = lab.up();
    assert!(told.contains("https://console.lab.localhost:"), "{told}");
    assert!(
        told.contains("admin") && told.contains("Admin123!@#"),
        "the login is told: {told}"
    );
    status_keeps_its_contract(&lab, runtime);
    let total = console_and_api_answer(&lab).await;
    scale_adds_and_drains(&lab).await;
    data_survives_down(&lab, total).await;
    lab.down();
}

/// Fields that scripts rely on, and one ready pod behind every Service.
fn status_keeps_its_contract(lab: &Lab, runtime: &str) {
    let status = lab.status();
    assert_eq!(status["name"], lab.name());
    assert_eq!(status["runtime"], runtime);
    assert_eq!(status["ready"], true);
    assert_eq!(status["stores"]["mongodb"], "built-in store");
    assert_eq!(status["stores"]["redis"], "built-in store");
    for service in [
        "mongodb",
        "redis",
        "identity",
        "inventory",
        "console",
        "console-api",
        "console-api-v2",
    ] {
        let ready = ready_endpoints(&status, service).len();
        assert_eq!(ready, 1, "{service}: {status:#}");
    }
    let services = status["services"].as_array().unwrap().iter();
    let cluster_ip = |name: &str| {
        let mut services = services.clone();
        let found = services.find(|service| service["name"] == name).unwrap();
        found["cluster_ip"].as_str().unwrap().to_owned()
    };
    let range = if runtime == "docker" {
        "10."
    } else {
        "127.43."
    };
    assert!(cluster_ip("inventory").starts_with(range), "{status:#}");
}

/// The page is there, and the API answers out of MongoDB to those who may ask; how many there are.
async fn console_and_api_answer(lab: &Lab) -> u64 {
    let https = lab.https();
    let status = lab.status();
    let page = https
        .get(status["urls"]["console"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(page.status, 200);
    let kind = page.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/html"), "{kind}");

    let everything = json!({"query": {}});
    let token = lab.token().await;
    let url = lab.list_url();
    let all = https
        .post(&url, Some(&token), &everything)
        .await
        .unwrap()
        .json();
    let total = all["total_count"].as_u64().unwrap();
    assert!(total >= 200, "sample data was loaded: {total}");

    let refused = https.post(&url, None, &everything).await.unwrap();
    assert_eq!(refused.status, 401);
    let code = &refused.json()["detail"]["code"];
    assert_eq!(code, "ERROR_AUTHENTICATE_FAILURE");
    total
}

/// Endpoints are added and nothing is restarted; the film tells of five; one is left in the end.
async fn scale_adds_and_drains(lab: &Lab) {
    let before = pods(&lab.status(), "inventory");
    lab.ok(&["scale", "inventory", "5"]);
    let scaled = eventually!("five ready endpoints", {
        let status = lab.status();
        (ready_endpoints(&status, "inventory").len() == 5).then_some(status)
    });
    let after = pods(&scaled, "inventory");
    assert!(
        before.iter().all(|pod| after.contains(pod)),
        "{before:?} in {after:?}"
    );
    assert!(
        after.iter().all(|(_, restarts)| *restarts == 0),
        "{after:?}"
    );
    film(lab);
    lab.ok(&["scale", "inventory", "1"]);
    eventually!("one endpoint", {
        let status = lab.status();
        (ready_endpoints(&status, "inventory").len() == 1 && pods(&status, "inventory").len() == 1)
            .then_some(())
    });
    assert!(lab.ok(&["logs", "inventory"]).contains("inventory"));
}

/// What was acknowledged before `down` is there after the next `up`.
async fn data_survives_down(lab: &Lab, total: u64) {
    let token = lab.token().await;
    let resource = json!({
        "name": "kept", "provider": "aws", "cloud_service_group": "EC2",
        "cloud_service_type": "Instance", "data": {}, "reference": {},
    });
    let create = lab.list_url().replace("/list", "/create");
    let created = lab
        .https()
        .post(&create, Some(&token), &resource)
        .await
        .unwrap();
    assert_eq!(created.status, 200, "{}", created.text());
    lab.ok(&["down"]);
    lab.assert_nothing_left_but_data();
    lab.up();
    let token = lab.token().await;
    let everything = json!({"query": {}});
    let again = lab
        .https()
        .post(&lab.list_url(), Some(&token), &everything)
        .await
        .unwrap();
    let count = again.json()["total_count"].as_u64();
    assert_eq!(count, Some(total + 1), "{}", again.text());
}

/// `lab trace` tells every hop, in words and as data.
fn film(lab: &Lab) {
    let url = lab.list_url();
    let told = lab.ok(&["trace", &url]);
    for part in [
        "ingress",
        "console-api-v2",
        "CloudService/list",
        "ClusterIP",
        "inventory",
        "find",
    ] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    let film: Value = serde_json::from_str(&lab.ok(&["-o", "json", "trace", &url])).unwrap();
    let text = film.to_string();
    for kind in [
        "load-balancer",
        "ingress",
        "http-server",
        "grpc-client",
        "grpc-server",
        "mongo-client",
    ] {
        assert!(text.contains(kind), "{kind} is missing: {film:#}");
    }
    assert!(text.contains("candidates"), "the draw is told: {film:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_reaches_mongodb_with_processes() {
    whole_path("process").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_reaches_mongodb_with_docker() {
    whole_path("docker").await;
}

async fn scale_under_load(runtime: &'static str) {
    let lab = Lab::start(runtime, "");
    let token = lab.token().await;
    let load = Load::start(&lab, &token, 4);
    load.pass(50).await;
    for replicas in ["5", "1", "3", "1"] {
        lab.ok(&["scale", "inventory", replicas]);
        let wanted: usize = replicas.parse().unwrap();
        eventually!("scaled", {
            let status = lab.status();
            (pods(&status, "inventory").len() == wanted
                && ready_endpoints(&status, "inventory").len() == wanted)
                .then_some(())
        });
        load.pass(50).await;
    }
    lab.ok(&["scale", "console-api-v2", "3"]);
    eventually!("three console-api-v2", {
        (ready_endpoints(&lab.status(), "console-api-v2").len() == 3).then_some(())
    });
    load.pass(50).await;
    lab.ok(&["scale", "console-api-v2", "1"]);
    eventually!("one console-api-v2", {
        (pods(&lab.status(), "console-api-v2").len() == 1).then_some(())
    });
    load.pass(50).await;
    let failures = load.finish().await;
    assert!(
        failures.is_empty(),
        "{} failed: {:?}",
        failures.len(),
        failures.first()
    );
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_under_load_loses_no_request_with_processes() {
    scale_under_load("process").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_under_load_loses_no_request_with_docker() {
    scale_under_load("docker").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_inventory_pod_is_replaced_and_costs_only_what_was_in_flight() {
    let lab = Lab::start("process", "[services.inventory]\nreplicas = 2\n");
    let token = lab.token().await;
    let connections = 4;
    let load = Load::start(&lab, &token, connections);
    load.pass(50).await;
    let killed = kill_one(&lab, "inventory");
    eventually!("the pod runs again", {
        let status = lab.status();
        let restarted = pods(&status, "inventory")
            .iter()
            .any(|(_, restarts)| *restarts > 0);
        (restarted && ready_endpoints(&status, "inventory").len() == 2).then_some(())
    });
    assert!(!process_runs(killed));
    load.pass(200).await;
    let failures = load.finish().await;
    assert!(
        failures.len() <= connections,
        "{} failed: {failures:?}",
        failures.len()
    );
    lab.down();
}

/// Sends SIGKILL to the program of one pod of the Service and gives its process id.
fn kill_one(lab: &Lab, service: &str) -> u32 {
    let status = lab.status();
    // Pinned: the pod that carries the load is the one whose endpoint has connections.
    let services = status["services"].as_array().unwrap();
    let service = services
        .iter()
        .find(|candidate| candidate["name"] == service)
        .unwrap();
    let endpoints = service["endpoints"].as_array().unwrap();
    let busy = endpoints
        .iter()
        .max_by_key(|endpoint| endpoint["connections"].as_u64())
        .unwrap();
    let name = busy["pod"].as_str().unwrap();
    let pid = lab.pid_of_pod(name).expect("the pod has a process");
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    pid
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_lab_takes_its_pods_along_and_has_lost_nothing() {
    let lab = Lab::start("process", "");
    let token = lab.token().await;
    let create = lab.list_url().replace("/list", "/create");
    let https = lab.https();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let writer = {
        let acknowledged = Arc::clone(&acknowledged);
        tokio::spawn(async move {
            let mut connection = https.connect(&create).await.unwrap();
            for number in 0.. {
                let body = json!({
                    "name": format!("written-{number:05}"), "provider": "aws",
                    "cloud_service_group": "EC2", "cloud_service_type": "Instance",
                    "data": {}, "reference": {},
                });
                match connection.post(&create, Some(&token), &body).await {
                    Ok(answer) if answer.status == 200 => {
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    _ => return,
                }
            }
        })
    };
    eventually!(
        "writes",
        (acknowledged.load(Ordering::SeqCst) >= 25).then_some(())
    );
    let pid = lab.pid();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    writer.await.unwrap();
    eventually!("all processes are gone", lab.nothing_runs().then_some(()));

    lab.up();
    let token = lab.token().await;
    let query = json!({"query": {
        "filter": [{"k": "name", "v": "written-", "o": "contain"}], "count_only": true,
    }});
    let answer = lab
        .https()
        .post(&lab.list_url(), Some(&token), &query)
        .await
        .unwrap()
        .json();
    let found = usize::try_from(answer["total_count"].as_u64().unwrap()).unwrap();
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    assert!(
        found == acknowledged || found == acknowledged + 1,
        "{found} of {acknowledged}"
    );
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_lab_under_docker_is_cleaned_up_by_the_next_up() {
    let lab = Lab::start("docker", "");
    let pid = lab.pid();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
    eventually!("the lab is gone", (!process_runs(pid)).then_some(()));
    lab.up();
    let status = lab.status();
    assert_eq!(ready_endpoints(&status, "inventory").len(), 1);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_mongod_on_the_path_takes_the_stores_place() {
    let mongod = std::env::var("LAB_MONGOD").expect("LAB_MONGOD names a mongod; tests/run sets it");
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&mongod, folder.path().join("mongod")).unwrap();
    let lab = Lab::new(
        "process",
        "[stores]\nmongodb = \"mongod\"\nredis = \"built-in\"\n",
    )
    .with_path(folder.path());
    lab.up();
    assert!(
        lab.status()["stores"]["mongodb"]
            .to_string()
            .contains("mongod")
    );
    let token = lab.token().await;
    let answer = lab
        .https()
        .post(&lab.list_url(), Some(&token), &json!({"query": {}}))
        .await
        .unwrap();
    assert!(
        answer.json()["total_count"].as_u64().unwrap() >= 200,
        "{}",
        answer.text()
    );
    tokio::time::timeout(Duration::from_secs(60), async { lab.down() })
        .await
        .unwrap();
}
