//! The plugin path through the released binary: scheduler or button → queue → worker → plugin pod →
//! store, with things killed on the way.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::eventually;
use crate::support::api::Api;
use crate::support::lab::Lab;
use crate::support::spacectl::program;

const RESOURCES: usize = 10_000;

/// Names of the pods of a Deployment that `status` tells.
fn pods(lab: &Lab, prefix: &str) -> Vec<String> {
    let status = lab.status();
    let pods = status["pods"].as_array().unwrap().iter();
    let names = pods.map(|pod| pod["name"].as_str().unwrap().to_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

fn config(rest: &str) -> String {
    format!("[cloudforet]\nsample_data = false\nhour = \"1s\"\n{rest}")
}

async fn collector(api: &Api, name: &str) -> Value {
    let listed = api
        .post("/inventory/collector/list", json!({ "name": name }))
        .await;
    listed["results"][0]["collector_id"].clone()
}

/// Everything that is kept of the collected resources, by resource, without what each collect sets.
async fn collected(api: &Api) -> BTreeMap<String, Value> {
    let query = json!({ "filter": [{ "k": "provider", "v": "aws", "o": "eq" }], "sort": [{ "key": "cloud_service_id" }] });
    let rows = api.all("/inventory/cloud-service/list", query).await;
    let total = rows.len();
    let named: BTreeMap<String, Value> = rows
        .into_iter()
        .map(|mut row| {
            let id = row["reference"]["resource_id"].as_str().unwrap().to_owned();
            let row_fields = row.as_object_mut().unwrap();
            row_fields.remove("updated_at");
            row_fields.remove("collection_info");
            (id, row)
        })
        .collect();
    assert_eq!(named.len(), total, "no resource is there twice");
    named
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_resources_arrive_once_though_a_worker_and_a_plugin_pod_are_killed() {
    let lab = Lab::start(
        "process",
        &config(
            "[deployments.inventory-worker]\nreplicas = 3\n[plugins.sample-cloud]\nreplicas = 2\nproviders = [\"aws\"]\n\
             options = { count = 10000, sub_tasks = 20, latency_ms = 20 }\n",
        ),
    );
    let api = Api::of(&lab).await;
    let mut collecting = lab.command(&["-o", "json", "collect", "sample-cloud"]);
    collecting.stdout(std::process::Stdio::piped());
    let collecting = collecting.spawn().unwrap();
    let counted = json!({ "query": { "count_only": true } });
    // In the midst of it.
    eventually!(
        "500 resources",
        api.post("/inventory/cloud-service/list", counted.clone())
            .await["total_count"]
            .as_f64()
            .filter(|count| *count > 500.0)
    );
    let worker = pods(&lab, "inventory-worker-").remove(0);
    let plugin = pods(&lab, "plugin-sample-cloud-").remove(0);
    lab.ok(&["kill", &worker]);
    lab.ok(&["kill", &plugin]);
    let ended = tokio::task::spawn_blocking(move || collecting.wait_with_output().unwrap());
    let ended = ended.await.unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{told}");
    let job: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(job["job"]["status"], "SUCCESS", "{told}");
    let first = collected(&api).await;
    assert_eq!(first.len(), RESOURCES);

    // The same again changes nothing but timestamps.
    lab.ok(&["collect", "sample-cloud"]);
    assert_eq!(collected(&api).await, first);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vanished_resource_is_disconnected_after_three_hours_without_it() {
    let lab = Lab::start(
        "process",
        &config("[plugins.sample-cloud]\nproviders = [\"aws\"]\noptions = { count = 20 }\n"),
    );
    let api = Api::of(&lab).await;
    lab.ok(&["collect", "sample-cloud"]);
    let first = collected(&api).await;
    assert_eq!(first.len(), 20);
    let collector = collector(&api, "sample-cloud").await;
    api.post(
        "/inventory/collector/update-plugin",
        json!({ "collector_id": collector, "options": { "count": 20, "vanish": 5 } }),
    )
    .await;
    let mut rounds = 0;
    // An hour lasts a second here, so each round is in another one sooner or later.
    eventually!("five are gone", {
        lab.ok(&["collect", "sample-cloud"]);
        rounds += 1;
        (collected(&api).await.len() == 15).then_some(())
    });
    assert!(rounds >= 3, "gone after {rounds} collects");
    let gone = json!({ "query": { "filter": [{ "k": "state", "v": "DELETED", "o": "eq" }], "only": ["state", "deleted_at"] } });
    let gone = api.post("/inventory/cloud-service/list", gone).await;
    assert_eq!(gone["total_count"], 5.0);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_collects_when_the_hour_comes() {
    let lab = Lab::start(
        "process",
        &config("[plugins.sample-cloud]\nproviders = [\"aws\"]\noptions = { count = 3 }\n"),
    );
    let api = Api::of(&lab).await;
    let collector = collector(&api, "sample-cloud").await;
    let hours: Vec<u32> = (0..24).collect();
    api.post(
        "/inventory/collector/update",
        json!({ "collector_id": collector, "schedule": { "state": "ENABLED", "hours": hours } }),
    )
    .await;
    eventually!(
        "the hour has come",
        (collected(&api).await.len() == 3).then_some(())
    );
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_host_plugin_tells_the_machine() {
    let lab = Lab::start("process", &config(""));
    let api = Api::of(&lab).await;
    lab.ok(&["collect", "host"]);
    let query = json!({ "filter": [{ "k": "provider", "v": "host", "o": "eq" }] });
    let rows = api.all("/inventory/cloud-service/list", query).await;
    let kinds: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["cloud_service_type"].as_str())
        .collect();
    for kind in ["Server", "Disk", "Interface"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collect_works_in_containers_docker() {
    let lab = Lab::start(
        "docker",
        &config(
            "[plugins.sample-cloud]\nproviders = [\"aws\"]\noptions = { count = 50, sub_tasks = 2 }\n",
        ),
    );
    let api = Api::of(&lab).await;
    lab.ok(&["collect", "sample-cloud"]);
    assert_eq!(collected(&api).await.len(), 50);
    lab.ok(&["collect", "host"]);
    let status = lab.status();
    let pods = status["pods"].as_array().unwrap();
    assert!(
        pods.iter()
            .any(|pod| pod["name"].as_str().unwrap().starts_with("plugin-host-"))
    );
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_of_the_users_own_in_python_tells_what_lies_in_a_folder() {
    let example = include_str!("../../examples/plugin/lab.toml");
    // The virtual environment of spacectl has Cloudforet's API for Python.
    let spacectl = program("LAB_SPACECTL");
    let lab = Lab::new("process", &config(example)).with_path(spacectl.parent().unwrap());
    let plugin = include_str!("../../examples/plugin/collector.py");
    lab.file("collector.py", plugin);
    lab.up();
    lab.ok(&["collect", "folder"]);
    let api = Api::of(&lab).await;
    let query = json!({ "filter": [{ "k": "provider", "v": "folder", "o": "eq" }] });
    let rows = api.all("/inventory/cloud-service/list", query).await;
    let file = rows.iter().find(|row| row["name"] == "collector.py");
    let size = u32::try_from(plugin.len()).unwrap();
    assert_eq!(file.unwrap()["data"]["size"], f64::from(size));
    lab.down();
}
