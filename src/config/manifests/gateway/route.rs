//! HTTPRoute and GRPCRoute.

use std::time::Duration;

use super::super::super::field::Field;
use super::super::super::section::Section;
use super::super::object::{self, Metadata};
use super::{GROUP, at_most, filters, host, matches, namespace, reference};
use crate::model::{
    BackendReference, GatewayRoute, GatewayRule, ParentReference, RouteKind, RouteRetry, Session,
};

/// Weights above are refused by the API server too.
const HEAVIEST: i64 = 1_000_000;
/// Statuses that a retry may be made for.
const CODES: std::ops::RangeInclusive<i64> = 400..=599;
/// What a session cookie is called where nothing is said.
const COOKIE: &str = "LAB_SESSION";
/// Of `backendRefs`, `rules`, `filters`, `hostnames`.
const MOST: usize = 16;
/// Of `parentRefs`.
const MOST_PARENTS: usize = 32;

/// `sessionPersistence.type`: whether it is a header.
const SESSIONS: [(&str, bool); 2] = [("Cookie", false), ("Header", true)];
/// `lifetimeType`: whether the cookie outlives the browser.
const LIFETIMES: [(&str, bool); 2] = [("Session", false), ("Permanent", true)];

/// Reads a route.
pub(in super::super) fn read(
    object: &Section<'_>,
    metadata: &Metadata,
    kind: RouteKind,
) -> Option<GatewayRoute> {
    let spec = object::spec(object)?;
    let mut route = GatewayRoute {
        kind,
        name: metadata.name.clone(),
        namespace: namespace(metadata),
        created: metadata.created.clone(),
        parents: Vec::new(),
        hosts: Vec::new(),
        rules: Vec::new(),
    };
    for entry in at_most(&spec, "parentRefs", MOST_PARENTS) {
        let object = reference(&entry, GROUP, "Gateway");
        let port = entry.field("port").and_then(|field| field.port());
        let section = entry.field("sectionName");
        let section = section.and_then(|field| object::name(&field));
        if let Some(mut object) = object {
            object.port = port;
            route.parents.push(ParentReference { object, section });
        }
        entry.finish();
    }
    if let Some(field) = spec.field("hostnames") {
        let hosts = field.texts();
        if hosts.len() > MOST {
            field.refuse(format!("may have {MOST} entries"), "write several routes");
        }
        route.hosts = hosts.iter().filter_map(|(_, field)| host(field)).collect();
    }
    for entry in at_most(&spec, "rules", MOST) {
        route.rules.push(rule(&entry, kind));
        entry.finish();
    }
    if spec.field("rules").is_none() {
        // The API server writes it so: everything is matched, and nothing can serve it.
        route.rules.push(GatewayRule {
            matches: vec![matches::everything(kind)],
            ..GatewayRule::default()
        });
    }
    spec.accept(&["useDefaultGateways"]);
    spec.finish();
    Some(route)
}

fn rule(entry: &Section<'_>, kind: RouteKind) -> GatewayRule {
    let name = entry.field("name").and_then(|field| object::name(&field));
    let mut rule = GatewayRule {
        name: name.unwrap_or_default(),
        matches: matches::read(entry, kind),
        filters: filters::read(entry, kind),
        session: session(entry),
        ..GatewayRule::default()
    };
    for reference in at_most(entry, "backendRefs", MOST) {
        rule.backends.extend(backend(&reference, kind));
        reference.finish();
    }
    if kind == RouteKind::Http {
        timeouts(entry, &mut rule);
        rule.retry = retry(entry);
    }
    rule
}

fn backend(entry: &Section<'_>, kind: RouteKind) -> Option<BackendReference> {
    let weight = entry.number("weight", 0..=HEAVIEST, 1);
    let filters = filters::read(entry, kind);
    let object = filters::service(entry)?;
    Some(BackendReference {
        object,
        weight,
        filters,
    })
}

