//! The dashboard's files, how a browser gets the token, and what it is told as it happens.

use axum::body::{Body, to_bytes};
use futures_util::StreamExt as _;
use http::{Request, StatusCode};
use lab::dashboard;
use lab::model::{LabPhase, Status};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::admin::{Api, api, request, send};

/// What a browser asks before it has the token.
fn plain(method: &str, path: &str, body: &str) -> Request<Body> {
    let mut request = request(method, path, body);
    request.headers_mut().remove("authorization");
    request
}

async fn text(api: &Api, request: Request<Body>) -> (StatusCode, http::HeaderMap, String) {
    let router = dashboard::router(api.state.clone());
    let answer = router.oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8(body.to_vec()).unwrap();
    (head.status, head.headers, text)
}

#[tokio::test]
async fn the_pages_files_need_no_token_and_hold_no_secret() {
    let api = api();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/js/main.js", "text/javascript; charset=utf-8"),
        ("/js/dom.js", "text/javascript; charset=utf-8"),
        ("/js/views/shell.js", "text/javascript; charset=utf-8"),
        ("/css/base.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
    ] {
        let (status, headers, body) = text(&api, plain("GET", path, "")).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(headers["content-type"], kind, "{path}");
        assert!(!body.contains(&*api.state.token), "{path}");
    }
    let (_, headers, _) = text(&api, plain("GET", "/", "")).await;
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
    for path in [
        "/js/../Cargo.toml",
        "/js/nothing.js",
        "/css/none.css",
        "/js/views",
    ] {
        let (status, _, _) = text(&api, plain("GET", path, "")).await;
        assert_eq!(status, 404, "{path}");
    }
    let mut rebound = plain("GET", "/", "");
    let host = "evil.example".parse().unwrap();
    rebound.headers_mut().insert("host", host);
    assert_eq!(text(&api, rebound).await.0, 403);
}

#[tokio::test]
async fn a_page_of_another_origin_may_link_to_the_dashboard_but_not_ask_it() {
    let api = api();
    for (path, expected) in [("/", 200), ("/api/status", 403)] {
        let mut linked = request("GET", path, "");
        let site = "cross-site".parse().unwrap();
        linked.headers_mut().insert("sec-fetch-site", site);
        assert_eq!(text(&api, linked).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn a_code_is_good_for_the_token_once() {
    let api = api();
    let (status, answer) = send(&api.state, request("POST", "/api/session", "{}")).await;
    assert_eq!(status, 200);
    let body = answer.to_string();
    let redeem = || plain("POST", "/api/session/redeem", &body);
    let mut foreign = redeem();
    let origin = "http://evil.example".parse().unwrap();
    foreign.headers_mut().insert("origin", origin);
    assert_eq!(send(&api.state, foreign).await.0, 403);
    let mut form = redeem();
    form.headers_mut().remove("content-type");
    assert_eq!(send(&api.state, form).await.0, 415);
    let (status, told) = send(&api.state, redeem()).await;
    assert_eq!(
        (status, told),
        (StatusCode::OK, json!({"token": &*api.state.token}))
    );
    let (status, told) = send(&api.state, redeem()).await;
    assert_eq!(status, 401);
    assert!(
        told["hint"].as_str().unwrap().contains("lab open"),
        "{told}"
    );
    let made_up = json!({"code": "0".repeat(64)}).to_string();
    let (status, _) = send(&api.state, plain("POST", "/api/session/redeem", &made_up)).await;
    assert_eq!(status, 401);
}

/// The next event of a stream, by its name.
async fn next(
    body: &mut axum::body::BodyDataStream,
    waiting: &mut String,
) -> Option<(String, Value)> {
    loop {
        if let Some((event, _)) = waiting.split_once("\n\n") {
            let event = event.to_owned();
            waiting.drain(..event.len() + 2);
            let field = |name: &str| {
                let mut lines = event.lines();
                lines.find_map(|line| line.strip_prefix(name).map(str::to_owned))
            };
            if let (Some(name), Some(data)) = (field("event: "), field("data: ")) {
                return Some((name, serde_json::from_str(&data).unwrap()));
            }
            continue;
        }
        let chunk = body.next().await?.unwrap();
        waiting.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

#[tokio::test]
async fn a_page_is_told_everything_at_once_and_then_each_change() {
    let api = api();
    let router = dashboard::router(api.state.clone());
    let live = request("GET", "/api/live?topics=status", "");
    let answer = router.oneshot(live).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body().into_data_stream();
    let mut waiting = String::new();
    let (name, first) = next(&mut body, &mut waiting).await.unwrap();
    let first: Status = serde_json::from_value(first).unwrap();
    assert_eq!((name.as_str(), first.phase), ("status", LabPhase::Starting));
    assert_eq!(first, api.state.status());
    api.tell(|facts| facts.phase = LabPhase::Running);
    let (_, second) = next(&mut body, &mut waiting).await.unwrap();
    assert_eq!(second["phase"], "running");
    lab::registry::scale(&api.state.registry, "inventory", 4).unwrap();
    let (_, third) = next(&mut body, &mut waiting).await.unwrap();
    let services = third["services"].as_array().unwrap();
    let inventory = services.iter().find(|one| one["name"] == "inventory");
    assert_eq!(inventory.unwrap()["replicas"], 4);
    api.stop();
    assert!(next(&mut body, &mut waiting).await.is_none());
}

#[tokio::test]
async fn a_topic_is_asked_for_by_a_good_query() {
    let api = api();
    let (status, told) = send(&api.state, request("GET", "/api/live?topic=status", "")).await;
    assert_eq!(status, 400, "{told}");
}
