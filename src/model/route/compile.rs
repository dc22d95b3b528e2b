//! From Ingress objects, and those of Gateway API, to a [`RouteTable`]: what both flavours share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::{
    AppProtocol, BackendPort, GatewayApi, Ingress, IngressBackend, ObjectReport, Secret, Service,
    ServiceType,
};
use super::flavour::Flavour;
use super::gateway::{self, GatewayPorts};
use super::table::{HostScope, RouteTable, TlsListener};
use super::{ClientAuth, HostMatch, Route, RouteAction, RouteBackend, WeightedBackend};

/// The objects that an Ingress may name.
#[derive(Clone, Copy)]
pub struct Objects<'a> {
    services: &'a BTreeMap<String, Arc<Service>>,
    secrets: Option<&'a BTreeMap<String, Arc<Secret>>>,
    gateways: Option<(&'a GatewayApi, GatewayPorts)>,
}

impl<'a> Objects<'a> {
    /// Services alone.
    pub fn new(services: &'a BTreeMap<String, Arc<Service>>) -> Self {
        Self {
            services,
            secrets: None,
            gateways: None,
        }
    }

    /// With the Secrets that annotations may name.
    #[must_use]
    pub fn secrets(mut self, secrets: &'a BTreeMap<String, Arc<Secret>>) -> Self {
        self.secrets = Some(secrets);
        self
    }

    /// With the objects of Gateway API, which are compiled too, and the ports that serve them.
    #[must_use]
    pub fn gateways(mut self, api: &'a GatewayApi, ports: GatewayPorts) -> Self {
        self.gateways = Some((api, ports));
        self
    }
}

impl std::fmt::Debug for Objects<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Objects")
            .field("services", &self.services.keys())
            .field("secrets", &self.secrets.map(BTreeMap::keys))
            .finish_non_exhaustive()
    }
}

/// A table, and what was wrong with the objects it was made from.
#[derive(Clone, Debug, Default)]
pub struct Compiled {
    /// The routes.
    pub table: RouteTable,
    /// For `check` and `status`.
    pub diagnostics: Vec<ObjectReport>,
}

/// Compiles the Ingresses, in the order in which they are given (Kubernetes: oldest first). All must
/// be for this controller: see [`IngressClasses`](crate::model::IngressClasses).
pub fn compile<'a>(
    ingresses: impl IntoIterator<Item = &'a Ingress>,
    objects: &Objects<'a>,
    flavour: &Flavour,
) -> Compiled {
    let ingresses: Vec<_> = ingresses.into_iter().collect();
    let mut compiler = Compiler {
        objects: *objects,
        tls_hosts: ingresses
            .iter()
            .flat_map(|ingress| &ingress.tls)
            .flat_map(|tls| &tls.hosts)
            .map(|host| HostMatch::parse(Some(host)))
            .filter(|host| *host != HostMatch::Any)
            .collect(),
        routes: Vec::new(),
        client_auth: Vec::new(),
        listeners: Vec::new(),
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
    if let Some((api, ports)) = objects.gateways {
        gateway::routes(api, ports, flavour, &mut compiler);
    }
    let table = RouteTable::new(compiler.routes, compiler.backends, scope)
        .with_client_auth(compiler.client_auth)
        .with_listeners(compiler.listeners);
    Compiled {
        table,
        diagnostics: compiler.diagnostics,
    }
}

/// What a flavour writes into.
pub(super) struct Compiler<'a> {
    objects: Objects<'a>,
    tls_hosts: Vec<HostMatch>,
    pub(super) routes: Vec<Route>,
    pub(super) client_auth: Vec<ClientAuth>,
    pub(super) listeners: Vec<TlsListener>,
    backends: Vec<RouteBackend>,
    pub(super) diagnostics: Vec<ObjectReport>,
}

/// A Service port that a reference was found to mean.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) service: &'a Service,
    /// Its number.
    pub(super) port: u16,
    /// Its name, which may be empty.
    pub(super) port_name: &'a str,
    /// Its position.
    pub(super) index: usize,
    /// What it says it speaks.
    pub(super) app_protocol: AppProtocol,
}

impl Found<'_> {
    /// The reason why nothing can be routed to a port of other protocols.
    pub(super) fn not_http(&self) -> String {
        format!(
            "port {} of Service \"{}\" does not speak HTTP",
            self.port, self.service.name
        )
    }
}

impl<'a> Compiler<'a> {
    /// Notes something about an Ingress, the rest of which works.
    pub(super) fn tell(&mut self, ingress: &Ingress, message: String) {
        self.report(ingress, message, false);
    }

    /// Notes why an Ingress has no effect at all.
    pub(super) fn drop_ingress(&mut self, ingress: &Ingress, message: String) {
        self.report(ingress, message, true);
    }

    fn report(&mut self, ingress: &Ingress, message: String, unusable: bool) {
        self.diagnostics.push(ObjectReport {
            kind: "Ingress".to_owned(),
            name: ingress.name.clone(),
            message,
            unusable,
        });
    }

    /// Whether some Ingress has a certificate for all that this means.
    pub(super) fn has_tls(&self, host: &HostMatch) -> bool {
        self.tls_hosts.iter().any(|tls| match host {
            HostMatch::Any => false,
            HostMatch::Exact(name) => tls.matches(name),
            HostMatch::Wildcard(_) | HostMatch::Suffix(_) => tls == host,
        })
    }

    /// The Service of this name.
    pub(super) fn service(&self, name: &str) -> Option<&'a Service> {
        self.objects.services.get(name).map(|service| &**service)
    }

    /// The Secret of this name, which may have its namespace in front: the lab has only one.
    pub(super) fn secret(&self, name: &str) -> Option<&'a Secret> {
        let name = name.rsplit('/').next().unwrap_or(name);
        let secrets = self.objects.secrets?;
        secrets.get(name).map(|secret| &**secret)
    }

    /// The Service port that a reference means, or the reason why it means none.
    pub(super) fn find(&self, backend: &IngressBackend) -> Result<Found<'a>, String> {
        let name = &backend.service;
        let service = self
            .service(name)
            .ok_or_else(|| format!("there is no Service \"{name}\""))?;
        let (index, asked) = match &backend.port {
            BackendPort::Number(number) => (service.port_index(*number), number.to_string()),
            BackendPort::Name(port) => (service.port_index_by_name(port), format!("\"{port}\"")),
        };
        if let Some(index) = index {
            let port = &service.ports[index];
            return Ok(Found {
                service,
                port: port.port,
                port_name: &port.name,
                index,
                app_protocol: port.app_protocol,
            });
        }
        // A name outside may be written without ports.
        match backend.port {
            BackendPort::Number(port)
                if service.kind == ServiceType::ExternalName && service.ports.is_empty() =>
            {
                Ok(Found {
                    service,
                    port,
                    port_name: "",
                    index: 0,
                    app_protocol: AppProtocol::Http,
                })
            }
            _ => Err(format!("Service \"{name}\" has no port {asked}")),
        }
    }

    /// The position of a backend in the table.
    pub(super) fn backend(&mut self, wanted: RouteBackend) -> usize {
        let known = self.backends.iter().position(|known| *known == wanted);
        known.unwrap_or_else(|| {
            self.backends.push(wanted);
            self.backends.len() - 1
        })
    }
}

/// To one backend, whatever the dice say.
pub(super) fn forward(backend: usize) -> RouteAction {
    RouteAction::Forward(vec![WeightedBackend {
        backend: Some(backend),
        weight: 1,
        filters: Vec::new(),
    }])
}