fn timeouts(entry: &Section<'_>, rule: &mut GatewayRule) {
    let Some(section) = entry.field("timeouts").and_then(|field| field.section()) else {
        return;
    };
    let request = section.field("request");
    let backend = section.field("backendRequest");
    rule.request_timeout = request.as_ref().and_then(duration);
    rule.backend_timeout = backend.as_ref().and_then(duration);
    let (whole, one) = (
        rule.request_timeout.unwrap_or_default(),
        rule.backend_timeout.unwrap_or_default(),
    );
    if let Some(backend) = backend
        && !whole.is_zero()
        && one > whole
    {
        backend.refuse("is longer than request", "give a try less than the whole");
    }
    section.finish();
}

fn retry(entry: &Section<'_>) -> Option<RouteRetry> {
    let section = entry.field("retry").and_then(|field| field.section())?;
    let codes = section.field("codes").map(|field| field.list());
    let codes = codes.unwrap_or_default();
    let backoff = section.field("backoff");
    let retry = RouteRetry {
        codes: codes
            .iter()
            .filter_map(|field| field.number(CODES))
            .collect(),
        attempts: section.number("attempts", 0..=100, 1),
        backoff: backoff.as_ref().and_then(duration).unwrap_or_default(),
    };
    section.finish();
    Some(retry)
}

fn session(entry: &Section<'_>) -> Option<Result<Session, String>> {
    let section = entry
        .field("sessionPersistence")
        .and_then(|field| field.section())?;
    let name = section.field("sessionName");
    let name = name.and_then(|field| cookie_name(&field));
    let is_header = section.choice("type", &SESSIONS);
    let absolute = section.field("absoluteTimeout");
    let absolute = absolute.as_ref().and_then(duration);
    let idle = section.field("idleTimeout").is_some();
    let mut permanent = false;
    if let Some(cookie) = section
        .field("cookieConfig")
        .and_then(|field| field.section())
    {
        permanent = cookie.choice("lifetimeType", &LIFETIMES);
        if permanent && absolute.is_none() {
            cookie.refuse("lifetimeType", "Permanent needs an absoluteTimeout");
        }
        cookie.finish();
    }
    section.finish();
    if is_header {
        return Some(Err(
            "sessionPersistence.type Header is not supported".to_owned()
        ));
    }
    if idle {
        let message = "sessionPersistence.idleTimeout is not supported";
        return Some(Err(message.to_owned()));
    }
    Some(Ok(Session {
        cookie: name.unwrap_or(COOKIE).to_owned(),
        path: None,
        domain: None,
        max_age: absolute.filter(|_| permanent),
        same_site: None,
        secure: false,
        http_only: true,
        persistent: true,
    }))
}

/// A token, as RFC 6265 asks of the name of a cookie.
fn cookie_name<'a>(field: &Field<'a>) -> Option<&'a str> {
    let text = field.words()?;
    if http::Method::from_bytes(text.as_bytes()).is_err() {
        field.refuse("cannot be the name of a cookie", "write letters and digits");
        return None;
    }
    Some(text)
}

/// A duration as GEP-2257 has it: up to four numbers of up to five digits with `h`, `m`, `s` or `ms`.
fn duration(field: &Field<'_>) -> Option<Duration> {
    let parsed = field.text().and_then(parse_duration);
    if parsed.is_none() {
        field.refuse(
            "must be a duration such as 10s, 500ms or 1h30m",
            "write up to four whole numbers, each with h, m, s or ms",
        );
    }
    parsed
}

fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    for _ in 0..4 {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|c: char| c.is_ascii_digit());
        let (unit, after) = after.split_at(unit.unwrap_or(after.len()));
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        if number.len() > 5 {
            return None;
        }
        total += Duration::from_millis(number.parse::<u64>().ok()? * milliseconds);
        rest = after;
        if rest.is_empty() {
            return Some(total);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_gep_2257() {
        for (text, milliseconds) in [
            ("0s", 0),
            ("10s", 10_000),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1h1m1s1ms", 3_661_001),
        ] {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(parse_duration(text), expected, "{text}");
        }
        for text in [
            "",
            "1",
            "s",
            "1.5s",
            "-1s",
            "100000s",
            "1d",
            "1s1s1s1s1s",
            "1é",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }
}
