//! Server blocks: which locations a host has, and the routes that they become.

use super::super::super::super::{HttpPath, Ingress, IngressBackend};
use super::super::super::compile::{Compiler, forward};
use super::super::super::path::normalise_path;
use super::super::super::{
    Filter, HostMatch, PathChange, PathMatch, Pattern, Redirect, Rewrite, Route, RouteAction,
    RouteBackend,
};
use super::backend::PortSettings;
use super::canary::Canaries;
use super::settings::{Https, Settings};

/// Added to an exact location's priority: `=` is looked at before any prefix. More than twice the
/// length of any path.
const EXACT: i64 = 1 << 32;
/// Where certificate authorities look, which is never redirected (`no-tls-redirect-locations`).
const ACME: &str = "/.well-known/acme-challenge";

/// The path of a location as it is compared; `None` if no request can have it.
pub(super) fn location_path(path: &HttpPath, settings: &Settings) -> Option<String> {
    if settings.regex || settings.target.is_some() {
        return Some(path.path.clone());
    }
    normalise_path(&path.path)
        .ok()
        .map(std::borrow::Cow::into_owned)
}

/// The server blocks under construction, in the order in which hosts were first named.
#[derive(Default)]
pub(super) struct Servers<'a>(Vec<Server<'a>>);

struct Server<'a> {
    host: HostMatch,
    aliases: Vec<HostMatch>,
    /// Whether the name with or without `www.` is redirected here.
    www: bool,
    locations: Vec<Location<'a>>,
}

struct Location<'a> {
    ingress: &'a Ingress,
    settings: &'a Settings,
    path: String,
    exact: bool,
    /// Or why the answer is 503.
    backend: Result<RouteBackend, String>,
}

impl<'a> Servers<'a> {
    /// What an Ingress says about a host as a whole.
    pub(super) fn server(
        &mut self,
        host: &HostMatch,
        ingress: &Ingress,
        settings: &Settings,
        compiler: &mut Compiler<'_>,
    ) {
        let known = compiler.client_auth.iter();
        let mut known = known.filter(|known| known.host == *host);
        if let Some(auth) = &settings.access.handshake
            && known.next().is_none()
        {
            let mut auth = auth.clone();
            auth.host = host.clone();
            compiler.client_auth.push(auth);
        }
        if settings.www && !matches!(host, HostMatch::Exact(_)) {
            let message = format!("from-to-www-redirect needs a host name, {host} has none");
            compiler.tell(ingress, message);
        }
        let server = self.of(host);
        server.www |= settings.www;
        for alias in &settings.aliases {
            let alias = HostMatch::parse(Some(alias));
            if !server.aliases.contains(&alias) {
                server.aliases.push(alias);
            }
        }
    }

    /// Adds a location: host, path, and whether exactly that path.
    pub(super) fn location(
        &mut self,
        ingress: &'a Ingress,
        settings: &'a Settings,
        (host, path, exact): (&HostMatch, String, bool),
        backend: &IngressBackend,
        ports: &PortSettings,
        compiler: &mut Compiler<'_>,
    ) {
        if self.has(host, &path, exact) {
            let message = format!("{host}{path} is already served by an older rule");
            compiler.tell(ingress, message);
            return;
        }
        let plain = !settings.regex && settings.target.is_none();
        let cookie_path = plain.then_some(path.as_str());
        let backend = ports.backend(backend, settings, cookie_path, compiler);
        match &backend {
            Err(reason) => {
                compiler.tell(ingress, format!("{reason}; {host}{path} answers 503"));
            }
            Ok(backend) => {
                let session = backend.session.as_ref();
                if session.is_some_and(|session| session.path.is_none()) {
                    let message = format!(
                        "{host}{path}: a regular expression is no cookie's path; \
                        say session-cookie-path"
                    );
                    compiler.tell(ingress, message);
                }
            }
        }
        self.of(host).locations.push(Location {
            ingress,
            settings,
            path,
            exact,
            backend,
        });
    }

    /// Whether there is such a location.
    pub(super) fn has(&self, host: &HostMatch, path: &str, exact: bool) -> bool {
        self.find(host, path, exact).is_some()
    }

    /// The Service port that a location leads to.
    pub(super) fn service_port(
        &self,
        host: &HostMatch,
        path: &str,
        exact: bool,
    ) -> Option<(String, usize)> {
        let backend = self.find(host, path, exact)?.backend.as_ref().ok()?;
        Some((backend.service.clone(), backend.port_index))
    }

