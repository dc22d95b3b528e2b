//! `lab record` and `lab replay`: a session written down, sent again, and compared.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::ingress_support::localhost;
use crate::support::lab::{Lab, service};

/// A command that runs until it is told to end, or the test does.
struct Running(Child);

impl Running {
    /// As Ctrl-C does it; the exit code.
    fn interrupt(&mut self) -> Option<i32> {
        let pid = self.0.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Answers with the length of the body, a header of its own, and a date that is never the same.
async fn backend(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = async move |headers: HeaderMap, body: String| {
        let status = match headers.get("x-status") {
            Some(status) => StatusCode::from_bytes(status.as_bytes()).unwrap(),
            None => StatusCode::OK,
        };
        (
            status,
            [("x-name", name), ("set-cookie", "a=secret")],
            body.len().to_string(),
        )
    };
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn toml(root: SocketAddr, deep: SocketAddr, foo_leads_to: &str) -> String {
    format!(
        "cloudforet.enabled = false\ningress.redirect_https = false\n\
         [load_balancer]\nhttp = 0\nhttps = 0\n\
         [services.root]\nendpoints = [\"{root}\"]\nport = 80\n\
         [services.foo]\nendpoints = [\"{deep}\"]\nport = 80\n\
         [[ingresses]]\nname = \"web\"\nrules = [{{ host = \"web.lab.localhost\", paths = [\
         {{ path = \"/\", service = \"root\", port = 80 }}, \
         {{ path = \"/foo\", service = \"{foo_leads_to}\", port = 80 }}] }}]\n"
    )
}

async fn ask(web: SocketAddr, line: &str, fields: &str, body: &str) {
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: web.lab.localhost\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(web).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 "));
}

fn lines(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.lines().map(serde_json::from_str);
    whole.filter_map(Result::ok).collect()
}

fn differences(output: &std::process::Output) -> Vec<(String, String, String, String)> {
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = told["differences"].as_array().unwrap().iter();
    let text = |one: &Value, key: &str| one[key].as_str().unwrap().to_owned();
    all.map(|one| {
        (
            text(one, "request"),
            text(one, "what"),
            text(one, "before"),
            text(one, "now"),
        )
    })
    .collect()
}

/// What a recording has of the requests of the test.
fn check(file: &Path, written: &[Value], root: SocketAddr) {
    assert_eq!(
        (&written[0]["lab_recording"], &written[0]["flavour"]),
        (&1.into(), &"traefik".into())
    );
    let of = |target: &str| {
        let mut found = written
            .iter()
            .filter(|line| line["request"]["target"] == target);
        found.next().unwrap().clone()
    };
    let post = of("/a?b=c");
    let body = base64::engine::general_purpose::STANDARD.encode("some words");
    assert_eq!(post["request"]["body"], body);
    assert_eq!(
        post["request"]["left_out"],
        serde_json::json!(["authorization"])
    );
    assert_eq!(
        post["request"]["headers"],
        serde_json::json!([["x-kind", "click"], ["connection", "close"]])
    );
    let answer = &post["answer"];
    assert_eq!(
        (&answer["status"], &answer["service"], &answer["ingress"]),
        (&200.into(), &"root:80".into(), &"web".into())
    );
    assert_eq!(answer["pod"], root.to_string());
    assert!(
        answer["headers"]
            .as_array()
            .unwrap()
            .contains(&serde_json::json!(["x-name", "root"]))
    );
    // Letter by letter, as Traefik has it.
    assert_eq!(of("/foobar")["answer"]["service"], "foo:80");
    assert_eq!(of("/foobar")["answer"]["status"], 503);
    assert_eq!(of("/large")["request"]["body_left_out"], true);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_written_down_and_what_is_different_is_found() {
    let (root, deep) = (backend("root").await, backend("foo").await);
    let lab = Lab::start("process", &toml(root, deep, "foo"));
    let web = service(&lab.status(), "traefik")["ports"][0]["port"]
        .as_u64()
        .unwrap();
    let web = SocketAddr::from(([127, 0, 0, 1], u16::try_from(web).unwrap()));
    ask(web, "GET /before", "", "").await;

    let file = lab.folder().join("session.ndjson");
    let mut command = lab.command(&["record", "session.ndjson"]);
    let child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut recording = Running(child);
    crate::eventually!("it records", (lines(&file).len() == 1).then_some(()));
    let secret = "Authorization: Bearer secret\r\nX-Kind: click\r\n";
    ask(web, "POST /a?b=c", secret, "some words").await;
    ask(web, "GET /foo/bar", "", "").await;
    ask(web, "GET /foobar", "X-Status: 503\r\n", "").await;
    ask(web, "PUT /large", "", &"x".repeat(70_000)).await;
    let written = crate::eventually!("all are written", {
        let found = lines(&file);
        (found.len() == 5).then_some(found)
    });
    assert_eq!(recording.interrupt(), Some(0));
    ask(web, "GET /after", "", "").await;
    assert_eq!(lines(&file).len(), 5);

    check(&file, &written, root);

    let replay =
        |more: &[&str]| lab.run(&[&["-o", "json", "replay", "session.ndjson"], more].concat());
    let same = replay(&[]);
    assert_eq!(differences(&same), []);
    assert_eq!(same.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&same.stdout).unwrap();
    assert_eq!(
        (&told["requests"], &told["skipped"]),
        (&3.into(), &1.into())
    );

    let other = replay(&["--flavour", "nginx"]);
    let foobar = "GET http://web.lab.localhost/foobar".to_owned();
    let wanted = (
        foobar.clone(),
        "services".to_owned(),
        "foo:80".to_owned(),
        "root:80".to_owned(),
    );
    assert_eq!(differences(&other), [wanted]);
    assert_eq!(other.status.code(), Some(1));
    assert_eq!(replay(&["--flavour", "traefik"]).status.code(), Some(0));

    lab.file("lab.toml", &toml(root, deep, "root"));
    lab.ok(&["reload"]);
    let found = differences(&replay(&[]));
    let whats: Vec<_> = found
        .iter()
        .map(|(_, what, before, now)| (what.as_str(), before.as_str(), now.as_str()))
        .collect();
    let twice = [
        ("service", "foo:80", "root:80"),
        ("header x-name", "foo", "root"),
    ];
    assert_eq!(whats, [twice, twice].concat());
    assert!(found[2].0 == foobar, "{found:?}");

    let refused = lab.run(&["record", "session.ndjson"]);
    assert_eq!(
        refused.status.code(),
        Some(1),
        "a recording is not written over"
    );
    lab.file("other.ndjson", "{}\n");
    assert_eq!(lab.run(&["replay", "other.ndjson"]).status.code(), Some(2));
    assert_eq!(
        lab.run(&["record", "third.ndjson", "--for", "1ms"])
            .status
            .code(),
        Some(0)
    );
    lab.down();
}
