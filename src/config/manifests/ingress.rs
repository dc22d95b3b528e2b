//! Ingress and IngressClass of `networking.k8s.io/v1`.

use super::super::ingresses::{PATH_TYPES, check_path, host};
use super::super::section::Section;
use super::object::{self, Metadata};
use crate::model::{
    BackendPort, HttpPath, Ingress, IngressBackend, IngressClass, IngressRule, IngressTls,
    ObjectReport, PathType,
};

/// Makes a class the one of Ingresses that name none.
const IS_DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// Where a backend is named, and what is known about it.
enum Backend {
    Service(IngressBackend),
    /// An object that serves by itself, such as a bucket.
    Resource,
}

/// Reads an Ingress; `None` if its form is wrong, which was reported.
pub(super) fn read(
    object: &Section<'_>,
    metadata: &Metadata,
    reports: &mut Vec<ObjectReport>,
) -> Option<Ingress> {
    let spec = object::spec(object)?;
    let class = spec.field("ingressClassName");
    let mut ingress = Ingress {
        name: metadata.name.clone(),
        class: class.and_then(|field| object::name(&field)),
        annotations: metadata.annotations.clone(),
        ..Ingress::default()
    };
    let mut resource = |place: &str| {
        reports.push(metadata.report(
            false,
            format!(
                "{place} leads to a resource, and no controller serves resources; it has no effect"
            ),
        ));
    };
    if let Some(inner) = spec
        .field("defaultBackend")
        .and_then(|field| field.section())
    {
        match backend_of(&inner) {
            Some(Backend::Service(backend)) => ingress.default_backend = Some(backend),
            Some(Backend::Resource) => resource("defaultBackend"),
            None => {}
        }
        inner.finish();
    }
    for rule in object::sections(&spec, "rules") {
        let host = rule.field("host").and_then(|field| host(&field));
        let mut paths = Vec::new();
        if let Some(http) = rule.field("http").and_then(|field| field.section()) {
            http.required("paths", "write at least one path");
            for entry in object::sections(&http, "paths") {
                match path(&entry) {
                    (Some((path, path_type)), Some(Backend::Service(backend))) => {
                        paths.push(HttpPath {
                            path,
                            path_type,
                            backend,
                        });
                    }
                    (Some((path, _)), Some(Backend::Resource)) => resource(&path),
                    _ => {}
                }
                entry.finish();
            }
            http.finish();
        }
        rule.finish();
        ingress.rules.push(IngressRule { host, paths });
    }
    for entry in object::sections(&spec, "tls") {
        let hosts = entry.field("hosts").map(|field| field.texts());
        let hosts = hosts.unwrap_or_default();
        ingress.tls.push(IngressTls {
            hosts: hosts.iter().filter_map(|(_, field)| host(field)).collect(),
            secret: entry
                .field("secretName")
                .and_then(|field| object::name(&field)),
        });
        entry.finish();
    }
    if spec.field("rules").is_none() && spec.field("defaultBackend").is_none() {
        spec.missing("rules", "write rules, or a defaultBackend");
    }
    spec.finish();
    Some(ingress)
}

/// A path with its type, and where it leads; each `None` if that was refused.
fn path(entry: &Section<'_>) -> (Option<(String, PathType)>, Option<Backend>) {
    let path_type = entry.required("pathType", "write pathType: Prefix");
    let path_type = path_type.and_then(|field| field.choice(&PATH_TYPES));
    let path = match entry.field("path") {
        Some(field) => field.text().map(|text| {
            if let Some(path_type) = path_type {
                check_path(&field, text, path_type);
            }
            text.to_owned()
        }),
        None if path_type == Some(PathType::ImplementationSpecific) => Some("/".to_owned()),
        None => {
            entry.missing("path", "write path: /");
            None
        }
    };
    let backend = entry.required("backend", BACKEND);
    let backend = backend.and_then(|field| field.section()).and_then(|inner| {
        let backend = backend_of(&inner);
        inner.finish();
        backend
    });
    (path.zip(path_type), backend)
}

const BACKEND: &str = "write backend: { service: { name: app, port: { number: 80 } } }";

fn backend_of(section: &Section<'_>) -> Option<Backend> {
    let (service, resource) = (section.field("service"), section.field("resource"));
    match (service, resource) {
        (None, None) => {
            section.missing("service", BACKEND);
            None
        }
        (Some(_), Some(resource)) => {
            resource.refuse("service is given as well", "keep one of them");
            None
        }
        (None, Some(resource)) => {
            let inner = resource.section()?;
            inner.accept(&["apiGroup", "kind", "name"]);
            inner.finish();
            Some(Backend::Resource)
        }
        (Some(service), None) => {
            let inner = service.section()?;
            let name = inner.required("name", "write name: app");
            let name = name.and_then(|field| object::name(&field));
            let port = port(&inner);
            inner.finish();
            Some(Backend::Service(IngressBackend {
                service: name?,
                port: port?,
            }))
        }
    }
}

/// `port: { number: 80 }` or `port: { name: http }`.
fn port(service: &Section<'_>) -> Option<BackendPort> {
    let port = service.required("port", "write port: { number: 80 }");
    let section = port.and_then(|field| field.section())?;
    let (number, name) = (section.field("number"), section.field("name"));
    let port = match (&number, &name) {
        (Some(_), Some(name)) => {
            name.refuse("number is given as well", "keep one of them");
            None
        }
        (Some(number), None) => number.port().map(BackendPort::Number),
        (None, Some(name)) => name.words().map(|name| BackendPort::Name(name.to_owned())),
        (None, None) => {
            section.missing("number", "write port: { number: 80 }");
            None
        }
    };
    section.finish();
    port
}

/// Reads an IngressClass.
pub(super) fn class(
    object: &Section<'_>,
    metadata: &Metadata,
    reports: &mut Vec<ObjectReport>,
) -> Option<IngressClass> {
    let spec = object::spec(object)?;
    let controller = spec.required(
        "controller",
        "write controller: traefik.io/ingress-controller",
    );
    let controller = controller.and_then(|field| field.words());
    if spec.field("parameters").is_some() {
        reports.push(metadata.report(
            false,
            "parameters have no effect; settings of the controller are [ingress] in lab.toml",
        ));
    }
    spec.finish();
    let default = metadata.annotations.get(IS_DEFAULT);
    Some(IngressClass {
        name: metadata.name.clone(),
        controller: controller?.to_owned(),
        is_default: default.is_some_and(|value| value == "true"),
    })
}
