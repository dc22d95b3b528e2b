//! Between header fields and `http`'s heads, with the rules of RFC 9113 section 8.

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

use super::hpack::{self, Field, Name, Pseudo};
use crate::wire::trailers::is_forbidden;

/// Why a head is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadHead {
    /// Against the rules: the stream is reset.
    Malformed(&'static str),
    /// More than the limits allow; may be answered with 431.
    TooLarge,
}

/// Collects the fields of one block.
#[derive(Debug)]
pub(super) struct Collector {
    headers: HeaderMap,
    method: Option<HeaderValue>,
    scheme: Option<HeaderValue>,
    authority: Option<HeaderValue>,
    path: Option<HeaderValue>,
    status: Option<HeaderValue>,
    size: usize,
    count: usize,
    limit: usize,
    most: usize,
    cookies: usize,
    bad: Option<BadHead>,
}

impl Collector {
    /// At most so many bytes (RFC 9113's count) and header lines.
    pub(super) fn new(limit: usize, most: usize) -> Self {
        Self {
            headers: HeaderMap::with_capacity(16),
            method: None,
            scheme: None,
            authority: None,
            path: None,
            status: None,
            size: 0,
            count: 0,
            limit,
            most,
            cookies: 0,
            bad: None,
        }
    }

    /// Takes a field, as [`hpack::Decoder::block`] gives it.
    pub(super) fn take(&mut self, field: Option<&Field>) {
        let Some(field) = field else {
            return self.spoil(BadHead::Malformed("a field has a bad name or value"));
        };
        self.size += field.size();
        self.count += 1;
        if self.size > self.limit || self.count > self.most {
            return self.spoil(BadHead::TooLarge);
        }
        match &field.name {
            Name::Pseudo(name) => self.pseudo(*name, &field.value),
            Name::Header(name) => self.header(name, &field.value),
        }
    }

    fn spoil(&mut self, bad: BadHead) {
        self.bad.get_or_insert(bad);
    }

    fn pseudo(&mut self, name: Pseudo, value: &HeaderValue) {
        if !self.headers.is_empty() {
            return self.spoil(BadHead::Malformed("a pseudo-header follows a header"));
        }
        let place = match name {
            Pseudo::Authority => &mut self.authority,
            Pseudo::Method => &mut self.method,
            Pseudo::Path => &mut self.path,
            Pseudo::Scheme => &mut self.scheme,
            Pseudo::Status => &mut self.status,
        };
        if place.replace(value.clone()).is_some() {
            self.spoil(BadHead::Malformed("a pseudo-header is there twice"));
        }
    }

    fn header(&mut self, name: &HeaderName, value: &HeaderValue) {
        if is_of_connection(name) || *name == TE && value != "trailers" {
            return self.spoil(BadHead::Malformed("a header of HTTP/1.1 connections"));
        }
        if *name == COOKIE {
            self.cookies += 1;
        }
        if self.headers.try_append(name, value.clone()).is_err() {
            self.spoil(BadHead::TooLarge);
        }
    }

    /// Whether a request begins here, and no trailers.
    pub(super) fn is_request(&self) -> bool {
        self.method.is_some() || self.path.is_some()
    }

