//! Cross-origin resource sharing (the Fetch standard): preflights are answered here, other answers
//! get their headers.

use std::fmt::Write as _;

use http::StatusCode;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN,
    VARY,
};

use super::{Stop, Subject, empty};
use crate::model::Cors;

/// The headers for the answer, or the answer to a preflight.
pub(super) fn apply(
    cors: &Cors,
    subject: &Subject<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Stop> {
    let headers = subject.question.headers;
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let preflight = subject.question.method == "OPTIONS"
        && origin.is_some()
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut told = Vec::new();
    let mut tell = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            told.push((name, value));
        }
    };
    if let Some(allowed) = origin.and_then(|origin| allowed(cors, origin)) {
        tell(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if allowed != "*" {
            tell(VARY, "Origin");
        }
        if cors.credentials {
            tell(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        if preflight {
            tell(
                ACCESS_CONTROL_ALLOW_METHODS,
                &list(
                    &cors.methods,
                    headers.get(ACCESS_CONTROL_REQUEST_METHOD),
                    cors,
                ),
            );
            let wanted = list(
                &cors.headers,
                headers.get(ACCESS_CONTROL_REQUEST_HEADERS),
                cors,
            );
            if !wanted.is_empty() {
                tell(ACCESS_CONTROL_ALLOW_HEADERS, &wanted);
            }
            if let Some(age) = cors.max_age {
                tell(ACCESS_CONTROL_MAX_AGE, &age.as_secs().to_string());
            }
        }
        if !cors.expose.is_empty() && (!preflight || cors.expose_in_preflight) {
            tell(ACCESS_CONTROL_EXPOSE_HEADERS, &cors.expose.join(", "));
        }
    }
    if !preflight {
        return Ok(told);
    }
    let status = StatusCode::from_u16(cors.preflight_status).unwrap_or(StatusCode::NO_CONTENT);
    let mut response = empty(status);
    response.headers_mut().extend(told);
    Err(Stop::Answer(Box::new(response)))
}

/// What is said of this origin: itself, or `*` where everybody may and no cookies are sent.
fn allowed<'o>(cors: &'o Cors, origin: &'o str) -> Option<&'o str> {
    cors.origins.iter().find_map(|pattern| {
        if pattern == "*" {
            return Some(if cors.credentials { origin } else { "*" });
        }
        matches(pattern, origin).then_some(origin)
    })
}

/// `https://*.example.com` means any number of labels.
fn matches(pattern: &str, origin: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.eq_ignore_ascii_case(origin),
        Some((before, after)) => {
            let origin = origin.to_ascii_lowercase();
            let rest = origin.strip_prefix(&before.to_ascii_lowercase());
            let middle = rest.and_then(|rest| rest.strip_suffix(&after.to_ascii_lowercase()));
            middle.is_some_and(|middle| !middle.is_empty() && !middle.contains('/'))
        }
    }
}

/// A list; a star is what the browser asks for where cookies make the star mean nothing.
fn list(items: &[String], asked: Option<&HeaderValue>, cors: &Cors) -> String {
    if items.iter().any(|item| item == "*") && cors.credentials {
        return asked
            .and_then(|asked| asked.to_str().ok())
            .unwrap_or("*")
            .to_owned();
    }
    let mut text = String::new();
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        // Writing to a String cannot fail.
        _ = write!(text, "{comma}{item}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_equal_or_below_the_star() {
        let star = "https://*.bar.com";
        assert!(matches(star, "https://foo.bar.com"));
        assert!(matches(star, "https://a.foo.BAR.com"));
        assert!(!matches(star, "https://.bar.com.evil.org"));
        assert!(!matches(star, "https://evil.org/.bar.com"));
        assert!(!matches(star, "https://bar.com"));
        assert!(matches("http://a:8080", "http://a:8080"));
        assert!(!matches("http://a", "https://a"));
    }

    #[test]
    fn a_star_names_the_origin_where_cookies_are_sent() {
        let mut cors = Cors {
            origins: vec!["*".to_owned()],
            ..Cors::default()
        };
        assert_eq!(allowed(&cors, "http://a"), Some("*"));
        cors.credentials = true;
        assert_eq!(allowed(&cors, "http://a"), Some("http://a"));
        cors.origins = vec!["http://b".to_owned()];
        assert_eq!(allowed(&cors, "http://a"), None);
    }
}
