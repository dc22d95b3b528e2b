//! Requests out of bytes: arrays of bulk strings, and inline commands.
//!
//! Nothing is believed before it was checked, and what has arrived is looked at once: a request that
//! comes byte by byte costs no more than one that comes whole. Limits and words of errors are those
//! of Redis (`proto-max-bulk-len`, 64 KiB for a line).

use bytes::{Buf, Bytes, BytesMut};

use super::arguments::integer;
use super::words;

/// `proto-max-bulk-len` of Redis.
pub(super) const LARGEST_BULK: usize = 512 << 20;
/// `PROTO_INLINE_MAX_SIZE` of Redis.
const LONGEST_LINE: usize = 64 << 10;
/// A smaller value gets memory of its own, so that it does not hold a whole read buffer.
const COPIED: usize = 32 << 10;
/// What an argument costs beside its bytes.
const EACH: usize = 64;

/// Why the connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProtocolError(pub(super) String);

impl ProtocolError {
    fn new(text: impl std::fmt::Display) -> Self {
        Self(format!("Protocol error: {text}"))
    }
}

/// A request that has not arrived wholly.
#[derive(Debug, Default)]
pub(super) struct Parser {
    arguments: Vec<Bytes>,
    /// Bulk strings that are still to come.
    missing: u64,
    /// Length of the bulk string that comes now.
    bulk: Option<usize>,
    bytes: usize,
}

impl Parser {
    /// The next request, without its arguments' frames; `None` if more bytes are needed.
    ///
    /// Empty requests are skipped, as Redis does.
    pub(super) fn next(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        loop {
            if self.missing == 0 {
                match buffer.first() {
                    None => return Ok(None),
                    Some(b'*') => {
                        let Some(line) = line(buffer, "too big mbulk count string")? else {
                            return Ok(None);
                        };
                        let count = integer(&line[1..])
                            .filter(|count| *count <= i64::from(i32::MAX))
                            .ok_or_else(|| ProtocolError::new("invalid multibulk length"))?;
                        self.missing = u64::try_from(count).unwrap_or(0);
                        continue;
                    }
                    Some(_) => match inline(buffer)? {
                        Some(words) if words.is_empty() => continue,
                        other => return Ok(other),
                    },
                }
            }
            let Some(argument) = self.argument(buffer)? else {
                return Ok(None);
            };
            self.bytes += argument.len() + EACH;
            self.arguments.push(argument);
            self.missing -= 1;
            if self.missing == 0 {
                self.bytes = 0;
                return Ok(Some(std::mem::take(&mut self.arguments)));
            }
        }
    }

    /// Bytes of the arguments that have arrived and wait for the others.
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    fn argument(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, ProtocolError> {
        let length = if let Some(length) = self.bulk {
            length
        } else {
            let Some(line) = line(buffer, "too big bulk count string")? else {
                return Ok(None);
            };
            let Some(digits) = line.strip_prefix(b"$") else {
                let got = char::from(line.first().copied().unwrap_or(b'\r'));
                return Err(ProtocolError::new(format_args!(
                    "expected '$', got '{got}'"
                )));
            };
            let length = integer(digits)
                .and_then(|length| usize::try_from(length).ok())
                .filter(|length| *length <= LARGEST_BULK)
                .ok_or_else(|| ProtocolError::new("invalid bulk length"))?;
            self.bulk = Some(length);
            length
        };
        // Redis does not look at the two bytes behind it either.
        if buffer.len() < length + 2 {
            return Ok(None);
        }
        self.bulk = None;
        let argument = if length < COPIED {
            let argument = Bytes::copy_from_slice(&buffer[..length]);
            buffer.advance(length);
            argument
        } else {
            buffer.split_to(length).freeze()
        };
        buffer.advance(2);
        Ok(Some(argument))
    }
}

/// A line up to its CR LF, which are taken too.
fn line(buffer: &mut BytesMut, too_long: &str) -> Result<Option<Bytes>, ProtocolError> {
    // Redis looks for the CR alone, and skips what follows it.
    let Some(end) = memchr::memchr(b'\r', buffer) else {
        return if buffer.len() > LONGEST_LINE {
            Err(ProtocolError::new(too_long))
        } else {
            Ok(None)
        };
    };
    if buffer.len() < end + 2 {
        return Ok(None);
    }
    let line = Bytes::copy_from_slice(&buffer[..end]);
    buffer.advance(end + 2);
    Ok(Some(line))
}

fn inline(buffer: &mut BytesMut) -> Result<Option<Vec<Bytes>>, ProtocolError> {
    let Some(end) = memchr::memchr(b'\n', buffer) else {
        return if buffer.len() > LONGEST_LINE {
            Err(ProtocolError::new("too big inline request"))
        } else {
            Ok(None)
        };
    };
    let line = buffer.split_to(end + 1);
    let line = &line[..end];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // A zero byte ends a line in C.
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    match words::split(line) {
        Some(words) => Ok(Some(words)),
        None => Err(ProtocolError::new("unbalanced quotes in request")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_same_whole_and_byte_by_byte() {
        let wire = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*0\r\n\r\n*1\r\n$0\r\n\r\n";
        let expected: Vec<Vec<Bytes>> = vec![
            vec!["GET".into(), "a".into()],
            vec!["PING".into()],
            vec![Bytes::new()],
        ];
        for size in 1..=wire.len() {
            let (mut parser, mut buffer) = (Parser::default(), BytesMut::new());
            let mut found = Vec::new();
            for chunk in wire.chunks(size) {
                buffer.extend_from_slice(chunk);
                while let Some(request) = parser.next(&mut buffer).unwrap() {
                    found.push(request);
                }
            }
            assert_eq!(found, expected, "in pieces of {size}");
            assert_eq!(parser.held(), 0);
        }
    }

    #[test]
    fn any_bytes_are_a_request_or_an_error() {
        let mut random = fastrand::Rng::with_seed(7);
        let alphabet = b"*$-019\r\n'\"\\x a\0\xff";
        for _ in 0..20_000 {
            let length = random.usize(0..60);
            let bytes: Vec<u8> =
                std::iter::repeat_with(|| alphabet[random.usize(0..alphabet.len())])
                    .take(length)
                    .collect();
            let (mut parser, mut buffer) = (Parser::default(), BytesMut::from(bytes.as_slice()));
            while let Ok(Some(request)) = parser.next(&mut buffer) {
                assert!(request.len() <= length);
            }
        }
    }
}
