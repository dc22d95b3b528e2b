//! ingress-nginx's reading: a server block for each host, exact locations first, then the longest.

use std::collections::HashSet;

use super::super::super::{Ingress, IngressBackend, PathType};
use super::super::compile::Compiler;
use super::super::path::normalise_path;
use super::super::{HostMatch, PathMatch, Route, RouteAction, RouteTimeouts};
use super::NginxOptions;

/// Annotations that are read.
pub(super) const ANNOTATIONS: [&str; 2] = [SSL_REDIRECT, FORCE_SSL_REDIRECT];
const SSL_REDIRECT: &str = "nginx.ingress.kubernetes.io/ssl-redirect";
const FORCE_SSL_REDIRECT: &str = "nginx.ingress.kubernetes.io/force-ssl-redirect";

/// Added to an exact location's priority: `=` is looked at before any prefix. More than twice the
/// length of any path.
const EXACT: i64 = 1 << 32;

/// Adds the routes of all objects.
pub(in super::super) fn routes(
    ingresses: &[&Ingress],
    options: &NginxOptions,
    compiler: &mut Compiler<'_>,
) {
    let mut servers = Servers {
        compiler,
        locations: HashSet::new(),
    };
    for ingress in ingresses {
        let redirect = redirect(ingress, options, servers.compiler);
        for rule in &ingress.rules {
            let host = HostMatch::parse(rule.host.as_deref());
            for path in &rule.paths {
                let Ok(normal) = normalise_path(&path.path) else {
                    let message = format!("path \"{}\" can match nothing", path.path);
                    servers.compiler.tell(ingress, message);
                    continue;
                };
                let exact = path.path_type == PathType::Exact;
                servers.location(ingress, redirect, &host, &normal, exact, &path.backend);
            }
        }
    }
    // Catch-alls come last: they fill the gaps that rules left.
    for ingress in ingresses {
        let Some(backend) = &ingress.default_backend else {
            continue;
        };
        let redirect = redirect(ingress, options, servers.compiler);
        let mut hosts: Vec<_> = ingress
            .rules
            .iter()
            .map(|rule| HostMatch::parse(rule.host.as_deref()))
            .collect();
        if hosts.is_empty() {
            hosts.push(HostMatch::Any);
        }
        hosts.dedup();
        for host in hosts {
            if !servers.has(&host, "/", false) {
                servers.location(ingress, redirect, &host, "/", false, backend);
            }
        }
    }
}

/// Which requests in clear text an Ingress wants redirected.
#[derive(Clone, Copy)]
enum Redirect {
    Never,
    IfTls,
    Always,
}

/// Reads the two annotations.
fn redirect(ingress: &Ingress, options: &NginxOptions, compiler: &mut Compiler<'_>) -> Redirect {
    let mut read = |name: &str, default: bool| match ingress.annotations.get(name) {
        None => default,
        Some(text) => text.parse().unwrap_or_else(|_| {
            compiler.tell(ingress, format!("annotation {name} is not true or false"));
            default
        }),
    };
    if read(FORCE_SSL_REDIRECT, false) {
        Redirect::Always
    } else if read(SSL_REDIRECT, options.redirect_https) {
        Redirect::IfTls
    } else {
        Redirect::Never
    }
}

/// The server blocks under construction.
struct Servers<'c, 'a> {
    compiler: &'c mut Compiler<'a>,
    /// Host, path and whether exact: what one server block can have only once.
    locations: HashSet<(String, String, bool)>,
}

impl Servers<'_, '_> {
    fn has(&self, host: &HostMatch, path: &str, exact: bool) -> bool {
        self.locations
            .contains(&(host.to_string(), path.to_owned(), exact))
    }

    /// Adds one path of an Ingress: one location, or two where nginx makes two of it.
    fn location(
        &mut self,
        ingress: &Ingress,
        redirect: Redirect,
        host: &HostMatch,
        path: &str,
        exact: bool,
        backend: &IngressBackend,
    ) {
        let key = (host.to_string(), path.to_owned(), exact);
        if !self.locations.insert(key) {
            let message = format!("{host}{path} is already served by an older rule");
            self.compiler.tell(ingress, message);
            return;
        }
        let action = self.compiler.forward(backend).unwrap_or_else(|reason| {
            let message = format!("{reason}; {host}{path} answers 503");
            self.compiler.tell(ingress, message);
            RouteAction::Unavailable(reason)
        });
        let redirect_https = match redirect {
            Redirect::Never => false,
            Redirect::IfTls => self.compiler.has_tls(host),
            Redirect::Always => *host != HostMatch::Any,
        };
        // Doubled, so that the redirect to `/x/` fits between the location `/x` and shorter ones.
        let depth = 2 * i64::try_from(path.len()).unwrap_or(EXACT / 4);
        let route = |name: String, path: PathMatch, priority: i64, action: RouteAction| Route {
            name: format!("server {host} {name}"),
            ingress: ingress.name.clone(),
            host: host.clone(),
            path,
            priority,
            action,
            timeouts: RouteTimeouts::default(),
            redirect_https,
        };
        let routes = &mut self.compiler.routes;
        let bare = path.strip_suffix('/').filter(|bare| !bare.is_empty());
        routes.push(if exact {
            let matched = PathMatch::Exact(path.to_owned());
            route(format!("location = {path}"), matched, EXACT + depth, action)
        } else {
            let matched = match bare {
                None => PathMatch::prefix(path),
                Some(_) => PathMatch::CharacterPrefix(path.to_owned()),
            };
            route(format!("location {path}"), matched, depth, action)
        });
        if let Some(bare) = bare {
            // nginx sends the path without the slash to the one with it, unless that is a location
            // of its own.
            routes.push(route(
                format!("location {path} (without its slash)"),
                PathMatch::Exact(bare.to_owned()),
                depth - 3,
                RouteAction::AppendSlash,
            ));
        }
    }
}
