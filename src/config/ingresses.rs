//! `[[ingresses]]`: Ingress objects as Kubernetes has them.

use std::collections::BTreeMap;

use super::field::Field;
use super::names;
use super::section::Section;
use crate::model::{
    BackendPort, HttpPath, Ingress, IngressBackend, IngressRule, IngressTls, PathType,
};

pub(super) const PATH_TYPES: [(&str, PathType); 3] = [
    ("Prefix", PathType::Prefix),
    ("Exact", PathType::Exact),
    ("ImplementationSpecific", PathType::ImplementationSpecific),
];

/// What Kubernetes' own validation refuses in Exact and Prefix paths.
const UNCLEAN: [&str; 5] = ["//", "/./", "/../", "%2f", "%2F"];

/// An Ingress, and the references in it that are compared with the services later.
#[derive(Debug)]
pub(super) struct FoundIngress<'a> {
    pub(super) ingress: Ingress,
    pub(super) class: Option<Field<'a>>,
    pub(super) backends: Vec<FoundBackend<'a>>,
}

/// A reference to a Service.
#[derive(Clone, Debug)]
pub(super) struct FoundBackend<'a> {
    pub(super) backend: IngressBackend,
    pub(super) service: Field<'a>,
    pub(super) port: Field<'a>,
}

/// All ingresses, in the order of the file.
pub(super) fn read<'a>(root: &Section<'a>) -> Vec<FoundIngress<'a>> {
    let Some(field) = root.field("ingresses") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for field in field.list() {
        let head = match field.name() {
            Some(name) => format!("[[ingresses]] \"{name}\""),
            None => "[[ingresses]]".to_owned(),
        };
        if let Some(section) = field.section_headed(head) {
            found.push(ingress(&section));
            section.finish();
        }
    }
    found
}

fn ingress<'a>(section: &Section<'a>) -> FoundIngress<'a> {
    let mut backends = Vec::new();
    let class = section.field("class");
    let ingress = Ingress {
        name: name(section),
        class: class.as_ref().and_then(Field::words).map(str::to_owned),
        annotations: annotations(section),
        rules: rules(section, &mut backends),
        tls: tls(section),
        default_backend: section
            .field("default_backend")
            .and_then(|field| field.section())
            .and_then(|inner| {
                let backend = backend(&inner, &mut backends);
                inner.finish();
                backend
            }),
    };
    if ingress.rules.is_empty()
        && section.field("rules").is_none()
        && section.field("default_backend").is_none()
    {
        section.missing(
            "rules",
            "write rules = [{ host = \"app.lab.localhost\", paths = [{ path = \"/\", service = \"app\", port = 80 }] }]",
        );
    }
    FoundIngress {
        ingress,
        class,
        backends,
    }
}

fn name(section: &Section<'_>) -> String {
    let Some(field) = section.field("name") else {
        section.missing("name", "write name = \"my-ingress\"");
        return String::new();
    };
    let name = field.text().unwrap_or_default();
    if !names::is_label(name) {
        field.refuse(
            "must be a DNS label: small letters, digits and hyphens, at most 63",
            "write name = \"my-ingress\"",
        );
    }
    name.to_owned()
}

