//! `lab fault`: each kind by its effect, and by its undoing, through the binary.

mod connections;
mod docker;
mod pods;
mod traffic;

use std::process::Output;

use serde_json::Value;

use crate::support::lab::{Lab, https_port};

/// A plain HTTP Service behind a host, whose program knows nothing of the lab.
pub(crate) fn shop(replicas: u32) -> String {
    format!(
        r#"
[cloudforet]
enabled = false
[services.shop]
command = ["python3", "-m", "http.server", "{{port}}", "--bind", "{{address}}"]
port = 8000
target_port = 8080
replicas = {replicas}
readiness = {{ http = "/", port = 8080, period = "200ms" }}
grace = "5s"
[deployments.mailer]
command = ["sleep", "1000"]
[[ingresses]]
name = "shop"
rules = [{{ host = "shop.lab.localhost", paths = [{{ path = "/", service = "shop", port = 8000 }}] }}]
tls = [{{ hosts = ["shop.lab.localhost"], secret = "shop-tls" }}]
"#
    )
}

/// The shop as its users know it.
pub(crate) fn shop_url(lab: &Lab) -> String {
    format!("https://shop.lab.localhost:{}/", https_port(&lab.status()))
}

/// `lab fault add`, which must succeed; the fault's number.
pub(crate) fn add(lab: &Lab, arguments: &[&str]) -> u64 {
    let all = [&["-o", "json", "fault", "add"][..], arguments].concat();
    let fault: Value = serde_json::from_str(&lab.ok(&all)).unwrap();
    fault["id"].as_u64().unwrap()
}

pub(crate) fn undo(lab: &Lab) {
    lab.ok(&["fault", "undo"]);
    assert_eq!(list(lab), Vec::<Value>::new());
}

pub(crate) fn list(lab: &Lab) -> Vec<Value> {
    serde_json::from_str(&lab.ok(&["-o", "json", "fault", "list"])).unwrap()
}

/// What a short load at the shop makes of it.
pub(crate) fn load(lab: &Lab, more: &[&str]) -> Value {
    let url = shop_url(lab);
    let fixed = [
        "-o",
        "json",
        "load",
        &url,
        "--rate",
        "50",
        "--duration",
        "400ms",
    ];
    serde_json::from_str(&lab.ok(&[&fixed[..], more].concat())).unwrap()
}

/// Cause, code and count of each error of a load.
pub(crate) fn errors(result: &Value) -> Vec<(&str, Option<&str>, u64)> {
    let all = result["errors"].as_array().unwrap().iter();
    let one = |error: &'_ Value| error["count"].as_u64().unwrap();
    all.map(|error| {
        let cause = error["cause"].as_str().unwrap();
        (cause, error["code"].as_str(), one(error))
    })
    .collect()
}

/// The names of ready pods of a Deployment.
pub(crate) fn ready_pods(lab: &Lab, deployment: &str) -> Vec<String> {
    let status = lab.status();
    let pods = status["pods"].as_array().unwrap().iter();
    let pods = pods.filter(|pod| pod["deployment"] == deployment && pod["ready"] == true);
    pods.map(|pod| pod["name"].as_str().unwrap().to_owned())
        .collect()
}

pub(crate) fn refused(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
