//! The OpenAPI documents of both console APIs, and the page that shows them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use lab::cloudforet::Settings;
use lab::cloudforet::console_api::{Version, app, serve};
use lab::net::Trigger;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use crate::support::browser::Browser;
use crate::support::json_schema::{check, resolve};
use crate::support::reflecting::Reflecting;
use crate::support::stack::emitter;

const INVENTORY: &[&str] = &[
    "spaceone.api.inventory.v1.CloudService",
    "spaceone.api.inventory.v1.CloudServiceType",
    "spaceone.api.inventory.v1.Region",
    "spaceone.api.inventory.v1.Collector",
    "spaceone.api.inventory.v1.Job",
    "spaceone.api.inventory.v1.JobTask",
];
const IDENTITY: &[&str] = &[
    "spaceone.api.identity.v2.Token",
    "spaceone.api.identity.v2.Domain",
    "spaceone.api.identity.v2.UserProfile",
    "spaceone.api.identity.v2.Workspace",
];

struct Backends {
    settings: Settings,
    _running: Vec<Reflecting>,
}

async fn backends() -> Backends {
    let inventory = Reflecting::start(INVENTORY).await;
    let identity = Reflecting::start(IDENTITY).await;
    let settings = Settings {
        pod: "console-api-t".to_owned(),
        endpoints: [("inventory", &inventory), ("identity", &identity)]
            .map(|(name, backend)| (name.to_owned(), backend.endpoint()))
            .into(),
        ..Settings::default()
    };
    Backends {
        settings,
        _running: vec![inventory, identity],
    }
}

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, Vec<u8>) {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, body.to_vec())
}

async fn get(app: &Router, path: &str) -> (StatusCode, HeaderMap, Vec<u8>) {
    send(app, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn get_json(app: &Router, path: &str) -> Value {
    let (status, _, body) = get(app, path).await;
    assert_eq!(status, StatusCode::OK, "{path}");
    serde_json::from_slice(&body).unwrap()
}

/// Calls `visit` with every object in it.
fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|inner| walk(inner, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

/// Every reference leads somewhere, and what identifies something does so once.
fn assert_sound(document: &Value) {
    assert_eq!(document["openapi"], "3.1.0");
    let (mut references, mut ids) = (0, Vec::new());
    walk(document, &mut |object| {
        if let Some(reference @ Value::String(_)) = object.get("$ref") {
            resolve(document, reference);
            references += 1;
        }
        if let Some(Value::String(id)) = object.get("operationId") {
            ids.push(id.clone());
        }
    });
    assert!(references > 20, "{references}");
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema.is_object(), "{name}: {schema}");
        // A schema whose keywords are not known says so for any value.
        let known = check(document, schema, &Value::Null, name);
        assert!(
            !known.iter().any(|wrong| wrong.contains("unknown")),
            "{known:?}"
        );
    }
}

#[tokio::test]
async fn the_document_has_every_method_and_nothing_else() {
    let backends = backends().await;
    for (version, list, own) in [
        (
            Version::V1,
            Request::post("/api/reflection"),
            &[
                "/check",
                "/api/reflection",
                "/add-ons/page-schema/get",
                "/add-ons/autocomplete/distinct",
            ][..],
        ),
        (
            Version::V2,
            Request::get("/console-api/api/reflection"),
            &["/check", "/console-api/api/reflection"],
        ),
    ] {
        let app = app(version, &backends.settings, emitter());
        let document = get_json(&app, "/openapi.json").await;
        assert_sound(&document);
        let (_, _, apis) = send(&app, list.body(Body::empty()).unwrap()).await;
        let apis: Value = serde_json::from_slice(&apis).unwrap();
        let apis = apis["apis"].as_array().unwrap().iter();
        let offered: BTreeSet<_> = apis
            .map(|api| api["path"].as_str().unwrap())
            .chain(own.iter().copied())
            .collect();
        let paths = document["paths"].as_object().unwrap();
        let documented: BTreeSet<_> = paths.keys().map(String::as_str).collect();
        assert_eq!(documented, offered);
        assert!(documented.contains("/inventory/collector/update-plugin"));

        // The collector's plugin streams under the same name; only the unary method has a path.
        let collect = &paths["/inventory/collector/collect"]["post"];
        assert_eq!(
            collect["operationId"],
            "spaceone.api.inventory.v1.Collector.collect"
        );
        let security = match version {
            Version::V1 => json!([{"bearer": []}]),
            Version::V2 => json!([{"bearer": []}, {}]),
        };
        assert_eq!(document["security"], security);
        let issue = &paths["/identity/token/issue"]["post"];
        assert_eq!(issue.get("security").is_some(), version == Version::V1);

        let inventory = get_json(&app, "/inventory/openapi.json").await;
        assert_sound(&inventory);
        let mut paths = inventory["paths"].as_object().unwrap().keys();
        assert!(paths.all(|path| path.starts_with("/inventory/")));
    }
}

#[tokio::test]
async fn schemas_fit_what_the_api_takes_and_gives() {
    let backends = backends().await;
    let app = app(Version::V2, &backends.settings, emitter());
    let document = get_json(&app, "/openapi.json").await;
    let request = |path: &str| {
        document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
            .clone()
    };
    let list = request("/inventory/cloud-service/list");
    let fits = |schema: &Value, value: Value| check(&document, schema, &value, "");
    let query = json!({"query": {
        "filter": [{"k": "provider", "v": ["aws"], "o": "in"}],
        "sort": [{"key": "name", "desc": true}], "page": {"start": 1, "limit": 10}, "only": ["name"],
    }});
    assert_eq!(fits(&list, query), Vec::<String>::new());
    assert_eq!(fits(&list, json!({})), Vec::<String>::new());
    for wrong in [
        json!({"query": {"page": {"limit": "x"}}}),
        json!({"nonsense": 1}),
        json!({"query": {"filter": [{"k": "a", "key": "b"}]}}),
        json!([]),
    ] {
        assert!(!fits(&list, wrong.clone()).is_empty(), "{wrong}");
    }
    let create = request("/inventory/collector/create");
    let collector = |state: &str| {
        json!({
            "name": "a", "plugin_info": {"plugin_id": "plugin-a", "options": {"count": 1, "of": [null]}},
            "schedule": {"state": state, "hours": [0, 12]}, "resource_group": "WORKSPACE",
        })
    };
    assert_eq!(fits(&create, collector("ENABLED")), Vec::<String>::new());
    assert!(!fits(&create, collector("SOMETIMES")).is_empty());

    // The form of errors, against one.
    let refused = Request::post("/inventory/collector/explode").body(Body::empty());
    let (status, _, body) = send(&app, refused.unwrap()).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let error =
        &document["components"]["responses"]["Error"]["content"]["application/json"]["schema"];
    let body = serde_json::from_slice(&body).unwrap();
    assert_eq!(check(&document, error, &body, ""), Vec::<String>::new());
}

#[tokio::test]
async fn a_streaming_method_has_no_path() {
    let plugin = Reflecting::start(&["spaceone.api.inventory.plugin.Collector"]).await;
    let settings = Settings {
        endpoints: [("inventory".to_owned(), plugin.endpoint())].into(),
        ..Settings::default()
    };
    for version in [Version::V1, Version::V2] {
        let app = app(version, &settings, emitter());
        let document = get_json(&app, "/openapi.json").await;
        let path = |path: &str| document["paths"].get(path).is_some();
        assert!(path("/inventory/collector/init") && path("/inventory/collector/verify"));
        assert!(!path("/inventory/collector/collect"));
        let call =
            Request::post("/inventory/collector/collect").header("authorization", "Bearer t");
        let (status, _, body) = send(&app, call.body(Body::from("{}")).unwrap()).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["detail"]["code"], "ERROR_UNSUPPORTED_API");
    }
}

