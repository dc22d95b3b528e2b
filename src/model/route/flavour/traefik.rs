//! Traefik's reading: every rule is an expression, and the longer expression wins.
//!
//! So a prefix beats an exact path of the same length, a wildcard (a regular expression in
//! Traefik) beats the exact host, and rules without a host are tried after those with one.

use super::super::super::{Ingress, PathType};
use super::super::compile::Compiler;
use super::super::path::normalise_path;
use super::super::{HostMatch, PathMatch, Route, RouteTimeouts};
use super::TraefikOptions;

/// Annotations that are read.
pub(super) const ANNOTATIONS: [&str; 2] = [PRIORITY, PATH_MATCHER];
const PRIORITY: &str = "traefik.ingress.kubernetes.io/router.priority";
const PATH_MATCHER: &str = "traefik.ingress.kubernetes.io/router.pathmatcher";

/// The default backend loses against everything.
const DEFAULT_PRIORITY: i64 = i32::MIN as i64;

/// Adds the routes of all objects.
pub(in super::super) fn routes(
    ingresses: &[&Ingress],
    options: &TraefikOptions,
    compiler: &mut Compiler<'_>,
) {
    let mut default_of: Option<&str> = None;
    for ingress in ingresses {
        if let Some(backend) = ingress
            .default_backend
            .as_ref()
            .filter(|_| ingress.rules.is_empty())
        {
            if let Some(first) = default_of {
                let first = first.to_owned();
                compiler.tell(
                    ingress,
                    format!("Ingress \"{first}\" already has the one default backend"),
                );
            } else {
                default_of = Some(&ingress.name);
                match compiler.forward(backend) {
                    Ok(action) => compiler.routes.push(Route {
                        name: "default backend".to_owned(),
                        ingress: ingress.name.clone(),
                        host: HostMatch::Any,
                        path: PathMatch::prefix("/"),
                        priority: DEFAULT_PRIORITY,
                        action,
                        timeouts: RouteTimeouts::default(),
                        redirect_https: false,
                    }),
                    Err(reason) => compiler.tell(ingress, format!("{reason}; no default backend")),
                }
            }
        } else if ingress.default_backend.is_some() {
            compiler.tell(
                ingress,
                "Traefik ignores defaultBackend in an Ingress that has rules".to_owned(),
            );
        }
        rules(ingress, options, compiler);
    }
}

/// Adds the routes of one object's rules.
fn rules(ingress: &Ingress, options: &TraefikOptions, compiler: &mut Compiler<'_>) {
    let priority = match ingress
        .annotations
        .get(PRIORITY)
        .map(|text| text.parse::<i64>())
    {
        None => None,
        Some(Ok(priority)) => Some(priority),
        Some(Err(_)) => {
            compiler.tell(
                ingress,
                format!("{PRIORITY} is not a number; Traefik drops the Ingress"),
            );
            return;
        }
    };
    let exact_matcher = match ingress.annotations.get(PATH_MATCHER).map(String::as_str) {
        None | Some("PathPrefix") => false,
        Some("Path") => true,
        Some(other) => {
            compiler.tell(
                ingress,
                format!("{PATH_MATCHER} \"{other}\" is not supported"),
            );
            return;
        }
    };
    for rule in &ingress.rules {
        let host = HostMatch::parse(rule.host.as_deref());
        for path in &rule.paths {
            let Ok(normal) = normalise_path(&path.path) else {
                compiler.tell(ingress, format!("path \"{}\" can match nothing", path.path));
                continue;
            };
            let action = match compiler.forward(&path.backend) {
                Ok(action) => action,
                Err(reason) => {
                    compiler.tell(ingress, format!("{reason}; Traefik drops the rule"));
                    continue;
                }
            };
            let exact = match path.path_type {
                PathType::Exact => true,
                PathType::Prefix => false,
                PathType::ImplementationSpecific => exact_matcher,
            };
            let strict = options.strict_prefix_matching && path.path_type == PathType::Prefix;
            let name = expression(&host, &path.path, exact, strict);
            compiler.routes.push(Route {
                priority: priority
                    .filter(|priority| *priority != 0)
                    .unwrap_or(i64::try_from(name.len()).unwrap_or(i64::MAX)),
                name,
                ingress: ingress.name.clone(),
                path: match (exact, strict) {
                    (true, _) => PathMatch::Exact(normal.into_owned()),
                    (false, true) => PathMatch::prefix(&normal),
                    (false, false) => PathMatch::CharacterPrefix(normal.into_owned()),
                },
                action,
                timeouts: RouteTimeouts::default(),
                redirect_https: options.redirect_https && compiler.has_tls(&host),
                host: host.clone(),
            });
        }
    }
}

/// The rule as Traefik writes it; its length is its priority.
fn expression(host: &HostMatch, path: &str, exact: bool, strict: bool) -> String {
    let path = if exact {
        format!("Path(`{path}`)")
    } else if strict && path != "/" {
        let bare = path.trim_end_matches('/');
        format!("(Path(`{bare}`) || PathPrefix(`{bare}/`))")
    } else {
        format!("PathPrefix(`{path}`)")
    };
    match host {
        HostMatch::Any => path,
        HostMatch::Exact(name) => format!("Host(`{name}`) && {path}"),
        HostMatch::Wildcard(suffix) => {
            let suffix = suffix.replace('.', "\\.");
            format!("HostRegexp(`^[a-zA-Z0-9-]+{suffix}$`) && {path}")
        }
    }
}
