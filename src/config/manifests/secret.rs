//! Secret of `v1`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::super::section::Section;
use super::object::Metadata;
use crate::model::{ObjectReport, Secret};

/// The type of certificates.
const TLS: &str = "kubernetes.io/tls";
/// What Kubernetes takes where nothing is said.
const OPAQUE: &str = "Opaque";

/// Reads a Secret.
pub(super) fn read(object: &Section<'_>, metadata: &Metadata) -> Secret {
    let kind = object.field("type").and_then(|field| field.words());
    let mut secret = Secret {
        name: metadata.name.clone(),
        kind: kind.unwrap_or(OPAQUE).to_owned(),
        data: std::collections::BTreeMap::new(),
    };
    let data = object.field("data").and_then(|field| field.section());
    for (name, field) in data.iter().flat_map(Section::children) {
        let Some(text) = field.text() else { continue };
        let text: String = text.split_ascii_whitespace().collect();
        match BASE64_STANDARD.decode(&text) {
            Ok(bytes) => {
                secret.data.insert(name.to_owned(), bytes);
            }
            Err(error) => field.refuse(
                format!("is not base64: {error}"),
                "put plain text into stringData instead",
            ),
        }
    }
    // It is laid over data, as the API server does.
    let plain = object.field("stringData").and_then(|field| field.section());
    for (name, field) in plain.iter().flat_map(Section::children) {
        if let Some(text) = field.text() {
            secret.data.insert(name.to_owned(), text.into());
        }
    }
    object.accept(&["immutable"]);
    secret
}

/// What keeps a Secret from being used.
pub(super) fn check(secret: &Secret, metadata: &Metadata) -> Option<ObjectReport> {
    let needed: &[&str] = match secret.kind.as_str() {
        TLS => &["tls.crt", "tls.key"],
        _ => &[],
    };
    let missing: Vec<_> = needed
        .iter()
        .filter(|key| secret.data.get(**key).is_none_or(Vec::is_empty))
        .copied()
        .collect();
    (!missing.is_empty())
        .then(|| metadata.report(true, format!("type {TLS} needs {}", missing.join(" and "))))
}
