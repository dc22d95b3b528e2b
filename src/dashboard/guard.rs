//! Who may talk to the admin API: somebody with the token, and no web page of another origin.
//!
//! - Host must name loopback, which a page that rebinds its own name to 127.0.0.1 cannot do.
//! - Origin and Sec-Fetch-Site, where a browser sends them, must be our own.
//! - The token is compared in constant time; [`METRICS`] alone needs none.
//! - A body is JSON, which a form of another page cannot send without asking first.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, header};

use super::{AdminError, AdminState};

/// What `Host` may be, before its port.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Counters and gauges, which hold nothing secret.
pub(super) const METRICS: &str = "/metrics";

/// Lets a request with the token through, or says why not.
pub(super) async fn guard(
    State(state): State<AdminState>,
    request: Request,
    next: Next,
) -> Response {
    let checked = of_this_page(&request).and_then(|()| has_token(&request, &state.token));
    answer(checked, request, next).await
}

/// Lets a request of the page's own through, before it has the token.
pub(super) async fn own_page(request: Request, next: Next) -> Response {
    let checked = of_this_page(&request).and_then(|()| is_json(&request));
    answer(checked, request, next).await
}

/// Lets everybody through who names this machine: for files without secrets, to which other pages
/// link.
pub(super) async fn loopback(request: Request, next: Next) -> Response {
    match is_loopback(&request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(checked: Result<(), AdminError>, request: Request, next: Next) -> Response {
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// The name by which the request knows us.
fn is_loopback(request: &Request) -> Result<(), AdminError> {
    let host = text(request.headers(), header::HOST.as_str()).ok_or(AdminError::Host)?;
    if !HOSTS.contains(&without_port(host)) {
        return Err(AdminError::Host);
    }
    // A target with a host of its own goes before Host.
    let target = request.uri().authority();
    if target.is_some_and(|own| own.as_str() != host) {
        return Err(AdminError::Host);
    }
    Ok(())
}

/// No page of another origin has sent it.
fn of_this_page(request: &Request) -> Result<(), AdminError> {
    is_loopback(request)?;
    let headers = request.headers();
    let host = text(headers, header::HOST.as_str()).unwrap_or_default();
    if let Some(origin) = headers.get(header::ORIGIN) {
        let own = format!("http://{host}");
        if origin.as_bytes() != own.as_bytes() {
            return Err(AdminError::Origin);
        }
    }
    if let Some(site) = headers.get("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return Err(AdminError::Origin);
    }
    Ok(())
}

fn has_token(request: &Request, token: &str) -> Result<(), AdminError> {
    let headers = request.headers();
    let given = text(headers, header::AUTHORIZATION.as_str())
        .and_then(|value| value.strip_prefix("Bearer "))
        .unwrap_or_default();
    let open = request.method() == Method::GET && request.uri().path() == METRICS;
    if !open && !same(given.as_bytes(), token.as_bytes()) {
        return Err(AdminError::Token);
    }
    is_json(request)
}

fn is_json(request: &Request) -> Result<(), AdminError> {
    let kind = text(request.headers(), header::CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if request.method() == Method::POST && !kind.eq_ignore_ascii_case("application/json") {
        return Err(AdminError::ContentType);
    }
    Ok(())
}

/// The one value of a header; two of them are none.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Takes as long for a wrong token as for the right one.
fn same(given: &[u8], token: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(given, token).is_ok()
}