/// `metadata.annotations` of an object.
pub(super) fn annotations(section: &Section<'_>) -> BTreeMap<String, String> {
    let Some(annotations) = section
        .field("annotations")
        .and_then(|field| field.section())
    else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (name, field) in annotations.children() {
        // Kubernetes takes nothing but text here, so numbers and flags are quoted.
        if let Some(value) = field.text() {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

fn rules<'a>(section: &Section<'a>, backends: &mut Vec<FoundBackend<'a>>) -> Vec<IngressRule> {
    let fields = section.field("rules").map(|field| field.list());
    let mut rules = Vec::new();
    for rule in fields.iter().flatten().filter_map(Field::section) {
        let host = rule.field("host").and_then(|field| host(&field));
        let mut paths = Vec::new();
        match rule.field("paths") {
            None => rule.missing(
                "paths",
                "write paths = [{ path = \"/\", service = \"app\", port = 80 }]",
            ),
            Some(field) => {
                for entry in field.list().iter().filter_map(Field::section) {
                    paths.extend(path(&entry, backends));
                    entry.finish();
                }
            }
        }
        rule.finish();
        rules.push(IngressRule { host, paths });
    }
    rules
}

/// A host of a rule; `None` is any.
pub(super) fn host(field: &Field<'_>) -> Option<String> {
    let host = field.text()?;
    if host.is_empty() {
        return None;
    }
    if names::is_host(host) {
        return Some(host.to_owned());
    }
    let remedy = if host.contains(':') {
        "write the name without a port; ports belong to [load_balancer]"
    } else if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        "write it in small letters"
    } else {
        "write \"app.lab.localhost\", \"*.example.com\", or leave it out for any host"
    };
    field.refuse("must be a host name, or *. and a host name", remedy);
    None
}

fn path<'a>(entry: &Section<'a>, backends: &mut Vec<FoundBackend<'a>>) -> Option<HttpPath> {
    let path_type = entry
        .field("path_type")
        .map_or(Some(PathType::Prefix), |field| field.choice(&PATH_TYPES));
    let field = entry.field("path");
    let text = match &field {
        Some(field) => field.text(),
        None => Some("/"),
    };
    if let (Some(field), Some(text), Some(path_type)) = (&field, text, path_type) {
        check_path(field, text, path_type);
    }
    let backend = backend(entry, backends)?;
    Some(HttpPath {
        path: text?.to_owned(),
        path_type: path_type?,
        backend,
    })
}

/// Refuses what Kubernetes' own validation refuses.
pub(super) fn check_path(field: &Field<'_>, text: &str, path_type: PathType) {
    let clean = path_type == PathType::ImplementationSpecific
        || (!UNCLEAN.iter().any(|part| text.contains(part))
            && !text.ends_with("/..")
            && !text.ends_with("/."));
    if !text.starts_with('/') {
        field.refuse("must begin with a slash", format!("write \"/{text}\""));
    } else if !clean {
        field.refuse(
            "must not contain //, /./, /../ or an encoded slash",
            "write the path as it looks once it is cleaned",
        );
    }
}

fn backend<'a>(
    section: &Section<'a>,
    backends: &mut Vec<FoundBackend<'a>>,
) -> Option<IngressBackend> {
    let (service, port) = (section.field("service"), section.field("port"));
    if service.is_none() {
        section.missing("service", "write service = \"console\"");
    }
    if port.is_none() {
        section.missing("port", "write port = 80, or a port's name");
    }
    let (service, port) = (service?, port?);
    let name = service.words();
    let number = if port.is_number() {
        port.port().map(BackendPort::Number)
    } else {
        port.words().map(|name| BackendPort::Name(name.to_owned()))
    };
    let backend = IngressBackend {
        service: name?.to_owned(),
        port: number?,
    };
    backends.push(FoundBackend {
        backend: backend.clone(),
        service,
        port,
    });
    Some(backend)
}

fn tls(section: &Section<'_>) -> Vec<IngressTls> {
    let fields = section.field("tls").map(|field| field.list());
    let mut found = Vec::new();
    for entry in fields.iter().flatten().filter_map(Field::section) {
        let hosts = entry.field("hosts").map(|field| field.texts());
        let hosts = hosts.unwrap_or_default();
        found.push(IngressTls {
            hosts: hosts.iter().filter_map(|(_, field)| host(field)).collect(),
            secret: secret(&entry),
        });
        entry.finish();
    }
    found
}

fn secret(entry: &Section<'_>) -> Option<String> {
    let field = entry.field("secret")?;
    let secret = field.text()?;
    if !names::is_label(secret) {
        field.refuse(
            "must be a DNS label: small letters, digits and hyphens, at most 63",
            "write secret = \"app-tls\"",
        );
    }
    Some(secret.to_owned())
}
