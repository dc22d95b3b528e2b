//! Which listeners of which Gateways the lab serves, and which it does not, and why.

use super::super::super::{
    Gateway, GatewayApi, GatewayListener, ObjectReference, RouteKind, TlsListener,
};
use super::super::compile::Compiler;
use super::super::flavour::Flavour;
use super::super::{EntryPoint, HostMatch};
use super::{GROUP, GatewayPorts};

/// The class that every flavour brings with it, beside the one of its own name.
const BUILT_IN: &str = "lab";

/// A listener that is served.
#[derive(Debug)]
pub(super) struct Listener<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) spec: &'a GatewayListener,
    pub(super) entry: EntryPoint,
    /// Kinds of routes that may be attached.
    kinds: Vec<RouteKind>,
    /// Secrets of its certificates.
    secrets: Vec<String>,
}

impl Listener<'_> {
    /// Whether it takes routes of this kind.
    pub(super) fn takes(&self, kind: RouteKind) -> bool {
        self.kinds.contains(&kind)
    }
}

/// What a listener means for TLS, if it has any.
pub(super) fn tls(listener: &Listener<'_>) -> Option<TlsListener> {
    (listener.entry == EntryPoint::WebSecure).then(|| TlsListener {
        gateway: listener.gateway.name.clone(),
        host: listener.spec.host.clone(),
        secrets: listener.secrets.clone(),
    })
}

/// All listeners that are served; what is wrong with the others is told.
pub(super) fn served<'a>(
    api: &'a GatewayApi,
    ports: GatewayPorts,
    flavour: &Flavour,
    compiler: &mut Compiler<'a>,
) -> Vec<Listener<'a>> {
    let mut served: Vec<Listener<'a>> = Vec::new();
    for gateway in &api.gateways {
        if let Err(reason) = class(api, &gateway.class, flavour) {
            let message = format!("{reason}, so it gets no address and no routes");
            compiler.report_gateway(&gateway.name, message, true);
            continue;
        }
        let first = served.len();
        for spec in &gateway.listeners {
            let twin = served[first..].iter().find(|other| {
                let other = other.spec;
                (other.port, &other.protocol, &other.host)
                    == (spec.port, &spec.protocol, &spec.host)
            });
            let read = match twin {
                Some(twin) => Err(format!(
                    "Conflicted=True (HostnameConflict): listener \"{}\" has its port and hostname",
                    twin.spec.name
                )),
                None => listener(api, gateway, spec, ports, compiler),
            };
            match read {
                Ok(listener) => served.push(listener),
                Err(reason) => {
                    let message = format!("listener \"{}\": {reason}", spec.name);
                    compiler.report_gateway(&gateway.name, message, false);
                }
            }
        }
        if served.len() == first {
            let message = "Programmed=False (Invalid): none of its listeners can be served";
            compiler.report_gateway(&gateway.name, message.to_owned(), true);
        }
    }
    served
}

/// Whether a class is for the lab's controller, or else why not.
fn class(api: &GatewayApi, name: &str, flavour: &Flavour) -> Result<(), String> {
    let (own, controller) = match flavour {
        Flavour::Traefik(_) => ("traefik", "traefik.io/gateway-controller"),
        Flavour::Nginx(_) => ("nginx", "gateway.nginx.org/nginx-gateway-controller"),
    };
    match api.classes.iter().find(|class| class.name == name) {
        Some(class) if class.controller == controller => Ok(()),
        Some(class) => Err(format!(
            "GatewayClass \"{name}\" is of controller {}, which is not the lab's",
            class.controller
        )),
        None if [own, BUILT_IN].contains(&name) => Ok(()),
        None => Err(format!(
            "there is no GatewayClass \"{name}\" (the lab's own is \"{BUILT_IN}\")"
        )),
    }
}

fn listener<'a>(
    api: &GatewayApi,
    gateway: &'a Gateway,
    spec: &'a GatewayListener,
    ports: GatewayPorts,
    compiler: &mut Compiler<'_>,
) -> Result<Listener<'a>, String> {
    let (entry, usual, own) = match spec.protocol.as_str() {
        "HTTP" => (EntryPoint::Web, 80, ports.http),
        "HTTPS" => (EntryPoint::WebSecure, 443, ports.https),
        other => {
            return Err(format!(
                "Accepted=False (UnsupportedProtocol): the lab serves HTTP and HTTPS, not {other}"
            ));
        }
    };
    if spec.port != usual && spec.port != own {
        return Err(format!(
            "Accepted=False (PortUnavailable): the lab serves {} at one port of the host, which is \
             {usual} here",
            spec.protocol
        ));
    }
    let mut kinds = Vec::new();
    for kind in &spec.kinds {
        match kind.as_str() {
            "HTTPRoute" => kinds.push(RouteKind::Http),
            "GRPCRoute" => kinds.push(RouteKind::Grpc),
            other => compiler.report_gateway(
                &gateway.name,
                format!(
                    "listener \"{}\": ResolvedRefs=False (InvalidRouteKinds): {} takes no {other}",
                    spec.name, spec.protocol
                ),
                false,
            ),
        }
    }
    if spec.kinds.is_empty() {
        kinds = vec![RouteKind::Http, RouteKind::Grpc];
    }
    let secrets = if entry == EntryPoint::WebSecure {
        certificates(api, gateway, spec, compiler)?
    } else {
        Vec::new()
    };
    Ok(Listener {
        gateway,
        spec,
        entry,
        kinds,
        secrets,
    })
}

/// The Secrets that a listener may serve; one is enough.
fn certificates(
    api: &GatewayApi,
    gateway: &Gateway,
    spec: &GatewayListener,
    compiler: &Compiler<'_>,
) -> Result<Vec<String>, String> {
    if spec.passthrough {
        return Err("Accepted=False (UnsupportedValue): tls.mode must be Terminate".to_owned());
    }
    let mut last = "tls.certificateRefs names no Secret".to_owned();
    let mut reason = "InvalidCertificateRef";
    let mut good = Vec::new();
    for reference in &spec.certificates {
        match certificate(api, gateway, spec, reference, compiler) {
            Ok(()) => good.push(reference.name.clone()),
            Err((why, message)) => (reason, last) = (why, message),
        }
    }
    if good.is_empty() {
        return Err(format!("ResolvedRefs=False ({reason}): {last}"));
    }
    Ok(good)
}

fn certificate(
    api: &GatewayApi,
    gateway: &Gateway,
    spec: &GatewayListener,
    reference: &ObjectReference,
    compiler: &Compiler<'_>,
) -> Result<(), (&'static str, String)> {
    const INVALID: &str = "InvalidCertificateRef";
    let name = &reference.name;
    if (reference.group.as_str(), reference.kind.as_str()) != ("", "Secret") {
        return Err((
            INVALID,
            format!("{} \"{name}\" is no Secret", reference.kind),
        ));
    }
    let target = reference.namespace.as_ref().unwrap_or(&gateway.namespace);
    if !api.permits((GROUP, "Gateway", &gateway.namespace), reference, target) {
        return Err((
            "RefNotPermitted",
            format!(
                "no ReferenceGrant of {target} lets Gateways of {} use Secret \"{name}\"",
                gateway.namespace
            ),
        ));
    }
    // Lab: one that does not exist is issued by the lab's CA, as cert-manager would for a Gateway with
    // its annotation.
    if compiler.secret(name).is_none() && spec.host == HostMatch::Any {
        return Err((
            INVALID,
            format!("there is no Secret \"{name}\", and without a hostname none can be issued"),
        ));
    }
    Ok(())
}
