//! A lab that is changed while it runs: reloads, ingress replicas that come, go and die.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;

use crate::ingress_support::echo_pod;
use crate::support::clients::{CONNECTIONS, Client, under_load};
use crate::support::https::Https;
use crate::support::lab::Lab;

const HOST: &str = "web.lab.localhost";

/// A lab without Cloudforet, whose Service `web` leads to this address.
fn toml(endpoint: &str, more: &str) -> String {
    format!(
        r#"cloudforet.enabled = false
[load_balancer]
http = 0
https = 0
[stores]
mongodb = "built-in"
redis = "built-in"
[services.web]
endpoints = ["{endpoint}"]
port = 80
[[ingresses]]
name = "web"
rules = [{{ host = "{HOST}", paths = [{{ path = "/", service = "web", port = 80 }}] }}]
tls = [{{ hosts = ["{HOST}"], secret = "web-tls" }}]
{more}
"#
    )
}

/// Where the lab's HTTPS port leads to `web`.
fn url(lab: &Lab) -> String {
    let status = lab.status();
    let address = status["ingresses"][0]["addresses"][1]
        .as_str()
        .unwrap()
        .to_owned();
    let port = address.rsplit(':').next().unwrap().to_owned();
    format!("https://{HOST}:{port}/")
}

/// Requests, one after the other on kept and new connections, until told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<Vec<String>>,
}