    /// The head of a request.
    pub(super) fn request(mut self) -> Result<http::request::Parts, BadHead> {
        if let Some(bad) = self.bad {
            return Err(bad);
        }
        let bad = BadHead::Malformed;
        let method = self.method.as_ref().ok_or(bad("no :method"))?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| bad("a bad :method"))?;
        if self.status.is_some() {
            return Err(bad("a request with :status"));
        }
        let shared = |value: &HeaderValue| Bytes::copy_from_slice(value.as_bytes());
        let authority = match &self.authority {
            None => None,
            Some(value) => Some(
                Authority::from_maybe_shared(shared(value)).map_err(|_| bad("a bad :authority"))?,
            ),
        };
        let mut parts = http::uri::Parts::default();
        if method == Method::CONNECT {
            if self.path.is_some() || self.scheme.is_some() || authority.is_none() {
                return Err(bad("CONNECT with :path or :scheme"));
            }
            parts.authority = authority;
        } else {
            let path = self.path.as_ref().ok_or(bad("no :path"))?;
            let scheme = self.scheme.as_ref().ok_or(bad("no :scheme"))?;
            let asterisk = method == Method::OPTIONS && path == "*";
            if !path.as_bytes().starts_with(b"/") && !asterisk {
                return Err(bad("a :path without slash"));
            }
            // `http::Uri` would silently cut it off.
            if path.as_bytes().contains(&b'#') {
                return Err(bad("a :path with a fragment"));
            }
            let scheme = match scheme.as_bytes() {
                b"https" => Scheme::HTTPS,
                b"http" => Scheme::HTTP,
                _ => return Err(bad("a :scheme other than http and https")),
            };
            let path = PathAndQuery::from_maybe_shared(shared(path));
            parts.path_and_query = Some(path.map_err(|_| bad("a bad :path"))?);
            // A URI has scheme and authority, or neither.
            if authority.is_some() {
                parts.scheme = Some(scheme);
                parts.authority = authority;
            }
        }
        let uri = Uri::from_parts(parts).map_err(|_| bad("a bad target"))?;
        self.one_host(&uri)?;
        self.join_cookies();
        let (mut head, ()) = http::Request::new(()).into_parts();
        head.method = method;
        head.uri = uri;
        head.version = Version::HTTP_2;
        head.headers = self.headers;
        Ok(head)
    }

    /// Two names for the host are one, or an attack.
    fn one_host(&self, uri: &Uri) -> Result<(), BadHead> {
        let mut hosts = self.headers.get_all(HOST).iter();
        match (hosts.next(), hosts.next(), uri.authority()) {
            (_, Some(_), _) => Err(BadHead::Malformed("two hosts")),
            (Some(host), None, Some(authority))
                if !host
                    .as_bytes()
                    .eq_ignore_ascii_case(authority.as_str().as_bytes()) =>
            {
                Err(BadHead::Malformed(":authority and host differ"))
            }
            _ => Ok(()),
        }
    }

    /// Cookies may come in crumbs (RFC 9113 section 8.2.3); HTTP/1.1 wants them in one line.
    fn join_cookies(&mut self) {
        if self.cookies < 2 {
            return;
        }
        let crumbs: Vec<&[u8]> = self
            .headers
            .get_all(COOKIE)
            .iter()
            .map(HeaderValue::as_bytes)
            .collect();
        if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
            self.headers.insert(COOKIE, whole);
        }
    }

    /// The head of a response.
    pub(super) fn response(self) -> Result<http::response::Parts, BadHead> {
        if let Some(bad) = self.bad {
            return Err(bad);
        }
        let others = [&self.method, &self.scheme, &self.authority, &self.path];
        let status = self
            .status
            .as_ref()
            .filter(|_| others.into_iter().all(Option::is_none))
            .and_then(|status| StatusCode::from_bytes(status.as_bytes()).ok())
            .ok_or(BadHead::Malformed("a response without a good :status"))?;
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = status;
        head.version = Version::HTTP_2;
        head.headers = self.headers;
        Ok(head)
    }

    /// Trailers.
    pub(super) fn trailers(self) -> Result<HeaderMap, BadHead> {
        let pseudo = [
            &self.method,
            &self.scheme,
            &self.authority,
            &self.path,
            &self.status,
        ];
        match self.bad {
            Some(bad) => Err(bad),
            None if pseudo.into_iter().any(Option::is_some) => {
                Err(BadHead::Malformed("a pseudo-header among trailers"))
            }
            None if self.headers.keys().any(is_forbidden) => {
                Err(BadHead::Malformed("a trailer that only a head may have"))
            }
            None => Ok(self.headers),
        }
    }
}

/// The length that a head declares, if it declares one.
pub(super) fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, BadHead> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(None);
    };
    let digits = first.as_bytes().iter().all(u8::is_ascii_digit);
    first
        .to_str()
        .ok()
        .filter(|_| digits && lengths.next().is_none())
        .and_then(|length| length.parse().ok())
        .map(Some)
        .ok_or(BadHead::Malformed("a bad content-length"))
}

