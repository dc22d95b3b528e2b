//! `lab load`: what it measures, whom it names, and whom it leaves alone.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::lab::{Lab, https_port};

/// A plain HTTP Service, whose program knows nothing of the lab.
const SHOP: &str = r#"
[cloudforet]
enabled = false
[services.shop]
command = ["python3", "-m", "http.server", "{port}", "--bind", "{address}"]
port = 80
target_port = 8080
replicas = 3
readiness = { http = "/", port = 8080 }
[services.nobody]
endpoints = ["127.0.0.1:1"]
port = 80
[services.empty]
command = ["sleep", "1000"]
port = 80
replicas = 0
[[ingresses]]
name = "shop"
rules = [
    { host = "shop.lab.localhost", paths = [{ path = "/", service = "shop", port = 80 }] },
    { host = "nobody.lab.localhost", paths = [{ path = "/", service = "nobody", port = 80 }] },
    { host = "empty.lab.localhost", paths = [{ path = "/", service = "empty", port = 80 }] },
]
tls = [{ hosts = ["*.lab.localhost"], secret = "shop-tls" }]
"#;

fn url(lab: &Lab, host: &str, path: &str) -> String {
    format!("https://{host}:{}{path}", https_port(&lab.status()))
}

fn load(lab: &Lab, url: &str, more: &[&str]) -> Value {
    let arguments = [&["-o", "json", "load", url][..], more].concat();
    serde_json::from_str(&lab.ok(&arguments)).unwrap()
}

fn error(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Cause, code and count of each error.
fn errors(result: &Value) -> Vec<(String, Option<String>, u64)> {
    let all = result["errors"].as_array().unwrap().iter();
    let one = |error: &Value| {
        let code = error["code"].as_str().map(str::to_owned);
        let cause = error["cause"].as_str().unwrap().to_owned();
        (cause, code, error["count"].as_u64().unwrap())
    };
    all.map(one).collect()
}

#[test]
fn every_pod_of_a_plain_service_is_named_with_its_share_and_errors_with_their_cause() {
    let lab = Lab::start("process", SHOP);
    let shop = url(&lab, "shop.lab.localhost", "/");
    let first = load(&lab, &shop, &["--rate", "100", "--duration", "2s"]);
    assert_eq!(first["due"], 200, "{first}");
    assert_eq!(first["sent"], 200, "{first}");
    assert_eq!(first["answered"], 200, "{first}");
    assert_eq!(first["statuses"]["200"], 200, "{first}");
    assert_eq!(first["protocol"], "HTTP/2.0", "{first}");
    assert_eq!(errors(&first), [], "{first}");
    assert_eq!(first["before"], Value::Null);
    let spread = first["spread"].as_array().unwrap();
    assert_eq!(spread.len(), 3, "{first}");
    for share in spread {
        assert_eq!(share["service"], "shop");
        // Traefik takes turns.
        assert!(share["requests"].as_u64().unwrap() >= 66, "{first}");
    }
    assert_eq!(first["evenness"]["verdict"], "turns", "{first}");
    let at = |name: &str| first["latency"][name].as_u64().unwrap();
    assert!(0 < at("p50") && at("p50") <= at("p99") && at("p99") <= at("max"));

    // For people, beside the run before.
    let shown = lab.ok(&["load", &shop, "--rate", "80", "--duration", "2s"]);
    for part in [
        "160 of 160 requests sent",
        "99.9 %",
        "BEFORE (at 100/s)",
        "took turns",
        "█",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
    for line in shown.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }

    for (host, path, expected) in [
        ("shop.lab.localhost", "/none", ("status 404", None)),
        ("nobody.lab.localhost", "/", ("status 502", Some("connect"))),
        (
            "empty.lab.localhost",
            "/",
            ("status 503", Some("no-endpoint")),
        ),
    ] {
        let url = url(&lab, host, path);
        let result = load(&lab, &url, &["--rate", "40", "--duration", "500ms"]);
        let (cause, code) = expected;
        let expected = (cause.to_owned(), code.map(str::to_owned), 20);
        assert_eq!(errors(&result), [expected], "{result}");
    }
    let unasked = load(
        &lab,
        &url(&lab, "shop.lab.localhost", "/"),
        &["-k", "--duration", "100ms"],
    );
    assert_eq!(errors(&unasked), [], "whoever signed the certificate");
    lab.down();
}

#[test]
fn nothing_but_the_lab_is_loaded_and_bounds_are_told() {
    let lab = Lab::start("process", SHOP);
    let shop = url(&lab, "shop.lab.localhost", "/");
    for (arguments, expected) in [
        (
            &["http://example.org/"][..],
            "example.org is none of this lab's hosts",
        ),
        (
            &["https://127.0.0.1:1/"],
            "nothing of this lab listens at 127.0.0.1:1",
        ),
        (
            &["https://10.0.0.1/"],
            "nothing of this lab listens at 10.0.0.1",
        ),
        (
            &["ftp://shop.lab.localhost/"],
            "neither http:// nor https://",
        ),
        (&[&*shop, "--rate", "5001"], "at most 5000 a second"),
        (&[&*shop, "--duration", "2h"], "between 1ms and 1h"),
        (&[&*shop, "--connections", "501"], "between 1 and 500"),
        (&[&*shop, "-H", "nothing"], "is no header"),
    ] {
        let told = error(&lab.run(&[&["load"][..], arguments].concat()));
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    assert_eq!(load_results(&lab).len(), 0, "none of them ran");
    lab.down();
}

#[test]
fn a_second_load_waits_its_turn_and_an_interrupted_one_shows_what_there_is() {
    let lab = Lab::start("process", SHOP);
    let shop = url(&lab, "shop.lab.localhost", "/?long");
    let long = lab
        .command(&["-o", "json", "load", &shop, "--rate", "20"])
        .args(["--duration", "1h"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !lab.ok(&["logs", "shop"]).contains("GET /?long") {
        assert!(started.elapsed() < Duration::from_secs(20), "it runs");
    }
    let told = error(&lab.run(&["load", &shop, "--duration", "1ms"]));
    assert!(told.contains("a load runs already"), "{told}");
    let killed = Command::new("kill")
        .args(["-INT", &long.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let output = long.wait_with_output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["stopped"], true, "{result}");
    assert!(result["elapsed_ms"].as_u64().unwrap() < 30_000, "{result}");
    assert_eq!(load_results(&lab)[0]["id"], result["id"]);
    lab.down();
}

/// `GET /api/loads`, as the dashboard asks for it.
fn load_results(lab: &Lab) -> Vec<Value> {
    let file = lab.state().join(lab.name()).join("admin.json");
    let admin: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let output = Command::new("curl")
        .args(["-s", "-H"])
        .arg(format!(
            "Authorization: Bearer {}",
            admin["token"].as_str().unwrap()
        ))
        .arg(format!(
            "http://{}/api/loads",
            admin["address"].as_str().unwrap()
        ))
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}
