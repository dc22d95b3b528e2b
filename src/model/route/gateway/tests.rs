//! The order among routes, and what listeners do to hosts.

use super::super::super::{MatchedPath, RouteMatch, TextMatch};
use super::super::HostMatch;
use super::attach::intersection;
use super::rules::rank;
use super::{OTHER_HOSTS, priority};

fn host(text: &str) -> HostMatch {
    match text.strip_prefix('*') {
        Some("") => HostMatch::Any,
        Some(suffix) => HostMatch::Suffix(suffix.to_owned()),
        None => HostMatch::Exact(text.to_owned()),
    }
}

#[test]
fn listeners_and_routes_have_hosts_in_common() {
    for (one, other, common) in [
        ("*", "*", Some("*")),
        ("*", "a.com", Some("a.com")),
        ("*", "*.a.com", Some("*.a.com")),
        ("a.com", "a.com", Some("a.com")),
        ("a.com", "b.com", None),
        ("*.a.com", "x.a.com", Some("x.a.com")),
        ("*.a.com", "x.y.a.com", Some("x.y.a.com")),
        ("*.a.com", "a.com", None),
        ("*.a.com", "*.y.a.com", Some("*.y.a.com")),
        ("*.a.com", "*.ya.com", None),
        ("*.a.com", "*.b.com", None),
    ] {
        let common = common.map(host);
        assert_eq!(
            intersection(&host(one), &host(other)),
            common,
            "{one} {other}"
        );
        assert_eq!(
            intersection(&host(other), &host(one)),
            common,
            "{other} {one}"
        );
    }
}

/// `path`, method, numbers of headers and of query parameters.
fn asked(path: MatchedPath, method: bool, headers: usize, query: usize) -> RouteMatch {
    let texts = |number: usize| {
        (0..number)
            .map(|index| (index.to_string(), TextMatch::Present))
            .collect()
    };
    RouteMatch {
        path,
        method: method.then(|| "GET".to_owned()),
        headers: texts(headers),
        query: texts(query),
    }
}

#[test]
fn each_row_beats_those_below_it() {
    let exact = |path: &str| MatchedPath::Exact(path.to_owned());
    let prefix = |path: &str| MatchedPath::Prefix(path.to_owned());
    let long = format!("/{}", "x".repeat(1023));
    let rows = [
        ("a.com", asked(exact("/ab"), false, 0, 0)),
        ("a.com", asked(exact("/"), false, 0, 0)),
        ("a.com", asked(prefix(&long), true, 16, 16)),
        ("a.com", asked(prefix("/ab"), false, 0, 0)),
        ("a.com", asked(prefix("/a"), true, 0, 0)),
        ("a.com", asked(prefix("/a"), false, 16, 0)),
        ("a.com", asked(prefix("/a/"), false, 1, 16)),
        ("a.com", asked(prefix("/a"), false, 1, 0)),
        ("a.com", asked(prefix("/a"), false, 0, 1)),
        ("a.com", asked(prefix("/"), false, 0, 0)),
        ("*.b.a.com", asked(prefix("/"), false, 0, 0)),
        ("*.a.com", asked(exact("/ab"), true, 16, 16)),
        ("*", asked(exact(&long), true, 16, 16)),
        ("*", asked(prefix("/"), false, 0, 0)),
    ];
    let order: Vec<_> = rows
        .iter()
        .map(|(name, asked)| priority(&host(name), rank(asked)))
        .collect();
    assert!(order.is_sorted_by(|one, other| one > other), "{order:?}");
    // Everything but exact hosts is below all Ingress rules, and above Traefik's default backend.
    let longest = HostMatch::Suffix(format!(".{}", "x".repeat(254)));
    let most = priority(&longest, rank(&asked(exact(&long), true, 16, 16)));
    assert!(most <= 0, "{most}");
    assert!(OTHER_HOSTS > i64::from(i32::MIN));
}

#[test]
fn longer_services_beat_longer_methods_of_calls() {
    let call = |service: Option<&str>, method: Option<&str>| MatchedPath::Call {
        service: service.map(str::to_owned),
        method: method.map(str::to_owned),
    };
    let rows = [
        asked(call(Some("a.Long"), None), false, 0, 0),
        asked(call(Some("a.B"), Some("Method")), false, 0, 0),
        asked(call(Some("a.B"), None), false, 2, 0),
        asked(call(None, Some("Method")), false, 1, 0),
        asked(call(None, Some("Method")), false, 0, 0),
        asked(call(None, None), false, 1, 0),
    ];
    let order: Vec<_> = rows.iter().map(rank).collect();
    assert!(order.is_sorted_by(|one, other| one > other), "{order:?}");
}
