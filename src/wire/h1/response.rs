//! Response heads of endpoints, read no less strictly than requests.

use std::mem::MaybeUninit;

use bytes::BytesMut;
use http::response::Parts;
use http::{Method, Response, StatusCode, Version};
use httparse::Status;

use super::framing::{Framing, declared};
use super::request::{headers, keep_alive};
use crate::wire::limits::{MAX_HEAD, MAX_HEADERS};

/// A response without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) framing: Framing,
    /// Whether the endpoint takes another request.
    pub(super) keep_alive: bool,
}

/// The head at the beginning of these bytes, which is taken out of them; `None` if there is more to
/// come.
pub(super) fn find(input: &mut BytesMut, method: &Method) -> Result<Option<Head>, &'static str> {
    let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else {
        if input.len() > MAX_HEAD {
            return Err("the head is too large");
        }
        let start = &input[..input.len().min(5)];
        return if b"HTTP/".starts_with(start) {
            Ok(None)
        } else {
            Err("it does not begin as HTTP does")
        };
    };
    let head = input.split_to(end + 4).freeze();
    let mut lines = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, &head, &mut lines) {
        Ok(Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err("the head has no end"),
        Err(httparse::Error::TooManyHeaders) => return Err("too many header lines"),
        Err(_) => return Err("the head is malformed"),
    }
    let code = parsed.code.ok_or("there is no status")?;
    let status = StatusCode::from_u16(code).map_err(|_| "the status is not a status")?;
    let old = parsed.version == Some(0);
    let headers = headers(&head, parsed.headers).map_err(|_| "a header line is malformed")?;
    let framing = framing(status, method, declared(&headers)?);
    let keep_alive = keep_alive(&headers, old) && framing != Framing::UntilClose;
    let (mut parts, ()) = Response::new(()).into_parts();
    parts.status = status;
    parts.version = Version::HTTP_11;
    parts.headers = headers;
    Ok(Some(Head {
        parts,
        framing,
        keep_alive,
    }))
}

/// RFC 9112 section 6.3.
fn framing(status: StatusCode, method: &Method, declared: Option<Framing>) -> Framing {
    let empty = status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || *method == Method::HEAD;
    if empty {
        Framing::Empty
    } else {
        declared.unwrap_or(Framing::UntilClose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, method: &Method) -> Result<Option<(u16, Framing, bool)>, &'static str> {
        let found = find(&mut BytesMut::from(text), method)?;
        Ok(found.map(|head| (head.parts.status.as_u16(), head.framing, head.keep_alive)))
    }

    #[test]
    fn heads_say_where_their_body_ends() {
        let get = |text| read(text, &Method::GET).unwrap();
        let expected = Some((200, Framing::Length(2), true));
        assert_eq!(
            get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
            expected
        );
        let chunked = get("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(chunked, Some((200, Framing::Chunked, true)));
        let closing = get("HTTP/1.1 200 OK\r\n\r\n");
        assert_eq!(closing, Some((200, Framing::UntilClose, false)));
        let old = get("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n");
        assert_eq!(old, Some((200, Framing::Length(2), false)));
        let none = get("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
        assert_eq!(none, Some((304, Framing::Empty, true)));
        let head = read(
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
            &Method::HEAD,
        );
        assert_eq!(head, Ok(Some((200, Framing::Empty, true))));
        assert_eq!(get("HTTP/1.1 200 OK\r\n"), None);
    }

    #[test]
    fn an_endpoint_that_does_not_speak_http_is_told_so() {
        for text in [
            "220 mail.example ESMTP\r\n\r\n",
            "SSH-2.0",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        ] {
            assert!(read(text, &Method::GET).is_err(), "{text:?}");
        }
    }
}
