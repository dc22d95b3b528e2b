//! Where spans are sent: the address of a receiver that speaks OTLP over HTTP.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// OTLP/HTTP's own port.
const PORT: u16 = 4318;
/// Where it takes spans, below the endpoint.
const PATH: &str = "/v1/traces";

/// A receiver: `http://127.0.0.1:4318`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpTarget {
    /// Without brackets.
    pub host: String,
    /// 4318 if none is said.
    pub port: u16,
    /// Of spans, `/v1/traces` below the path that was said.
    pub path: String,
}

impl FromStr for OtlpTarget {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be an address like http://127.0.0.1:4318, in clear text";
        let uri: http::Uri = text.parse().map_err(|_| FORM)?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(FORM)?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() {
            return Err(FORM);
        }
        Ok(Self {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(PORT),
            path: format!("{}{PATH}", uri.path().trim_end_matches('/')),
        })
    }
}

impl OtlpTarget {
    /// Host and port, as `Host` has them.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for OtlpTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}{}", self.authority(), self.path)
    }
}

impl Serialize for OtlpTarget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_named_by_its_address() {
        let read = |text: &str| text.parse::<OtlpTarget>().map(|target| target.to_string());
        for (text, target) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("http://collector", "http://collector:4318/v1/traces"),
            ("http://[::1]:9/otlp/", "http://[::1]:9/otlp/v1/traces"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(target));
        }
        for wrong in [
            "",
            "127.0.0.1:4318",
            "https://a:4318",
            "http://a/?b=c",
            "grpc://a:4317",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