impl Load {
    fn start(https: Https, url: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let (told, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let task = tokio::spawn(async move {
            let mut failures = Vec::new();
            while !told.load(Ordering::Relaxed) {
                match https.get(&url).await {
                    Ok(answer) if answer.status == 200 => {}
                    Ok(answer) => failures.push(answer.status.to_string()),
                    Err(error) => failures.push(error.to_string()),
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            failures
        });
        Self { stop, sent, task }
    }

    /// Waits until some more requests were answered.
    async fn go_on(&self) {
        let enough = self.sent.load(Ordering::Relaxed) + 5;
        while self.sent.load(Ordering::Relaxed) < enough {
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

fn changes(answer: &str) -> Vec<String> {
    answer.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_changes_what_differs_and_loses_nothing() {
    let (one, other) = (echo_pod().await.to_string(), echo_pod().await.to_string());
    let lab = Lab::start("process", &toml(&one, ""));
    let certificate = lab.status()["certificates"][0].clone();
    let load = Load::start(lab.https(), url(&lab));
    assert_eq!(lab.ok(&["reload"]), "nothing has changed\n");
    for turn in 0..10 {
        load.go_on().await;
        let more = "[services.more]\nendpoints = [\"127.0.0.1:9\"]\nport = 81\n";
        let text = if turn % 2 == 0 {
            toml(&other, more)
        } else {
            toml(&one, "")
        };
        lab.file("lab.toml", &text);
        let told = changes(&lab.ok(&["reload"]));
        let what = if turn % 2 == 0 { "added" } else { "removed" };
        assert_eq!(
            told,
            [
                format!("Service more {what}"),
                "EndpointSlice web changed".to_owned()
            ]
        );
    }
    load.go_on().await;
    assert_eq!(load.end().await, Vec::<String>::new());
    let strict = "[ingress]\nstrict_prefix_matching = true\n";
    lab.file("lab.toml", &toml(&one, strict));
    assert_eq!(lab.ok(&["reload"]), "Ingress * changed\n");
    let status = lab.status();
    assert_eq!(status["certificates"][0], certificate, "issued once");
    assert_eq!(certificate["ready"], true);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn real_clients_lose_nothing_by_reloads_and_little_by_a_killed_replica() {
    let (one, other) = (echo_pod().await.to_string(), echo_pod().await.to_string());
    let lab = Lab::start("process", &toml(&one, ""));
    let url = url(&lab).replace(HOST, "127.0.0.1");
    for client in [Client::Wrk, Client::H2load] {
        let reload = |turn| {
            let endpoint = if turn % 2 == 0 { &other } else { &one };
            lab.file("lab.toml", &toml(endpoint, ""));
            assert_eq!(lab.ok(&["reload"]), "EndpointSlice web changed\n");
        };
        let counted = under_load(client, &url, HOST, 20, reload).await;
        counted.assert_nothing_lost();

        lab.ok(&["scale", "traefik", "2"]);
        let kill = |_| {
            lab.ok(&["kill", "traefik-1"]);
        };
        let counted = under_load(client, &url, HOST, 1, kill).await;
        assert!(counted.succeeded > 100, "{counted:?}");
        assert_eq!(counted.failed, 0, "{counted:?}");
        // Four streams of each connection of h2load; it makes no new ones in their place.
        assert!(counted.cut <= u64::from(CONNECTIONS) * 4, "{counted:?}");
        lab.ok(&["scale", "traefik", "1"]);
    }
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_used_changes_nothing() {
    let pod = echo_pod().await.to_string();
    let lab = Lab::start("process", &toml(&pod, ""));
    let before = lab.status();
    lab.file(
        "lab.toml",
        &toml(&pod, "[servces.x]\n[kube_proxy]\nmode = \"ebpf\"\n"),
    );
    let refused = lab.run(&["reload"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("servces") && told.contains("ebpf"), "{told}");
    assert!(told.contains("what runs is kept"), "{told}");
    assert_eq!(lab.status(), before);

    // What cannot change is named, and the rest counts.
    let text = toml(
        &pod,
        "[kube_proxy]\nmode = \"ipvs\"\n[ingress]\ncontroller = \"nginx\"\n",
    );
    lab.file("lab.toml", &text);
    let answer: Value = serde_json::from_str(&lab.ok(&["-o", "json", "reload"])).unwrap();
    assert_eq!(
        answer["needs_restart"],
        serde_json::json!(["[ingress] controller"])
    );
    assert_eq!(answer["changes"][0]["kind"], "kube_proxy");
    let answer = lab.https().get(&url(&lab)).await.unwrap();
    assert_eq!(answer.status, 200);

    // SIGHUP does the same.
    lab.file(
        "lab.toml",
        &toml(
            &pod,
            "[services.more]\nendpoints = [\"127.0.0.1:9\"]\nport = 81\n",
        ),
    );
    let pid = lab.pid().to_string();
    assert!(
        Command::new("kill")
            .args(["-HUP", &pid])
            .status()
            .unwrap()
            .success()
    );
    let has_more = |status: &Value| {
        let services = status["services"].as_array().unwrap();
        services.iter().any(|service| service["name"] == "more")
    };
    while !has_more(&lab.status()) {}
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_the_ingress_come_and_go_under_load() {
    let pod = echo_pod().await.to_string();
    let lab = Lab::start("process", &toml(&pod, ""));
    let load = Load::start(lab.https(), url(&lab));
    let names = |status: &Value| -> Vec<(String, u64)> {
        let pods = status["pods"].as_array().unwrap().iter();
        pods.map(|pod| {
            let name = pod["name"].as_str().unwrap().to_owned();
            (name, pod["restarts"].as_u64().unwrap())
        })
        .collect()
    };
    let pods = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
        list.iter()
            .map(|(name, restarts)| ((*name).to_owned(), *restarts))
            .collect()
    };
    let told = lab.ok(&["scale", "traefik", "3"]);
    assert_eq!(told, "traefik: 3 of 3 ready (before: 1 wanted)\n");
    let three = pods(&[("traefik-0", 0), ("traefik-1", 0), ("traefik-2", 0)]);
    assert_eq!(names(&lab.status()), three);
    load.go_on().await;
    // A number that was scaled by hand survives a reload.
    assert_eq!(lab.ok(&["reload"]), "nothing has changed\n");
    assert_eq!(names(&lab.status()), three);
    lab.ok(&["scale", "traefik", "1"]);
    while names(&lab.status()) != pods(&[("traefik-0", 0)]) {}
    load.go_on().await;
    assert_eq!(
        load.end().await,
        Vec::<String>::new(),
        "scaling loses nothing"
    );

    // One that is killed takes its own requests along and no other's, and comes again.
    lab.ok(&["scale", "traefik", "2"]);
    let load = Load::start(lab.https(), url(&lab));
    load.go_on().await;
    lab.ok(&["kill", "traefik-1"]);
    while names(&lab.status()) != pods(&[("traefik-0", 0), ("traefik-1", 1)]) {}
    load.go_on().await;
    let failures = load.end().await;
    assert!(failures.len() <= 1, "only what was in flight: {failures:?}");
    let unknown = lab.run(&["kill", "traefik-9"]);
    let told = String::from_utf8(unknown.stderr).unwrap();
    assert!(
        told.contains("there is no pod traefik-9") && told.contains("did you mean"),
        "{told}"
    );
    let many = lab.run(&["scale", "traefik", "21"]);
    assert!(
        String::from_utf8(many.stderr)
            .unwrap()
            .contains("more than the lab runs")
    );
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_template_rolls_pods_and_a_scale_by_hand_stays() {
    let service = |env: &str, replicas: u32| {
        format!(
            r#"cloudforet.enabled = false
[load_balancer]
http = 0
https = 0
[services.web]
built_in = "console"
port = 80
target_port = 8080
replicas = {replicas}
env = {{ TURN = "{env}" }}
readiness = {{ http = "/check", port = 8080 }}
[[ingresses]]
name = "web"
rules = [{{ host = "{HOST}", paths = [{{ path = "/", service = "web", port = 80 }}] }}]
tls = [{{ hosts = ["{HOST}"], secret = "web-tls" }}]
"#
        )
    };
    let lab = Lab::start("process", &service("one", 1));
    lab.ok(&["scale", "web", "2"]);
    let pods = || -> Vec<String> {
        let status = lab.status();
        let pods = status["pods"].as_array().unwrap().iter();
        pods.filter(|pod| pod["service"] == "web" && pod["ready"] == true)
            .map(|pod| pod["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let old = pods();
    assert_eq!(old.len(), 2);
    let load = Load::start(lab.https(), url(&lab));
    load.go_on().await;
    lab.file(
        "lab.toml",
        &format!("{}[stores]\nmongodb = \"built-in\"\n", service("two", 1)),
    );
    assert_eq!(lab.ok(&["reload"]), "Deployment web changed\n");
    let rolled = || {
        let now = pods();
        now.len() == 2 && now.iter().all(|pod| !old.contains(pod))
    };
    while !rolled() {}
    load.go_on().await;
    assert_eq!(load.end().await, Vec::<String>::new());

    // The file's own number counts once it changes.
    lab.file(
        "lab.toml",
        &format!("{}[stores]\nmongodb = \"built-in\"\n", service("two", 3)),
    );
    lab.ok(&["reload"]);
    while pods().len() != 3 {}
    let victim = pods().remove(0);
    lab.ok(&["kill", &victim]);
    let restarted = || {
        let status = lab.status();
        let pods = status["pods"].as_array().unwrap();
        let found = pods
            .iter()
            .find(|pod| pod["name"] == victim.as_str())
            .unwrap();
        found["restarts"] == 1 && found["ready"] == true
    };
    while !restarted() {}
    lab.down();
}
