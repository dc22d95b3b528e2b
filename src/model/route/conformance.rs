//! The path and host cases of the Kubernetes ingress conformance suite, in both flavours, and a
//! slow obvious reference that the table must agree with.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::table::HostScope;
use super::*;
use crate::model::{
    BackendPort, ClusterIp, HttpPath, Ingress, IngressBackend, IngressRule, IngressTls, PathType,
    Protocol, Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
};

fn service(name: &str) -> (String, Arc<Service>) {
    let port = ServicePort {
        name: "http".to_owned(),
        protocol: Protocol::Tcp,
        port: 80,
        target_port: 8080,
        node_port: None,
        app_protocol: AppProtocol::Http,
        listen: None,
    };
    let service = Service {
        name: name.to_owned(),
        namespace: "test".to_owned(),
        kind: ServiceType::ClusterIP,
        cluster_ip: ClusterIp::None,
        ports: vec![port],
        session_affinity: SessionAffinity::None,
        external_traffic_policy: TrafficPolicy::Cluster,
        ..Service::default()
    };
    (name.to_owned(), Arc::new(service))
}

fn backend(service: &str) -> IngressBackend {
    IngressBackend {
        service: service.to_owned(),
        port: BackendPort::Number(80),
    }
}

/// An Ingress named after nothing, with `host path type service` lines as rules.
fn ingress(name: &str, rules: &[(&str, &str, PathType, &str)]) -> Ingress {
    Ingress {
        name: name.to_owned(),
        rules: rules
            .iter()
            .map(|(host, path, path_type, service)| IngressRule {
                host: (!host.is_empty()).then(|| (*host).to_owned()),
                paths: vec![HttpPath {
                    path: (*path).to_owned(),
                    path_type: *path_type,
                    backend: backend(service),
                }],
            })
            .collect(),
        ..Ingress::default()
    }
}

fn table(ingresses: &[Ingress], flavour: &Flavour) -> Compiled {
    let services: BTreeMap<_, _> = ["a", "b", "c", "d"].into_iter().map(service).collect();
    compile(ingresses, &Objects::new(&services), flavour)
}

/// The Service a request reaches, `-` for 404, `/` for the redirect that appends a slash.
fn reached<'t>(table: &'t RouteTable, host: &str, path: &str) -> &'t str {
    let found = table.find(&Question::get(host, path));
    let explained = table.explain(&Question::get(host, path));
    assert_eq!(
        found.map(std::ptr::from_ref),
        explained.winner.map(std::ptr::from_ref)
    );
    match found.map(|route| &route.action) {
        None => "-",
        Some(RouteAction::Forward(backends)) => {
            &table.backends()[backends[0].backend.unwrap()].service
        }
        Some(RouteAction::AppendSlash) => "/",
        Some(RouteAction::Unavailable { .. }) => "503",
    }
}

fn strict() -> Flavour {
    Flavour::Traefik(TraefikOptions {
        strict_prefix_matching: true,
        ..TraefikOptions::default()
    })
}

const EXACT: PathType = PathType::Exact;
const PREFIX: PathType = PathType::Prefix;

/// Rules, path, then what traefik, strict traefik and nginx reach.
type Case<'a> = (
    &'a [(&'a str, &'a str, PathType, &'a str)],
    &'a str,
    [&'a str; 3],
);

