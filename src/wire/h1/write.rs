//! Heads and chunks on their way out.

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, Method, StatusCode, request, response};

use super::framing::Framing;
use crate::wire::date::date;

/// `100 Continue`.
pub(super) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// The end of a chunked body without trailers.
pub(super) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Whether the connection outlives the message, and whether that must be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// As the version says.
    Implied,
    /// An HTTP/1.0 client is to keep it.
    KeepAlive,
    Close,
}

/// Writes a request's head. The target is its path alone: an endpoint is no proxy.
pub(super) fn request(out: &mut Vec<u8>, parts: &request::Parts, framing: Framing) {
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    let target = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    // The asterisk of OPTIONS has no path.
    out.extend_from_slice(if target.is_empty() {
        b"*"
    } else {
        target.as_bytes()
    });
    out.extend_from_slice(b" HTTP/1.1\r\n");
    // Where a reader of the wire looks for it first.
    if let Some(host) = parts.headers.get(HOST) {
        line(out, HOST.as_str(), host.as_bytes());
    }
    for (name, value) in &parts.headers {
        if *name != HOST && *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    match framing {
        Framing::Length(length) => self::length(out, length),
        Framing::Chunked => chunked(out),
        // RFC 9110 section 8.6: methods that usually have content say that there is none.
        Framing::Empty if matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) => {
            length(out, 0);
        }
        Framing::Empty | Framing::UntilClose => {}
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a response's head.
pub(super) fn response(
    out: &mut Vec<u8>,
    parts: &response::Parts,
    framing: Framing,
    persistence: Persistence,
    bodiless: bool,
) {
    status(out, parts.status);
    let switching = parts.status == StatusCode::SWITCHING_PROTOCOLS;
    for (name, value) in &parts.headers {
        let ours = *name == TRANSFER_ENCODING
            || *name == CONTENT_LENGTH && !bodiless
            || !switching && (*name == CONNECTION || *name == UPGRADE);
        if !ours {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    match framing {
        Framing::Length(count) => length(out, count),
        Framing::Chunked => chunked(out),
        Framing::Empty if !bodiless => length(out, 0),
        Framing::Empty | Framing::UntilClose => {}
    }
    if !parts.headers.contains_key(DATE) {
        line(out, "date", date().as_bytes());
    }
    match persistence {
        Persistence::Implied => {}
        Persistence::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
        Persistence::Close => out.extend_from_slice(b"connection: close\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes an interim response, which is a head alone.
pub(super) fn interim(out: &mut Vec<u8>, parts: &response::Parts) {
    status(out, parts.status);
    for (name, value) in &parts.headers {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            line(out, name.as_str(), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes what stands in front of a chunk; a line end stands behind it.
pub(super) fn chunk_size(out: &mut Vec<u8>, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(DIGITS[size >> (4 * digit) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes the end of a chunked body with trailers.
pub(super) fn trailers(out: &mut Vec<u8>, trailers: &HeaderMap) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers {
        line(out, name.as_str(), value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

/// HTTP/1.1 to clients of both versions (RFC 9110 section 6.2).
fn status(out: &mut Vec<u8>, status: StatusCode) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

fn chunked(out: &mut Vec<u8>) {
    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn decimal(out: &mut Vec<u8>, number: u64) {
    if number >= 10 {
        decimal(out, number / 10);
    }
    // A digit fits.
    out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written() {
        let mut out = Vec::new();
        for size in [0, 1, 15, 16, 0xabc, 0x1_0000] {
            chunk_size(&mut out, size);
        }
        assert_eq!(out, b"0\r\n1\r\nf\r\n10\r\nabc\r\n10000\r\n");
        out.clear();
        for number in [0, 9, 10, 1234] {
            decimal(&mut out, number);
            out.push(b' ');
        }
        assert_eq!(out, b"0 9 10 1234 ");
    }
}
