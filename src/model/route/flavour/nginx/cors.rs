//! `enable-cors` and what belongs to it.

use super::super::super::{Cors, Filter};
use super::super::annotations::Annotations;

/// ingress-nginx' defaults.
const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];
const HEADERS: &[&str] = &[
    "DNT",
    "Keep-Alive",
    "User-Agent",
    "X-Requested-With",
    "If-Modified-Since",
    "Cache-Control",
    "Content-Type",
    "Range",
    "Authorization",
];
const MAX_AGE: u64 = 1_728_000;

/// The filter, if it is asked for.
pub(super) fn read(read: &mut Annotations<'_>) -> Option<Filter> {
    if !read.flag("enable-cors")? {
        return None;
    }
    let max_age = read.seconds("cors-max-age");
    Some(Filter::Cors(Cors {
        expose_in_preflight: false,
        origins: words(read, "cors-allow-origin", &["*"], is_origin),
        methods: words(read, "cors-allow-methods", METHODS, is_token),
        headers: words(read, "cors-allow-headers", HEADERS, is_token),
        expose: words(read, "cors-expose-headers", &[], is_token),
        credentials: read.flag("cors-allow-credentials").unwrap_or(true),
        max_age: Some(max_age.unwrap_or(std::time::Duration::from_secs(MAX_AGE))),
        preflight_status: 204,
    }))
}

/// A list, or the default where there is none, or one that is not valid.
fn words(
    read: &mut Annotations<'_>,
    name: &str,
    default: &[&str],
    valid: fn(&str) -> bool,
) -> Vec<String> {
    let written = read.list(name);
    let wrong = written.iter().find(|word| !valid(word)).copied();
    if let Some(wrong) = wrong {
        read.ignored(name, &format!("\"{wrong}\" is not valid"));
    }
    let words = if written.is_empty() || wrong.is_some() {
        default
    } else {
        &written
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn is_token(word: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    word == "*" || word.bytes().all(letter)
}

/// `*`, or a scheme and a host with or without port; the host may begin with `*.`.
fn is_origin(word: &str) -> bool {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word == "*";
    };
    let host = rest.strip_prefix("*.").unwrap_or(rest);
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    !host.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && host.bytes().all(letter)
}
