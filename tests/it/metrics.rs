//! `/metrics`: what is counted, how it is written, and who may read it; and `lab top` beside it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode};
use lab::dashboard;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use crate::ingress_support::localhost;
use crate::support::lab::{Lab, service};

/// Samples by name and labels, after everything that the format demands was checked.
type Samples = BTreeMap<String, u64>;

/// Reads a page as strictly as Prometheus does: HELP, TYPE and all samples of a family together, known
/// types, no sample twice, counters that end in `_total`, histograms whose buckets grow and end in +Inf.
fn read(text: &str) -> Samples {
    assert!(text.ends_with('\n'));
    let mut samples = Samples::new();
    let mut families: BTreeMap<String, String> = BTreeMap::new();
    let (mut helped, mut family) = (String::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            assert!(!help.is_empty() && !families.contains_key(name), "{line}");
            name.clone_into(&mut helped);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(name, helped, "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(name.starts_with("lab_"), "{line}");
            families.insert(name.to_owned(), kind.to_owned());
            name.clone_into(&mut family);
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let suffix = name
                .strip_prefix(&family)
                .unwrap_or_else(|| panic!("{line} is not in {family}"));
            let histogram = families[&family] == "histogram";
            assert!(
                if histogram {
                    ["_bucket", "_sum", "_count"].contains(&suffix)
                } else {
                    suffix.is_empty()
                },
                "{line}"
            );
            labels(series.strip_prefix(name).unwrap());
            // Sums of seconds are read, and nothing more can be said of them.
            if suffix == "_sum" {
                assert!(value.parse::<f64>().unwrap() >= 0.0);
                continue;
            }
            let value = value.parse().unwrap();
            let twice = samples.insert(series.to_owned(), value);
            assert!(twice.is_none(), "twice: {line}");
        }
    }
    for (family, kind) in &families {
        if kind == "histogram" {
            buckets(family, &samples, text);
        }
    }
    samples
}

/// `{name="value",…}` with nothing unescaped.
fn labels(text: &str) {
    if text.is_empty() {
        return;
    }
    let mut rest = text.strip_prefix('{').unwrap();
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap();
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{text}"
        );
        let mut escaped = false;
        let end = behind.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        rest = &behind[end.unwrap() + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return assert_eq!(rest, "}", "{text}"),
        }
    }
}

fn buckets(family: &str, samples: &Samples, text: &str) {
    let start = format!("{family}_bucket{{");
    let (mut before, mut seen) = (0, 0);
    for line in text.lines().filter(|line| line.starts_with(&start)) {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let value = samples[series];
        let is_first = series.contains("le=\"0.00025\"");
        assert!(is_first || value >= before, "{line}");
        before = value;
        if series.contains("le=\"+Inf\"") {
            seen += 1;
            let labels = &series[start.len()..series.find("le=").unwrap()];
            let labels = labels.trim_end_matches(',');
            let count = format!("{family}_count{{{labels}}}");
            assert_eq!(samples[&count], value, "{count}");
        }
    }
    let any = text.lines().any(|line| line.starts_with(&start));
    assert_eq!(any, seen > 0, "{family} has a bucket without an end");
}

