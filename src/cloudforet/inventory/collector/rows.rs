//! Collectors: messages of the API as rows of the store, and back.

use bson::{Bson, DateTime, Document, doc};

use crate::cloudforet::collecting::COLLECTOR;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, texts};
use crate::cloudforet::proto::inventory::v1::collector_info::ResourceGroup;
use crate::cloudforet::proto::inventory::v1::plugin_info::UpgradeMode;
use crate::cloudforet::proto::inventory::v1::scheduled::ScheduledState;
use crate::cloudforet::proto::inventory::v1::secret_filter::SecretFilterState;
use crate::cloudforet::proto::inventory::v1::{CollectorInfo, PluginInfo, Scheduled, SecretFilter};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::settings::{Settings, stable_id};
use crate::model;

const HOURS: std::ops::Range<i32> = 0..24;

pub(super) fn message(row: &Document) -> CollectorInfo {
    let group = ResourceGroup::from_str_name(&text(row, "resource_group"));
    CollectorInfo {
        collector_id: text(row, "collector_id"),
        name: text(row, "name"),
        provider: text(row, "provider"),
        capability: structure(row, "capability"),
        secret_filter: row.get_document("secret_filter").ok().map(filter_message),
        plugin_info: row.get_document("plugin_info").ok().map(plugin_message),
        schedule: row.get_document("schedule").ok().map(schedule_message),
        tags: structure(row, "tags"),
        resource_group: group.unwrap_or_default().into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        created_at: date(row, "created_at"),
        last_collected_at: date(row, "last_collected_at"),
    }
}

fn filter_message(row: &Document) -> SecretFilter {
    let state = SecretFilterState::from_str_name(&text(row, "state"));
    SecretFilter {
        state: state.unwrap_or_default().into(),
        secrets: texts(row, "secrets"),
        service_accounts: texts(row, "service_accounts"),
        schemas: texts(row, "schemas"),
        exclude_secrets: texts(row, "exclude_secrets"),
        exclude_service_accounts: texts(row, "exclude_service_accounts"),
        exclude_schemas: texts(row, "exclude_schemas"),
    }
}

fn plugin_message(row: &Document) -> PluginInfo {
    let mode = UpgradeMode::from_str_name(&text(row, "upgrade_mode"));
    PluginInfo {
        plugin_id: text(row, "plugin_id"),
        version: text(row, "version"),
        options: structure(row, "options"),
        metadata: structure(row, "metadata"),
        upgrade_mode: mode.unwrap_or_default().into(),
    }
}

fn schedule_message(row: &Document) -> Scheduled {
    let state = ScheduledState::from_str_name(&text(row, "state"));
    let hours = row.get_array("hours").ok().into_iter().flatten();
    Scheduled {
        state: state.unwrap_or_default().into(),
        hours: hours.filter_map(Bson::as_i32).collect(),
    }
}

/// Never, unless a schedule is given.
pub(super) fn schedule(given: Option<&Scheduled>) -> Result<Document, Failure> {
    let Some(given) = given else {
        return Ok(doc! { "state": "DISABLED", "hours": [] });
    };
    if given.hours.iter().any(|hour| !HOURS.contains(hour)) {
        return Err(Failure::Invalid {
            key: "schedule.hours",
            reason: "an hour is between 0 and 23".to_owned(),
        });
    }
    let enabled = given.state() == ScheduledState::Enabled;
    let state = if enabled { "ENABLED" } else { "DISABLED" };
    let mut hours = given.hours.clone();
    hours.sort_unstable();
    hours.dedup();
    Ok(doc! { "state": state, "hours": hours })
}

