//! The `router.*` annotations of an Ingress.
//!
//! Traefik reads them with its own decoder, which knows the names without their case, and drops
//! the whole Ingress for one that it cannot read.

use super::super::super::super::Ingress;
use super::super::super::{Condition, EntryPoint};
use super::super::annotations::flag;
use super::PREFIX;

/// What the annotations of one Ingress say about its routers.
#[derive(Default)]
pub(super) struct Router {
    pub(super) priority: Option<i64>,
    pub(super) matcher: Matcher,
    pub(super) entry: Option<Condition>,
}

/// `router.pathmatcher`: what a path of type `ImplementationSpecific` is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Matcher {
    #[default]
    Prefix,
    Path,
    Regexp,
}

/// Why there is no router, and what else is to be told.
type Read = (Result<Router, String>, Vec<String>);

/// Reads them.
pub(super) fn read(ingress: &Ingress) -> Read {
    let mut remarks = Vec::new();
    let router = routers(ingress, &mut remarks);
    (router, remarks)
}

fn routers(ingress: &Ingress, remarks: &mut Vec<String>) -> Result<Router, String> {
    let mut router = Router::default();
    let (mut web, mut secure, mut tls) = (true, true, false);
    for (name, value) in &ingress.annotations {
        let Some(key) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
            continue;
        };
        let refused = |problem: &str| {
            Err(format!(
                "annotation {name} = {value:?}: {problem}; Traefik drops the Ingress"
            ))
        };
        let Some(key) = key.strip_prefix("router.") else {
            let why = if key.starts_with("service.") {
                "belongs on the Service"
            } else {
                "is not known to Traefik"
            };
            remarks.push(format!("annotation {name} {why}; it has no effect"));
            continue;
        };
        match key {
            "priority" => match value.parse() {
                Ok(0) => {}
                Ok(priority) => router.priority = Some(priority),
                Err(_) => return refused("is not a number"),
            },
            "pathmatcher" => {
                router.matcher = match value.to_ascii_lowercase().as_str() {
                    "pathprefix" => Matcher::Prefix,
                    "path" => Matcher::Path,
                    "pathregexp" => Matcher::Regexp,
                    _ => return refused("must be Path, PathPrefix or PathRegexp"),
                }
            }
            "entrypoints" => {
                let names: Vec<_> = value.split(',').map(str::trim).collect();
                web = names.contains(&"web");
                secure = names.contains(&"websecure");
                let unknown = |known: &&&str| !["web", "websecure"].contains(*known);
                if let Some(unknown) = names.iter().find(unknown) {
                    remarks.push(format!(
                        "annotation {name}: there is no entry point \"{unknown}\", only web and \
                         websecure"
                    ));
                }
            }
            "middlewares" if value.trim().is_empty() => {}
            "middlewares" => return refused("the lab has no Middleware objects"),
            "rulesyntax" if ["", "default", "v3"].contains(&value.as_str()) => {}
            "rulesyntax" => return refused("only v3 is supported"),
            "tls" => match flag(value) {
                Some(on) => tls |= on,
                None if value.is_empty() => tls = true,
                None => return refused("must be true or false"),
            },
            "tls.options" => match value.as_str() {
                "" | "default" => tls = true,
                _ => return refused("there are no TLSOption objects beside \"default\""),
            },
            "tls.certresolver" => {
                tls = true;
                remarks.push(format!(
                    "annotation {name}: certificates come from the lab's own authority"
                ));
            }
            key if is_domain(key) => {
                tls = true;
                remarks.push(format!("annotation {name}: names come from spec.tls only"));
            }
            key if OBSERVED.contains(&key) => {
                remarks.push(format!(
                    "annotation {name} has no effect: the lab shows films"
                ));
            }
            _ => return refused("is not known"),
        }
    }
    web &= !tls;
    router.entry = match (web, secure) {
        (true, true) => None,
        (true, false) => Some(Condition::EntryPoint(EntryPoint::Web)),
        (false, true) => Some(Condition::EntryPoint(EntryPoint::WebSecure)),
        (false, false) => {
            return Err("no entry point leads to its routers".to_owned());
        }
    };
    Ok(router)
}

const OBSERVED: [&str; 4] = [
    "observability.accesslogs",
    "observability.metrics",
    "observability.tracing",
    "observability.traceverbosity",
];

/// `tls.domains.0.main`, `tls.domains.0.sans`
fn is_domain(key: &str) -> bool {
    let place = key
        .strip_prefix("tls.domains.")
        .and_then(|rest| rest.split_once('.'));
    place.is_some_and(|(number, field)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && ["main", "sans"].contains(&field)
    })
}
