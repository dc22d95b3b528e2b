//! What runs, as plain manifests for a cluster: `lab export kubernetes`.
//!
//! Pure: a picture of the registry and a few words of the config in, texts out, the same for the same
//! input. No secret is ever among them; where one is needed its name stands, and how to make it.
//!
//! | file | what |
//! |---|---|
//! | `document` | objects as YAML, with comments in front |
//! | `deployments` | Deployments, and the claims and `ConfigMap`s that they mount |
//! | `container` | what a pod runs, and how it is probed |
//! | `environment` | what a pod is told |
//! | `files` | config files with the cluster's names filled in |
//! | `services` | Services, and slices for addresses of the user's own |
//! | `ingresses` | Ingresses and their classes |
//! | `readme` | how to move to K3s |

mod container;
mod deployments;
mod document;
mod environment;
mod files;
mod ingresses;
mod readme;
mod services;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{Exported, ExportedFile};
use crate::registry::Cluster;
use document::Document;

/// The one namespace that everything is put into: names are unique in a lab.
pub const NAMESPACE: &str = "cloudforet";
/// The Secret with what the built-in services must not be told in the open.
pub const CREDENTIALS: &str = "lab-credentials";
/// Its key for the password of the first user.
pub const PASSWORD_KEY: &str = "login-password";
/// Its key for the public key of the system's tokens.
pub const SYSTEM_KEY: &str = "system-key";
/// Its key for the token with which services call each other.
pub const SYSTEM_TOKEN: &str = "system-token";

/// What the registry does not know of a lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The lab's name.
    pub lab: String,
    /// The image of built-in programs: `[docker] image`, else what the Dockerfile is built as.
    pub image: String,
    /// `LAB_SETTINGS` of built-in programs, without the password and the system's key.
    pub settings: Value,
    /// What runs in a cluster in place of a real store that this machine has installed.
    pub stores: Vec<StoreImage>,
    /// Whether the lab's ingress answers `http://` with a redirect.
    pub redirect_https: bool,
}

/// The image of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreImage {
    /// The volume by which the store's Deployment is told from others.
    pub volume: &'static str,
    /// Reference as container runtimes take it.
    pub image: String,
    /// Arguments in place of the image's own.
    pub arguments: Vec<String>,
}

/// What all parts need, and where they tell what cannot move as it is.
struct Export<'a> {
    cluster: &'a Cluster,
    options: &'a Options,
    notes: Vec<String>,
}

/// The manifests and the README.
pub fn kubernetes(cluster: &Cluster, options: &Options) -> Exported {
    let mut export = Export {
        cluster,
        options,
        notes: Vec::new(),
    };
    let (deployments, claims, config_maps) = deployments::all(&mut export);
    let (services, slices) = services::all(&mut export);
    let (classes, ingresses) = ingresses::all(&mut export);
    if !cluster.gateway_api.gateways.is_empty() || !cluster.gateway_api.routes.is_empty() {
        let told =
            "Gateways and their routes are not exported: apply the manifests that they came from";
        export.notes.push(told.to_owned());
    }
    // kubectl applies the files of a folder in the order of their names.
    let kinds = [
        ("00-namespace.yaml", vec![namespace()]),
        ("10-configmaps.yaml", config_maps),
        ("20-persistentvolumeclaims.yaml", claims),
        ("30-services.yaml", services),
        ("40-endpointslices.yaml", slices),
        ("50-deployments.yaml", deployments),
        ("60-ingressclasses.yaml", classes),
        ("70-ingresses.yaml", ingresses),
    ];
    let kinds = kinds.into_iter().filter(|(_, found)| !found.is_empty());
    let mut files: Vec<ExportedFile> = kinds
        .map(|(name, documents)| ExportedFile {
            name: name.to_owned(),
            text: document::file(&documents),
        })
        .collect();
    files.push(ExportedFile {
        name: "README.md".to_owned(),
        text: readme::text(&export),
    });
    Exported {
        files,
        notes: export.notes,
    }
}

/// The Secret that the exported Deployments name, with these bytes; never part of the manifests.
pub fn credentials(password: &str, system_key: &str, system_token: &str) -> String {
    let value = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata(CREDENTIALS),
        "type": "Opaque",
        "stringData": {
            PASSWORD_KEY: password,
            SYSTEM_KEY: system_key,
            SYSTEM_TOKEN: system_token,
        },
    });
    document::file(&[Document::new(value)])
}

fn namespace() -> Document {
    Document::new(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": { "name": NAMESPACE },
    }))
}

/// `metadata` of an object in the namespace.
fn metadata(name: &str) -> Value {
    json!({
        "name": name,
        "namespace": NAMESPACE,
        "labels": { "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "cloudforet-lab" },
    })
}

/// The same with annotations, if there are any.
fn annotated(name: &str, annotations: &BTreeMap<String, String>) -> Value {
    let mut metadata = metadata(name);
    if !annotations.is_empty() {
        metadata["annotations"] = json!(annotations);
    }
    metadata
}