/// Writes the head of a request.
pub(super) fn write_request(out: &mut BytesMut, head: &http::request::Parts) {
    hpack::pseudo(out, Pseudo::Method, head.method.as_str().as_bytes());
    let scheme = head.uri.scheme_str().unwrap_or("http");
    hpack::pseudo(out, Pseudo::Scheme, scheme.as_bytes());
    let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = head.uri.authority().map(|found| found.as_str().as_bytes());
    if let Some(authority) = authority.or(host) {
        hpack::pseudo(out, Pseudo::Authority, authority);
    }
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    hpack::pseudo(out, Pseudo::Path, path.as_bytes());
    write_headers(out, &head.headers);
}

/// Writes the head of a response.
pub(super) fn write_response(out: &mut BytesMut, head: &http::response::Parts) {
    hpack::status(out, head.status);
    write_headers(out, &head.headers);
}

/// Writes headers or trailers; those of HTTP/1.1 connections are left out.
pub(super) fn write_headers(out: &mut BytesMut, headers: &HeaderMap) {
    for (name, value) in headers {
        if *name != HOST && !is_of_connection(name) {
            hpack::header(out, name, value);
        }
    }
}

/// Headers that mean something on HTTP/1.1 connections only (RFC 9113 section 8.2.2).
fn is_of_connection(name: &HeaderName) -> bool {
    *name == CONNECTION
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || name.as_str() == "keep-alive"
        || name.as_str() == "proxy-connection"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `name: value` lines.
    fn collect(lines: &str) -> Collector {
        let mut collector = Collector::new(1000, 20);
        for line in lines.lines() {
            let (name, value) = line.rsplit_once(": ").unwrap();
            let name = match Pseudo::of(name) {
                Some(pseudo) => Name::Pseudo(pseudo),
                None => Name::Header(HeaderName::from_bytes(name.as_bytes()).unwrap()),
            };
            let value = HeaderValue::from_str(value).unwrap();
            collector.take(Some(&Field { name, value }));
        }
        collector
    }

    const GOOD: &str = ":method: GET\n:scheme: https\n:path: /a?b\n:authority: h:1";

    #[test]
    fn a_request_becomes_a_head() {
        let head = collect(&format!("{GOOD}\ncookie: a=1\ncookie: b=2\nte: trailers"));
        let head = head.request().unwrap();
        assert_eq!(head.uri, "https://h:1/a?b");
        assert_eq!(head.headers["cookie"], "a=1; b=2");
        let star = collect(":method: OPTIONS\n:scheme: http\n:path: *");
        assert_eq!(star.request().unwrap().uri.path(), "*");
    }

    #[test]
    fn what_breaks_the_rules_is_no_head() {
        let long = format!("{GOOD}\nx: {}", "y".repeat(900));
        let cases = [
            ":method: GET\n:path: /\n",
            ":method: GET\n:scheme: http\n:path: /a#b",
            ":method: GET\n:scheme: gopher\n:path: /",
            ":scheme: http\n:path: /",
            ":method: GET\n:scheme: http\n:path: a",
            ":method: GET\n:scheme: http\n:path: /\n:path: /",
            ":method: GET\n:scheme: http\nx: y\n:path: /",
            &format!("{GOOD}\n:status: 200"),
            &format!("{GOOD}\nconnection: close"),
            &format!("{GOOD}\ntransfer-encoding: chunked"),
            &format!("{GOOD}\nte: gzip"),
            &format!("{GOOD}\nhost: other"),
            &format!("{GOOD}\nhost: h:1\nhost: h:1"),
            ":method: CONNECT\n:path: /\n:authority: a",
            &long,
        ];
        for lines in cases {
            assert!(collect(lines).request().is_err(), "{lines}");
        }
        assert_eq!(collect(&long).request().err(), Some(BadHead::TooLarge));
        assert!(collect("a: b").response().is_err());
        assert!(collect(":status: 20").response().is_err());
        assert!(collect(":status: 200").trailers().is_err());
    }

    #[test]
    fn a_length_is_digits_and_there_once() {
        let length = |lines| declared_length(&collect(lines).headers);
        assert_eq!(length("content-length: 10"), Ok(Some(10)));
        assert_eq!(length("a: b"), Ok(None));
        for bad in ["content-length: +1", "content-length: 1\ncontent-length: 1"] {
            assert!(length(bad).is_err(), "{bad}");
        }
    }
}
