//! REST to gRPC, both versions, against real identity and inventory.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Method, Request, StatusCode};
use lab::cloudforet::Settings;
use lab::cloudforet::console_api::{Version, app};
use lab::cloudforet::telemetry::Emitter;
use lab::model::{Event, SpanKind};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::eventually;
use crate::support::stack::{Stack, emitter};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

async fn send(app: &Router, request: Request<Body>) -> Answer {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

async fn post(app: &Router, path: &str, token: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path)
        .header("origin", "https://console.example.com")
        .header("authorization", format!("Bearer {token}"));
    send(app, request.body(body.into()).unwrap()).await
}

/// A token that may see the first workspace.
async fn log_in(app: &Router) -> String {
    let call = async |path: &str, token: &str, body: Value| {
        let answer = post(app, path, token, body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    };
    let domain = call(
        "/identity/domain/get-auth-info",
        "",
        json!({"name": "spaceone"}),
    )
    .await;
    let tokens = call(
        "/identity/token/issue",
        "",
        json!({
            "domain_id": domain["domain_id"], "auth_type": "LOCAL",
            "credentials": {"user_id": "admin", "password": "Admin123!@#"},
        }),
    )
    .await;
    let access = tokens["access_token"].as_str().unwrap();
    let mine = call("/identity/user-profile/get-workspaces", access, json!({})).await;
    let granted = call(
        "/identity/token/grant",
        "",
        json!({
            "grant_type": "REFRESH_TOKEN", "token": tokens["refresh_token"], "scope": "WORKSPACE",
            "workspace_id": mine["results"][0]["workspace_id"],
        }),
    )
    .await;
    granted["access_token"].as_str().unwrap().to_owned()
}

fn versions(settings: &Settings) -> (Router, Router) {
    let named = |pod: &str| Settings {
        pod: pod.to_owned(),
        ..settings.clone()
    };
    let v1 = app(Version::V1, &named("console-api-t"), emitter());
    let v2 = app(Version::V2, &named("console-api-v2-t"), emitter());
    (v1, v2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_become_methods_by_reflection() {
    let stack = Stack::start().await;
    let (v1, v2) = versions(&stack.settings);
    let token = log_in(&v2).await;

    let get = Request::get("/console-api/api/reflection")
        .body(Body::empty())
        .unwrap();
    let apis = send(&v2, get).await.body["apis"].clone();
    let list = json!({"path": "/inventory/cloud-service/list", "name": "list", "method": ["post"]});
    assert!(apis.as_array().unwrap().contains(&list), "{apis}");
    let apis = post(&v1, "/api/reflection", "", "").await.body["apis"].clone();
    let list = json!({"path": "/inventory/cloud-service/list", "methods": ["post"]});
    assert!(apis.as_array().unwrap().contains(&list), "{apis}");

    let query = json!({"query": {"page": {"start": 1, "limit": 3}, "only": ["name"]}}).to_string();
    let path = "/inventory/cloud-service/list";
    for (app, served_by) in [
        (&v1, "console-api-t, inventory-a"),
        (&v2, "console-api-v2-t, inventory-a"),
    ] {
        let answer = eventually!("sample data", {
            let answer = post(app, path, &token, query.clone()).await;
            (answer.body["total_count"].as_f64().unwrap_or(0.0) > 3.0).then_some(answer)
        });
        assert_eq!(answer.body["results"].as_array().unwrap().len(), 3);
        assert_eq!(answer.headers["x-lab-served-by"], served_by);
        assert_eq!(
            answer.headers["access-control-allow-origin"],
            "https://console.example.com"
        );
        assert_eq!(answer.headers["access-control-allow-credentials"], "true");
    }

    let distinct = json!({"resource_type": "inventory.CloudService", "distinct_key": "provider"});
    let answer = post(
        &v1,
        "/add-ons/autocomplete/distinct",
        &token,
        distinct.to_string(),
    )
    .await;
    let aws = json!({"key": "aws", "name": "aws"});
    assert!(
        answer.body["results"].as_array().unwrap().contains(&aws),
        "{}",
        answer.body
    );

    // Errors, in each version's own form.
    let missing = json!({"cloud_service_id": "cloud-svc-000000000000"}).to_string();
    let answer = post(&v2, "/inventory/cloud-service/get", &token, missing.clone()).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.body["detail"]["code"], "ERROR_NOT_FOUND");
    assert_eq!(
        answer.headers["x-lab-served-by"],
        "console-api-v2-t, inventory-a"
    );
    let answer = post(&v1, "/inventory/cloud-service/get", &token, missing).await;
    assert_eq!(answer.body["detail"]["fail_items"], json!({}));
    let answer = post(&v2, path, "nonsense", "{}").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.body);
    let answer = post(&v2, path, &token, r#"{"query": {"page": {"limit": "x"}}}"#).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.body["detail"]["message"]
            .as_str()
            .unwrap()
            .contains("query.page.limit")
    );
    for path in [
        "/inventory/cloud-service/explode",
        "/nobody/knows/this",
        "/",
        "/inventory",
    ] {
        let answer = post(&v2, path, &token, "{}").await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(answer.body["detail"]["code"], "ERROR_UNSUPPORTED_API");
    }
    let too_much = vec![b' '; 10 * 1024 * 1024 + 1];
    let answer = post(&v2, path, &token, too_much).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sampled_request_is_told_hop_by_hop() {
    let stack = Stack::start().await;
    let (tell, events) = Emitter::channel(64);
    let settings = Settings {
        pod: "console-api-v2-t".to_owned(),
        ..stack.settings.clone()
    };
    let app = app(Version::V2, &settings, tell);
    let request = |flags: &str| {
        Request::post("/identity/domain/get-auth-info")
            .header("traceparent", format!("00-{:032x}-{:016x}-{flags}", 7, 9))
            .body(Body::from(json!({"name": "spaceone"}).to_string()))
            .unwrap()
    };
    send(&app, request("00")).await;
    assert!(events.try_recv().is_err(), "not sampled, not told");
    send(&app, request("01")).await;
    let spans: Vec<_> = events
        .try_iter()
        .filter_map(|event| {
            if let Event::Span(span) = event {
                Some(span)
            } else {
                None
            }
        })
        .collect();
    let [client, server] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(
        (client.kind, server.kind),
        (SpanKind::GrpcClient, SpanKind::HttpServer)
    );
    assert_eq!(client.parent, Some(server.id));
    assert_eq!(client.name, "Domain/get_auth_info");
    assert_eq!(server.name, "POST /identity/domain/get-auth-info");
    assert_eq!(
        (client.status.as_str(), server.status.as_str()),
        ("OK", "200")
    );
    let address = stack.settings.endpoints["identity"]
        .trim_start_matches("grpc://")
        .to_owned();
    assert_eq!(
        client.outbound.unwrap().remote,
        address.parse::<SocketAddr>().unwrap()
    );
    stack.stop().await;
}

#[tokio::test]
async fn without_backends_the_api_still_answers() {
    // A port that was free a moment ago and has no listener.
    let nobody = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let endpoint = ("inventory".to_owned(), format!("grpc://{address}"));
    let settings = Settings {
        endpoints: [endpoint].into(),
        ..Settings::default()
    };
    let (v1, v2) = versions(&settings);
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(
        send(&v2, get("/check")).await.body,
        json!({"status": "SERVING"})
    );
    assert_eq!(
        send(&v2, get("/console-api/api/reflection")).await.body,
        json!({"apis": []})
    );
    let answer = post(&v2, "/inventory/cloud-service/list", "t", "{}").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.body["detail"]["code"], "ERROR_GRPC_CONNECTION");

    // v1 wants a token before it looks any further.
    let request = Request::post("/inventory/cloud-service/list")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&v1, request).await.status, StatusCode::UNAUTHORIZED);

    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/inventory/cloud-service/list")
        .header("origin", "https://console.lab.localhost:8443")
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type,traceparent",
        )
        .body(Body::empty())
        .unwrap();
    let answer = send(&v2, preflight).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        header("access-control-allow-origin"),
        "https://console.lab.localhost:8443"
    );
    assert_eq!(
        header("access-control-allow-headers"),
        "authorization,content-type,traceparent"
    );
    assert!(header("access-control-allow-methods").contains("POST"));
    assert!(header("access-control-expose-headers").contains("x-lab-served-by"));
}
