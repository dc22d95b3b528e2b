//! Redis as a Service of a lab: through its ClusterIP, over kills and restarts.

use std::net::SocketAddr;

use super::client::Client;
use crate::support::lab::Lab;
use crate::{eventually, support::lab::process_runs};

/// A lab with nothing but Redis.
const ALONE: &str = "[cloudforet]\nenabled = false\n[services.jobs]\nbuilt_in = \"redis\"\nport = 6379\nreadiness = { redis = 6379 }\n";

/// The ready pod, if its program was started again so often.
fn pod(lab: &Lab, restarts: u64) -> Option<String> {
    let status = lab.status();
    let mut pods = status["pods"].as_array()?.iter();
    let pod = pods.find(|pod| pod["service"] == "jobs")?;
    let is_ready = pod["ready"] == true && pod["restarts"] == restarts;
    is_ready.then(|| pod["name"].as_str().unwrap().to_owned())
}

async fn client(lab: &Lab) -> Client {
    let status = lab.status();
    let mut services = status["services"].as_array().unwrap().iter();
    let jobs = services.find(|service| service["name"] == "jobs").unwrap();
    let address = format!("{}:6379", jobs["cluster_ip"].as_str().unwrap());
    Client::connect(address.parse::<SocketAddr>().unwrap()).await
}

async fn queued_jobs_survive(choice: &str, told: &str) {
    let lab = Lab::start(
        "process",
        &format!("{ALONE}[stores]\nredis = \"{choice}\"\n"),
    );
    let serves = lab.status()["stores"]["redis"].to_string();
    assert!(serves.contains(told), "{serves}");
    assert!(lab.ok(&["status"]).contains(told));
    let mut through = client(&lab).await;
    for number in 1..=50 {
        let answer = through.ask(&format!("RPUSH queue job-{number}")).await;
        assert_eq!(answer, format!(":{number}"));
    }
    assert_eq!(through.ask("SET cache x EX 1000").await, "+OK");

    let killed = lab.pid_of_pod(&pod(&lab, 0).unwrap()).unwrap();
    let mut kill = std::process::Command::new("kill");
    let kill = kill.args(["-9", &killed.to_string()]).status();
    assert!(kill.unwrap().success());
    eventually!("it is dead", (!process_runs(killed)).then_some(()));
    eventually!("the controller starts it again", pod(&lab, 1));
    let mut through = client(&lab).await;
    assert_eq!(through.ask("LLEN queue").await, ":50");
    assert_eq!(through.ask("LPOP queue").await, "\"job-1\"");
    assert_eq!(through.ask("GET cache").await, "\"x\"");

    lab.ok(&["down"]);
    lab.assert_nothing_left_but_data();
    lab.up();
    assert_eq!(client(&lab).await.ask("LLEN queue").await, ":49");
    lab.down();
    lab.up();
    assert_eq!(client(&lab).await.ask("LLEN queue").await, ":0");
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_jobs_survive_a_kill_of_the_built_in_store() {
    queued_jobs_survive("built-in", "built-in store").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_jobs_survive_a_kill_of_a_real_redis_server() {
    queued_jobs_survive("redis-server", "redis-server (/").await;
}

/// The PATH of this test has a `redis-server`.
#[tokio::test(flavor = "multi_thread")]
async fn auto_takes_a_redis_server_but_stays_with_the_store_that_has_data() {
    let lab = Lab::new("process", &format!("{ALONE}[stores]\nredis = \"auto\"\n"));
    lab.up();
    let serves = lab.status()["stores"]["redis"].to_string();
    assert!(serves.contains("redis-server (/"), "{serves}");
    lab.down();
    let config = lab.folder().join("lab.toml");
    let auto = std::fs::read_to_string(&config).unwrap();
    lab.file("lab.toml", &auto.replace("\"auto\"", "\"built-in\""));
    lab.up();
    assert_eq!(client(&lab).await.ask("SET k v").await, "+OK");
    lab.ok(&["down"]);
    lab.file("lab.toml", &auto);
    lab.up();
    assert_eq!(lab.status()["stores"]["redis"], "built-in store");
    assert_eq!(client(&lab).await.ask("GET k").await, "\"v\"");
    lab.down();
}
