//! `manifests`: Kubernetes objects in YAML files, beside what `lab.toml` says itself.
//!
//! A mistake of form (not YAML, an unknown field, a value of the wrong type) is a mistake in the
//! config, with file, line and column. An object that is well written but cannot be used, alone or
//! beside the others, becomes an [`ObjectReport`] and the others go on.
//!
//! Lab: there is one namespace. A manifest's own is kept for what depends on it (DNS names and
//! references of Gateway API across namespaces), but names are unique across namespaces, and an
//! Ingress finds a Service in any.

mod endpoint_slice;
mod files;
mod gateway;
mod ingress;
mod link;
mod object;
mod secret;
mod service;
mod yaml;

use std::path::Path;

use super::raw::{Item, Node};
use super::section::{Reader, Section, Syntax};
use super::suggest::nearest;
use crate::model::{
    Gateway, GatewayClass, GatewayRoute, Ingress, IngressClass, ObjectReport, ReferenceGrant,
    RouteKind, Secret,
};
use endpoint_slice::Slice;
use object::Metadata;
use service::FoundManifestService;

pub(super) use link::link;

/// What is read: each kind with the versions whose form is the same.
const KINDS: [(&str, &[&str]); 12] = [
    ("Ingress", &["networking.k8s.io/v1"]),
    ("IngressClass", &["networking.k8s.io/v1"]),
    ("Service", &["v1"]),
    ("EndpointSlice", &["discovery.k8s.io/v1"]),
    ("Secret", &["v1"]),
    ("List", &["v1"]),
    ("Namespace", &["v1"]),
    ("GatewayClass", GATEWAY),
    ("Gateway", GATEWAY),
    ("HTTPRoute", GATEWAY),
    ("GRPCRoute", &["gateway.networking.k8s.io/v1"]),
    ("ReferenceGrant", GATEWAY),
];

/// Versions of Gateway API that differ in nothing that is read.
const GATEWAY: &[&str] = &[
    "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1beta1",
];

/// Lists within lists; nobody writes even two.
const LISTS: usize = 3;

/// Everything that the files say, object by object.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    services: Vec<FoundManifestService>,
    slices: Vec<(Metadata, Slice)>,
    ingresses: Vec<(Metadata, Ingress)>,
    classes: Vec<(Metadata, IngressClass)>,
    secrets: Vec<(Metadata, Secret)>,
    gateway_classes: Vec<(Metadata, GatewayClass)>,
    gateways: Vec<(Metadata, Gateway)>,
    routes: Vec<(Metadata, GatewayRoute)>,
    grants: Vec<(Metadata, ReferenceGrant)>,
    namespaces: Vec<Metadata>,
    reports: Vec<ObjectReport>,
}

/// Reads the files that `manifests` names; mistakes go to `reader`.
pub(super) fn read(root: &Section<'_>, folder: Option<&Path>, reader: &Reader) -> Manifests {
    let mut manifests = Manifests::default();
    let Some(list) = root.field("manifests") else {
        return manifests;
    };
    let own = Reader::of(Syntax::Yaml);
    for file in files::read(&list, folder) {
        let (documents, problems) = yaml::parse(&file.name, &file.text);
        for problem in problems {
            own.report(problem);
        }
        for document in &documents {
            manifests.object(&own, document, 0);
        }
    }
    reader.absorb(own);
    manifests
}

impl Manifests {
    fn object(&mut self, reader: &Reader, node: &Node, lists: usize) {
        let field = object::root(reader, node);
        if !matches!(node.item, Item::Table(_)) {
            field.refuse(
                "must be an object",
                "write apiVersion, kind, metadata and spec",
            );
            return;
        }
        let written = object::peek(node, &["kind"]).unwrap_or("object");
        let name = object::peek(node, &["metadata", "name"]);
        let head = match name {
            Some(name) => format!("{written} \"{name}\""),
            None => written.to_owned(),
        };
        let Some(section) = field.section_headed(head) else {
            return;
        };
        let Some(kind) = self.kind(&section, name) else {
            return;
        };
        if kind == "List" {
            self.list(reader, &section, lists);
        } else {
            self.one(kind, &section);
        }
        section.finish();
    }

