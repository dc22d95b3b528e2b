//! `[secrets.NAME]`: certificates of the user's own, from PEM files beside the config.

use std::collections::BTreeMap;
use std::path::Path;

use super::field::Field;
use super::section::Section;
use super::{beside, names};
use crate::model::{ObjectReport, Secret};

/// All of them. A file that cannot be read is no mistake in the config: the Secret lacks it, and the
/// default certificate is served, as in Kubernetes.
pub(super) fn read(
    root: &Section<'_>,
    folder: Option<&Path>,
    reports: &mut Vec<ObjectReport>,
) -> Vec<Secret> {
    let Some(field) = root.field("secrets") else {
        return Vec::new();
    };
    let Some(secrets) = field.section() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, field) in secrets.children() {
        if !names::is_label(name) {
            field.refuse(
                "must have a DNS label as its name: small letters, digits and hyphens, at most 63",
                "write [secrets.app-tls]",
            );
        }
        let Some(section) = field.section_headed(format!("[secrets.{name}]")) else {
            continue;
        };
        let cert = section.required("cert", "write cert = \"app.crt\"");
        let key = section.required("key", "write key = \"app.key\"");
        let mut data = BTreeMap::new();
        for (entry, field) in [("tls.crt", cert), ("tls.key", key)] {
            let Some(path) = field.as_ref().and_then(Field::words) else {
                continue;
            };
            match beside::read(path, folder) {
                Ok(bytes) => {
                    data.insert(entry.to_owned(), bytes);
                }
                Err(problem) => reports.push(ObjectReport {
                    kind: "Secret".to_owned(),
                    name: name.to_owned(),
                    message: format!(
                        "{path} cannot be read: {problem}; the default certificate is served"
                    ),
                    unusable: true,
                }),
            }
        }
        section.finish();
        found.push(Secret {
            name: name.to_owned(),
            kind: "kubernetes.io/tls".to_owned(),
            data,
        });
    }
    found
}
