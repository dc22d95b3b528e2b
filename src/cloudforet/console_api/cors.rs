//! Cross-origin rules: the console is another host, so every call of it is preflighted.
//!
//! Any origin may call, with credentials, as upstream has it: the token in the header is what
//! counts, and no cookie is ever set.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// How long a browser may remember a preflight: what Chromium caps it at anyway, in seconds.
const MAX_AGE: &str = "7200";

/// Answers preflights and marks every other answer as readable.
pub(super) async fn cors(request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let asked = request
        .headers()
        .get(header::ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned();
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight {
        preflight_answer(asked)
    } else {
        next.run(request).await
    };
    if let Some(origin) = origin {
        allow(response.headers_mut(), origin);
    }
    response
}

fn preflight_answer(asked: Option<HeaderValue>) -> Response {
    let methods = HeaderValue::from_static("GET, POST, OPTIONS");
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    // With credentials, `*` would mean the header called `*`; so the question is the answer.
    if let Some(asked) = asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static(MAX_AGE),
    );
    headers.append(
        header::VARY,
        HeaderValue::from_static("access-control-request-headers"),
    );
    response
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    const TRUE: HeaderValue = HeaderValue::from_static("true");
    const EXPOSED: HeaderValue =
        HeaderValue::from_static("access-token, content-disposition, traceparent, x-lab-served-by");
    const ORIGIN: HeaderName = header::ORIGIN;
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_name(ORIGIN));
}
