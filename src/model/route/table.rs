//! The table that the data path asks: one hash by host, then paths in the order they are tried.

use std::collections::HashMap;

use super::{HostMatch, Route, RouteBackend, wildcard_suffix};

/// All routes of the ingress, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// Sorted by falling priority; equal ones in the order of the Ingress objects.
    routes: Vec<Route>,
    backends: Vec<RouteBackend>,
    scope: HostScope,
    /// Each list holds all that may serve such a host, as the scope has it.
    exact: HashMap<String, Vec<u32>>,
    /// By suffix, with its dot.
    wildcard: HashMap<String, Vec<u32>>,
    any: Vec<u32>,
}

/// What becomes of a request whose host has rules but whose path matches none of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum HostScope {
    /// Rules for less specific hosts are tried too (Traefik).
    #[default]
    Shared,
    /// The most specific host that has rules owns the request (NGINX's server blocks).
    Owned,
}

impl RouteTable {
    /// Orders the routes and builds the index.
    pub(super) fn new(
        mut routes: Vec<Route>,
        backends: Vec<RouteBackend>,
        scope: HostScope,
    ) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.priority));
        let mut table = Self {
            backends,
            scope,
            ..Self::default()
        };
        for route in &routes {
            match &route.host {
                HostMatch::Any => {}
                HostMatch::Exact(name) => {
                    table.exact.entry(name.clone()).or_default();
                }
                HostMatch::Wildcard(suffix) => {
                    table.wildcard.entry(suffix.clone()).or_default();
                }
            }
        }
        for (name, list) in &mut table.exact {
            *list = serving(&routes, |host| match scope {
                HostScope::Shared => host.matches(name),
                HostScope::Owned => matches!(host, HostMatch::Exact(own) if own == name),
            });
        }
        for (suffix, list) in &mut table.wildcard {
            *list = serving(&routes, |host| match host {
                HostMatch::Any => scope == HostScope::Shared,
                HostMatch::Exact(_) => false,
                HostMatch::Wildcard(own) => own == suffix,
            });
        }
        table.any = serving(&routes, |host| *host == HostMatch::Any);
        table.routes = routes;
        table
    }

    /// The route for a canonical host (lower case, no port, no dot at the end; empty if there is
    /// none) and a path that [`normalise_path`](super::normalise_path) returned.
    pub fn find(&self, host: &str, path: &str) -> Option<&Route> {
        self.candidates(host)
            .iter()
            .map(|&index| &self.routes[index as usize])
            .find(|route| route.path.matches(path))
    }

    /// All routes, in the order in which they are tried.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The Service ports that routes lead to, each once.
    pub fn backends(&self) -> &[RouteBackend] {
        &self.backends
    }

    /// What happens between hosts.
    pub(super) fn scope(&self) -> HostScope {
        self.scope
    }

    /// The routes that may serve this host.
    pub(super) fn candidates(&self, host: &str) -> &[u32] {
        self.exact
            .get(host)
            .or_else(|| self.wildcard.get(wildcard_suffix(host)?))
            .unwrap_or(&self.any)
    }
}

/// Positions of the routes whose host passes.
fn serving(routes: &[Route], mut passes: impl FnMut(&HostMatch) -> bool) -> Vec<u32> {
    (0u32..)
        .zip(routes)
        .filter(|(_, route)| passes(&route.host))
        .map(|(index, _)| index)
        .collect()
}
