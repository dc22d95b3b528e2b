//! The order among routes, and what listeners do to hosts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::super::{
    AppProtocol, BackendReference, FromNamespaces, Gateway, GatewayApi, GatewayListener,
    GatewayRoute, GatewayRule, MatchedPath, NginxOptions, ObjectReference, ParentReference,
    Protocol, RouteKind, RouteMatch, Service, ServicePort, TextMatch,
};
use super::super::{Flavour, HostMatch, Objects, Question, compile};
use super::attach::intersection;
use super::rules::rank;
use super::{GROUP, GatewayPorts, OTHER_HOSTS, priority};

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

const LISTENERS: [&str; 6] = ["*", "*.a.com", "*.b.a.com", "b.a.com", "x.b.a.com", "d.org"];
const HOSTS: [&str; 7] = [
    "*",
    "*.a.com",
    "*.b.a.com",
    "b.a.com",
    "x.a.com",
    "*.org",
    "d.org",
];
const ASKED: [&str; 8] = [
    "",
    "a.com",
    "b.a.com",
    "x.a.com",
    "x.b.a.com",
    "y.x.b.a.com",
    "d.org",
    "e.org",
];
const PATHS: [&str; 4] = ["/", "/a", "/a/b", "/ab"];

/// A Gateway with some listeners, and routes at one of them or at all.
fn random(random: &mut fastrand::Rng) -> GatewayApi {
    let listeners = LISTENERS.iter().filter(|_| random.bool());
    let listeners: Vec<_> = listeners
        .map(|name| GatewayListener {
            name: (*name).to_owned(),
            host: host(name),
            port: 80,
            protocol: "HTTP".to_owned(),
            passthrough: false,
            certificates: Vec::new(),
            from: FromNamespaces::Same,
            kinds: Vec::new(),
        })
        .collect();
    let mut routes = Vec::new();
    for number in 0..random.usize(0..8) {
        let path = PATHS[random.usize(..PATHS.len())].to_owned();
        let path = if random.bool() {
            MatchedPath::Exact(path)
        } else {
            MatchedPath::Prefix(path)
        };
        let rule = GatewayRule {
            matches: vec![asked(path, random.bool(), 0, 0)],
            backends: vec![BackendReference {
                object: reference("", "Service", "web", Some(80)),
                weight: 1,
                filters: Vec::new(),
            }],
            ..GatewayRule::default()
        };
        let anywhere = random.bool();
        let section = random.choice(&listeners).filter(|_| !anywhere);
        routes.push(GatewayRoute {
            kind: RouteKind::Http,
            name: number.to_string(),
            namespace: "test".to_owned(),
            created: None,
            parents: vec![ParentReference {
                object: reference(GROUP, "Gateway", "one", None),
                section: section.map(|listener| listener.name.clone()),
            }],
            hosts: (0..random.usize(0..3))
                .map(|_| host(HOSTS[random.usize(..HOSTS.len())]))
                .collect(),
            rules: vec![rule],
        });
    }
    GatewayApi {
        gateways: vec![Gateway {
            name: "one".to_owned(),
            namespace: "test".to_owned(),
            class: "lab".to_owned(),
            listeners,
        }],
        routes,
        ..GatewayApi::default()
    }
}

fn reference(group: &str, kind: &str, name: &str, port: Option<u16>) -> ObjectReference {
    ObjectReference {
        group: group.to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        name: name.to_owned(),
        port,
    }
}

/// The route that the specification names, by looking at all of them.
fn obvious<'a>(api: &'a GatewayApi, name: &str, path: &str) -> Option<&'a str> {
    let specific = |host: &HostMatch| match host {
        HostMatch::Any => (0, 0),
        HostMatch::Wildcard(suffix) | HostMatch::Suffix(suffix) => (1, suffix.len()),
        HostMatch::Exact(name) => (2, name.len()),
    };
    let listeners = api.gateways[0].listeners.iter();
    let listener = listeners
        .filter(|listener| listener.host.matches(name))
        .max_by_key(|listener| specific(&listener.host))?;
    let mut best = None;
    for route in &api.routes {
        let section = route.parents[0].section.as_ref();
        if section.is_some_and(|section| *section != listener.name) {
            continue;
        }
        let one = &route.rules[0].matches[0];
        let (fits, is_exact, length) = match &one.path {
            MatchedPath::Exact(whole) => (path == whole, true, whole.len()),
            MatchedPath::Prefix(prefix) => {
                let prefix = prefix.trim_end_matches('/');
                let rest = path.strip_prefix(prefix);
                let fits = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
                (fits, false, prefix.len())
            }
            _ => unreachable!("only these are made"),
        };
        let any = [HostMatch::Any];
        let hosts = if route.hosts.is_empty() {
            &any[..]
        } else {
            &route.hosts
        };
        for wanted in hosts.iter().filter(|host| fits && host.matches(name)) {
            let common = intersection(wanted, &listener.host).unwrap();
            let order = (specific(&common), is_exact, length, one.method.is_some());
            // Routes are in the order of their names.
            if best.is_none_or(|(known, _)| order > known) {
                best = Some((order, route.name.as_str()));
            }
        }
    }
    best.map(|(_, name)| name)
}

#[test]
fn the_table_agrees_with_what_the_specification_says() {
    let port = ServicePort {
        name: String::new(),
        protocol: Protocol::Tcp,
        port: 80,
        target_port: 80,
        node_port: None,
        app_protocol: AppProtocol::Http,
        listen: None,
    };
    let service = Service {
        name: "web".to_owned(),
        namespace: "test".to_owned(),
        ports: vec![port],
        ..Service::default()
    };
    let services = BTreeMap::from([("web".to_owned(), Arc::new(service))]);
    let ports = GatewayPorts {
        http: 8080,
        https: 8443,
    };
    let mut dice = fastrand::Rng::with_seed(23);
    let mut found = 0;
    for round in 0..500 {
        let api = random(&mut dice);
        let flavour = if round % 2 == 0 {
            Flavour::default()
        } else {
            Flavour::Nginx(NginxOptions::default())
        };
        let objects = Objects::new(&services).gateways(&api, ports);
        let table = compile([], &objects, &flavour).table;
        for name in ASKED {
            for path in ["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/abc"] {
                let route = table.find(&Question::get(name, path));
                let route = route.and_then(|route| route.ingress.strip_prefix("HTTPRoute "));
                let expected = obvious(&api, name, path);
                assert_eq!(route, expected, "{flavour:?} {name}{path} {api:#?}");
                found += usize::from(expected.is_some());
            }
        }
    }
    assert!(found > 1000, "only {found} requests found a route");
}
