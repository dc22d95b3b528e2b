//! W3C Trace Context: the `traceparent` header (version 00).
//!
//! Source: <https://www.w3.org/TR/trace-context/#traceparent-header>. Flags other than `sampled`
//! are dropped; versions above 00 are read as 00, as the specification asks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Identifies one request across all hops: 16 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(u128);

/// Identifies one hop of a request: 8 bytes, not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(u64);

/// What travels in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent {
    /// The request.
    pub trace: TraceId,
    /// The hop that sent it.
    pub parent: SpanId,
    /// Whether spans are wanted.
    pub sampled: bool,
}

/// The header does not have the form `00-<32 hex>-<16 hex>-<2 hex>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent")]
pub struct TraceparentError;

// === impl TraceId ===

impl TraceId {
    /// From random bits; zero is not allowed by the specification and becomes one.
    pub fn from_random(bits: u128) -> Self {
        Self(bits.max(1))
    }

    /// As OTLP carries it: the most significant byte first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for TraceId {
    type Err = TraceparentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match hex(text, 32)? {
            0 => Err(TraceparentError),
            bits => Ok(Self(bits)),
        }
    }
}

// === impl SpanId ===

impl SpanId {
    /// From random bits; zero becomes one.
    pub fn from_random(bits: u64) -> Self {
        Self(bits.max(1))
    }

    /// As OTLP carries it: the most significant byte first.
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for SpanId {
    type Err = TraceparentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match u64::try_from(hex(text, 16)?) {
            Ok(bits) if bits != 0 => Ok(Self(bits)),
            _ => Err(TraceparentError),
        }
    }
}

// === impl Traceparent ===

impl fmt::Display for Traceparent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(formatter, "00-{}-{}-{flags:02x}", self.trace, self.parent)
    }
}

impl FromStr for Traceparent {
    type Err = TraceparentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().split('-');
        let mut next = || parts.next().ok_or(TraceparentError);
        let version = hex(next()?, 2)?;
        let trace = next()?.parse()?;
        let parent = next()?.parse()?;
        let flags = hex(next()?, 2)?;
        // Version 00 has exactly four parts, later ones may have more; ff is invalid.
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return Err(TraceparentError);
        }
        Ok(Self {
            trace,
            parent,
            sampled: flags & 1 == 1,
        })
    }
}

/// Lower-case hex digits of exactly this length, as the specification demands.
fn hex(text: &str, digits: usize) -> Result<u128, TraceparentError> {
    let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(lower_hex) {
        return Err(TraceparentError);
    }
    u128::from_str_radix(text, 16).map_err(|_| TraceparentError)
}

macro_rules! serde_as_text {
    ($id:ty) => {
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

serde_as_text!(TraceId);
serde_as_text!(SpanId);

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_survives_the_round_trip() {
        let parsed: Traceparent = HEADER.parse().unwrap();
        assert!(parsed.sampled);
        assert_eq!(parsed.to_string(), HEADER);
    }

    #[test]
    fn what_the_specification_forbids_is_refused() {
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            assert_eq!(bad.parse::<Traceparent>(), Err(TraceparentError), "{bad}");
        }
    }
}
