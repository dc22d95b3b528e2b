//! GatewayClass, Gateway and ReferenceGrant of `gateway.networking.k8s.io`, and the Namespace whose
//! labels they select.

mod filters;
mod matches;
mod route;

use super::super::field::Field;
use super::super::names;
use super::super::section::Section;
use super::super::services::NAMESPACE;
use super::object::{self, Metadata};
use crate::model::{
    FromNamespaces, Gateway, GatewayClass, GatewayListener, HostMatch, LabelDemand, LabelOperator,
    ObjectReference, ObjectReport, ReferenceGrant,
};

pub(super) use route::read as route;

/// The group of the objects.
const GROUP: &str = "gateway.networking.k8s.io";

/// Which namespaces are meant where `from` is right.
#[derive(Clone, Copy)]
enum Origin {
    Same,
    All,
    Selector,
    None,
}

const FROM: [(&str, Origin); 4] = [
    ("Same", Origin::Same),
    ("All", Origin::All),
    ("Selector", Origin::Selector),
    ("None", Origin::None),
];
/// `tls.mode`: whether TLS passes through.
const MODES: [(&str, bool); 2] = [("Terminate", false), ("Passthrough", true)];
const OPERATORS: [(&str, LabelOperator); 4] = [
    ("In", LabelOperator::In),
    ("NotIn", LabelOperator::NotIn),
    ("Exists", LabelOperator::Exists),
    ("DoesNotExist", LabelOperator::DoesNotExist),
];

/// The namespace of an object.
pub(super) fn namespace(metadata: &Metadata) -> String {
    let written = metadata.namespace.as_deref();
    written.unwrap_or(NAMESPACE).to_owned()
}

/// Reads a GatewayClass.
pub(super) fn class(object: &Section<'_>, metadata: &Metadata) -> Option<GatewayClass> {
    let spec = object::spec(object)?;
    let controller = spec.required(
        "controllerName",
        "write controllerName: traefik.io/gateway-controller",
    );
    spec.accept(&["description", "parametersRef"]);
    let controller = controller.and_then(|field| field.words());
    spec.finish();
    Some(GatewayClass {
        name: metadata.name.clone(),
        controller: controller?.to_owned(),
    })
}

/// Reads a Gateway.
pub(super) fn gateway(
    object: &Section<'_>,
    metadata: &Metadata,
    reports: &mut Vec<ObjectReport>,
) -> Option<Gateway> {
    let spec = object::spec(object)?;
    let class = spec.required("gatewayClassName", "write gatewayClassName: lab");
    let class = class.and_then(|field| object::name(&field));
    spec.required(
        "listeners",
        "write listeners: [{ name: http, port: 80, protocol: HTTP }]",
    );
    let mut listeners: Vec<GatewayListener> = Vec::new();
    for entry in object::sections(&spec, "listeners") {
        let listener = listener(&entry, metadata, reports);
        if let Some(listener) = listener {
            if listeners.iter().any(|known| known.name == listener.name) {
                entry.refuse("name", "another listener has this name");
            }
            listeners.push(listener);
        }
        entry.finish();
    }
    for (key, why) in [
        ("addresses", "the lab has the addresses of its host ports"),
        ("tls", "client certificates are asked for by Ingresses only"),
        (
            "backendTLS",
            "pods of Gateway API are dialled in clear text",
        ),
        ("allowedListeners", "the lab reads no ListenerSet"),
    ] {
        if spec.field(key).is_some() {
            reports.push(metadata.report(false, format!("{key} has no effect: {why}")));
        }
    }
    spec.accept(&["infrastructure", "defaultScope"]);
    spec.finish();
    Some(Gateway {
        name: metadata.name.clone(),
        namespace: namespace(metadata),
        class: class?,
        listeners,
    })
}

fn listener(
    entry: &Section<'_>,
    metadata: &Metadata,
    reports: &mut Vec<ObjectReport>,
) -> Option<GatewayListener> {
    let name = entry.required("name", "write name: http");
    let name = name.and_then(|field| object::name(&field));
    let host = entry.field("hostname").and_then(|field| host(&field));
    let port = entry.required("port", "write port: 80");
    let port = port.and_then(|field| field.port());
    let protocol = entry.required("protocol", "write protocol: HTTP");
    let protocol = protocol.and_then(|field| field.words());
    let mut passthrough = false;
    let mut certificates = Vec::new();
    if let Some(tls) = entry.field("tls").and_then(|field| field.section()) {
        passthrough = tls.choice("mode", &MODES);
        for reference in object::sections(&tls, "certificateRefs") {
            certificates.extend(self::reference(&reference, "", "Secret"));
            reference.finish();
        }
        if tls.field("frontendValidation").is_some() {
            let message = "tls.frontendValidation has no effect: client certificates are asked for \
                           by Ingresses only";
            reports.push(metadata.report(false, message));
        }
        tls.accept(&["options"]);
        tls.finish();
    }
    let mut from = FromNamespaces::Same;
    let mut kinds = Vec::new();
    if let Some(allowed) = entry
        .field("allowedRoutes")
        .and_then(|field| field.section())
    {
        if let Some(section) = allowed
            .field("namespaces")
            .and_then(|field| field.section())
        {
            from = from_namespaces(&section);
            section.finish();
        }
        for kind in object::sections(&allowed, "kinds") {
            let group = kind.words("group", GROUP);
            let name = kind.required("kind", "write kind: HTTPRoute");
            if let Some(name) = name.and_then(|field| field.words()) {
                let full = if group == GROUP {
                    name.to_owned()
                } else {
                    format!("{group}/{name}")
                };
                kinds.push(full);
            }
            kind.finish();
        }
        allowed.finish();
    }
    Some(GatewayListener {
        name: name?,
        host: host.unwrap_or(HostMatch::Any),
        port: port?,
        protocol: protocol?.to_owned(),
        passthrough,
        certificates,
        from,
        kinds,
    })
}

