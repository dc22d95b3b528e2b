//! Spans that leave the lab by OTLP, read by OpenTelemetry's own messages (`tests/otlp/receiver.py`).

use std::io::{BufRead as _, BufReader, Lines};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use base64::Engine as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ingress_support::localhost;
use crate::support::lab::{Lab, service};

/// A running receiver, and what it has read so far.
struct Receiver {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Receiver {
    fn start(arguments: &[&str]) -> Self {
        let named = std::env::var_os("LAB_OTLP_PYTHON").map(PathBuf::from);
        let python = match named {
            Some(python) if python.exists() => python,
            _ => panic!(
                "there is no receiver of OTLP: run the tests with tests/run, or `pip install \
                 opentelemetry-proto` and name that Python in LAB_OTLP_PYTHON"
            ),
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/otlp/receiver.py");
        let mut process = Command::new(python)
            .arg(script)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        Self {
            process,
            lines,
            port,
        }
    }

    /// The next batch that was taken: spans with the name of their service.
    fn next(&mut self) -> Vec<(String, Value)> {
        let batch: Value = serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap();
        let mut spans = Vec::new();
        for of_source in batch["resourceSpans"].as_array().unwrap() {
            let name = attribute(&of_source["resource"], "service.name");
            for span in of_source["scopeSpans"][0]["spans"].as_array().unwrap() {
                spans.push((
                    name["stringValue"].as_str().unwrap().to_owned(),
                    span.clone(),
                ));
            }
        }
        spans
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn attribute<'v>(of: &'v Value, key: &str) -> &'v Value {
    let all = of["attributes"].as_array().unwrap();
    let found = all.iter().find(|one| one["key"] == key);
    &found.unwrap_or_else(|| panic!("no {key} in {of:#}"))["value"]
}

/// A lab with one endpoint that exports to this port, and the address of its ingress.
async fn lab(port: u16) -> (Lab, SocketAddr) {
    let backend = tokio::net::TcpListener::bind(localhost()).await.unwrap();
    let endpoint = backend.local_addr().unwrap();
    let echo = axum::Router::new().fallback(async || "hello");
    tokio::spawn(async move { axum::serve(backend, echo).await });
    let toml = format!(
        "cloudforet.enabled = false\ningress.redirect_https = false\n\
         [trace]\notlp = \"http://127.0.0.1:{port}\"\n\
         [services.echo]\nendpoints = [\"{endpoint}\"]\nport = 80\n\
         [[ingresses]]\nname = \"echo\"\n\
         rules = [{{ host = \"echo.lab.localhost\", paths = [{{ path = \"/\", service = \"echo\", port = 80 }}] }}]\n"
    );
    let lab = Lab::start("process", &toml);
    let web = service(&lab.status(), "traefik")["ports"][0]["port"]
        .as_u64()
        .unwrap();
    let web = SocketAddr::from(([127, 0, 0, 1], u16::try_from(web).unwrap()));
    (lab, web)
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

async fn ask(web: SocketAddr, path: &str) {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: echo.lab.localhost\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(web).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

/// Bytes as JSON of protobuf has them, in hex.
fn hex(value: &Value) -> String {
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap());
    let digits = bytes.unwrap().into_iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_reads_spans_with_their_parents_and_conventional_names() {
    // A receiver that is busy is asked again, and nothing is lost.
    let mut receiver = Receiver::start(&["--refuse", "1"]);
    let (lab, web) = lab(receiver.port).await;
    ask(web, "/a?b=c").await;
    let spans = receiver.next();
    assert_eq!(spans.len(), 2, "{spans:#?}");
    let of = |source: &str| {
        let mut found = spans.iter().filter(|(name, _)| name == source);
        found.next().unwrap().1.clone()
    };
    let (balancer, ingress) = (of("lb"), of("traefik"));
    for span in [&balancer, &ingress] {
        assert_eq!(hex(&span["traceId"]), TRACE);
        let time = |key: &str| span[key].as_str().unwrap().parse::<u128>().unwrap();
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        assert!(now.as_nanos() - time("endTimeUnixNano") < 60_000_000_000);
    }
    assert_eq!(hex(&balancer["parentSpanId"]), PARENT);
    assert_eq!(ingress["parentSpanId"], balancer["spanId"]);
    assert_eq!(
        (&balancer["kind"], &ingress["kind"]),
        (&"SPAN_KIND_INTERNAL".into(), &"SPAN_KIND_SERVER".into())
    );
    assert_eq!(ingress["name"], "GET /a");
    assert_eq!(ingress.get("status"), None, "no error");
    for (key, kind, value) in [
        ("http.request.method", "stringValue", "GET"),
        ("url.path", "stringValue", "/a"),
        ("http.response.status_code", "intValue", "200"),
        ("network.protocol.version", "stringValue", "1.1"),
        ("server.address", "stringValue", "echo.lab.localhost"),
        ("http.response.body.size", "intValue", "5"),
        ("network.peer.address", "stringValue", "127.0.0.1"),
        ("lab.service", "stringValue", "echo:80"),
    ] {
        assert_eq!(attribute(&ingress, key)[kind], value, "{key}");
    }
    // The end of the lab sends what still waits.
    ask(web, "/last").await;
    lab.down();
    let spans = receiver.next();
    assert!(
        spans.iter().any(|(_, span)| span["name"] == "GET /last"),
        "{spans:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_receiver_spans_are_dropped_counted_and_told_once() {
    let nobody = crate::ingress_support::nobody().port();
    let (lab, web) = lab(nobody).await;
    let metrics = async || {
        let url = lab.status()["urls"]["dashboard"]
            .as_str()
            .unwrap()
            .to_owned();
        let address = url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request =
            format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    for lost in ["2", "4"] {
        ask(web, "/").await;
        let line = format!("lab_otlp_spans_dropped_total {lost}\n");
        crate::eventually!(
            "the spans are counted",
            metrics().await.contains(&line).then_some(())
        );
    }
    assert!(metrics().await.contains("lab_otlp_spans_sent_total 0\n"));
    let log = lab.log();
    assert_eq!(log.matches("spans cannot be exported").count(), 1, "{log}");
    lab.down();
}
