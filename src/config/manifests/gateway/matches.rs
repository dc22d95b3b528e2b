//! What a rule asks of a request: `matches`.

use super::super::super::field::Field;
use super::super::super::section::Section;
use super::at_most;
use crate::model::{MatchedPath, Pattern, RouteKind, RouteMatch, TextMatch};

/// Of `matches`, and of the headers and parameters of one.
const MOST: usize = 64;
const MOST_PARTS: usize = 16;

/// `type` of a path.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum PathKind {
    #[default]
    Prefix,
    Exact,
    Regex,
}

const PATHS: [(&str, PathKind); 3] = [
    ("PathPrefix", PathKind::Prefix),
    ("Exact", PathKind::Exact),
    ("RegularExpression", PathKind::Regex),
];
/// `type` of everything else: whether it is a pattern.
const TEXTS: [(&str, bool); 2] = [("Exact", false), ("RegularExpression", true)];
const METHODS: [(&str, &str); 9] = [
    ("GET", "GET"),
    ("HEAD", "HEAD"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("DELETE", "DELETE"),
    ("CONNECT", "CONNECT"),
    ("OPTIONS", "OPTIONS"),
    ("TRACE", "TRACE"),
    ("PATCH", "PATCH"),
];

/// A match that fits every request.
pub(super) fn everything(kind: RouteKind) -> RouteMatch {
    RouteMatch {
        path: match kind {
            RouteKind::Http => MatchedPath::Prefix("/".to_owned()),
            RouteKind::Grpc => MatchedPath::Call {
                service: None,
                method: None,
            },
        },
        method: None,
        headers: Vec::new(),
        query: Vec::new(),
    }
}

/// The matches of a rule; one for everything if there is none.
pub(super) fn read(rule: &Section<'_>, kind: RouteKind) -> Vec<RouteMatch> {
    let entries = at_most(rule, "matches", MOST);
    if entries.is_empty() {
        return vec![everything(kind)];
    }
    let mut matches = Vec::new();
    for entry in entries {
        let mut one = RouteMatch {
            headers: texts(&entry, "headers", str::to_ascii_lowercase),
            ..everything(kind)
        };
        let path = match kind {
            RouteKind::Http => {
                one.query = texts(&entry, "queryParams", str::to_owned);
                let method = entry.field("method");
                one.method = method
                    .and_then(|field| field.choice(&METHODS))
                    .map(str::to_owned);
                entry.field("path").map(|field| path(&field))
            }
            RouteKind::Grpc => entry.field("method").map(|field| call(&field)),
        };
        entry.finish();
        match path {
            None => matches.push(one),
            Some(Some(path)) => matches.push(RouteMatch { path, ..one }),
            // It was refused.
            Some(None) => {}
        }
    }
    matches
}

fn path(field: &Field<'_>) -> Option<MatchedPath> {
    let section = field.section()?;
    let kind = section.choice("type", &PATHS);
    let value = section.field("value");
    section.finish();
    let Some(value) = value else {
        return Some(match kind {
            PathKind::Prefix => MatchedPath::Prefix("/".to_owned()),
            PathKind::Exact => MatchedPath::Exact("/".to_owned()),
            PathKind::Regex => regex(field, "/")?,
        });
    };
    let text = value.words()?;
    if kind == PathKind::Regex {
        return regex(&value, text);
    }
    if !text.starts_with('/') {
        value.refuse("must begin with a slash", "write for example /shop");
        return None;
    }
    if text.contains(['#', '?']) {
        value.refuse("must be a path alone", "leave query and fragment out");
        return None;
    }
    Some(match kind {
        PathKind::Exact => MatchedPath::Exact(text.to_owned()),
        _ => MatchedPath::Prefix(text.to_owned()),
    })
}

fn regex(field: &Field<'_>, text: &str) -> Option<MatchedPath> {
    Some(MatchedPath::Regex {
        pattern: whole(field, text)?,
        length: text.len(),
    })
}

/// `method` of a GRPCRoute.
fn call(field: &Field<'_>) -> Option<MatchedPath> {
    let section = field.section()?;
    let is_pattern = section.choice("type", &TEXTS);
    let service = section.field("service");
    let method = section.field("method");
    section.finish();
    if service.is_none() && method.is_none() {
        field.refuse(
            "names neither a service nor a method",
            "write service: package.Service, or leave method out",
        );
        return None;
    }
    let text = |field: &Option<Field<'_>>| match field {
        Some(field) => field.words().map(|text| Some(text.to_owned())),
        None => Some(None),
    };
    let (service_text, method_text) = (text(&service)?, text(&method)?);
    if !is_pattern {
        return Some(MatchedPath::Call {
            service: service_text,
            method: method_text,
        });
    }
    let any = || "[^/]+".to_owned();
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let (of_service, of_method) = (length(&service_text), length(&method_text));
    let pattern = format!(
        "/(?:{})/(?:{})",
        service_text.unwrap_or_else(any),
        method_text.unwrap_or_else(any)
    );
    Some(MatchedPath::CallPattern {
        pattern: whole(field, &pattern)?,
        service: of_service,
        method: of_method,
    })
}

/// Names and what their values must be. Of equal names the first counts, as the specification says.
fn texts(
    section: &Section<'_>,
    key: &'static str,
    form: impl Fn(&str) -> String,
) -> Vec<(String, TextMatch)> {
    let mut found: Vec<(String, TextMatch)> = Vec::new();
    for entry in at_most(section, key, MOST_PARTS) {
        let is_pattern = entry.choice("type", &TEXTS);
        let name = entry.required("name", "write name: version");
        let value = entry.required("value", "write value: \"2\"");
        let name = name.and_then(|field| field.words()).map(&form);
        let text = value.as_ref().and_then(Field::text);
        let asked = match (&value, text) {
            (Some(field), Some(text)) if is_pattern => whole(field, text).map(TextMatch::Regex),
            (_, text) => text.map(|text| TextMatch::Exact(text.to_owned())),
        };
        if let (Some(name), Some(asked)) = (name, asked)
            && !found.iter().any(|(known, _)| *known == name)
        {
            found.push((name, asked));
        }
        entry.finish();
    }
    found
}

/// A pattern for the whole of a text.
///
/// Lab: the specification leaves that open; Envoy's gateways do so, Traefik looks for it anywhere.
fn whole(field: &Field<'_>, text: &str) -> Option<Pattern> {
    let pattern = Pattern::new(&format!("^(?:{text})$"));
    if pattern.is_err() {
        field.refuse(
            "is not a regular expression that can be used",
            "write it in RE2's syntax, without look-around",
        );
    }
    pattern.ok()
}
