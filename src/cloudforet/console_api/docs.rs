//! `/docs`: the OpenAPI document as a page, from files in this binary.

use std::sync::{Arc, LazyLock};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http::HeaderMap};
use http::StatusCode;
use include_dir::{Dir, include_dir};

use super::app::{Gateway, forward};
use super::openapi;
use crate::net::Files;

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/console-api");

static FILES: LazyLock<Files> = LazyLock::new(|| Files::of(&[&FOLDER]));

/// The page asks for the document and for its own picture.
const MAY: &str = "img-src 'self'; connect-src 'self'; base-uri 'self'; form-action 'none'";

/// The routes. Any other method than GET at these paths is what it is at any path.
pub(super) fn routes() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/openapi.json", get(all).fallback(forward))
        .route("/docs", get(page).fallback(forward))
        .route("/docs/{*path}", get(file).fallback(forward))
        .route("/{service}/openapi.json", get(one).fallback(forward))
        .route("/{service}/docs", get(page_of).fallback(forward))
}

async fn all(State(gateway): State<Arc<Gateway>>) -> Response {
    let methods = gateway.backends.methods().await;
    axum::Json(openapi::document(gateway.version, None, &methods)).into_response()
}

async fn one(State(gateway): State<Arc<Gateway>>, Path(service): Path<String>) -> Response {
    match gateway.backends.methods_of(&service).await {
        Ok(methods) => {
            let document = openapi::document(gateway.version, Some(&service), &methods);
            axum::Json(document).into_response()
        }
        Err(error) => error.respond(gateway.version),
    }
}

async fn page() -> Response {
    match FILES.find("index.html") {
        Some(page) => page.page(MAY),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn page_of(State(gateway): State<Arc<Gateway>>, Path(service): Path<String>) -> Response {
    match gateway.backends.methods_of(&service).await {
        Ok(_) => page().await,
        Err(error) => error.respond(gateway.version),
    }
}

async fn file(Path(path): Path<String>, request: HeaderMap) -> Response {
    match FILES.find(&path) {
        Some(file) => file.answer(&request),
        None => (StatusCode::NOT_FOUND, "not found\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_no_other_host() {
        FILES.assert_tidy(4);
    }
}
