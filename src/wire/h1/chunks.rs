//! The chunked coding (RFC 9112 section 7.1), read strictly.

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;

use super::request::headers;
use crate::wire::trailers::is_forbidden;

/// Bytes of extensions in a whole body: nobody uses them, and they are a way to send much and mean
/// nothing.
const EXTENSIONS: usize = 256;
/// Bytes of trailers.
const TRAILERS: usize = 8 * 1024;
/// Lines of trailers.
const TRAILER_LINES: usize = 32;
/// Digits of a chunk's size; 15 cannot overflow.
const DIGITS: usize = 15;

/// Where in a chunked body the next byte belongs.
#[derive(Debug)]
pub(super) struct Chunks {
    place: Place,
    extensions: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In front of a size.
    Size,
    /// In a chunk of which so many bytes are to come.
    Data(u64),
    /// In front of the line end that follows a chunk.
    Behind,
    Trailers,
    Ended,
}

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    /// A piece of the body.
    Data(Bytes),
    /// The end, with trailers if there are any.
    End(Option<HeaderMap>),
    /// More bytes are needed.
    More,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self {
            place: Place::Size,
            extensions: 0,
        }
    }

    /// So many bytes of the current chunk are gone.
    fn passed(&mut self, count: u64) {
        if let Place::Data(left) = self.place {
            self.place = match left.saturating_sub(count) {
                0 => Place::Behind,
                left => Place::Data(left),
            };
        }
    }

    /// Takes the next part of the body from these bytes.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Next, &'static str> {
        loop {
            match self.place {
                Place::Size => match self.size(input)? {
                    None => return Ok(Next::More),
                    Some(0) => self.place = Place::Trailers,
                    Some(size) => self.place = Place::Data(size),
                },
                Place::Data(left) => {
                    if input.is_empty() {
                        return Ok(Next::More);
                    }
                    let count =
                        usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                    self.passed(count as u64);
                    return Ok(Next::Data(input.split_to(count).freeze()));
                }
                Place::Behind => {
                    if input.len() < 2 {
                        return if b"\r\n".starts_with(input) {
                            Ok(Next::More)
                        } else {
                            Err("a chunk is longer than its size")
                        };
                    }
                    if !input.starts_with(b"\r\n") {
                        return Err("a chunk is longer than its size");
                    }
                    input.advance(2);
                    self.place = Place::Size;
                }
                Place::Trailers => return self.trailers(input),
                Place::Ended => return Ok(Next::End(None)),
            }
        }
    }

    /// The size at the beginning, with its line.
    fn size(&mut self, input: &mut BytesMut) -> Result<Option<u64>, &'static str> {
        let digits = input
            .iter()
            .position(|byte| !byte.is_ascii_hexdigit())
            .unwrap_or(input.len());
        if digits > DIGITS {
            return Err("a chunk's size is too large");
        }
        let Some(next) = input.get(digits) else {
            return Ok(None);
        };
        if digits == 0 || !matches!(next, b'\r' | b';') {
            return Err("a chunk's size is not a number");
        }
        let Some(end) = memchr::memchr(b'\n', input) else {
            return if self.extensions + input.len() > EXTENSIONS + DIGITS {
                Err("too many chunk extensions")
            } else {
                Ok(None)
            };
        };
        let line = &input[digits..end];
        let Some(extension) = line.strip_suffix(b"\r") else {
            return Err("a line ends without CR");
        };
        if extension
            .iter()
            .any(|byte| byte.is_ascii_control() && *byte != b'\t')
        {
            return Err("a control character in a chunk extension");
        }
        self.extensions += extension.len();
        if self.extensions > EXTENSIONS {
            return Err("too many chunk extensions");
        }
        let size = input[..digits].iter().fold(0, |size, byte| {
            let digit = char::from(*byte).to_digit(16).unwrap_or_default();
            size * 16 + u64::from(digit)
        });
        input.advance(end + 1);
        Ok(Some(size))
    }

    /// What follows the last chunk.
    fn trailers(&mut self, input: &mut BytesMut) -> Result<Next, &'static str> {
        if input.starts_with(b"\r\n") {
            input.advance(2);
            self.place = Place::Ended;
            return Ok(Next::End(None));
        }
        let Some(end) = memchr::memmem::find(input, b"\r\n\r\n") else {
            let alone =
                memchr::memchr_iter(b'\n', input).any(|at| at == 0 || input[at - 1] != b'\r');
            return if alone {
                Err("a line ends without CR")
            } else if input.len() > TRAILERS {
                Err("the trailers are too large")
            } else {
                Ok(Next::More)
            };
        };
        let block = input.split_to(end + 4).freeze();
        if block.len() > TRAILERS
            || memchr::memchr_iter(b'\n', &block).any(|at| at == 0 || block[at - 1] != b'\r')
        {
            return Err("the trailers are malformed");
        }
        let mut lines = [httparse::EMPTY_HEADER; TRAILER_LINES];
        let Ok(httparse::Status::Complete((_, lines))) =
            httparse::parse_headers(&block, &mut lines)
        else {
            return Err("the trailers are malformed");
        };
        let trailers = headers(&block, lines).map_err(|_| "the trailers are malformed")?;
        if trailers.keys().any(is_forbidden) {
            return Err("a trailer that only a head may have");
        }
        self.place = Place::Ended;
        Ok(Next::End(Some(trailers)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Body, trailers and what is behind, read at once and byte by byte.
    fn read(text: &str) -> Result<Option<(String, Option<HeaderMap>)>, &'static str> {
        let by = |step: usize| {
            let (mut chunks, mut input, mut body) = (Chunks::new(), BytesMut::new(), Vec::new());
            for part in text.as_bytes().chunks(step) {
                input.extend_from_slice(part);
                loop {
                    match chunks.next(&mut input)? {
                        Next::Data(data) => body.extend_from_slice(&data),
                        Next::End(trailers) => {
                            return Ok(Some((String::from_utf8(body).unwrap(), trailers)));
                        }
                        Next::More => break,
                    }
                }
            }
            Ok(None)
        };
        let at_once = by(text.len().max(1));
        assert_eq!(at_once.is_err(), by(1).is_err(), "{text:?}");
        if at_once.is_ok() {
            assert_eq!(at_once, by(1), "{text:?}");
        }
        at_once
    }

    #[test]
    fn bodies_are_read_to_their_end() {
        let body = |text| read(text).unwrap().unwrap().0;
        assert_eq!(body("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), "hello!");
        assert_eq!(body("a;b=c\r\n0123456789\r\n000\r\n\r\n"), "0123456789");
        let (_, trailers) = read("0\r\nGrpc-Status: 5\r\n\r\n").unwrap().unwrap();
        assert_eq!(trailers.unwrap()["grpc-status"], "5");
        for unfinished in ["5\r\nhel", "5\r\nhello\r\n", "0\r\n", "0\r\nA: b\r\n", "1"] {
            assert_eq!(read(unfinished), Ok(None), "{unfinished:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let extensions = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
        let many = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n".repeat(20);
        for text in [
            "ffffffffffffffff1\r\n",
            "-1\r\n",
            "+1\r\na\r\n",
            "0x1\r\na\r\n",
            " 1\r\na\r\n",
            "1 \r\na\r\n",
            "\r\n",
            "1\na\r\n",
            "5;\nhello\r\n",
            "1;a\0\r\na\r\n",
            "1\r\nab\r\n",
            "1\r\na\n0\r\n\r\n",
            "0\r\nHost: evil\r\n\r\n",
            "0\r\nContent-Length: 5\r\n\r\n",
            "0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "0\r\nA b: c\r\n\r\n",
            "0\r\nA: b\n\r\n\r\n",
            &extensions,
            &many,
        ] {
            assert!(read(text).is_err(), "{text:?} {:?}", read(text));
        }
    }
}
