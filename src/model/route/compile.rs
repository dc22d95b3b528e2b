//! From Ingress objects to a [`RouteTable`]: what both flavours share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{AppProtocol, BackendPort, Ingress, IngressBackend, Service};
use super::flavour::Flavour;
use super::table::{HostScope, RouteTable};
use super::{HostMatch, Route, RouteAction, RouteBackend, WeightedBackend};

/// A table, and what was wrong with the objects it was made from.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The routes.
    pub table: RouteTable,
    /// For `check` and `status`.
    pub diagnostics: Vec<Diagnostic>,
}

/// Something in an Ingress that does not do what its author may think.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Name of the Ingress.
    pub object: String,
    /// One sentence without full stop.
    pub message: String,
}

/// Compiles the objects, in the order in which they are given (Kubernetes: oldest first).
pub fn compile<'a>(
    ingresses: impl IntoIterator<Item = &'a Ingress>,
    services: &'a BTreeMap<String, Arc<Service>>,
    flavour: &Flavour,
) -> Compiled {
    let ours = ingresses.into_iter().filter(|ingress| {
        ingress
            .class
            .as_deref()
            .is_none_or(|class| class == flavour.class())
    });
    let ingresses: Vec<_> = ours.collect();
    let mut compiler = Compiler {
        services,
        tls_hosts: ingresses
            .iter()
            .flat_map(|ingress| &ingress.tls)
            .flat_map(|tls| &tls.hosts)
            .map(|host| HostMatch::parse(Some(host)))
            .filter(|host| *host != HostMatch::Any)
            .collect(),
        routes: Vec::new(),
        backends: Vec::new(),
        diagnostics: Vec::new(),
    };
    for ingress in &ingresses {
        flavour.check_annotations(ingress, &mut compiler);
    }
    let scope = match flavour {
        Flavour::Traefik(options) => {
            super::flavour::traefik::routes(&ingresses, options, &mut compiler);
            HostScope::Shared
        }
        Flavour::Nginx(options) => {
            super::flavour::nginx::routes(&ingresses, options, &mut compiler);
            HostScope::Owned
        }
    };
    Compiled {
        table: RouteTable::new(compiler.routes, compiler.backends, scope),
        diagnostics: compiler.diagnostics,
    }
}

/// What a flavour writes into.
pub(super) struct Compiler<'a> {
    services: &'a BTreeMap<String, Arc<Service>>,
    tls_hosts: Vec<HostMatch>,
    pub(super) routes: Vec<Route>,
    backends: Vec<RouteBackend>,
    diagnostics: Vec<Diagnostic>,
}

impl Compiler<'_> {
    /// Notes something about an Ingress.
    pub(super) fn tell(&mut self, ingress: &Ingress, message: String) {
        self.diagnostics.push(Diagnostic {
            object: ingress.name.clone(),
            message,
        });
    }

    /// Whether some Ingress has a certificate for all that this means.
    pub(super) fn has_tls(&self, host: &HostMatch) -> bool {
        self.tls_hosts.iter().any(|tls| match host {
            HostMatch::Any => false,
            HostMatch::Exact(name) => tls.matches(name),
            HostMatch::Wildcard(_) => tls == host,
        })
    }

    /// The action that leads to a backend, or the reason why nothing can.
    pub(super) fn forward(&mut self, backend: &IngressBackend) -> Result<RouteAction, String> {
        let name = &backend.service;
        let service = self
            .services
            .get(name)
            .ok_or_else(|| format!("there is no Service \"{name}\""))?;
        let (found, asked) = match &backend.port {
            BackendPort::Number(number) => (service.port_index(*number), number.to_string()),
            BackendPort::Name(port) => (service.port_index_by_name(port), format!("\"{port}\"")),
        };
        let port_index = found.ok_or_else(|| format!("Service \"{name}\" has no port {asked}"))?;
        let port = &service.ports[port_index];
        if port.app_protocol == AppProtocol::Tcp {
            return Err(format!(
                "port {asked} of Service \"{name}\" does not speak HTTP"
            ));
        }
        let wanted = RouteBackend {
            service: name.clone(),
            port: port.port,
            port_index,
            app_protocol: port.app_protocol,
        };
        let known = self.backends.iter().position(|known| *known == wanted);
        let index = known.unwrap_or_else(|| {
            self.backends.push(wanted);
            self.backends.len() - 1
        });
        Ok(RouteAction::Forward(vec![WeightedBackend {
            backend: index,
            weight: 1,
        }]))
    }
}
