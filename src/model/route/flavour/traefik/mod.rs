//! Traefik's reading: every rule is an expression, and the longer expression wins.
//!
//! So a prefix beats an exact path of the same length, and rules without a host are tried after
//! those with one. A wildcard is written like a host (since 3.7; it was a regular expression, which
//! is longer, before) and loses against most of those that it covers.

mod notes;
mod router;
mod service;

use std::collections::BTreeMap;

use super::super::super::{HttpPath, Ingress, IngressBackend, ObjectReport, PathType, Service};
use super::super::compile::{Compiler, forward};
use super::super::path::normalise_path;
use super::super::{HostMatch, PathMatch, Pattern, Route, RouteAction};
use super::TraefikOptions;
use router::{Matcher, Router};
use service::ServiceSettings;

pub(super) use notes::notes;

/// What its annotations begin with.
pub(super) const PREFIX: &str = "traefik.ingress.kubernetes.io/";

/// The default backend loses against everything.
const DEFAULT_PRIORITY: i64 = i32::MIN as i64;

/// Adds the routes of all objects.
pub(in super::super) fn routes(
    ingresses: &[&Ingress],
    options: &TraefikOptions,
    compiler: &mut Compiler<'_>,
) {
    let mut rules = Rules {
        options,
        compiler,
        services: BTreeMap::new(),
    };
    let mut default_of = None;
    for ingress in ingresses {
        let (router, remarks) = router::read(ingress);
        for remark in remarks {
            rules.compiler.tell(ingress, remark);
        }
        let router = match router {
            Ok(router) => router,
            Err(reason) => {
                rules.compiler.drop_ingress(ingress, reason);
                continue;
            }
        };
        match &ingress.default_backend {
            Some(backend) if ingress.rules.is_empty() => {
                if let Some(first) = default_of {
                    let message =
                        format!("Ingress \"{first}\" already has the one default backend");
                    rules.compiler.drop_ingress(ingress, message);
                } else if rules.default_backend(ingress, &router, backend) {
                    default_of = Some(ingress.name.as_str());
                }
            }
            Some(_) => {
                let message = "Traefik ignores defaultBackend in an Ingress that has rules";
                rules.compiler.tell(ingress, message.to_owned());
            }
            None => {}
        }
        for rule in &ingress.rules {
            let host = HostMatch::parse(rule.host.as_deref());
            for path in &rule.paths {
                if let Err(reason) = rules.rule(ingress, &router, &host, path) {
                    let message = format!("{reason}; Traefik drops the rule");
                    rules.compiler.tell(ingress, message);
                }
            }
        }
    }
}

/// The rules under construction.
struct Rules<'o, 'c, 'a> {
    options: &'o TraefikOptions,
    compiler: &'c mut Compiler<'a>,
    /// What the annotations of the Services that were met say, or why no rule may lead there.
    services: BTreeMap<String, Result<ServiceSettings, String>>,
}

impl Rules<'_, '_, '_> {
    /// The router that takes what no other does. Whether there is one now.
    fn default_backend(
        &mut self,
        ingress: &Ingress,
        router: &Router,
        backend: &IngressBackend,
    ) -> bool {
        match self.action(backend) {
            Ok(action) => {
                let name = "default backend".to_owned();
                let all = PathMatch::prefix("/");
                let route = Route::new(name, &ingress.name, HostMatch::Any, all);
                self.compiler.routes.push(Route {
                    priority: DEFAULT_PRIORITY,
                    conditions: router.entry.iter().cloned().collect(),
                    action,
                    empty_is_404: !self.options.allow_empty_services,
                    ..route
                });
                true
            }
            Err(reason) => {
                let message = format!("{reason}; no default backend");
                self.compiler.drop_ingress(ingress, message);
                false
            }
        }
    }

    /// The router of one path.
    fn rule(
        &mut self,
        ingress: &Ingress,
        router: &Router,
        host: &HostMatch,
        path: &HttpPath,
    ) -> Result<(), String> {
        let matcher = match path.path_type {
            PathType::Exact => Matcher::Path,
            PathType::Prefix => Matcher::Prefix,
            PathType::ImplementationSpecific => router.matcher,
        };
        let strict = self.options.strict_prefix_matching && path.path_type == PathType::Prefix;
        let name = expression(host, &path.path, matcher, strict);
        let normal = || {
            normalise_path(&path.path)
                .map_err(|_| format!("path \"{}\" can match nothing", path.path))
        };
        let compared = match matcher {
            Matcher::Path => PathMatch::Exact(normal()?.into_owned()),
            Matcher::Prefix if strict => PathMatch::prefix(&normal()?),
            Matcher::Prefix => PathMatch::CharacterPrefix(normal()?.into_owned()),
            Matcher::Regexp => PathMatch::Regex(
                Pattern::new(&path.path)
                    .map_err(|_| format!("path \"{}\" is no regular expression", path.path))?,
            ),
        };
        let action = self.action(&path.backend)?;
        let length = i64::try_from(name.len()).unwrap_or(i64::MAX);
        let redirect_https = self.options.redirect_https && self.compiler.has_tls(host);
        // A request in clear text that is redirected anyway may as well be redirected here.
        let entry = router.entry.iter().filter(|_| !redirect_https);
        self.compiler.routes.push(Route {
            priority: router.priority.unwrap_or(length),
            conditions: entry.cloned().collect(),
            redirect_https,
            action,
            empty_is_404: !self.options.allow_empty_services,
            ..Route::new(name, &ingress.name, host.clone(), compared)
        });
        Ok(())
    }

    /// The action that leads to a backend, or the reason why Traefik has no router for it.
    fn action(&mut self, reference: &IngressBackend) -> Result<RouteAction, String> {
        let found = self.compiler.find(reference)?;
        let settings = self.settings(found.service);
        let backend = settings?.backend(&found)?;
        Ok(forward(self.compiler.backend(backend)))
    }

    /// What a Service's annotations say; what is wrong with them is told once.
    fn settings(&mut self, service: &Service) -> Result<ServiceSettings, String> {
        if let Some(known) = self.services.get(&service.name) {
            return known.clone();
        }
        let (settings, remarks) = service::read(service, self.options);
        for message in remarks {
            self.compiler.diagnostics.push(ObjectReport {
                kind: "Service".to_owned(),
                name: service.name.clone(),
                message,
                unusable: false,
            });
        }
        self.services.insert(service.name.clone(), settings.clone());
        settings
    }
}

/// The rule as Traefik writes it; its length is its priority.
fn expression(host: &HostMatch, path: &str, matcher: Matcher, strict: bool) -> String {
    let path = match matcher {
        Matcher::Path => format!("Path(`{path}`)"),
        Matcher::Regexp => format!("PathRegexp(`{path}`)"),
        Matcher::Prefix if strict && path != "/" => {
            let bare = path.trim_end_matches('/');
            format!("(Path(`{bare}`) || PathPrefix(`{bare}/`))")
        }
        Matcher::Prefix => format!("PathPrefix(`{path}`)"),
    };
    match host {
        HostMatch::Any => path,
        HostMatch::Exact(name) => format!("Host(`{name}`) && {path}"),
        HostMatch::Wildcard(suffix) | HostMatch::Suffix(suffix) => {
            format!("Host(`*{suffix}`) && {path}")
        }
    }
}
