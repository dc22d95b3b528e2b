//! Answers, and how they look in RESP2 and in RESP3.
//!
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use std::borrow::Cow;

use bytes::Bytes;

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// A simple string such as `OK`.
    Status(&'static str),
    /// The whole error with its code.
    Error(Refusal),
    Integer(i64),
    Bulk(Bytes),
    /// No value where a string is expected.
    Null,
    /// No value where an array is expected; RESP3 does not tell the two apart.
    NullArray,
    Array(Vec<Reply>),
    /// An array of twice the length in RESP2.
    Map(Vec<(Reply, Reply)>),
    /// An array in RESP2.
    Set(Vec<Reply>),
    /// Text for people; a bulk string in RESP2.
    Text(String),
}

/// Why a command is refused: code and words, as Redis tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal(Cow<'static, str>);

/// What a command gives.
pub(super) type Answer = Result<Reply, Refusal>;

impl Refusal {
    pub(super) const WRONG_TYPE: Self =
        Self::of("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub(super) const SYNTAX: Self = Self::of("ERR syntax error");
    pub(super) const NOT_AN_INTEGER: Self = Self::of("ERR value is not an integer or out of range");
    pub(super) const OVERFLOW: Self = Self::of("ERR increment or decrement would overflow");
    pub(super) const NO_SUCH_KEY: Self = Self::of("ERR no such key");
    pub(super) const NOT_POSITIVE: Self = Self::of("ERR value is out of range, must be positive");

    /// With its code in front.
    pub(super) const fn of(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// With the code `ERR`.
    pub(super) fn error(text: impl std::fmt::Display) -> Self {
        Self(format!("ERR {text}").into())
    }

    /// Too many arguments, or too few.
    pub(super) fn arity(command: &str) -> Self {
        Self::error(format_args!(
            "wrong number of arguments for '{command}' command"
        ))
    }
}

impl Reply {
    pub(super) const OK: Self = Self::Status("OK");

    /// How many.
    pub(super) fn count(number: usize) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Text as a bulk string.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Bulk(Bytes::from(text.into()))
    }

    /// A value, or none.
    pub(super) fn bulk(value: Option<Bytes>) -> Self {
        value.map_or(Self::Null, Self::Bulk)
    }

    /// Values in their order.
    pub(super) fn bulks(values: impl IntoIterator<Item = Bytes>) -> Self {
        Self::Array(values.into_iter().map(Self::Bulk).collect())
    }

    /// Appends it as it goes over the wire.
    pub(super) fn encode(&self, resp3: bool, out: &mut Vec<u8>) {
        match self {
            Self::Status(text) => line(out, b'+', text.as_bytes()),
            Self::Error(Refusal(text)) => {
                // A line break would end the error too early.
                let text = text.replace(['\r', '\n'], " ");
                line(out, b'-', text.as_bytes());
            }
            Self::Integer(number) => line(out, b':', number.to_string().as_bytes()),
            Self::Bulk(value) => bulk(out, b'$', b"", value),
            Self::Text(text) if resp3 => bulk(out, b'=', b"txt:", text.as_bytes()),
            Self::Text(text) => bulk(out, b'$', b"", text.as_bytes()),
            Self::Null | Self::NullArray if resp3 => out.extend(b"_\r\n"),
            Self::Null => out.extend(b"$-1\r\n"),
            Self::NullArray => out.extend(b"*-1\r\n"),
            Self::Array(items) => many(out, b'*', items, resp3),
            Self::Set(items) => many(out, if resp3 { b'~' } else { b'*' }, items, resp3),
            Self::Map(pairs) => {
                let (sign, length) = if resp3 {
                    (b'%', pairs.len())
                } else {
                    (b'*', pairs.len() * 2)
                };
                line(out, sign, length.to_string().as_bytes());
                for (name, value) in pairs {
                    name.encode(resp3, out);
                    value.encode(resp3, out);
                }
            }
        }
    }
}

fn line(out: &mut Vec<u8>, sign: u8, text: &[u8]) {
    out.push(sign);
    out.extend(text);
    out.extend(b"\r\n");
}

fn bulk(out: &mut Vec<u8>, sign: u8, kind: &[u8], value: &[u8]) {
    let length = kind.len() + value.len();
    line(out, sign, length.to_string().as_bytes());
    out.extend(kind);
    out.extend(value);
    out.extend(b"\r\n");
}

fn many(out: &mut Vec<u8>, sign: u8, items: &[Reply], resp3: bool) {
    line(out, sign, items.len().to_string().as_bytes());
    for item in items {
        item.encode(resp3, out);
    }
}
