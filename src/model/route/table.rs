//! The table that the data path asks: one hash by host, then paths in the order they are tried.

use std::collections::HashMap;

use super::{ClientAuth, HostMatch, Question, Route, RouteBackend, wildcard_suffix};

/// All routes of the ingress, in the order in which they are tried.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// Sorted by falling priority; equal ones in the order of the Ingress objects.
    routes: Vec<Route>,
    backends: Vec<RouteBackend>,
    client_auth: Vec<ClientAuth>,
    scope: HostScope,
    /// Each list holds all that may serve such a host, as the scope has it.
    exact: HashMap<String, Vec<u32>>,
    /// By suffix, with its dot: hosts of one label more.
    wildcard: HashMap<String, Vec<u32>>,
    /// By suffix, with its dot: hosts of any number of labels more.
    suffix: HashMap<String, Vec<u32>>,
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
                HostMatch::Suffix(suffix) => {
                    table.suffix.entry(suffix.clone()).or_default();
                }
            }
        }
        let shared = scope == HostScope::Shared;
        for (name, list) in &mut table.exact {
            *list = serving(&routes, |host| match host {
                HostMatch::Exact(own) => own == name,
                other => shared && other.matches(name),
            });
        }
        for (suffix, list) in &mut table.wildcard {
            *list = serving(&routes, |host| match host {
                HostMatch::Any => shared,
                HostMatch::Exact(_) => false,
                HostMatch::Wildcard(own) => own == suffix,
                HostMatch::Suffix(own) => shared && suffix.ends_with(own.as_str()),
            });
        }
        for (suffix, list) in &mut table.suffix {
            *list = serving(&routes, |host| match host {
                HostMatch::Any => shared,
                HostMatch::Exact(_) | HostMatch::Wildcard(_) => false,
                HostMatch::Suffix(own) => own == suffix || shared && suffix.ends_with(own.as_str()),
            });
        }
        table.any = serving(&routes, |host| *host == HostMatch::Any);
        table.routes = routes;
        table
    }

    /// Asks for client certificates at these hosts.
    pub(super) fn with_client_auth(mut self, client_auth: Vec<ClientAuth>) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// The route for a request.
    pub fn find(&self, question: &Question<'_>) -> Option<&Route> {
        self.candidates(question.host)
            .iter()
            .map(|&index| &self.routes[index as usize])
            .find(|route| route.matches(question))
    }

    /// All routes, in the order in which they are tried.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The Service ports that routes lead to, each once.
    pub fn backends(&self) -> &[RouteBackend] {
        &self.backends
    }

    /// Which hosts ask for a client's certificate.
    pub fn client_auth(&self) -> &[ClientAuth] {
        &self.client_auth
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
            .or_else(|| self.longest_suffix(host))
            .unwrap_or(&self.any)
    }

    fn longest_suffix(&self, host: &str) -> Option<&Vec<u32>> {
        if self.suffix.is_empty() {
            return None;
        }
        // A dot in front of everything leaves no label before the suffix.
        host.match_indices('.')
            .filter(|(dot, _)| *dot > 0)
            .find_map(|(dot, _)| self.suffix.get(&host[dot..]))
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
