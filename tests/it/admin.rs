//! The admin API: who is refused, what it changes, and how its streams end.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::{Request, StatusCode};
use lab::client::{AdminFile, Client, ClientError, LogQuery};
use lab::config::{self, Overrides};
use lab::dashboard::{self, AdminState, Codes, Facts, LogSelection, Records};
use lab::lessons::Lessons;
use lab::model::{
    Conditions, DownRequest, Endpoint, EndpointAddress, EndpointSlice, Film, LabPhase, LogLine,
    OutputStream, Pod, PodPhase, TraceId,
};
use lab::net::{Shutdown, Trigger};
use lab::registry::{Cluster, Registry};
use lab::trace::{Limits, Theatre, Watch, assemble};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tower::ServiceExt as _;

const TOKEN: &str = "the-token";

/// What the lab has seen, in these tests.
struct Seen;

fn log_line(text: &str) -> LogLine {
    LogLine {
        time: 1,
        pod: "inventory-a".into(),
        stream: OutputStream::Stdout,
        text: text.into(),
    }
}

impl Records for Seen {
    fn open_connections(&self) -> Vec<lab::model::Connection> {
        Vec::new()
    }

    fn connections(&self, service: &str, _endpoint: SocketAddr) -> u64 {
        u64::from(service == "inventory") * 3
    }

    fn logs(&self, selection: &LogSelection, tail: usize) -> Vec<LogLine> {
        let known = selection.pod.is_none() && selection.service.as_deref() == Some("inventory");
        let lines = ["first", "second"].map(log_line);
        if known {
            lines[lines.len().saturating_sub(tail)..].to_vec()
        } else {
            Vec::new()
        }
    }

    fn follow_logs(
        &self,
        selection: &LogSelection,
        tail: usize,
    ) -> (Vec<LogLine>, BoxStream<'static, LogLine>) {
        let live = stream::iter([log_line("live")]).chain(stream::pending());
        (self.logs(selection, tail), live.boxed())
    }

    fn films(&self) -> Vec<Value> {
        vec![json!({"trace": "1"})]
    }

    fn film(&self, trace: TraceId, _wait: Duration) -> BoxFuture<'static, Option<Film>> {
        let film = (trace == TraceId::from_random(7)).then(|| assemble(trace, &[], &[]));
        Box::pin(std::future::ready(film))
    }

    fn look(&self) -> Watch {
        Watch::new(Theatre::new(Limits::default()))
    }
}

pub(crate) struct Api {
    pub(crate) state: AdminState,
    facts: watch::Sender<Facts>,
    pub(crate) stopped: mpsc::Receiver<DownRequest>,
    trigger: Trigger,
    pub(crate) shutdown: Shutdown,
}

impl Api {
    /// Changes what the app tells.
    pub(crate) fn tell(&self, change: impl FnOnce(&mut Facts)) {
        self.facts.send_modify(change);
    }

    /// The lab stops.
    pub(crate) fn stop(&self) {
        self.trigger.trigger();
    }
}

/// The default lab, its Services without pods, and one Service with addresses of the user's own.
pub(crate) fn api() -> Api {
    let toml = "[services.away]\nendpoints = [\"127.0.0.1:1\"]\nport = 80\n";
    let config = config::parse(
        Some((std::path::Path::new("lab.toml"), toml)),
        &Overrides::default(),
    )
    .unwrap();
    let mut cluster = Cluster::default();
    for service in config.services {
        cluster
            .services
            .insert(service.name.clone(), Arc::new(service));
    }
    for deployment in config.deployments {
        cluster
            .deployments
            .insert(deployment.name.clone(), Arc::new(deployment));
    }
    let (facts, seen) = watch::channel(Facts {
        name: "test".into(),
        ..Facts::default()
    });
    let (stop, stopped) = mpsc::channel(1);
    let (trigger, shutdown) = Trigger::new();
    let registry = Registry::new(cluster);
    let state = AdminState {
        lessons: Lessons::new(registry.clone(), Theatre::new(Limits::default()), None),
        registry,
        facts: seen,
        records: Arc::new(Seen),
        stop,
        wishes: mpsc::channel(1).0,
        loads: lab::load::Loads::default(),
        token: TOKEN.into(),
        codes: Codes::default(),
        shutdown: shutdown.clone(),
    };
    Api {
        state,
        facts,
        stopped,
        trigger,
        shutdown,
    }
}

