//! Another Service decides whether a request passes. Only Services of the lab are asked: a URL is
//! no way out of it.

use std::time::Duration;

use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION, SET_COOKIE,
    TRANSFER_ENCODING, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Method, Request, StatusCode};

use super::{Stop, Subject, empty};
use crate::ingress::exchange;
use crate::ingress::failure::Failure;
use crate::model::{Flavour, ForwardAuth, Template};
use crate::wire::Body;

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks; what the endpoint is told of the answer.
pub(super) async fn ask(
    auth: &ForwardAuth,
    subject: &Subject<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Stop> {
    let Some((host, port, path)) = place(&auth.url, subject) else {
        return Err(error());
    };
    let found = subject.view.service(&host, port);
    let Some(backend) = found.filter(|backend| !backend.endpoints.is_empty()) else {
        return Err(error());
    };
    let mut request = Request::new(());
    *request.headers_mut() = headers(subject);
    if let Ok(host) = HeaderValue::from_str(&host) {
        request.headers_mut().insert(HOST, host);
    }
    let method = auth.method.as_deref().unwrap_or("GET");
    *request.method_mut() = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
    *request.uri_mut() = path.parse().map_err(|_| error())?;
    let (head, ()) = request.into_parts();
    let limits = exchange::Limits {
        response: Some(PATIENCE),
        read: Some(PATIENCE),
        ..exchange::Limits::default()
    };
    let answer = exchange::exchange(&backend, &head, Body::Empty, &limits, false, &mut None)
        .await
        .map_err(|_| error())?;
    let status = answer.status();
    if status.is_success() {
        let copied = auth.response_headers.iter().filter_map(|name| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            let value = answer.headers().get(&name)?.clone();
            Some((name, value))
        });
        return Ok(copied.collect());
    }
    let response = refused(auth, subject, answer);
    if response.status().as_u16() < 400 {
        // Such as the way to a login page.
        return Err(Stop::Answer(Box::new(response)));
    }
    let reason = format!("{} does not let it pass: it answered {status}", auth.url);
    Err(refusal(response, reason))
}

/// nginx passes 401 and 403 on and makes 500 of everything else; Traefik passes the answer on.
fn refused(
    auth: &ForwardAuth,
    subject: &Subject<'_>,
    answer: http::Response<Body>,
) -> http::Response<Body> {
    let status = answer.status();
    if status == StatusCode::UNAUTHORIZED
        && let Some(signin) = auth.signin.as_deref()
        && let Ok(template) = Template::parse(signin)
    {
        let client = subject.client.seen_as.ip();
        let location = template.fill(&subject.question, subject.written, client);
        let mut response = empty(StatusCode::FOUND);
        if let Ok(location) = HeaderValue::from_str(&location) {
            response.headers_mut().insert(LOCATION, location);
        }
        return response;
    }
    let nginx = matches!(subject.client.settings().flavour, Flavour::Nginx(_));
    let known = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    if nginx && !known {
        return empty(StatusCode::INTERNAL_SERVER_ERROR);
    }
    if nginx {
        let mut response = empty(status);
        for name in [WWW_AUTHENTICATE, SET_COOKIE] {
            for value in answer.headers().get_all(&name) {
                response.headers_mut().append(&name, value.clone());
            }
        }
        return response;
    }
    answer
}

fn error() -> Stop {
    let response = empty(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = "the server that decides who may pass does not answer".to_owned();
    refusal(response, reason)
}

fn refusal(response: http::Response<Body>, reason: String) -> Stop {
    Stop::Failure(Failure::Answered {
        response: Box::new(response),
        code: "forward-auth",
        reason,
    })
}

/// Host, port and path of a URL in clear text.
fn place(url: &str, subject: &Subject<'_>) -> Option<(String, u16, String)> {
    let client = subject.client.seen_as.ip();
    let url = Template::parse(url)
        .ok()?
        .fill(&subject.question, subject.written, client);
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host.to_owned(), port.parse().ok()?, path)),
        None => Some((authority.to_owned(), 80, path)),
    }
}

/// The client's headers without its body's, and what it asked for.
fn headers(subject: &Subject<'_>) -> HeaderMap {
    let question = &subject.question;
    let mut headers = question.headers.clone();
    for name in [CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    crate::ingress::headers::remove_hop_by_hop(&mut headers);
    let scheme = if question.tls { "https" } else { "http" };
    let client = subject.client.seen_as.ip().to_string();
    let url = format!("{scheme}://{}{}", subject.target.authority, subject.written);
    let facts = [
        ("x-original-url", url.as_str()),
        ("x-original-method", question.method),
        ("x-forwarded-method", question.method),
        ("x-forwarded-proto", scheme),
        ("x-forwarded-host", subject.target.authority),
        ("x-forwarded-uri", subject.written),
        ("x-forwarded-for", client.as_str()),
        ("x-real-ip", client.as_str()),
        ("x-auth-request-redirect", subject.written),
    ];
    for (name, value) in facts {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers
}