    /// Which kind it is; `None` if that was reported.
    fn kind(&mut self, section: &Section<'_>, name: Option<&str>) -> Option<&'static str> {
        let version = section.required("apiVersion", "write apiVersion: networking.k8s.io/v1");
        let kind = section.required("kind", "write kind: Ingress");
        let (version, kind) = (version?, kind?);
        let (version_text, kind_text) = (version.words()?, kind.words()?);
        if let Some((known, versions)) = KINDS.iter().find(|(known, _)| *known == kind_text) {
            if !versions.contains(&version_text) {
                version.refuse(
                    format!("is not a version of {known} that the lab reads"),
                    format!("write apiVersion: {}", versions[0]),
                );
                return None;
            }
            return Some(known);
        }
        let of_version = KINDS
            .iter()
            .filter(|(_, known)| known.contains(&version_text));
        let of_version: Vec<&str> = of_version.map(|(known, _)| *known).collect();
        if let Some(near) = nearest(kind_text, of_version.iter().copied()) {
            kind.refuse("unknown kind", format!("did you mean {near}?"));
            return None;
        }
        // A file for a whole application has Deployments and ConfigMaps too.
        self.reports.push(ObjectReport {
            kind: kind_text.to_owned(),
            name: name.unwrap_or_default().to_owned(),
            message: format!(
                "the lab reads no {kind_text} of {version_text} ({}); pods come from [services.NAME] in lab.toml",
                section.place()
            ),
            unusable: true,
        });
        None
    }

    fn list(&mut self, reader: &Reader, section: &Section<'_>, lists: usize) {
        section.accept(&["metadata"]);
        if lists >= LISTS {
            section.missing("items", "lists within lists within lists are not read");
            return;
        }
        let items = section.field("items").map(|field| field.list());
        for item in items.iter().flatten() {
            self.object(reader, item.node, lists + 1);
        }
    }

    fn one(&mut self, kind: &'static str, section: &Section<'_>) {
        let metadata = object::metadata(section, kind);
        section.accept(&["status"]);
        match kind {
            "Ingress" => {
                let found = ingress::read(section, &metadata, &mut self.reports);
                self.ingresses
                    .extend(found.map(|ingress| (metadata, ingress)));
            }
            "IngressClass" => {
                let found = ingress::class(section, &metadata, &mut self.reports);
                self.classes.extend(found.map(|class| (metadata, class)));
            }
            "Service" => {
                let found = service::read(section, metadata, &mut self.reports);
                self.services.extend(found);
            }
            "EndpointSlice" => {
                let slice = endpoint_slice::read(section);
                self.slices.push((metadata, slice));
            }
            "Namespace" => {
                gateway::read_namespace(section);
                self.namespaces.push(metadata);
            }
            "GatewayClass" => {
                let found = gateway::class(section, &metadata);
                self.gateway_classes
                    .extend(found.map(|class| (metadata, class)));
            }
            "Gateway" => {
                let found = gateway::gateway(section, &metadata, &mut self.reports);
                self.gateways
                    .extend(found.map(|gateway| (metadata, gateway)));
            }
            "HTTPRoute" => self.route(section, metadata, RouteKind::Http),
            "GRPCRoute" => self.route(section, metadata, RouteKind::Grpc),
            "ReferenceGrant" => {
                let found = gateway::grant(section, &metadata);
                self.grants.extend(found.map(|grant| (metadata, grant)));
            }
            // The kinds are those of KINDS, and the list is read elsewhere.
            _ => {
                let secret = secret::read(section, &metadata);
                self.secrets.push((metadata, secret));
            }
        }
    }

    fn route(&mut self, section: &Section<'_>, metadata: Metadata, kind: RouteKind) {
        let found = gateway::route(section, &metadata, kind);
        self.routes.extend(found.map(|route| (metadata, route)));
    }
}
