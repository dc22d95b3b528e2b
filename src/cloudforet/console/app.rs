//! The console's routes.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use http::{HeaderMap, StatusCode, Uri, header};
use serde_json::json;

use super::Settings;
use super::assets;
use super::endpoints::{Endpoints, endpoints};
use crate::cloudforet::http::{Hop, hop};
use crate::cloudforet::telemetry::Emitter;
use crate::net::File;

/// The console as a service.
pub fn app(settings: Settings, emitter: Emitter) -> Router {
    let around = Hop {
        pod: settings.pod.as_str().into(),
        emitter,
    };
    Router::new()
        .route(
            "/check",
            get(async || axum::Json(json!({"status": "SERVING"}))),
        )
        .route("/config/default.json", get(defaults))
        .route("/config/production.json", get(production))
        .fallback(get(file))
        .with_state(Arc::new(settings))
        .layer(middleware::from_fn_with_state(around, hop))
}

async fn defaults() -> Response {
    fresh(axum::Json(json!({"DOMAIN_NAME_REF": "hostname"})))
}

async fn production(State(settings): State<Arc<Settings>>, headers: HeaderMap) -> Response {
    let Endpoints { v1, v2 } = endpoints(&settings, &headers);
    let config = json!({
        "CONSOLE_API": {"ENDPOINT": v1},
        "CONSOLE_API_V2": {"ENDPOINT": v2},
        "DOMAIN_NAME": settings.domain_name,
        // The host's first label is `console` here, not a domain.
        "DOMAIN_NAME_REF": "config",
    });
    fresh(axum::Json(config))
}

/// An answer that depends on the host, and must not outlive a change of the settings.
fn fresh(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// A file, or the page itself for the paths that the page makes up (`/inventory/servers`).
async fn file(State(settings): State<Arc<Settings>>, uri: Uri, request: HeaderMap) -> Response {
    let path = uri.path();
    let is_page = path == "/" || path == "/index.html";
    let found = if is_page { None } else { assets::find(path) };
    if let Some(asset) = found {
        return asset.answer(&request);
    }
    // A missing script should look missing, and not arrive as HTML.
    let last = path.rsplit('/').next().unwrap_or_default();
    match assets::find("/index.html") {
        Some(page) if is_page || !last.contains('.') => index(&settings, page, &request),
        _ => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

fn index(settings: &Settings, page: &File, request: &HeaderMap) -> Response {
    let Endpoints { v1, v2 } = endpoints(settings, request);
    page.page(&format!(
        "img-src 'self'; connect-src 'self' {v1} {v2}; base-uri 'self'; form-action 'self'"
    ))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
        let settings = Settings {
            pod: "console-a".into(),
            ..Settings::default()
        };
        let mut request = Request::get(path)
            .header("host", "console.example.com")
            .header("x-forwarded-proto", "https");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app(settings, Emitter::channel(1).0)
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn paths_of_the_page_get_the_page() {
        for path in ["/", "/index.html", "/inventory/servers?q=a.b"] {
            let response = get(path, &[]).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert_eq!(response.headers()["cache-control"], "no-store");
            assert_eq!(response.headers()["x-lab-served-by"], "console-a");
            let policy = response.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .to_owned();
            assert!(policy.contains("connect-src 'self' https://console-api.example.com https://console-api-v2.example.com;"));
        }
    }

    #[tokio::test]
    async fn a_file_is_sent_once() {
        let first = get("/js/main.js", &[]).await;
        assert_eq!(
            first.headers()["content-type"],
            "text/javascript; charset=utf-8"
        );
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        let second = get("/js/main.js", &[("if-none-match", &etag)]).await;
        assert_eq!(second.status(), StatusCode::NOT_MODIFIED);
        assert!(to_bytes(second.into_body(), 1).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_missing_file_is_missing() {
        for path in ["/js/none.js", "/../Cargo.toml", "/..%2fCargo.toml"] {
            assert_eq!(
                get(path, &[]).await.status(),
                StatusCode::NOT_FOUND,
                "{path}"
            );
        }
    }

    #[tokio::test]
    async fn the_configuration_names_the_siblings() {
        let response = get("/config/production.json", &[]).await;
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let config: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            config["CONSOLE_API"]["ENDPOINT"],
            "https://console-api.example.com"
        );
        assert_eq!(config["DOMAIN_NAME"], "spaceone");
    }
}