    fn find(&self, host: &HostMatch, path: &str, exact: bool) -> Option<&Location<'a>> {
        let server = self.0.iter().find(|server| server.host == *host)?;
        let mut locations = server.locations.iter();
        locations.find(|location| location.path == path && location.exact == exact)
    }

    fn of(&mut self, host: &HostMatch) -> &mut Server<'a> {
        let known = self.0.iter().position(|server| server.host == *host);
        let index = known.unwrap_or_else(|| {
            self.0.push(Server {
                host: host.clone(),
                aliases: Vec::new(),
                www: false,
                locations: Vec::new(),
            });
            self.0.len() - 1
        });
        &mut self.0[index]
    }

    /// Makes the routes. A host of its own beats an alias, and an older alias a newer one.
    pub(super) fn into_routes(mut self, canaries: &Canaries, compiler: &mut Compiler<'_>) {
        let mut taken: Vec<_> = self.0.iter().map(|server| server.host.clone()).collect();
        for server in &mut self.0 {
            // ingress-nginx sorts by path, then by length: so longest first, then backwards.
            server.locations.sort_by(|a, b| {
                let length = b.path.len().cmp(&a.path.len());
                length.then_with(|| b.path.cmp(&a.path))
            });
            server.add_routes(&server.host, canaries, compiler);
            for alias in &server.aliases {
                if !taken.contains(alias) {
                    taken.push(alias.clone());
                    server.add_routes(alias, canaries, compiler);
                }
            }
        }
        for server in &self.0 {
            let HostMatch::Exact(name) = &server.host else {
                continue;
            };
            let other = match name.strip_prefix("www.") {
                Some(bare) => bare.to_owned(),
                None => format!("www.{name}"),
            };
            let other = HostMatch::Exact(other);
            if server.www && !taken.contains(&other) {
                compiler.routes.push(server.other_name(other, name));
            }
        }
    }
}

