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
    listeners: Vec<TlsListener>,
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

/// A listener of a Gateway that speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsListener {
    /// The Gateway.
    pub gateway: String,
    /// Which hosts it is for.
    pub host: HostMatch,
    /// The Secrets of its certificates, at least one; the lab's CA issues those that do not exist.
    pub secrets: Vec<String>,
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
            *list = serving(&routes, |route| match &route.host {
                HostMatch::Exact(own) => own == name,
                other => (shared || route.falls_through) && other.matches(name),
            });
        }
        for (suffix, list) in &mut table.wildcard {
            *list = serving(&routes, |route| match &route.host {
                HostMatch::Any => shared || route.falls_through,
                HostMatch::Exact(_) => false,
                HostMatch::Wildcard(own) => own == suffix,
                HostMatch::Suffix(own) => {
                    (shared || route.falls_through) && suffix.ends_with(own.as_str())
                }
            });
        }
        for (suffix, list) in &mut table.suffix {
            *list = serving(&routes, |route| match &route.host {
                HostMatch::Any => shared || route.falls_through,
                HostMatch::Exact(_) | HostMatch::Wildcard(_) => false,
                HostMatch::Suffix(own) => {
                    own == suffix
                        || (shared || route.falls_through) && suffix.ends_with(own.as_str())
                }
            });
        }
        table.any = serving(&routes, |route| route.host == HostMatch::Any);
        table.routes = routes;
        table
    }

    /// Asks for client certificates at these hosts.
    pub(super) fn with_client_auth(mut self, client_auth: Vec<ClientAuth>) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// Makes these listeners of Gateways known.
    pub(super) fn with_listeners(mut self, listeners: Vec<TlsListener>) -> Self {
        self.listeners = listeners;
        self
    }

    /// Whether a request for this host came over a TLS connection that was made for another
    /// listener of a Gateway (421, GEP-3567). Without a server name there is nothing to compare.
    pub fn misdirected(&self, server_name: Option<&str>, host: &str) -> bool {
        let Some(name) = server_name.filter(|_| !self.listeners.is_empty()) else {
            return false;
        };
        if name.eq_ignore_ascii_case(host) {
            return false;
        }
        let meant = self.listener(host);
        meant.is_some() && meant != self.listener(&name.to_ascii_lowercase())
    }

    /// The most specific host of a listener that a name belongs to.
    fn listener(&self, name: &str) -> Option<&HostMatch> {
        let hosts = self.listeners.iter().map(|listener| &listener.host);
        hosts
            .filter(|host| host.matches(name))
            .max_by_key(|host| match host {
                HostMatch::Any => 0,
                HostMatch::Wildcard(suffix) | HostMatch::Suffix(suffix) => suffix.len(),
                HostMatch::Exact(_) => usize::MAX,
            })
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

    /// The listeners of Gateways that speak TLS.
    pub fn tls_listeners(&self) -> &[TlsListener] {
        &self.listeners
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

/// Positions of the routes that pass.
fn serving(routes: &[Route], mut passes: impl FnMut(&Route) -> bool) -> Vec<u32> {
    (0u32..)
        .zip(routes)
        .filter(|(_, route)| passes(route))
        .map(|(index, _)| index)
        .collect()
}
