//! Request heads, read strictly.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, EXPECT, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use httparse::{Error, Status};

use super::framing::{Framing, declared};
use crate::wire::Refused;
use crate::wire::limits::{MAX_HEAD, MAX_HEADERS};

/// A request without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) framing: Framing,
    /// Whether the client would send another request.
    pub(super) keep_alive: bool,
    /// Whether it waits for `100 Continue` before it sends the body.
    pub(super) expects: bool,
}

/// Looks for a head among bytes that arrive one after the other.
#[derive(Debug, Default)]
pub(super) struct Finder {
    /// So many bytes were looked at.
    seen: usize,
    /// The request line has an end.
    line: bool,
    /// An empty line was skipped.
    skipped: bool,
}

impl Finder {
    /// The head at the beginning of these bytes, which is taken out of them; `None` if there is
    /// more to come.
    pub(super) fn find(&mut self, input: &mut BytesMut) -> Result<Option<Head>, Refused> {
        if self.seen == 0 {
            // RFC 9112 section 2.2: an empty line before a request is ignored, once.
            if !self.skipped && input.starts_with(b"\r\n") {
                input.advance(2);
                self.skipped = true;
            }
            if input.is_empty() || input[..] == b"\r"[..] {
                return Ok(None);
            }
        }
        let Some(end) = self.end(input)? else {
            if input.len() < MAX_HEAD {
                return Ok(None);
            }
            return Err(too_large(input));
        };
        *self = Self::default();
        if end > MAX_HEAD {
            return Err(too_large(input));
        }
        parse(&input.split_to(end).freeze()).map(Some)
    }

    /// Where the head ends. What can never become one is refused at once and not when the client
    /// runs out of time.
    fn end(&mut self, input: &[u8]) -> Result<Option<usize>, Refused> {
        let from = self.seen;
        for at in memchr::memchr_iter(b'\n', &input[from..]) {
            let at = from + at;
            if at == 0 || input[at - 1] != b'\r' {
                return Err(Refused::Malformed("a line ends without CR"));
            }
            if !self.line {
                self.line = true;
                if !(input[..at - 1].ends_with(b" HTTP/1.1")
                    || input[..at - 1].ends_with(b" HTTP/1.0"))
                {
                    return Err(Refused::Malformed("the first line is no request line"));
                }
            }
            if at >= 3 && input[at - 2] == b'\n' {
                return Ok(Some(at + 1));
            }
        }
        self.seen = input.len();
        Ok(None)
    }
}

/// Why a head of more than [`MAX_HEAD`] bytes is refused: for its first line, if that alone is too
/// long, no matter how much of it arrived at once.
fn too_large(input: &[u8]) -> Refused {
    match memchr::memchr(b'\n', input) {
        Some(end) if end < MAX_HEAD => Refused::HeadTooLarge,
        _ => Refused::LineTooLong,
    }
}

/// Reads a whole head.
fn parse(head: &Bytes) -> Result<Head, Refused> {
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(head, &mut lines) {
        Ok(Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refused::Malformed("the head has no end")),
        Err(Error::TooManyHeaders) => return Err(Refused::HeadTooLarge),
        Err(Error::HeaderName) => return Err(Refused::Malformed("a header name")),
        Err(Error::HeaderValue) => return Err(Refused::Malformed("a header value")),
        Err(Error::Version) => return Err(Refused::Malformed("the version")),
        Err(_) => return Err(Refused::Malformed("the request line")),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(Refused::Malformed("the request line"));
    };
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| Refused::Malformed("the method"))?;
    // `http::Uri` would silently cut a fragment off, which no request may have.
    if target.as_bytes().contains(&b'#') {
        return Err(Refused::Malformed("the request target has a fragment"));
    }
    let uri = Uri::from_maybe_shared(slice(head, target.as_bytes()))
        .map_err(|_| Refused::Malformed("the request target"))?;
    let headers = headers(head, parsed.headers)?;
    let version = if minor == 0 {
        Version::HTTP_10
    } else {
        Version::HTTP_11
    };
    let framing = declared(&headers).map_err(Refused::Framing)?;
    if framing == Some(Framing::Chunked) {
        exactly_chunked(head, &headers)?;
        if minor == 0 {
            return Err(Refused::Framing("Transfer-Encoding in HTTP/1.0"));
        }
    }
    let keep_alive = keep_alive(&headers, minor == 0);
    let expects = minor > 0
        && headers
            .get(EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = method;
    parts.uri = uri;
    parts.version = version;
    parts.headers = headers;
    Ok(Head {
        parts,
        framing: framing.unwrap_or(Framing::Empty),
        keep_alive,
        expects,
    })
}