fn from_namespaces(section: &Section<'_>) -> FromNamespaces {
    let from = section.field("from").and_then(|field| field.choice(&FROM));
    let selector = section.field("selector").and_then(|field| field.section());
    let mut demands = Vec::new();
    if let Some(selector) = selector {
        for (label, value) in object::texts(&selector, "matchLabels") {
            demands.push(LabelDemand {
                label,
                operator: LabelOperator::In,
                values: vec![value],
            });
        }
        for entry in object::sections(&selector, "matchExpressions") {
            let label = entry.required("key", "write key: shared");
            let operator = entry.required("operator", "write operator: Exists");
            let values = entry.field("values").map(|field| field.texts());
            let values = values.unwrap_or_default();
            if let (Some(label), Some(operator)) = (
                label.and_then(|field| field.words()),
                operator.and_then(|field| field.choice(&OPERATORS)),
            ) {
                demands.push(LabelDemand {
                    label: label.to_owned(),
                    operator,
                    values: values.iter().map(|(text, _)| (*text).to_owned()).collect(),
                });
            }
            entry.finish();
        }
        selector.finish();
    }
    match from.unwrap_or(Origin::Same) {
        Origin::Same => FromNamespaces::Same,
        Origin::All => FromNamespaces::All,
        Origin::Selector => FromNamespaces::Selector(demands),
        // A selector that nothing meets.
        Origin::None => FromNamespaces::Selector(vec![LabelDemand {
            label: "kubernetes.io/metadata.name".to_owned(),
            operator: LabelOperator::DoesNotExist,
            values: Vec::new(),
        }]),
    }
}

/// Reads a ReferenceGrant.
pub(super) fn grant(object: &Section<'_>, metadata: &Metadata) -> Option<ReferenceGrant> {
    let spec = object::spec(object)?;
    let mut grant = ReferenceGrant {
        name: metadata.name.clone(),
        namespace: namespace(metadata),
        ..ReferenceGrant::default()
    };
    spec.required(
        "from",
        "write from: [{ group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web }]",
    );
    for entry in object::sections(&spec, "from") {
        let group = group(&entry);
        let kind = entry.required("kind", "write kind: HTTPRoute");
        let namespace = entry.required("namespace", "write namespace: web");
        if let (Some(kind), Some(namespace)) = (
            kind.and_then(|field| field.words()),
            namespace.and_then(|field| object::name(&field)),
        ) {
            grant.from.push((group, kind.to_owned(), namespace));
        }
        entry.finish();
    }
    spec.required("to", "write to: [{ group: \"\", kind: Service }]");
    for entry in object::sections(&spec, "to") {
        let group = group(&entry);
        let kind = entry.required("kind", "write kind: Service");
        let name = entry.field("name").and_then(|field| object::name(&field));
        if let Some(kind) = kind.and_then(|field| field.words()) {
            grant.to.push((group, kind.to_owned(), name));
        }
        entry.finish();
    }
    spec.finish();
    Some(grant)
}

/// `group` of a grant, which must be written, but may be empty.
fn group(entry: &Section<'_>) -> String {
    let group = entry.required("group", "write group: \"\" for the core group");
    let group = group.and_then(|field| field.text());
    group.unwrap_or_default().to_owned()
}

/// Reads a Namespace, of which only the labels count.
pub(super) fn read_namespace(object: &Section<'_>) {
    if let Some(spec) = object.field("spec").and_then(|field| field.section()) {
        spec.accept(&["finalizers"]);
        spec.finish();
    }
}

/// A name, or a star for any number of labels and a name.
fn host(field: &Field<'_>) -> Option<HostMatch> {
    let text = field.text()?;
    if text.is_empty() {
        return None;
    }
    if !names::is_host(text) {
        field.refuse(
            "must be a host in small letters, without port, or *. and a host",
            "write for example shop.lab.localhost",
        );
        return None;
    }
    Some(match text.strip_prefix('*') {
        Some(suffix) => HostMatch::Suffix(suffix.to_owned()),
        None => HostMatch::Exact(text.to_owned()),
    })
}

/// A reference to an object, by default of this group and kind. What else the table has is left to
/// the caller.
fn reference(section: &Section<'_>, group: &str, kind: &str) -> Option<ObjectReference> {
    let written = section.field("group").and_then(|field| field.text());
    let group = written.unwrap_or(group).to_owned();
    let kind = section.words("kind", kind);
    let namespace = section.field("namespace");
    let namespace = namespace.and_then(|field| object::name(&field));
    let name = section.required("name", "write name: my-object");
    let name = name.and_then(|field| object::name(&field));
    Some(ObjectReference {
        group,
        kind,
        namespace,
        name: name?,
        port: None,
    })
}

/// At most so many sections of a list, as the API server takes them.
fn at_most<'a>(section: &Section<'a>, key: &'static str, most: usize) -> Vec<Section<'a>> {
    let mut found = object::sections(section, key);
    if found.len() > most {
        section.refuse(key, &format!("may have {most} entries"));
        found.truncate(most);
    }
    found
}
