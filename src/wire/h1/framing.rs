//! Where a message's body ends (RFC 9112 section 6), for messages that leave no doubt.

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// So many bytes; at least one.
    Length(u64),
    /// Chunk by chunk.
    Chunked,
    /// By the end of the connection; responses only.
    UntilClose,
}

/// What the header lines say, or why they cannot be meant. `None` if they say nothing.
pub(super) fn declared(headers: &HeaderMap) -> Result<Option<Framing>, &'static str> {
    let length = headers.get(CONTENT_LENGTH);
    let Some(coding) = headers.get(TRANSFER_ENCODING) else {
        let Some(length) = length else {
            return Ok(None);
        };
        if headers.get_all(CONTENT_LENGTH).iter().nth(1).is_some() {
            return Err("two lines of Content-Length");
        }
        let length = decimal(length.as_bytes()).ok_or("Content-Length is not a number")?;
        return Ok(Some(match length {
            0 => Framing::Empty,
            length => Framing::Length(length),
        }));
    };
    if length.is_some() {
        return Err("both Content-Length and Transfer-Encoding");
    }
    if headers.get_all(TRANSFER_ENCODING).iter().nth(1).is_some() {
        return Err("two lines of Transfer-Encoding");
    }
    if !coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err("Transfer-Encoding is not chunked");
    }
    Ok(Some(Framing::Chunked))
}

/// Digits and nothing else, as many as cannot overflow.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    /// 2^63 has 19 digits; a body of more bytes is a mistake.
    const DIGITS: usize = 18;
    if text.is_empty() || text.len() > DIGITS {
        return None;
    }
    text.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + u64::from(byte - b'0'))
    })
}
