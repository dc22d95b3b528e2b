//! Ingress as `networking.k8s.io/v1` has it.
//!
//! What a flavour makes of it is a [`Route`](super::Route); nothing on the data path reads these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An Ingress object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// Unique in the lab.
    pub name: String,
    /// `spec.ingressClassName`; the lab's default class if empty.
    pub class: Option<String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `spec.rules`.
    pub rules: Vec<IngressRule>,
    /// `spec.tls`.
    pub tls: Vec<IngressTls>,
    /// `spec.defaultBackend`.
    pub default_backend: Option<IngressBackend>,
}

/// One entry of `spec.rules`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressRule {
    /// A name, `*.` and a name, or nothing for any host.
    pub host: Option<String>,
    /// `http.paths`.
    pub paths: Vec<HttpPath>,
}

/// One entry of `http.paths`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpPath {
    /// Begins with a slash.
    pub path: String,
    /// How `path` is compared.
    pub path_type: PathType,
    /// Where it leads.
    pub backend: IngressBackend,
}

/// `pathType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathType {
    /// The whole path, letter by letter.
    Exact,
    /// Element by element (or character by character, as the flavour has it).
    Prefix,
    /// Left to the flavour.
    ImplementationSpecific,
}

/// The Service reference that an Ingress path names; never an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressBackend {
    /// Name of the Service.
    pub service: String,
    /// Which of its ports.
    pub port: BackendPort,
}

/// `service.port`: a number or a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum BackendPort {
    /// `port.number`
    Number(u16),
    /// `port.name`
    Name(String),
}

/// One entry of `spec.tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IngressTls {
    /// Names the certificate is for.
    pub hosts: Vec<String>,
    /// The Secret that holds it; made by the lab's CA if there is none.
    pub secret: Option<String>,
}
