//! `[plugins.NAME]`: a plugin of the catalogue, and the pods that run it once somebody needs it.

use std::path::Path;

use serde_json::json;

use super::field::Field;
use super::section::Section;
use super::settings::PluginConfig;
use super::workload::{self, Kind, Source};
use super::{names, readiness};
use crate::model::{COLLECTOR, DATA_SOURCE, MAX_REPLICAS, Plugin, ProbeAction, Workload};

const REPLICAS: u32 = 1;
/// Where plugins of Cloudforet's listen.
const PORT: u16 = 50051;
const VERSION: &str = "1.0";
/// Goes before the name in ids.
const ID: &str = "plugin-";
/// The name is part of those of Deployments and pods, which have 63 letters.
const LONGEST_NAME: usize = 32;

/// What one `[plugins.NAME]` says, and what is compared later.
#[derive(Debug)]
pub(super) struct FoundPlugin<'a> {
    pub(super) plugin: Option<PluginConfig>,
    pub(super) image: Option<Field<'a>>,
}

/// All of them.
pub(super) fn read<'a>(root: &Section<'a>, folder: Option<&Path>) -> Vec<FoundPlugin<'a>> {
    let section = root.field("plugins").and_then(|field| field.section());
    let mut found = Vec::new();
    for (name, field) in section.iter().flat_map(Section::children) {
        if !names::is_label(name) || name.len() > LONGEST_NAME {
            field.refuse(
                format!(
                    "a plugin's name must be small letters, digits and hyphens, at most {LONGEST_NAME}"
                ),
                "write [plugins.my-plugin]",
            );
        }
        if let Some(section) = field.section_headed(format!("[plugins.{name}]")) {
            found.push(plugin(name, &section, folder));
            section.finish();
        }
    }
    found
}

fn plugin<'a>(name: &str, section: &Section<'a>, folder: Option<&Path>) -> FoundPlugin<'a> {
    let (workload, image) = match workload::read(section, Kind::Plugin, folder) {
        Some(Source::Pods(workload, image)) => (Some(workload), image),
        // The second kind is of Services only.
        Some(Source::Addresses(_)) | None => (None, None),
    };
    let port = section.field("port").and_then(|field| field.port());
    let port = port.unwrap_or(PORT);
    let usual = match &workload {
        Some(Workload::BuiltIn { .. }) => ProbeAction::Grpc { port },
        // The protocol of plugins has no health check.
        _ => ProbeAction::Tcp { port },
    };
    let readiness = readiness::read(section, usual, Some(port));
    let resource_type = section
        .field("resource_type")
        .and_then(|field| field.choice(&[(COLLECTOR, COLLECTOR), (DATA_SOURCE, DATA_SOURCE)]));
    let replicas = section.number("replicas", 1..=i64::from(MAX_REPLICAS), REPLICAS);
    let version = section.words("version", VERSION);
    let providers = providers(section);
    let options = options(section);
    let template = workload::template(section, workload.as_ref(), folder, readiness);
    let plugin = template.map(|mut template| {
        template.ports = vec![port];
        PluginConfig {
            plugin: Plugin {
                name: name.to_owned(),
                plugin_id: format!("{ID}{name}"),
                resource_type: resource_type.unwrap_or(COLLECTOR).to_owned(),
                image: origin(&template.workload),
                version,
                replicas,
                providers,
                options,
            },
            template,
        }
    });
    FoundPlugin { plugin, image }
}

/// Where its program comes from, as the catalogue shows it.
fn origin(workload: &Workload) -> String {
    match workload {
        Workload::BuiltIn { program } => format!("lab/{}", program.trim_start_matches(ID)),
        Workload::Image { image, .. } => image.clone(),
        Workload::Command { command, .. } => command.join(" "),
    }
}

/// Each gets an account.
fn providers(section: &Section<'_>) -> Vec<String> {
    let remedy = "name whose resources it collects, such as providers = [\"aws\"]";
    let Some(field) = section.required("providers", remedy) else {
        return Vec::new();
    };
    let mut providers: Vec<String> = Vec::new();
    let texts = field.texts();
    if texts.is_empty() {
        field.refuse("must name at least one provider", remedy);
    }
    for (text, field) in texts {
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !text.chars().all(letter) {
            field.refuse(
                "must be letters, digits, hyphens and underscores",
                "write for example \"google_cloud\"",
            );
        } else if providers.iter().any(|known| known == text) {
            field.refuse("is named twice", "leave one of them out");
        } else {
            providers.push(text.to_owned());
        }
    }
    providers
}

fn options(section: &Section<'_>) -> serde_json::Value {
    let options = section.field("options").and_then(|field| field.object());
    options.unwrap_or_else(|| json!({}))
}
