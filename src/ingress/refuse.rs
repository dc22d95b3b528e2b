//! What is never forwarded: requests that two servers could read differently.
//!
//! What cannot be read at all, and where a body ends, was decided on the wire; here it is about
//! whom a request is for.

use std::borrow::Cow;

use http::header::{HOST, UPGRADE};
use http::uri::Scheme;
use http::{HeaderMap, Method, Request, Version};

use crate::model::{Question, normalise_path};

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the request names no host")]
    NoHost,
    #[error("the request names its host twice")]
    TwoHosts,
    #[error("the request's host is not a host")]
    BadHost,
    #[error("{0}")]
    Path(#[from] crate::model::PathRefusal),
    #[error("the method is not forwarded")]
    Method,
    #[error("only a GET for websocket is an upgrade that is forwarded")]
    Upgrade,
    #[error("the target's scheme is not http")]
    Scheme,
}

/// A request's target in canonical form.
#[derive(Debug)]
pub(super) struct Target<'request> {
    /// As the client wrote it, with port.
    pub(super) authority: &'request str,
    /// Lower case, without port and trailing dot; empty if there is none.
    pub(super) host: Cow<'request, str>,
    /// The form in which it is matched and forwarded.
    pub(super) path: Cow<'request, str>,
}

impl Target<'_> {
    /// What rules are asked about the request that has this target.
    pub(super) fn question<'q, B>(&'q self, request: &'q Request<B>, tls: bool) -> Question<'q> {
        Question {
            host: &self.host,
            path: &self.path,
            method: request.method().as_str(),
            headers: request.headers(),
            query: request.uri().query(),
            tls,
        }
    }
}

/// Checks a request and returns its target.
pub(super) fn check<B>(request: &Request<B>) -> Result<Target<'_>, Refusal> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Refusal::Method);
    }
    let headers = request.headers();
    // HTTP/1.0 has no upgrades, and there the header means nothing (RFC 9110 section 7.8).
    if request.version() == Version::HTTP_11
        && headers.contains_key(UPGRADE)
        && !(is_websocket(headers) && *request.method() == Method::GET)
    {
        return Err(Refusal::Upgrade);
    }
    let scheme = request.uri().scheme();
    if request.version() != Version::HTTP_2
        && scheme.is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS)
    {
        return Err(Refusal::Scheme);
    }
    let mut hosts = headers.get_all(HOST).iter();
    let header = match hosts.next() {
        Some(host) => Some(host.to_str().map_err(|_| Refusal::BadHost)?),
        None => None,
    };
    if hosts.next().is_some() {
        return Err(Refusal::TwoHosts);
    }
    let authority = match (request.uri().authority(), header) {
        (Some(authority), Some(header)) if !authority.as_str().eq_ignore_ascii_case(header) => {
            return Err(Refusal::BadHost);
        }
        (Some(authority), _) => authority.as_str(),
        (None, Some(header)) => header,
        // HTTP/1.0 has no Host; such a request can only be for a rule without one.
        (None, None) if request.version() == Version::HTTP_10 => "",
        (None, None) => return Err(Refusal::NoHost),
    };
    Ok(Target {
        authority,
        host: canonical(authority)?,
        path: normalise_path(request.uri().path())?,
    })
}

/// Whether this asks for a WebSocket.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && headers
            .get_all(http::header::CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
}

/// Lower case, without port and trailing dot.
fn canonical(authority: &str) -> Result<Cow<'_, str>, Refusal> {
    let (host, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or(Refusal::BadHost)?;
        authority.split_at(end + 1)
    } else {
        authority.split_at(authority.find(':').unwrap_or(authority.len()))
    };
    let good_port = match port.strip_prefix(':') {
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
        None => port.is_empty(),
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._[]:".contains(&byte);
    if !good_port || !host.bytes().all(good) || (host.is_empty() && !authority.is_empty()) {
        return Err(Refusal::BadHost);
    }
    let host = host.strip_suffix('.').unwrap_or(host);
    Ok(if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str) -> Result<String, Refusal> {
        let request = Request::builder()
            .uri("/")
            .header(HOST, host)
            .body(())
            .unwrap();
        check(&request).map(|target| target.host.into_owned())
    }

    #[test]
    fn hosts_are_brought_into_one_form() {
        assert_eq!(
            host("Console.Lab.localhost:8443").unwrap(),
            "console.lab.localhost"
        );
        assert_eq!(host("console.example.com.").unwrap(), "console.example.com");
        assert_eq!(host("[::1]:80").unwrap(), "[::1]");
        for bad in ["a,b", "a@b", "a:99999", "a:x", ":80", "a b", "[::1", "a/b"] {
            assert_eq!(host(bad), Err(Refusal::BadHost), "{bad}");
        }
    }

    #[test]
    fn ambiguous_requests_are_refused() {
        let refusal = |request: http::request::Builder| check(&request.body(()).unwrap()).err();
        let get = || Request::builder().uri("/");
        assert_eq!(refusal(get()), Some(Refusal::NoHost));
        assert_eq!(
            refusal(get().header(HOST, "a").header(HOST, "a")),
            Some(Refusal::TwoHosts)
        );
        let evil = Request::builder().uri("http://evil/").header(HOST, "a");
        assert_eq!(refusal(evil), Some(Refusal::BadHost));
        let trace = get().method("TRACE").header(HOST, "a");
        assert_eq!(refusal(trace), Some(Refusal::Method));
        let h2c = get().header(HOST, "a").header(UPGRADE, "h2c");
        assert_eq!(refusal(h2c), Some(Refusal::Upgrade));
    }
}