async fn call(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

async fn scrape(admin: SocketAddr) -> Samples {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
    let answer = call(admin, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    read(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_whether_they_have_a_film_or_not() {
    let backend = tokio::net::TcpListener::bind(localhost()).await.unwrap();
    let endpoint = backend.local_addr().unwrap();
    let echo = axum::Router::new()
        .route(
            "/",
            axum::routing::get(async || "hello").post(async || "hello"),
        )
        .route(
            "/broken",
            axum::routing::get(async || StatusCode::BAD_GATEWAY),
        );
    tokio::spawn(async move { axum::serve(backend, echo).await });
    let toml = format!(
        "cloudforet.enabled = false\ntrace.films_per_second = 0\ningress.redirect_https = false\n\
         [services.echo]\nendpoints = [\"{endpoint}\"]\nport = 80\n\
         [[ingresses]]\nname = \"echo\"\n\
         rules = [{{ host = \"echo.lab.localhost\", paths = [{{ path = \"/\", service = \"echo\", port = 80 }}] }}]\n"
    );
    let lab = Lab::start("process", &toml);
    let status = lab.status();
    let admin = status["urls"]["dashboard"].as_str().unwrap();
    let admin: SocketAddr = admin
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .parse()
        .unwrap();
    let traefik = service(&status, "traefik");
    let web = traefik["ports"][0]["port"].as_u64().unwrap();
    let web = SocketAddr::from(([127, 0, 0, 1], u16::try_from(web).unwrap()));
    let ask = async |line: &str, host: &str| {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        drop(call(web, &request).await);
    };
    let host = "echo.lab.localhost";
    for _ in 0..3 {
        ask("GET /", host).await;
    }
    ask("POST /", host).await;
    ask("BREW /", host).await;
    ask("GET /broken", host).await;
    ask("GET /", "nobody.example").await;
    let before = scrape(admin).await;
    let requests = |samples: &Samples, service: &str, code: u16, method: &str| {
        let labels = format!("service=\"{service}\",code=\"{code}\",method=\"{method}\"");
        samples
            .get(&format!("lab_ingress_requests_total{{{labels}}}"))
            .copied()
    };
    assert_eq!(requests(&before, "echo", 200, "GET"), Some(3));
    assert_eq!(requests(&before, "echo", 200, "POST"), Some(1));
    assert_eq!(requests(&before, "echo", 405, "OTHER"), Some(1));
    assert_eq!(requests(&before, "echo", 502, "GET"), Some(1));
    assert_eq!(requests(&before, "", 404, "GET"), Some(1));
    assert_eq!(
        before["lab_ingress_request_duration_seconds_count{service=\"echo\"}"],
        6
    );
    let of_endpoint = format!("{{service=\"echo\",pod=\"{endpoint}\"}}");
    assert_eq!(
        before[&format!("lab_ingress_endpoint_requests_total{of_endpoint}")],
        6
    );
    assert_eq!(
        before[&format!("lab_ingress_endpoint_errors_total{of_endpoint}")],
        1
    );
    // The one that the proxy answered itself is filmed whatever the config says, with two spans.
    crate::eventually!(
        "its film",
        (scrape(admin).await["lab_film_spans_total"] == 2).then_some(())
    );
    assert_eq!(
        before["lab_pod_ready{deployment=\"traefik\",pod=\"traefik-0\"}"],
        1
    );

    // A counter never goes back, whatever becomes of the replica that counted.
    lab.ok(&["kill", "traefik-0"]);
    let restarts = "lab_pod_restarts_total{deployment=\"traefik\",pod=\"traefik-0\"}";
    crate::eventually!("the replica is started again", {
        (scrape(admin).await.get(restarts) == Some(&1)).then_some(())
    });
    ask("GET /", host).await;
    let after = scrape(admin).await;
    assert_eq!(requests(&after, "echo", 200, "GET"), Some(4));
    for (series, value) in before
        .iter()
        .filter(|(series, _)| series.contains("_total"))
    {
        assert!(after[series] >= *value, "{series}");
    }
    let rows: Value = serde_json::from_str(&lab.ok(&["-o", "json", "top"])).unwrap();
    assert_eq!(
        (&rows[0]["pod"], &rows[0]["state"]),
        (&"traefik-0".into(), &"ready".into())
    );
    lab.down();
}

#[tokio::test]
async fn counters_need_no_token_and_everything_else_does() {
    let api = crate::admin::api();
    let send = async |method: &str, path: &str, host: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host);
        let request = request.body(Body::empty()).unwrap();
        let answer = dashboard::router(api.state.clone())
            .oneshot(request)
            .await
            .unwrap();
        let status = answer.status();
        (
            status.as_u16(),
            to_bytes(answer.into_body(), 1 << 20).await.unwrap(),
        )
    };
    let (status, body) = send("GET", "/metrics", "127.0.0.1:9090").await;
    assert_eq!(status, 200);
    let samples = read(std::str::from_utf8(&body).unwrap());
    assert_eq!(
        samples["lab_deployment_replicas{deployment=\"inventory\"}"],
        1
    );
    assert_eq!(send("GET", "/metrics", "evil.example").await.0, 403);
    assert_eq!(send("POST", "/metrics", "127.0.0.1:9090").await.0, 401);
    for path in ["/metrics/", "/api/traffic", "/api/status", "/api"] {
        assert_eq!(send("GET", path, "127.0.0.1:9090").await.0, 401, "{path}");
    }
}
