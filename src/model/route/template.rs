//! Texts with NGINX variables, such as `https://$host/login?rd=$escaped_request_uri`.
//!
//! Only variables that are about the request are known. A text with another one is refused when
//! the routes are compiled, so the data path never meets one.

use std::fmt::Write as _;
use std::net::IpAddr;

use super::Question;

/// A text, and the places in it that each request fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable(Variable),
}

/// What a place is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Variable {
    /// `$host`: lower case, without port.
    Host,
    /// `$http_host`, `$best_http_host`: as the client wrote it, with its port.
    HttpHost,
    /// `$scheme`, `$pass_access_scheme`: `http` or `https`.
    Scheme,
    /// `$request_uri`: path and query as the client wrote them.
    RequestUri,
    /// `$escaped_request_uri`: the same, fit for a query parameter.
    EscapedRequestUri,
    /// `$uri`, `$document_uri`: the normalised path.
    Uri,
    /// `$args`, `$query_string`
    Args,
    /// `$request_method`
    Method,
    /// `$remote_addr`, `$binary_remote_addr`, `$the_real_ip`
    RemoteAddr,
    /// `$http_NAME`, the name as headers have it.
    Header(String),
    /// `$cookie_NAME`
    Cookie(String),
    /// `$arg_NAME`, undecoded.
    Argument(String),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the variable ${0} is not known here")]
pub struct TemplateError(pub String);

impl Template {
    /// Reads a text; a dollar sign without a name stands for itself.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            let (name, after) = split_name(after);
            rest = after;
            if name.is_empty() {
                literal.push('$');
                continue;
            }
            let variable = Variable::named(name).ok_or_else(|| TemplateError(name.to_owned()))?;
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Variable(variable));
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self(parts))
    }

    /// Fills it for a request. `target` is path and query as the client wrote them.
    pub fn fill(&self, question: &Question<'_>, target: &str, client: IpAddr) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Variable(variable) => variable.fill(&mut text, question, target, client),
            }
        }
        text
    }
}

impl Variable {
    fn named(name: &str) -> Option<Self> {
        let of = |prefix: &str| {
            let rest = name.strip_prefix(prefix)?;
            (!rest.is_empty()).then(|| rest.to_owned())
        };
        Some(match name {
            "host" => Self::Host,
            "http_host" | "best_http_host" => Self::HttpHost,
            "scheme" | "pass_access_scheme" => Self::Scheme,
            "request_uri" => Self::RequestUri,
            "escaped_request_uri" => Self::EscapedRequestUri,
            "uri" | "document_uri" => Self::Uri,
            "args" | "query_string" => Self::Args,
            "request_method" => Self::Method,
            "remote_addr" | "binary_remote_addr" | "the_real_ip" => Self::RemoteAddr,
            _ => of("http_")
                .map(|header| Self::Header(header.replace('_', "-")))
                .or_else(|| of("cookie_").map(Self::Cookie))
                .or_else(|| of("arg_").map(Self::Argument))?,
        })
    }

    fn fill(&self, text: &mut String, question: &Question<'_>, target: &str, client: IpAddr) {
        let header = |name: &str| {
            let value = question.headers.get(name)?;
            value.to_str().ok()
        };
        match self {
            Self::Host => text.push_str(question.host),
            Self::HttpHost => text.push_str(header("host").unwrap_or(question.host)),
            Self::Scheme => text.push_str(if question.tls { "https" } else { "http" }),
            Self::RequestUri => text.push_str(target),
            Self::EscapedRequestUri => escape(text, target),
            Self::Uri => text.push_str(question.path),
            Self::Args => text.push_str(question.query.unwrap_or_default()),
            Self::Method => text.push_str(question.method),
            // Writing to a String cannot fail.
            Self::RemoteAddr => _ = write!(text, "{client}"),
            Self::Header(name) => text.push_str(header(name).unwrap_or_default()),
            Self::Cookie(name) => text.push_str(cookie(question, name).unwrap_or_default()),
            Self::Argument(name) => {
                let pairs = question.query.unwrap_or_default().split('&');
                let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
                if let Some((_, value)) = pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)) {
                    text.push_str(value);
                }
            }
        }
    }
}

/// The name at the beginning, with or without braces, and what follows.
fn split_name(text: &str) -> (&str, &str) {
    if let Some((name, rest)) = text
        .strip_prefix('{')
        .and_then(|inner| inner.split_once('}'))
    {
        return (name, rest);
    }
    let end = text
        .find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .unwrap_or(text.len());
    text.split_at(end)
}

/// The value of a cookie.
fn cookie<'q>(question: &Question<'q>, name: &str) -> Option<&'q str> {
    let lines = question.headers.get_all("cookie").iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Percent-encodes all but unreserved characters.
fn escape(text: &mut String, target: &str) {
    for byte in target.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            _ = write!(text, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_fills_the_places() {
        let mut headers = http::HeaderMap::new();
        headers.insert("host", http::HeaderValue::from_static("App.test:8443"));
        headers.insert("x-user", http::HeaderValue::from_static("u"));
        headers.insert("cookie", http::HeaderValue::from_static("a=1; b=2"));
        let question = Question {
            host: "app.test",
            path: "/x",
            method: "GET",
            headers: &headers,
            query: Some("q=1&r"),
            tls: true,
        };
        let filled = |text: &str| {
            let template = Template::parse(text).unwrap();
            template.fill(&question, "/x?q=1&r", IpAddr::from([10, 0, 0, 1]))
        };
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("$scheme://$host$request_uri", "https://app.test/x?q=1&r"),
            (
                "https://$http_host/in?rd=$escaped_request_uri",
                "https://App.test:8443/in?rd=%2Fx%3Fq%3D1%26r",
            ),
            ("$http_x_user-$cookie_b-$arg_q-$arg_none", "u-2-1-"),
            (
                "${remote_addr}:$uri:$args:$request_method",
                "10.0.0.1:/x:q=1&r:GET",
            ),
            ("5$ and $", "5$ and $"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
        for (text, unknown) in [
            ("$upstream_addr", "upstream_addr"),
            ("a${", ""),
            ("$http_", "http_"),
        ] {
            match Template::parse(text) {
                Err(error) => assert_eq!(error.0, unknown),
                Ok(_) => assert_eq!(unknown, "", "{text}"),
            }
        }
    }
}