/// Header lines as a map whose values share the head's bytes.
pub(super) fn headers(head: &Bytes, lines: &[httparse::Header<'_>]) -> Result<HeaderMap, Refused> {
    /// What a proxy adds on the way.
    const ROOM: usize = 12;
    let mut headers = HeaderMap::with_capacity(lines.len() + ROOM);
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes())
            .map_err(|_| Refused::Malformed("a header name"))?;
        let value = HeaderValue::from_maybe_shared(slice(head, line.value))
            .map_err(|_| Refused::Malformed("a header value"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// A part of the head, sharing its bytes.
fn slice(head: &Bytes, part: &[u8]) -> Bytes {
    if part.is_empty() {
        return Bytes::new();
    }
    head.slice_ref(part)
}

/// Not even white space beside it, which other servers may read differently: the parser has cut it
/// off, so this looks at what is around the value.
fn exactly_chunked(head: &Bytes, headers: &HeaderMap) -> Result<(), Refused> {
    let refused = Refused::Framing("white space around Transfer-Encoding");
    let value = headers.get(TRANSFER_ENCODING).ok_or(refused)?.as_bytes();
    let start = value.as_ptr().addr() - head.as_ptr().addr();
    let before = &head[..start];
    let plain = before.ends_with(b":") || before.ends_with(b": ");
    if plain && head[start + value.len()..].starts_with(b"\r\n") {
        Ok(())
    } else {
        Err(refused)
    }
}

/// RFC 9112 section 9.3.
pub(super) fn keep_alive(headers: &HeaderMap, old: bool) -> bool {
    let mut keep = !old;
    if !headers.contains_key(CONNECTION) {
        return keep;
    }
    for value in headers.get_all(CONNECTION) {
        for token in value.as_bytes().split(|byte| *byte == b',') {
            let token = token.trim_ascii();
            if token.eq_ignore_ascii_case(b"close") {
                return false;
            }
            keep |= token.eq_ignore_ascii_case(b"keep-alive");
        }
    }
    keep
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All at once and byte by byte, which must come to the same.
    fn find(text: &str) -> Result<Option<Head>, Refused> {
        let mut whole = BytesMut::from(text);
        let at_once = Finder::default().find(&mut whole);
        let (mut finder, mut input) = (Finder::default(), BytesMut::new());
        let mut slowly = Ok(None);
        for byte in text.bytes() {
            input.extend_from_slice(&[byte]);
            slowly = finder.find(&mut input);
            if !matches!(slowly, Ok(None)) {
                break;
            }
        }
        let brief = |found: &Result<Option<Head>, Refused>| match found {
            Ok(head) => Ok(head.as_ref().map(|head| format!("{head:?}"))),
            Err(refused) => Err(*refused),
        };
        assert_eq!(brief(&at_once), brief(&slowly), "{text:?}");
        at_once
    }

    #[test]
    fn good_heads_are_read() {
        let head = |text| find(text).unwrap().unwrap();
        let get = head("GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Y:  z \r\n\r\n");
        assert_eq!(get.parts.method, Method::GET);
        assert_eq!(get.parts.uri, "/a?b=c");
        assert_eq!(get.parts.headers["x-y"], "z");
        assert_eq!(get.framing, Framing::Empty);
        assert!(get.keep_alive && !get.expects);
        let post =
            "\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n";
        let post = head(post);
        assert_eq!(post.framing, Framing::Length(5));
        assert!(post.expects);
        let chunked = head("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:Chunked\r\n\r\n");
        assert_eq!(chunked.framing, Framing::Chunked);
        let closing = head("GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n");
        assert!(!closing.keep_alive);
        assert!(!head("GET / HTTP/1.0\r\n\r\n").keep_alive);
        assert!(head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").keep_alive);
        let absolute = head("GET http://x:80/y HTTP/1.1\r\nHost: x:80\r\n\r\n");
        assert_eq!(absolute.parts.uri.authority().unwrap(), "x:80");
        for unfinished in [
            "",
            "\r",
            "GET",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n\r",
        ] {
            assert!(find(unfinished).unwrap().is_none(), "{unfinished:?}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let framings = [
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: +5",
            "Content-Length: -1",
            "Content-Length: 5,5",
            "Content-Length: 0x5",
            "Content-Length: ",
            "Content-Length: 99999999999999999999",
            "Content-Length: 6\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 6",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunked,",
            "Transfer-Encoding: chunked, gzip",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked ",
            "Transfer-Encoding: \tchunked",
            "Transfer-Encoding:  chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity",
        ];
        for lines in framings {
            let found = find(&format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n"));
            assert!(
                matches!(found, Err(Refused::Framing(_))),
                "{lines:?} {found:?}"
            );
        }
        let malformed = [
            "GET /\r\n",
            "GET / HTTP/0.9\r\n",
            "GET / HTTP/2.0\r\n",
            "GET / HTTP/1.1\n",
            "GET / HTTP/1.1 \r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET /a#b HTTP/1.1\r\n\r\n",
            "G(T / HTTP/1.1\r\n\r\n",
            " GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nX : a\r\n\r\n",
            "GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\n X: a\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\nEvil: b\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\rEvil: b\r\n\r\n",
            "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nX\0: ab\r\n\r\n",
            "GET / HTTP/1.1\r\n: ab\r\n\r\n",
            "GET / HTTP/1.1\r\nX\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ];
        for text in malformed {
            let found = find(text);
            assert!(
                matches!(found, Err(Refused::Malformed(_))),
                "{text:?} {found:?}"
            );
        }
        let old = find("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(matches!(old, Err(Refused::Framing(_))), "{old:?}");
    }

    #[test]
    fn large_heads_are_refused() {
        let long = "x".repeat(MAX_HEAD);
        let line = BytesMut::from(&*format!("GET /{long}"));
        assert_eq!(
            Finder::default().find(&mut line.clone()).err(),
            Some(Refused::LineTooLong)
        );
        let whole = format!("GET /{long} HTTP/1.1\r\n\r\n");
        let found = Finder::default().find(&mut BytesMut::from(&*whole));
        assert_eq!(found.err(), Some(Refused::LineTooLong));
        let cookie = format!("GET / HTTP/1.1\r\nCookie: {long}");
        let found = Finder::default().find(&mut BytesMut::from(&*cookie));
        assert_eq!(found.err(), Some(Refused::HeadTooLarge));
        let lines = "a: b\r\n".repeat(MAX_HEADERS + 1);
        let many = find(&format!("GET / HTTP/1.1\r\n{lines}\r\n"));
        assert_eq!(many.err(), Some(Refused::HeadTooLarge));
    }
}
