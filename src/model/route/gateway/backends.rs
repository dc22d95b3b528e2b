//! What a route may send requests to: Services, of other namespaces only with a grant.

use super::super::super::{
    AppProtocol, BackendPort, GatewayApi, GatewayRoute, IngressBackend, ObjectReference, RouteKind,
    ServiceType, Session,
};
use super::super::compile::Compiler;
use super::super::{Balancing, RouteBackend};
use super::identity;

/// The position of a backend in the table, or a reason of the condition `ResolvedRefs` with words.
pub(super) fn resolve(
    route: &GatewayRoute,
    reference: &ObjectReference,
    session: Option<&Session>,
    api: &GatewayApi,
    compiler: &mut Compiler<'_>,
) -> Result<usize, (&'static str, String)> {
    let name = &reference.name;
    if (reference.group.as_str(), reference.kind.as_str()) != ("", "Service") {
        let message = format!("{} \"{name}\" is no Service", reference.kind);
        return Err(("InvalidKind", message));
    }
    let target = reference.namespace.as_ref().unwrap_or(&route.namespace);
    if !api.permits(identity(route), reference, target) {
        let message = format!(
            "no ReferenceGrant of {target} lets {}s of {} use Service \"{name}\"",
            route.kind.name(),
            route.namespace
        );
        return Err(("RefNotPermitted", message));
    }
    let elsewhere = match compiler.service(name) {
        Some(service) if service.namespace == *target => None,
        Some(service) => Some(format!(", only in {}", service.namespace)),
        None => Some(String::new()),
    };
    if let Some(elsewhere) = elsewhere {
        let message = format!("there is no Service \"{name}\" in namespace {target}{elsewhere}");
        return Err(("BackendNotFound", message));
    }
    let Some(port) = reference.port else {
        return Err((
            "BackendNotFound",
            format!("Service \"{name}\" needs a port"),
        ));
    };
    let wanted = IngressBackend {
        service: name.clone(),
        port: BackendPort::Number(port),
    };
    let found = compiler
        .find(&wanted)
        .map_err(|message| ("BackendNotFound", message))?;
    if found.service.kind == ServiceType::ExternalName {
        let message = format!("Service \"{name}\" is a name outside");
        return Err(("UnsupportedValue", message));
    }
    let app_protocol = match (found.app_protocol, route.kind) {
        (AppProtocol::Tcp, _) => return Err(("UnsupportedProtocol", found.not_http())),
        // Calls have no other form.
        (_, RouteKind::Grpc) => AppProtocol::H2c,
        (spoken, RouteKind::Http) => spoken,
    };
    Ok(compiler.backend(RouteBackend {
        service: name.clone(),
        port,
        port_index: found.index,
        app_protocol,
        tls: false,
        through_cluster_ip: false,
        own_host: false,
        selection: Balancing::default(),
        session: session.cloned(),
    }))
}
