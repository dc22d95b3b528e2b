//! Ingresses for the flavour that runs, and the classes that a cluster does not have by itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::document::Document;
use super::{Export, annotated};
use crate::model::{
    AppProtocol, BackendPort, Ingress, IngressBackend, IngressClass, IngressTls, PathType,
};

/// The annotation that named a class before `spec.ingressClassName`; both at once are refused.
const LEGACY_CLASS: &str = "kubernetes.io/ingress.class";
/// How ingress-nginx is told that a backend speaks HTTP/2 in clear text.
const BACKEND_PROTOCOL: &str = "nginx.ingress.kubernetes.io/backend-protocol";

/// Classes and Ingresses.
pub(super) fn all(export: &mut Export<'_>) -> (Vec<Document>, Vec<Document>) {
    let classes = &export.cluster.ingress_classes.classes;
    // The controller's own comes with the controller.
    let own = export.cluster.ingress_classes.load_balancer.as_str();
    let classes = classes.iter().filter(|class| class.name != own);
    let classes = classes.map(|found| Document::new(class(found))).collect();
    let ingresses = export.cluster.ingresses.clone();
    let ingresses = ingresses.values();
    let ingresses = ingresses.map(|ingress| write(export, ingress)).collect();
    (classes, ingresses)
}

fn class(class: &IngressClass) -> Value {
    let mut metadata = json!({ "name": class.name });
    if class.is_default {
        let key = "ingressclass.kubernetes.io/is-default-class";
        metadata["annotations"] = json!({ key: "true" });
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": metadata,
        "spec": { "controller": class.controller },
    })
}

fn write(export: &mut Export<'_>, ingress: &Ingress) -> Document {
    let mut comments = Vec::new();
    let mut annotations = ingress.annotations.clone();
    let mut spec = json!({});
    match export.cluster.ingress_classes.class_of(ingress) {
        Ok(class) => {
            annotations.remove(LEGACY_CLASS);
            spec["ingressClassName"] = json!(class);
        }
        Err(why) => {
            if let Some(class) = &ingress.class {
                annotations.remove(LEGACY_CLASS);
                spec["ingressClassName"] = json!(class);
            }
            comments.push(format!("The lab does not serve it: {why}"));
        }
    }
    if export.cluster.ingress_classes.load_balancer == "nginx" {
        grpc(export, ingress, &mut annotations, &mut comments);
    }
    if let Some(found) = &ingress.default_backend {
        spec["defaultBackend"] = backend(found);
    }
    for tls in &ingress.tls {
        comments.extend(secret(export, tls));
    }
    let tls: Vec<_> = ingress.tls.iter().map(certificate).collect();
    if !tls.is_empty() {
        spec["tls"] = json!(tls);
    }
    let rules: Vec<_> = ingress.rules.iter().map(rule).collect();
    if !rules.is_empty() {
        spec["rules"] = json!(rules);
    }
    let object = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": annotated(&ingress.name, &annotations),
        "spec": spec,
    });
    Document::with(object, comments)
}

/// ingress-nginx takes the protocol of all backends of an Ingress from an annotation.
fn grpc(
    export: &mut Export<'_>,
    ingress: &Ingress,
    annotations: &mut BTreeMap<String, String>,
    comments: &mut Vec<String>,
) {
    let paths = ingress.rules.iter().flat_map(|rule| &rule.paths);
    let backends = paths
        .map(|path| &path.backend)
        .chain(&ingress.default_backend);
    let spoken: Vec<bool> = backends
        .map(|backend| speaks_h2c(export, backend))
        .collect();
    let any = spoken.contains(&true);
    if !any || annotations.contains_key(BACKEND_PROTOCOL) {
        return;
    }
    if spoken.contains(&false) {
        export.notes.push(format!(
            "Ingress {} leads to HTTP/1.1 and to HTTP/2 in clear text: ingress-nginx needs an Ingress for each, with annotation {BACKEND_PROTOCOL}",
            ingress.name
        ));
        return;
    }
    annotations.insert(BACKEND_PROTOCOL.to_owned(), "GRPC".to_owned());
    comments.push(
        "The lab takes HTTP/2 from the port's appProtocol; ingress-nginx asks for an annotation"
            .to_owned(),
    );
}

fn speaks_h2c(export: &Export<'_>, backend: &IngressBackend) -> bool {
    let service = export.cluster.services.get(&backend.service);
    let mut ports = service.into_iter().flat_map(|service| &service.ports);
    let port = match &backend.port {
        BackendPort::Number(number) => ports.find(|port| port.port == *number),
        BackendPort::Name(name) => ports.find(|port| port.name == *name),
    };
    port.is_some_and(|port| port.app_protocol == AppProtocol::H2c)
}

/// How to make the Secret that is named, for nothing of it is written here.
fn secret(export: &Export<'_>, tls: &IngressTls) -> Option<String> {
    let name = tls.secret.as_ref()?;
    let issued = export.cluster.certificates.get(name);
    let by = if issued.is_some_and(|certificate| certificate.issued) {
        "the lab's CA issued it"
    } else {
        "it is one of yours"
    };
    Some(format!(
        "Needs the Secret {name} ({by}), for {}:\n  kubectl -n {} create secret tls {name} --cert=FILE --key=FILE",
        tls.hosts.join(", "),
        super::NAMESPACE
    ))
}

fn certificate(tls: &IngressTls) -> Value {
    let mut value = json!({});
    if !tls.hosts.is_empty() {
        value["hosts"] = json!(tls.hosts);
    }
    if let Some(secret) = &tls.secret {
        value["secretName"] = json!(secret);
    }
    value
}

fn rule(rule: &crate::model::IngressRule) -> Value {
    let mut value = json!({});
    if let Some(host) = &rule.host {
        value["host"] = json!(host);
    }
    let paths = rule.paths.iter().map(|path| {
        let kind = match path.path_type {
            PathType::Exact => "Exact",
            PathType::Prefix => "Prefix",
            PathType::ImplementationSpecific => "ImplementationSpecific",
        };
        json!({ "path": path.path, "pathType": kind, "backend": backend(&path.backend) })
    });
    let paths: Vec<_> = paths.collect();
    if !paths.is_empty() {
        value["http"] = json!({ "paths": paths });
    }
    value
}

fn backend(backend: &IngressBackend) -> Value {
    let port = match &backend.port {
        BackendPort::Number(number) => json!({ "number": number }),
        BackendPort::Name(name) => json!({ "name": name }),
    };
    json!({ "service": { "name": backend.service, "port": port } })
}
