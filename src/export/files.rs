//! Config files of a pod: the lab's templates with names that a cluster knows filled in.
//!
//! In the lab `${MONGODB_SERVICE_HOST}` is a ClusterIP; here it is the Service's name, for a `ConfigMap`
//! is written before the cluster has given out addresses.

use std::collections::{BTreeMap, BTreeSet};

use super::Export;
use crate::model::{Deployment, Service};

/// Where files of a command lie in a cluster: its own `{files}`.
const FOLDER: &str = "/files";

/// The variables of the cluster's Services, and those that were asked for and are not among them.
#[derive(Debug)]
pub(super) struct Names {
    known: BTreeMap<String, String>,
    pub(super) unknown: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(export: &Export<'_>) -> Self {
        let services = export.cluster.services.values();
        Self {
            known: services.flat_map(|service| variables(service)).collect(),
            unknown: BTreeSet::new(),
        }
    }

    /// A template with its variables filled in; those that are not known stay as they are.
    pub(super) fn filled(&mut self, template: &str, deployment: &Deployment) -> String {
        const OPEN: &str = "${";
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some(start) = rest.find(OPEN) {
            let (before, behind) = (&rest[..start], &rest[start + OPEN.len()..]);
            let Some((name, after)) = behind.split_once('}') else {
                break;
            };
            if let Some(plain) = before.strip_suffix('$') {
                filled.push_str(plain);
                filled.push_str(OPEN);
                rest = behind;
                continue;
            }
            filled.push_str(before);
            let port = || deployment.template.ports.first().map(ToString::to_string);
            let own = deployment.template.env.get(name).cloned();
            let own = own.or_else(|| (name == "PORT").then(port).flatten());
            if let Some(value) = own.as_ref().or_else(|| self.known.get(name)) {
                filled.push_str(value);
            } else {
                self.unknown.insert(name.to_owned());
                filled.extend([OPEN, name, "}"]);
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// A word of a command or a variable with `{port}`, `{address}` and `{files}` filled in.
    #[expect(clippy::unused_self, reason = "read beside `filled`, for the same pod")]
    pub(super) fn placed(&self, text: &str, deployment: &Deployment) -> String {
        let mut text = text.replace("{address}", "0.0.0.0");
        if let Some(port) = deployment.template.ports.first() {
            text = text.replace("{port}", &port.to_string());
        }
        text.replace("{files}", FOLDER)
    }
}

/// Where a file is mounted: an absolute path as it is, any other below the folder.
pub(super) fn place(target: &str) -> String {
    if target.starts_with('/') {
        target.to_owned()
    } else {
        format!("{FOLDER}/{target}")
    }
}

/// The key of a file in its `ConfigMap`, which may hold no slash. Two files may end in one name, so the
/// number tells them apart.
pub(super) fn key(index: usize, target: &str) -> String {
    let name = target.rsplit('/').next().unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name: String = name.chars().filter(|c| good(*c)).collect();
    format!("{index}-{name}")
}

/// `INVENTORY_SERVICE_HOST` and the like, as Kubernetes would set them.
fn variables(service: &Service) -> Vec<(String, String)> {
    let upper = |text: &str| text.to_uppercase().replace('-', "_");
    let name = upper(&service.name);
    let mut found = vec![(format!("{name}_SERVICE_HOST"), service.name.clone())];
    if let Some(first) = service.ports.first() {
        found.push((format!("{name}_SERVICE_PORT"), first.port.to_string()));
    }
    for port in service.ports.iter().filter(|port| !port.name.is_empty()) {
        let key = format!("{name}_SERVICE_PORT_{}", upper(&port.name));
        found.push((key, port.port.to_string()));
    }
    found
}