#[test]
fn paths_match_as_each_controller_matches_them() {
    let traefik = Flavour::default();
    let strict = strict();
    let nginx = Flavour::Nginx(NginxOptions::default());
    let cases: &[Case<'_>] = &[
        (&[("h", "/foo", EXACT, "a")], "/foo", ["a", "a", "a"]),
        (&[("h", "/foo", EXACT, "a")], "/foo/", ["-", "-", "-"]),
        (&[("h", "/foo", EXACT, "a")], "/FOO", ["-", "-", "-"]),
        (&[("h", "/foo", EXACT, "a")], "/bar", ["-", "-", "-"]),
        (&[("h", "/foo", PREFIX, "a")], "/foo", ["a", "a", "a"]),
        (&[("h", "/foo", PREFIX, "a")], "/foo/", ["a", "a", "a"]),
        (&[("h", "/foo", PREFIX, "a")], "/FOO", ["-", "-", "-"]),
        (
            &[("h", "/aaa/bbb", PREFIX, "b"), ("h", "/aaa", PREFIX, "a")],
            "/aaa/bbb",
            ["b", "b", "b"],
        ),
        (
            &[("h", "/aaa/bbb", PREFIX, "b"), ("h", "/aaa", PREFIX, "a")],
            "/aaa/bbb/ccc",
            ["b", "b", "b"],
        ),
        (
            &[("h", "/aaa/bbb", PREFIX, "b"), ("h", "/aaa", PREFIX, "a")],
            "/aaa/ccc",
            ["a", "a", "a"],
        ),
        // Traefik's prefixes are characters unless it is told otherwise.
        (&[("h", "/aaa", PREFIX, "a")], "/aaaccc", ["a", "-", "-"]),
        // On the same path Traefik's longer rule is the prefix.
        (
            &[("h", "/foo", PREFIX, "a"), ("h", "/foo", EXACT, "b")],
            "/foo",
            ["a", "a", "b"],
        ),
        (
            &[("h", "/aaa/bbb/", PREFIX, "a")],
            "/aaa/bbb",
            ["-", "a", "/"],
        ),
        (
            &[("h", "/aaa/bbb/", PREFIX, "a")],
            "/aaa/bbb/",
            ["a", "a", "a"],
        ),
        (&[("h", "/foo/", EXACT, "a")], "/foo", ["-", "-", "/"]),
        (
            &[("h", "/x/", PREFIX, "a"), ("h", "/x", PREFIX, "b")],
            "/x",
            ["b", "a", "b"],
        ),
        (&[("h", "/", PREFIX, "a")], "/anything", ["a", "a", "a"]),
    ];
    for (rules, path, expected) in cases {
        let ingress = [ingress("one", rules)];
        for (flavour, expected) in [&traefik, &strict, &nginx].into_iter().zip(expected) {
            let table = table(&ingress, flavour).table;
            assert_eq!(
                &reached(&table, "h", path),
                expected,
                "{rules:?} {path} {flavour:?}"
            );
        }
    }
}

#[test]
fn hosts_match_as_each_controller_matches_them() {
    let objects = [
        ingress(
            "hosts",
            &[
                ("foo.bar.com", "/x", PREFIX, "a"),
                ("*.foo.com", "/", PREFIX, "b"),
            ],
        ),
        ingress("any", &[("", "/", PREFIX, "c")]),
    ];
    let traefik = table(&objects, &Flavour::default()).table;
    let nginx = table(&objects, &Flavour::Nginx(NginxOptions::default())).table;
    for (host, path, by_traefik, by_nginx) in [
        ("foo.bar.com", "/x", "a", "a"),
        // The server block owns its host; Traefik falls through.
        ("foo.bar.com", "/y", "c", "-"),
        ("subdomain.bar.com", "/", "c", "c"),
        ("bar.foo.com", "/", "b", "b"),
        ("baz.bar.foo.com", "/", "c", "c"),
        ("foo.com", "/", "c", "c"),
        ("", "/", "c", "c"),
    ] {
        assert_eq!(
            reached(&traefik, host, path),
            by_traefik,
            "traefik {host}{path}"
        );
        assert_eq!(reached(&nginx, host, path), by_nginx, "nginx {host}{path}");
    }
}

#[test]
fn a_missing_service_drops_the_rule_or_answers_503() {
    let objects = [ingress(
        "one",
        &[("h", "/x", PREFIX, "gone"), ("h", "/", PREFIX, "a")],
    )];
    let traefik = table(&objects, &Flavour::default());
    assert_eq!(reached(&traefik.table, "h", "/x"), "a");
    assert_eq!(
        traefik.diagnostics[0].message,
        "there is no Service \"gone\"; Traefik drops the rule"
    );
    let nginx = table(&objects, &Flavour::Nginx(NginxOptions::default()));
    assert_eq!(reached(&nginx.table, "h", "/x"), "503");
}

#[test]
fn a_default_backend_beside_rules_is_nginx_business() {
    let mut object = ingress("one", &[("h", "/x", PREFIX, "a")]);
    object.default_backend = Some(backend("d"));
    let objects = [object];
    let traefik = table(&objects, &Flavour::default());
    assert_eq!(reached(&traefik.table, "h", "/y"), "-");
    assert_eq!(traefik.diagnostics.len(), 1);
    let nginx = table(&objects, &Flavour::Nginx(NginxOptions::default())).table;
    assert_eq!(reached(&nginx, "h", "/y"), "d");
    assert_eq!(reached(&nginx, "other", "/y"), "-");
}

