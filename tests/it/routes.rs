//! Golden cases of the routes: objects above, what a controller makes of them below.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use lab::config::{self, Controller, Overrides};
use lab::model::*;

/// What separates a config from what is expected of it.
const SEPARATOR: &str = "\n---\n";

#[test]
fn annotations_become_what_the_controller_makes_of_them() {
    let seen = every_case("tests/routes", SEPARATOR, outcome);
    assert!(seen >= 10, "only {seen} cases found");
}

/// The same for objects of Gateway API: manifests in YAML above.
#[test]
fn objects_of_gateway_api_become_routes_in_the_order_of_the_specification() {
    let seen = every_case("tests/gateway", "\n=== routes\n", gateway_outcome);
    assert!(seen >= 2, "only {seen} cases found");
}

fn every_case(folder: &str, separator: &str, outcome: fn(&str) -> String) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        seen += 1;
        let case = std::fs::read_to_string(&path).unwrap();
        let (text, expected) = case.split_once(separator).unwrap();
        let found = outcome(text);
        if std::env::var_os("LAB_ACCEPT_CASES").is_some() {
            std::fs::write(&path, format!("{text}{separator}{found}")).unwrap();
        } else if found.trim_end() != expected.trim_end() {
            wrong.push(format!("{}:\n{found}\n", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    seen
}

/// The table as text, and what is to be told.
fn outcome(text: &str) -> String {
    let text = format!("cloudforet.enabled = false\n{text}");
    let config = match config::parse(Some((Path::new("lab.toml"), &text)), &Overrides::default()) {
        Ok(config) => config,
        Err(problems) => return problems.to_string(),
    };
    let flavour = match config.ingress.controller {
        Controller::Traefik => Flavour::Traefik(TraefikOptions {
            strict_prefix_matching: config.ingress.strict_prefix_matching,
            redirect_https: config.ingress.redirect_https,
            allow_empty_services: config.ingress.allow_empty_services,
            allow_external_name_services: config.ingress.allow_external_name_services,
        }),
        Controller::Nginx => Flavour::Nginx(NginxOptions {
            redirect_https: config.ingress.redirect_https,
        }),
    };
    let services: BTreeMap<_, _> = config
        .services
        .iter()
        .map(|service| (service.name.clone(), Arc::new(service.clone())))
        .collect();
    told(&compile(
        &config.ingresses,
        &Objects::new(&services),
        &flavour,
    ))
}

fn gateway_outcome(yaml: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    std::fs::write(folder.path().join("all.yaml"), yaml).unwrap();
    let toml = "cloudforet.enabled = false\nmanifests = [\"all.yaml\"]\n\
                [services.a]\nport = 80\nendpoints = [\"127.0.0.1:9\"]\n\
                [services.b]\nport = 80\napp_protocol = \"h2c\"\nendpoints = [\"127.0.0.1:9\"]\n";
    std::fs::write(&file, toml).unwrap();
    let config = match config::load(Some(&file), &Overrides::default()) {
        Ok(config) => config,
        Err(problem) => return problem.to_string(),
    };
    let services: BTreeMap<_, _> = config
        .services
        .iter()
        .map(|service| (service.name.clone(), Arc::new(service.clone())))
        .collect();
    let ports = GatewayPorts {
        http: 8080,
        https: 8443,
    };
    let objects = Objects::new(&services).gateways(&config.gateway_api, ports);
    told(&compile([], &objects, &Flavour::default()))
}

/// Routes, what is asked of clients, and reports.
fn told(compiled: &Compiled) -> String {
    let mut lines = String::new();
    for route in compiled.table.routes() {
        write_route(&mut lines, route, &compiled.table);
    }
    for auth in compiled.table.client_auth() {
        writeln!(lines, "{auth:?}").unwrap();
    }
    for report in &compiled.diagnostics {
        writeln!(lines, "told: {report}").unwrap();
    }
    lines
}

fn write_route(lines: &mut String, route: &Route, table: &RouteTable) {
    let mut line = |text: String| writeln!(lines, "{text}").unwrap();
    line(format!(
        "{} {} ({})",
        route.host, route.path, route.priority
    ));
    if route.falls_through {
        line(format!("  {}", route.name));
    }
    let place = |index: usize| {
        let backend = &table.backends()[index];
        let mut text = format!("{}:{}", backend.service, backend.port);
        if backend.app_protocol != AppProtocol::Http || backend.tls {
            let tls = if backend.tls { " over TLS" } else { "" };
            write!(text, " {:?}{tls}", backend.app_protocol).unwrap();
        }
        if backend.through_cluster_ip {
            text.push_str(" through its ClusterIP");
        }
        if backend.selection != Balancing::RoundRobin {
            write!(text, " {:?}", backend.selection).unwrap();
        }
        if let Some(session) = &backend.session {
            write!(text, " {session:?}").unwrap();
        }
        text
    };
    match &route.action {
        RouteAction::Forward(backends) => {
            for backend in backends {
                let share = match backend.weight {
                    1 => String::new(),
                    weight => format!(", weight {weight}"),
                };
                let to = backend.backend.map_or_else(|| "nowhere".to_owned(), place);
                line(format!("  to {to}{share}"));
                for filter in &backend.filters {
                    line(format!("    {filter:?}"));
                }
            }
        }
        other => line(format!("  {other:?}")),
    }
    for condition in &route.conditions {
        line(format!("  asks for {condition}"));
    }
    if route.redirect_https {
        let slash = if route.redirect_drops_slash {
            ", without a slash at the end"
        } else {
            ""
        };
        line(format!("  redirects to https{slash}"));
    }
    for filter in &route.filters {
        // Every route of NGINX has this one.
        if *filter != Filter::BodyLimit(1 << 20) {
            line(format!("  {filter:?}"));
        }
    }
    if let Some(canary) = &route.canary {
        line(format!("  {canary:?}, which is {}", place(canary.backend)));
    }
    let Route {
        timeouts, retry, ..
    } = route;
    let limits = [timeouts.connect, timeouts.response, timeouts.read]
        .map(|limit| limit.map_or_else(|| "-".to_owned(), |limit| format!("{limit:?}")));
    if limits != ["5s", "60s", "60s"] && limits != ["-", "-", "-"] {
        line(format!("  limits {}", limits.join(" ")));
    }
    if let Some(retry) = retry
        && !(retry.tries == 3 && retry.on_error && retry.on_timeout && retry.statuses.is_empty())
    {
        line(format!("  {retry:?}"));
    }
    if let Some(request) = timeouts.request {
        line(format!("  all tries within {request:?}"));
    }
    if route.empty_is_404 {
        line("  404 without endpoints".to_owned());
    }
}
