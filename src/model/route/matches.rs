//! What beside host and path a route may ask of a request.

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

use super::HostMatch;

/// A request as far as routes look at it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'request> {
    /// Lower case, without port and trailing dot; empty if there is none.
    pub host: &'request str,
    /// As [`normalise_path`](super::normalise_path) returned it.
    pub path: &'request str,
    /// The method.
    pub method: &'request str,
    /// All headers.
    pub headers: &'request http::HeaderMap,
    /// What follows the question mark, undecoded.
    pub query: Option<&'request str>,
    /// Whether it came over TLS.
    pub tls: bool,
}

impl<'request> Question<'request> {
    /// A GET in clear text without headers and query.
    pub fn get(host: &'request str, path: &'request str) -> Self {
        static NONE: LazyLock<http::HeaderMap> = LazyLock::new(http::HeaderMap::new);
        Self {
            host,
            path,
            method: "GET",
            headers: &NONE,
            query: None,
            tls: false,
        }
    }
}

/// One demand; a route's demands must all be met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// This method.
    Method(String),
    /// A header (name in lower case) with such a value. Several lines count as one with commas.
    Header(String, TextMatch),
    /// A query parameter, name and value percent-decoded; the first one of that name counts.
    Query(String, TextMatch),
    /// Where it came in.
    EntryPoint(EntryPoint),
    /// None of these hosts: they belong to more specific listeners of Gateways.
    NotHosts(Vec<HostMatch>),
}

/// A way in, by Traefik's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPoint {
    /// Clear text.
    Web,
    /// TLS.
    WebSecure,
}

/// How a text is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// Letter by letter.
    Exact(String),
    /// Somewhere, unless the pattern has anchors.
    Regex(Pattern),
    /// Anything, also nothing.
    Present,
}

/// A regular expression that can be compared: equal texts are equal patterns.
#[derive(Clone, Debug)]
pub struct Pattern(regex::Regex);

impl Pattern {
    /// Compiles it. The syntax is that of the `regex` crate: linear time, no look-around.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        regex::Regex::new(text).map(Self)
    }

    /// The expression itself.
    pub fn regex(&self) -> &regex::Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl TextMatch {
    /// Whether a text is meant.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(whole) => text == whole,
            Self::Regex(pattern) => pattern.0.is_match(text),
            Self::Present => true,
        }
    }
}

impl Condition {
    /// Whether the request meets it.
    pub fn holds(&self, question: &Question<'_>) -> bool {
        match self {
            Self::Method(method) => method == question.method,
            Self::Header(name, value) => {
                header(question.headers, name).is_some_and(|found| value.matches(&found))
            }
            Self::Query(name, value) => {
                parameter(question.query, name).is_some_and(|found| value.matches(&found))
            }
            Self::EntryPoint(entry) => question.tls == (*entry == EntryPoint::WebSecure),
            Self::NotHosts(hosts) => !hosts.iter().any(|host| host.matches(question.host)),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => write!(formatter, "method {method}"),
            Self::Header(name, value) => write!(formatter, "header {name} {value}"),
            Self::Query(name, value) => write!(formatter, "query parameter {name} {value}"),
            Self::EntryPoint(EntryPoint::Web) => formatter.write_str("entry point web"),
            Self::EntryPoint(EntryPoint::WebSecure) => formatter.write_str("entry point websecure"),
            Self::NotHosts(hosts) => {
                formatter.write_str("a host of its own listener, not")?;
                let mut before = ' ';
                for host in hosts {
                    write!(formatter, "{before}{host}")?;
                    before = ',';
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for TextMatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => write!(formatter, "= {text}"),
            Self::Regex(pattern) => write!(formatter, "~ {}", pattern.regex()),
            Self::Present => formatter.write_str("(any)"),
        }
    }
}

/// A header's value; several lines are joined with commas (RFC 9110 section 5.3).
fn header<'h>(headers: &'h http::HeaderMap, name: &str) -> Option<Cow<'h, str>> {
    let mut lines = headers.get_all(name).iter();
    let first = String::from_utf8_lossy(lines.next()?.as_bytes());
    Some(lines.fold(first, |all, line| {
        Cow::Owned(format!(
            "{all},{}",
            String::from_utf8_lossy(line.as_bytes())
        ))
    }))
}

/// The first parameter of that name.
fn parameter<'q>(query: Option<&'q str>, name: &str) -> Option<Cow<'q, str>> {
    query?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name).then(|| decoded(value))
    })
}

/// As HTML forms encode: `+` is a space, `%` and two digits a byte.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    // Two hex digits are at most 255.
                    bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_look_at_method_headers_and_query() {
        let mut headers = http::HeaderMap::new();
        headers.append("color", http::HeaderValue::from_static("blue"));
        headers.append("color", http::HeaderValue::from_static("green"));
        let question = Question {
            host: "a",
            path: "/",
            method: "GET",
            headers: &headers,
            query: Some("animal=blue+whale&animal=fish&x"),
            tls: true,
        };
        let exact = |text: &str| TextMatch::Exact(text.to_owned());
        let holds = |condition: Condition| condition.holds(&question);
        assert!(holds(Condition::Method("GET".to_owned())));
        assert!(!holds(Condition::Method("get".to_owned())));
        assert!(holds(Condition::Header(
            "color".to_owned(),
            exact("blue,green")
        )));
        assert!(holds(Condition::Query(
            "animal".to_owned(),
            exact("blue whale")
        )));
        assert!(!holds(Condition::Query("Animal".to_owned(), exact("fish"))));
        assert!(holds(Condition::Query("x".to_owned(), TextMatch::Present)));
        assert!(holds(Condition::EntryPoint(EntryPoint::WebSecure)));
        assert!(!holds(Condition::EntryPoint(EntryPoint::Web)));
        let pattern = Pattern::new("^bl.e").unwrap();
        assert!(holds(Condition::Header(
            "color".to_owned(),
            TextMatch::Regex(pattern)
        )));
    }

    #[test]
    fn a_bad_encoding_is_taken_as_written() {
        assert_eq!(decoded("a%2Gb%"), "a%2Gb%");
        assert_eq!(decoded("%41+%c3%a4"), "A ä");
    }
}
