//! `[deployments.NAME]`: pods that nobody connects to, such as the worker of a queue.

use std::path::Path;

use super::field::Field;
use super::section::Section;
use super::workload::{self, Kind, Source};
use super::{names, readiness};
use crate::model::{Deployment, MAX_REPLICAS, ProbeAction, Workload};

const REPLICAS: u32 = 1;

/// What one `[deployments.NAME]` says, and the fields that are compared with other entries later.
#[derive(Debug)]
pub(super) struct FoundDeployment<'a> {
    pub(super) name: &'a str,
    /// The whole entry.
    pub(super) field: Field<'a>,
    /// `None` if what it runs was refused.
    pub(super) deployment: Option<Deployment>,
    pub(super) wait_for: Vec<(&'a str, Field<'a>)>,
    pub(super) image: Option<Field<'a>>,
}

/// All of them.
pub(super) fn read<'a>(root: &Section<'a>, folder: Option<&Path>) -> Vec<FoundDeployment<'a>> {
    let section = root.field("deployments").and_then(|field| field.section());
    let mut found = Vec::new();
    for (name, field) in section.iter().flat_map(Section::children) {
        if !names::is_label(name) {
            field.refuse(
                "a Deployment's name must be a DNS label: small letters, digits and hyphens, at most 63",
                "write [deployments.my-worker]",
            );
        }
        if let Some(section) = field.section_headed(format!("[deployments.{name}]")) {
            found.push(deployment(name, field, &section, folder));
            section.finish();
        }
    }
    found
}

fn deployment<'a>(
    name: &'a str,
    field: Field<'a>,
    section: &Section<'a>,
    folder: Option<&Path>,
) -> FoundDeployment<'a> {
    let source = workload::read(section, Kind::Deployment, folder);
    let (workload, image) = match source {
        Some(Source::Pods(workload, image)) => (Some(workload), image),
        // The second kind is of Services only.
        Some(Source::Addresses(_)) | None => (None, None),
    };
    let wait_for: Vec<_> = section
        .field("wait_for")
        .map(|field| field.texts())
        .unwrap_or_default();
    let replicas = section.number("replicas", 0..=i64::from(MAX_REPLICAS), REPLICAS);
    let readiness = readiness::read(section, ProbeAction::None, None);
    // A worker may have a port that only its probe knows.
    let port = readiness.action.port();
    if port.is_some()
        && matches!(workload, Some(Workload::BuiltIn { .. }))
        && let Some(field) = section.field("readiness")
    {
        field.refuse(
            "a built-in program without a Service has no port",
            "leave it out: it is ready as soon as it runs",
        );
    }
    let template = workload::template(section, workload.as_ref(), folder, readiness);
    let deployment = template.map(|mut template| {
        template.ports = port.into_iter().collect();
        template.wait_for = wait_for.iter().map(|(name, _)| (*name).into()).collect();
        Deployment {
            name: name.to_owned(),
            service: None,
            plugin: None,
            replicas,
            template,
        }
    });
    FoundDeployment {
        name,
        field,
        deployment,
        wait_for,
        image,
    }
}