#[tokio::test]
async fn the_page_comes_with_its_files_and_leaves_other_paths_alone() {
    let backends = backends().await;
    let app = app(Version::V2, &backends.settings, emitter());
    for path in ["/docs", "/inventory/docs"] {
        let (status, headers, body) = get(&app, path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(body.starts_with(b"<!doctype html>"), "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert_eq!(headers["x-lab-served-by"], "console-api-t");
    }
    let (status, headers, _) = get(&app, "/docs/js/main.js").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    for path in [
        "/docs/none.js",
        "/docs/..%2fCargo.toml",
        "/nobody/docs",
        "/nobody/openapi.json",
    ] {
        assert_eq!(get(&app, path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/docs", "/inventory/docs", "/openapi.json"] {
        let post = Request::post(path).body(Body::empty()).unwrap();
        let (status, _, body) = send(&app, post).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            body.windows(21)
                .any(|part| part == b"ERROR_UNSUPPORTED_API")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_reads_the_documentation_in_chromium() {
    let backends = backends().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Trigger::new();
    let settings = backends.settings.clone();
    let serving = tokio::spawn(serve(listener, Version::V2, settings, emitter(), shutdown));
    let browser = Browser::launch().await;
    let page = browser
        .open(&format!("http://{address}/docs"), 1366, 768)
        .await;
    let shot = async |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
        page.screenshot(&folder.join(format!("docs-{name}.png")))
            .await;
    };

    page.wait_for_text("nav", "CloudServiceType").await;
    shot("start").await;
    page.fill("#find", "collector/create").await;
    page.wait_for_text(".method", "/inventory/collector/create")
        .await;
    // The one that was found is open, and its messages unfold.
    page.wait_for_text(".fields", "plugin_info").await;
    page.tab_to(".fields summary").await;
    page.press("Enter").await;
    page.wait_for_text(".fields .fields", "plugin_id").await;
    page.wait_for_text("pre", "Authorization: Bearer").await;
    shot("method").await;

    page.goto(&format!(
        "http://{address}/inventory/docs#spaceone.api.inventory.v1.Job"
    ))
    .await;
    page.wait_for_text("h1", "inventory").await;
    page.wait_for_text("main", "/inventory/job/analyze").await;
    assert_eq!(page.count("nav section").await, 1);
    page.prefer_colours("dark").await;
    page.resize(390, 844).await;
    shot("phone-dark").await;
    let overflow = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert!(!page.evaluate::<bool>(overflow).await);

    browser.close().await;
    trigger.trigger();
    serving.await.unwrap().unwrap();
}
