//! The routes of both versions.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Method as HttpMethod, header};
use prost_reflect::MethodDescriptor;
use serde_json::json;
use tonic::metadata::AsciiMetadataValue;

use super::backends::Backends;
use super::error::ApiError;
use super::{Version, addons, cors, docs, json};
use crate::cloudforet::Settings;
use crate::cloudforet::http::{Hop, ServedBy, hop};
use crate::cloudforet::telemetry::Emitter;

/// What nginx in front of the real ones allows.
const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// Paths of v1 that need no token.
pub(super) const OPEN_PATHS: &[&str] = &[
    "/identity/token/issue",
    "/identity/domain/list",
    "/identity/user/get-ip",
];

/// What the handlers share.
#[derive(Debug)]
pub(super) struct Gateway {
    /// Which of the two APIs this is.
    pub(super) version: Version,
    /// Who is asked.
    pub(super) backends: Backends,
}

type Shared = State<Arc<Gateway>>;

/// One version of the API as a service.
pub fn app(version: Version, settings: &Settings, emitter: Emitter) -> Router {
    let gateway = Gateway {
        version,
        backends: Backends::new(settings),
    };
    let around = Hop {
        pod: settings.pod.as_str().into(),
        emitter,
    };
    let routes = match version {
        Version::V1 => Router::new()
            .route("/api/reflection", post(apis))
            .route("/add-ons/page-schema/get", post(page_schema))
            .route("/add-ons/autocomplete/distinct", post(distinct)),
        Version::V2 => Router::new().route("/console-api/api/reflection", get(apis)),
    };
    routes
        .route(
            "/check",
            get(async || axum::Json(json!({"status": "SERVING"}))),
        )
        .merge(docs::routes())
        .fallback(forward)
        .with_state(Arc::new(gateway))
        .layer(middleware::from_fn_with_state(around, hop))
        .layer(middleware::from_fn(cors::cors))
}

/// The list from which the console builds its client.
async fn apis(State(gateway): Shared) -> Response {
    let methods = gateway.backends.methods().await;
    let api = |(path, _): &(String, MethodDescriptor)| match gateway.version {
        Version::V1 => json!({"path": path, "methods": ["post"]}),
        Version::V2 => json!({
            "path": path,
            "name": path.rsplit('/').next(),
            "method": ["post"],
        }),
    };
    let apis: Vec<_> = methods.iter().map(api).collect();
    axum::Json(json!({ "apis": apis })).into_response()
}

/// Any other path: one gRPC call.
pub(super) async fn forward(State(gateway): Shared, request: Request) -> Response {
    let version = gateway.version;
    respond(version, call(&gateway, request).await)
}

async fn call(gateway: &Gateway, request: Request) -> Result<Response, ApiError> {
    let path = request.uri().path().to_owned();
    let token = token(request.headers());
    if gateway.version == Version::V1 && token.is_none() && !OPEN_PATHS.contains(&path.as_str()) {
        return Err(ApiError::no_token());
    }
    let method = gateway.backends.find(&path).await?;
    if request.method() != HttpMethod::POST {
        return Err(ApiError::method_not_allowed(request.method()));
    }
    let body = read_body(request.into_body()).await?;
    let message = json::read(&body, &method.input())?;
    let (answer, pod) = method.call(message, token.as_ref()).await?;
    let body = json::write(&answer).map_err(|error| ApiError::internal(&error))?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    if let Some(pod) = pod {
        response.extensions_mut().insert(ServedBy(pod));
    }
    Ok(response)
}

async fn page_schema(State(gateway): Shared, request: Request) -> Response {
    let answer = async {
        token(request.headers()).ok_or_else(ApiError::no_token)?;
        let body = read_body(request.into_body()).await?;
        Ok(axum::Json(addons::page_schema(&body)?).into_response())
    };
    respond(gateway.version, answer.await)
}

async fn distinct(State(gateway): Shared, request: Request) -> Response {
    let answer = async {
        let token = token(request.headers()).ok_or_else(ApiError::no_token)?;
        let body = read_body(request.into_body()).await?;
        let (values, pod) = addons::distinct(&gateway.backends, &body, &token).await?;
        let mut response = axum::Json(values).into_response();
        if let Some(pod) = pod {
            response.extensions_mut().insert(ServedBy(pod));
        }
        Ok(response)
    };
    respond(gateway.version, answer.await)
}

fn respond(version: Version, answer: Result<Response, ApiError>) -> Response {
    answer.unwrap_or_else(|error| error.respond(version))
}

async fn read_body(body: Body) -> Result<axum::body::Bytes, ApiError> {
    axum::body::to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|error| ApiError::body(&error, BODY_LIMIT))
}

/// The token of `Authorization: Bearer …`, as the backends want it.
fn token(headers: &HeaderMap) -> Option<AsciiMetadataValue> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return None;
    }
    token.parse().ok()
}
