//! Redirects. A Location is made of configured text and of the path as it was matched; nothing of
//! the client's is decoded into it.

use http::StatusCode;
use http::header::{HeaderValue, LOCATION};

use super::{Stop, Subject, empty, rewrite};
use crate::model::{PathChange, Redirect, Template};

/// Answers, unless the redirect is for another path.
pub(super) fn apply(redirect: &Redirect, subject: &Subject<'_>) -> Result<(), Stop> {
    let path = subject.question.path;
    if redirect
        .only_path
        .as_deref()
        .is_some_and(|only| only != path)
    {
        return Ok(());
    }
    let location = match &redirect.location {
        Some(text) => match Template::parse(text) {
            Ok(template) => {
                let client = subject.client.seen_as.ip();
                template.fill(&subject.question, subject.written, client)
            }
            Err(_) => text.clone(),
        },
        None => compose(redirect, subject),
    };
    let status = StatusCode::from_u16(redirect.status).unwrap_or(StatusCode::FOUND);
    let mut response = empty(status);
    // Only characters that a header may have can come from the client's target.
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Err(Stop::Answer(Box::new(response)))
}

fn compose(redirect: &Redirect, subject: &Subject<'_>) -> String {
    let question = &subject.question;
    let path = match &redirect.path {
        Some(change) => rewrite::changed(change, subject.route, question.path),
        None => question.path.to_owned(),
    };
    let query = match (&redirect.path, question.query) {
        // A whole other path is a whole other place (app-root).
        (Some(PathChange::Full(_)), _) if redirect.only_path.is_some() => None,
        (_, query) => query,
    };
    let target = match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let names_place =
        redirect.scheme.is_some() || redirect.host.is_some() || redirect.port.is_some();
    if !names_place && target.starts_with('/') && !target.starts_with("//") {
        // Relative to the place that the client knows, whatever its name and port.
        return target;
    }
    let own = if question.tls { "https" } else { "http" };
    let scheme = redirect.scheme.as_deref().unwrap_or(own);
    let host = redirect.host.as_deref().unwrap_or(question.host);
    let port = match (redirect.port, &redirect.scheme) {
        (Some(port), _) => Some(port),
        // A scheme has a port of its own, and the lab knows where clients reach it.
        (None, Some(scheme)) if scheme == "https" => Some(subject.client.settings().https_port),
        (None, Some(_)) => Some(subject.client.settings().http_port),
        (None, None) => written_port(subject.target.authority),
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    match port.filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}{target}"),
        None => format!("{scheme}://{host}{target}"),
    }
}

/// The port that the client wrote.
fn written_port(authority: &str) -> Option<u16> {
    authority.rsplit_once(':')?.1.parse().ok()
}