/// All secrets of the provider, unless a filter is given.
pub(super) fn secret_filter(given: Option<&SecretFilter>) -> Document {
    let Some(given) = given else {
        return doc! { "state": "DISABLED" };
    };
    let enabled = given.state() == SecretFilterState::Enabled;
    doc! {
        "state": if enabled { "ENABLED" } else { "DISABLED" },
        "secrets": &given.secrets,
        "service_accounts": &given.service_accounts,
        "schemas": &given.schemas,
        "exclude_secrets": &given.exclude_secrets,
        "exclude_service_accounts": &given.exclude_service_accounts,
        "exclude_schemas": &given.exclude_schemas,
    }
}

/// The plugin as it was asked for; it is initialised with the first run.
pub(super) fn plugin_info(given: &PluginInfo) -> Document {
    let automatic = given.upgrade_mode() != UpgradeMode::Manual;
    doc! {
        "plugin_id": &given.plugin_id,
        "version": &given.version,
        "options": given.options.as_ref().map(to_document).unwrap_or_default(),
        "metadata": {},
        "upgrade_mode": if automatic { "AUTO" } else { "MANUAL" },
    }
}

/// The collector of each plugin that the lab starts with.
pub(in crate::cloudforet::inventory) fn seeds(settings: &Settings) -> Vec<Document> {
    let plugins = settings.plugins.iter();
    let collectors = plugins.filter(|plugin| plugin.resource_type == model::COLLECTOR);
    collectors.map(|plugin| seed(plugin, settings)).collect()
}

fn seed(plugin: &model::Plugin, settings: &Settings) -> Document {
    // Its own credentials and no others, though another plugin may have the same provider.
    let secrets: Vec<String> = plugin
        .providers
        .iter()
        .map(|provider| stable_id("secret", &format!("{}:{provider}", plugin.name)))
        .collect();
    let provider = match plugin.providers.as_slice() {
        [only] => only.as_str(),
        _ => "",
    };
    let options = bson::serialize_to_document(&plugin.options).unwrap_or_default();
    let filter = SecretFilter {
        state: SecretFilterState::Enabled.into(),
        secrets,
        ..SecretFilter::default()
    };
    doc! {
        COLLECTOR.id: stable_id("collector", &plugin.name),
        "name": &plugin.name,
        "provider": provider,
        "capability": {},
        "secret_filter": secret_filter(Some(&filter)),
        "plugin_info": {
            "plugin_id": &plugin.plugin_id,
            "version": &plugin.version,
            "options": options,
            "metadata": {},
            "upgrade_mode": "AUTO",
        },
        "schedule": { "state": "DISABLED", "hours": [] },
        "tags": {},
        "resource_group": "WORKSPACE",
        "workspace_id": settings.login.workspace_id(),
        "domain_id": settings.login.domain_id(),
        "created_at": DateTime::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_a_day() {
        let at = |hours: Vec<i32>| {
            let state = ScheduledState::Enabled.into();
            schedule(Some(&Scheduled { state, hours }))
        };
        assert_eq!(
            at(vec![23, 0, 23]).unwrap(),
            doc! { "state": "ENABLED", "hours": [0, 23] }
        );
        assert!(at(vec![24]).is_err());
    }

    #[test]
    fn each_plugin_that_collects_has_a_collector_with_its_own_secrets() {
        let plugin = |resource_type: &str| model::Plugin {
            name: "sample".to_owned(),
            plugin_id: "plugin-sample".to_owned(),
            resource_type: resource_type.to_owned(),
            providers: vec!["aws".to_owned(), "azure".to_owned()],
            options: serde_json::json!({ "count": 10 }),
            ..model::Plugin::default()
        };
        let settings = Settings {
            plugins: vec![plugin(model::COLLECTOR), plugin(model::DATA_SOURCE)],
            ..Settings::default()
        };
        let seeds = seeds(&settings);
        assert_eq!(seeds.len(), 1);
        let row = message(&seeds[0]);
        assert_eq!(row.collector_id, stable_id("collector", "sample"));
        assert_eq!(
            row.secret_filter.unwrap().secrets,
            ["sample:aws", "sample:azure"].map(|name| stable_id("secret", name))
        );
    }
}