impl Server<'_> {
    /// Whether all paths are case-insensitive regular expressions.
    fn is_regex(&self) -> bool {
        self.locations.iter().any(Location::is_regex)
    }

    fn add_routes(&self, host: &HostMatch, canaries: &Canaries, compiler: &mut Compiler<'_>) {
        let regex = self.is_regex();
        for location in &self.locations {
            let route = self.route(location, canaries, compiler);
            let paths = if regex {
                self.patterns(location, compiler)
            } else {
                location.paths()
            };
            for (name, path, priority, action) in paths {
                let moved = action.is_some();
                compiler.routes.push(Route {
                    name: format!("server {host} {name}"),
                    host: host.clone(),
                    path,
                    priority,
                    action: action.unwrap_or_else(|| route.action.clone()),
                    // NGINX adds a slash while it looks for a location, before anything else.
                    redirect_https: route.redirect_https && !moved,
                    filters: if moved {
                        Vec::new()
                    } else {
                        route.filters.clone()
                    },
                    ..route.clone()
                });
            }
        }
    }

    /// What all routes of a location have in common.
    fn route(
        &self,
        location: &Location<'_>,
        canaries: &Canaries,
        compiler: &mut Compiler<'_>,
    ) -> Route {
        let Location {
            ingress, settings, ..
        } = location;
        let mut route = Route::new(
            String::new(),
            &ingress.name,
            self.host.clone(),
            PathMatch::prefix("/"),
        );
        let wanted = match settings.https {
            Https::Never => false,
            Https::IfTls => compiler.has_tls(&self.host),
            Https::Always => self.host != HostMatch::Any,
        };
        route.redirect_https =
            wanted && !settings.redirects_all() && !location.path.starts_with(ACME);
        route.redirect_drops_slash = !settings.preserve_slash;
        route.timeouts = settings.timeouts;
        let mut retry = settings.retry.clone();
        if let Some(reason) = &settings.access.denied {
            route.action = RouteAction::Unavailable {
                reason: reason.clone(),
                status: 503,
            };
            return route;
        }
        route.filters = settings.filters();
        route.action = match &location.backend {
            Err(reason) => RouteAction::Unavailable {
                reason: reason.clone(),
                status: 503,
            },
            Ok(backend) => {
                route.filters.extend(location.rewrite());
                if let Some(pages) = &settings.pages {
                    let page = pages.of(&ingress.name, &backend.service, backend.port);
                    route.filters.push(page);
                }
                if backend.through_cluster_ip {
                    retry.tries = 1;
                }
                route.canary = canaries.of(backend).cloned();
                forward(compiler.backend(backend.clone()))
            }
        };
        route.retry = Some(retry);
        route
    }

    /// The regular expressions that a location becomes. Only those that use them are left as they
    /// are; the others become two, as they would without.
    fn patterns(&self, location: &Location<'_>, compiler: &mut Compiler<'_>) -> Vec<Made> {
        let path = &location.path;
        let mut texts = vec![path.clone()];
        let exact_too = || {
            let mut others = self.locations.iter();
            others.any(|other| other.exact && other.path == *path)
        };
        if !location.is_regex() && !location.exact && path != "/" {
            if exact_too() {
                texts.clear();
            }
            let slash = if path.ends_with('/') { "" } else { "/" };
            texts.insert(0, format!("{path}{slash}"));
            texts.dedup();
        }
        let mut made = Vec::new();
        for text in texts {
            match Pattern::new(&format!("(?i)^{text}")) {
                Ok(pattern) => made.push((
                    format!("location ~* \"^{text}\""),
                    PathMatch::Regex(pattern),
                    depth(path),
                    None,
                )),
                Err(_) => compiler.tell(
                    location.ingress,
                    format!(
                        "path \"{path}\" is no regular expression that the lab knows, and \
                        matches nothing"
                    ),
                ),
            }
        }
        made
    }

    /// From the other name to this one.
    fn other_name(&self, other: HostMatch, name: &str) -> Route {
        let redirect = Redirect {
            host: Some(name.to_owned()),
            status: 308,
            ..Redirect::default()
        };
        let ingress = self.locations.first();
        let ingress = ingress.map_or("", |location| location.ingress.name.as_str());
        Route {
            filters: vec![Filter::Redirect(redirect)],
            action: RouteAction::Unavailable {
                reason: format!("{other} only redirects to {name}"),
                status: 503,
            },
            ..Route::new(
                format!("server {other} return 308 {name}"),
                ingress,
                other,
                PathMatch::prefix("/"),
            )
        }
    }
}

/// What distinguishes the routes of one location: name, path, priority, and an action of its own.
type Made = (String, PathMatch, i64, Option<RouteAction>);

impl Location<'_> {
    fn is_regex(&self) -> bool {
        self.settings.regex || self.rewrites().is_some()
    }

    /// The target, unless it is the path itself.
    fn rewrites(&self) -> Option<&str> {
        let target = self.settings.target.as_ref();
        let target = target.filter(|target| target.text != self.path)?;
        Some(&target.expansion)
    }

    fn rewrite(&self) -> Option<Filter> {
        let path = self.rewrites();
        let rewrite = Rewrite {
            path: path.map(|target| PathChange::Captures(target.to_owned())),
            ..self.settings.rewrite.clone()
        };
        (rewrite != Rewrite::default()).then_some(Filter::Rewrite(rewrite))
    }

    /// One location, or two where NGINX makes two of it.
    fn paths(&self) -> Vec<Made> {
        let path = &self.path;
        let bare = path.strip_suffix('/').filter(|bare| !bare.is_empty());
        let mut made = vec![if self.exact {
            let matched = PathMatch::Exact(path.clone());
            (
                format!("location = {path}"),
                matched,
                EXACT + depth(path),
                None,
            )
        } else {
            let matched = match bare {
                None => PathMatch::prefix(path),
                Some(_) => PathMatch::CharacterPrefix(path.clone()),
            };
            (format!("location {path}"), matched, depth(path), None)
        }];
        if let Some(bare) = bare {
            // NGINX sends the path without the slash to the one with it, unless that is a location
            // of its own.
            made.push((
                format!("location {path} (without its slash)"),
                PathMatch::Exact(bare.to_owned()),
                depth(path) - 3,
                Some(RouteAction::AppendSlash),
            ));
        }
        made
    }
}

/// Twice the length, so that the redirect to `/x/` fits between the location `/x` and shorter ones.
fn depth(path: &str) -> i64 {
    2 * i64::try_from(path.len()).unwrap_or(EXACT / 4)
}