/// A good request; tests spoil it.
pub(crate) fn request(method: &str, path: &str, body: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:1234")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

pub(crate) async fn send(state: &AdminState, request: Request<Body>) -> (StatusCode, Value) {
    let answer = dashboard::router(state.clone())
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let cors = |name: &&http::HeaderName| name.as_str().starts_with("access-control");
    assert_eq!(answer.headers().keys().find(cors), None);
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// A good request with one header set to something else, or removed.
async fn with_header(method: &str, name: &'static str, value: Option<&str>) -> StatusCode {
    let api = api();
    let mut spoiled = match method {
        "GET" => request("GET", "/api/status", ""),
        _ => request("POST", "/api/down", "{}"),
    };
    match value {
        Some(value) => drop(spoiled.headers_mut().insert(name, value.parse().unwrap())),
        None => drop(spoiled.headers_mut().remove(name)),
    }
    let (status, body) = send(&api.state, spoiled).await;
    assert_eq!(status.is_success(), body.get("error").is_none(), "{body}");
    status
}

#[tokio::test]
async fn only_loopback_names_are_hosts() {
    for host in [
        "localhost",
        "localhost:80",
        "127.0.0.1:9",
        "[::1]:9",
        "[::1]",
    ] {
        assert_eq!(with_header("GET", "host", Some(host)).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "127.0.0.1.evil.example:80",
        "localhost.evil",
        "console.lab.localhost",
        "127.0.0.1:80:80",
        "0.0.0.0",
        "",
    ] {
        assert_eq!(with_header("GET", "host", Some(host)).await, 403, "{host}");
    }
    assert_eq!(with_header("GET", "host", None).await, 403);
    let api = api();
    let mut unknown = request("GET", "/nowhere", "");
    unknown
        .headers_mut()
        .insert("host", "evil.example".parse().unwrap());
    assert_eq!(send(&api.state, unknown).await.0, 403, "before any route");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let own = Some("http://127.0.0.1:1234");
    assert_eq!(with_header("GET", "origin", own).await, 200);
    for origin in [
        "http://evil.example",
        "null",
        "https://127.0.0.1:1234",
        "http://127.0.0.1:9",
    ] {
        assert_eq!(
            with_header("GET", "origin", Some(origin)).await,
            403,
            "{origin}"
        );
    }
    for (site, expected) in [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
    ] {
        assert_eq!(
            with_header("GET", "sec-fetch-site", Some(site)).await,
            expected,
            "{site}"
        );
    }
}

#[tokio::test]
async fn nothing_is_told_without_the_token() {
    for token in [
        None,
        Some(""),
        Some("the-token"),
        Some("Bearer the-toke"),
        Some("Bearer x"),
    ] {
        assert_eq!(
            with_header("GET", "authorization", token).await,
            401,
            "{token:?}"
        );
    }
    let api = api();
    for path in ["/api", "/nowhere", "/api/films", "/api/session"] {
        let mut spoiled = request("GET", path, "");
        spoiled.headers_mut().remove("authorization");
        assert_eq!(send(&api.state, spoiled).await.0, 401, "{path}");
        let (status, _) = send(&api.state, request("GET", path, "")).await;
        let answered = match path {
            "/nowhere" => 404,
            "/api/session" => 405,
            _ => 200,
        };
        assert_eq!(status, answered, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_changed_but_by_a_json_post() {
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
    ] {
        assert_eq!(
            with_header("POST", "content-type", kind).await,
            415,
            "{kind:?}"
        );
    }
    let charset = Some("application/json; charset=utf-8");
    assert_eq!(with_header("POST", "content-type", charset).await, 202);
    let mut api = api();
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        for path in ["/api/down", "/api/scale"] {
            let (status, _) = send(&api.state, request(method, path, "{}")).await;
            assert_eq!(status, 405, "{method} {path}");
        }
    }
    assert_eq!(
        send(&api.state, request("POST", "/api/status", "{}"))
            .await
            .0,
        405
    );
    assert!(api.stopped.try_recv().is_err());
    for body in ["", "{", "7", "{\"dta\":true}", "{\"data\":1}"] {
        assert_eq!(
            send(&api.state, request("POST", "/api/down", body)).await.0,
            400,
            "{body}"
        );
    }
    let large = format!("{{\"data\":{}true}}", " ".repeat(100_000));
    assert_eq!(
        send(&api.state, request("POST", "/api/down", &large))
            .await
            .0,
        413
    );
}

#[tokio::test]
async fn scale_writes_to_the_registry() {
    let api = api();
    let scale = |service: &str, replicas: i64| {
        let body = json!({"service": service, "replicas": replicas}).to_string();
        send(&api.state, request("POST", "/api/scale", &body))
    };
    let (status, answer) = scale("inventory", 5).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({"service": "inventory", "replicas": 5, "before": 1})
    );
    assert_eq!(
        api.state.registry.snapshot().deployments["inventory"].replicas,
        5
    );
    assert_eq!(scale("inventroy", 5).await.0, 404);
    assert_eq!(scale("away", 5).await.0, 409);
    assert_eq!(scale("inventory", 201).await.0, 400);
    assert_eq!(scale("inventory", -1).await.0, 400);
    assert_eq!(
        api.state.registry.snapshot().deployments["inventory"].replicas,
        5
    );
}

#[tokio::test]
async fn down_reaches_the_app_once() {
    let mut api = api();
    for _ in 0..2 {
        let (status, _) = send(&api.state, request("POST", "/api/down", "{\"data\":true}")).await;
        assert_eq!(status, 202);
    }
    assert_eq!(api.stopped.recv().await, Some(DownRequest { data: true }));
    drop(api.stopped);
    let (status, _) = send(&api.state, request("POST", "/api/down", "{}")).await;
    assert_eq!(status, 503);
}

/// The API on a socket, and a client of it.
async fn served(api: &Api) -> (Client, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let admin = AdminFile {
        address: listener.local_addr().unwrap(),
        token: TOKEN.into(),
        pid: 0,
    };
    let server = dashboard::serve(listener, api.state.clone(), api.shutdown.clone());
    (Client::new(&admin), tokio::spawn(server))
}

/// Every Deployment gets its one ready pod.
fn make_ready(cluster: &mut Cluster) {
    for name in cluster.deployments.keys().cloned().collect::<Vec<_>>() {
        let pod = Pod {
            name: format!("{name}-a"),
            deployment: name.clone(),
            service: Some(name.clone()),
            phase: PodPhase::Running,
            ready: true,
            terminating: false,
            restarts: 0,
            ip: Some(Ipv4Addr::new(127, 42, 0, 1).into()),
            ports: Vec::new(),
            reason: None,
            last_lines: Vec::new(),
        };
        let address = SocketAddr::from(([127, 42, 0, 1], 1));
        let endpoint = Endpoint {
            pod: Some(pod.name.clone()),
            addresses: vec![EndpointAddress {
                pod: address,
                host: address,
            }],
            conditions: Conditions {
                ready: true,
                serving: true,
                terminating: false,
            },
        };
        let slice = EndpointSlice {
            service: name.clone(),
            endpoints: vec![endpoint],
        };
        cluster.pods.insert(pod.name.clone(), Arc::new(pod));
        cluster.slices.insert(name, Arc::new(slice));
    }
}

#[tokio::test]
async fn progress_is_told_until_everything_is_ready() {
    let api = api();
    let (client, _server) = served(&api).await;
    let mut changes = client.progress(false).await.unwrap();
    let first = changes.next().await.unwrap().unwrap();
    assert_eq!((first.name.as_str(), first.ready), ("test", false));
    api.state.registry.change(make_ready);
    let second = changes.next().await.unwrap().unwrap();
    assert_eq!(
        (second.pods.len(), second.ready),
        (14, false),
        "not said to run yet"
    );
    api.facts
        .send_modify(|facts| facts.phase = LabPhase::Running);
    assert!(changes.next().await.unwrap().unwrap().ready);
    assert!(changes.next().await.unwrap().is_none());

    let status = client.status().await.unwrap();
    assert!(status.ready);
    let inventory = status
        .services
        .iter()
        .find(|service| service.name == "inventory")
        .unwrap();
    assert_eq!(inventory.kind, "ClusterIP");
    assert_eq!(inventory.endpoints[0].connections, 3);
    assert_eq!(inventory.endpoints[0].pod.as_deref(), Some("inventory-a"));
}

#[tokio::test]
async fn streams_and_the_server_end_with_the_lab() {
    let api = api();
    let (client, server) = served(&api).await;
    let mut changes = client.progress(true).await.unwrap();
    changes.next().await.unwrap().unwrap();
    let query = LogQuery {
        service: Some("inventory".into()),
        tail: 1,
        follow: true,
        ..LogQuery::default()
    };
    let mut lines = client.logs(&query).await.unwrap();
    for expected in ["second", "live"] {
        assert_eq!(lines.next().await.unwrap().unwrap().text, expected);
    }
    api.trigger.trigger();
    assert!(lines.next().await.unwrap().is_none());
    assert!(changes.next().await.unwrap().is_none());
    server.await.unwrap().unwrap();
    let gone = client.status().await.unwrap_err();
    assert!(matches!(gone, ClientError::Unreachable { .. }), "{gone}");
}

#[tokio::test]
async fn logs_and_films_that_do_not_exist_are_refused() {
    let api = api();
    let (client, _server) = served(&api).await;
    for query in [
        LogQuery {
            pod: Some("nobody".into()),
            ..LogQuery::default()
        },
        LogQuery {
            service: Some("nobody&tail=5".into()),
            ..LogQuery::default()
        },
    ] {
        let error = client.logs(&query).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Refused { status: 404, .. }),
            "{error}"
        );
        assert!(error.hint().is_some());
    }
    let wait = Duration::from_millis(5);
    let film: Option<Value> = client.film(TraceId::from_random(7), wait).await.unwrap();
    assert_eq!(film.map(|film| film["hops"].clone()), Some(json!([])));
    let film: Option<Value> = client.film(TraceId::from_random(8), wait).await.unwrap();
    assert_eq!(film, None);
    assert_eq!(client.films().await.unwrap().len(), 1);
    for target in [
        "/api/logs?tail=-1",
        "/api/logs?colour=1",
        "/api/progress?follow=2",
    ] {
        let error = client.get::<Value>(target).await.unwrap_err();
        assert!(
            matches!(error, ClientError::Refused { status: 400, .. }),
            "{target}: {error}"
        );
    }
}