#[test]
fn only_hosts_with_tls_are_redirected_and_unknown_annotations_are_told() {
    let mut object = ingress(
        "one",
        &[("a.h", "/", PREFIX, "a"), ("b.x", "/", PREFIX, "b")],
    );
    object.tls = vec![IngressTls {
        hosts: vec!["*.h".to_owned()],
        secret: None,
    }];
    let name = "nginx.ingress.kubernetes.io/limit-rps".to_owned();
    object.annotations.insert(name, "5".to_owned());
    let compiled = table(&[object], &Flavour::default());
    let redirects = |host| {
        compiled
            .table
            .find(&Question::get(host, "/"))
            .unwrap()
            .redirect_https
    };
    assert!(redirects("a.h") && !redirects("b.x"));
    assert!(compiled.diagnostics[0].message.contains("limit-rps"));
}

#[test]
fn the_table_agrees_with_a_slow_obvious_reference() {
    let hosts = [
        "",
        "a.com",
        "*.a.com",
        "b.a.com",
        "*.b.a.com",
        "c.b.a.com",
        "d.org",
    ];
    let paths = ["/", "/a", "/a/", "/a/b", "/ab", "/a/b/c", "/b"];
    let asked_hosts = [
        "",
        "a.com",
        "b.a.com",
        "x.a.com",
        "c.b.a.com",
        "x.b.a.com",
        "d.org",
        "e",
    ];
    let asked_paths = [
        "/", "/a", "/a/", "/a/b", "/a/bc", "/ab", "/abc", "/a/b/c/d", "/b/", "/c",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..400 {
        let rules: Vec<_> = (0..random.usize(0..9))
            .map(|_| {
                (
                    hosts[random.usize(0..hosts.len())],
                    paths[random.usize(0..paths.len())],
                    [EXACT, PREFIX][random.usize(0..2)],
                    ["a", "b", "c", "d"][random.usize(0..4)],
                )
            })
            .collect();
        let flavour = match round % 3 {
            0 => Flavour::default(),
            1 => strict(),
            _ => Flavour::Nginx(NginxOptions::default()),
        };
        let table = table(&[ingress("one", &rules)], &flavour).table;
        for host in asked_hosts {
            for path in asked_paths {
                let expected = reference(&table, host, path).map(std::ptr::from_ref);
                let found = table
                    .find(&Question::get(host, path))
                    .map(std::ptr::from_ref);
                assert_eq!(found, expected, "{flavour:?} {rules:?} {host}{path}");
                let explained = table.explain(&Question::get(host, path));
                assert_eq!(explained.winner.map(std::ptr::from_ref), found);
                let told = explained.losers.len() + usize::from(found.is_some());
                assert_eq!(told, table.routes().len());
            }
        }
    }
}

/// All routes, one after the other.
fn reference<'t>(table: &'t RouteTable, host: &str, path: &str) -> Option<&'t Route> {
    let specific = |route: &Route| match route.host {
        HostMatch::Exact(_) => 2,
        HostMatch::Wildcard(_) | HostMatch::Suffix(_) => 1,
        HostMatch::Any => 0,
    };
    let of_host = || {
        table
            .routes()
            .iter()
            .filter(|route| route.host.matches(host))
    };
    let most = of_host().map(specific).max();
    let mut best: Option<&Route> = None;
    for route in of_host() {
        let owner = table.scope() == HostScope::Shared || Some(specific(route)) == most;
        let path_matches = match &route.path {
            PathMatch::Exact(whole) => path == whole,
            PathMatch::CharacterPrefix(prefix) => path.starts_with(prefix.as_str()),
            PathMatch::Prefix(prefix) => {
                let wanted: Vec<_> = prefix.split('/').skip(1).collect();
                let asked: Vec<_> = path.split('/').skip(1).collect();
                asked.starts_with(&wanted)
            }
            PathMatch::Regex(pattern) => pattern.regex().is_match(path),
        };
        if owner && path_matches && best.is_none_or(|best| route.priority > best.priority) {
            best = Some(route);
        }
    }
    best
}
