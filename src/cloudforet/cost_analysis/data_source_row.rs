//! Rows of data sources: how they are made, and as messages.

use bson::{DateTime, Document, doc};
use prost_types::Struct;

use super::ALL_WORKSPACES;
use crate::cloudforet::auth::Caller;
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, number, structure, text, texts};
use crate::cloudforet::proto::cost_analysis::v1 as api;
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::Kind;
use crate::cloudforet::settings::new_id;
use api::data_source_info::{DataSourceType, ResourceGroup, SecretType};
use api::plugin_info::UpgradeMode;
use api::register_data_source_request as register;
use api::schedule::ScheduleState;
use api::secret_filter::SecretFilterState;
use api::{DataSourceInfo, PluginInfo, RegisterDataSourceRequest, Schedule, SecretFilter};

pub(super) const KIND: Kind = Kind {
    collection: "data_source",
    id: "data_source_id",
    minimal: &[
        "data_source_id",
        "name",
        "state",
        "data_source_type",
        "provider",
    ],
    keyword: &["data_source_id", "name", "provider"],
};

/// A new data source. Of secret data in the request nothing is in the row.
pub(super) fn new_row(
    caller: &Caller,
    request: &RegisterDataSourceRequest,
) -> Result<Document, Failure> {
    let name = required("name", &request.name)?;
    let now = DateTime::now();
    let kind = match request.data_source_type() {
        register::DataSourceType::None => return Err(Failure::Required("data_source_type")),
        register::DataSourceType::Warehouse => {
            return Err(invalid("data_source_type", "there are no warehouses here"));
        }
        kind => kind,
    };
    let workspace = match request.resource_group() {
        register::ResourceGroup::Domain if caller.is_administrator() => ALL_WORKSPACES.to_owned(),
        register::ResourceGroup::Domain => return Err(Failure::Denied),
        _ => {
            if !caller.is_administrator() {
                caller.owned_workspace()?;
            }
            let workspace = caller.visible_workspace(&request.workspace_id)?;
            workspace
                .ok_or(Failure::Required("workspace_id"))?
                .to_owned()
        }
    };
    let group = match request.resource_group() {
        register::ResourceGroup::Domain => register::ResourceGroup::Domain,
        _ => register::ResourceGroup::Workspace,
    };
    let plugin = request.plugin_info.clone().unwrap_or_default();
    if kind == register::DataSourceType::External {
        required("plugin_info.plugin_id", &plugin.plugin_id)?;
    }
    let secret_type = match request.secret_type() {
        register::SecretType::None => register::SecretType::Manual,
        given => given,
    };
    Ok(doc! {
        "data_source_id": new_id("ds"),
        "name": name,
        "state": "ENABLED",
        "data_source_type": kind.as_str_name(),
        "provider": &request.provider,
        "secret_type": secret_type.as_str_name(),
        "secret_filter": secret_filter(&request.secret_filter.clone().unwrap_or_default()),
        "plugin_info": plugin_info(&plugin),
        "schedule": schedule(request.schedule.as_ref())?,
        "template": object(request.template.as_ref()),
        "tags": object(request.tags.as_ref()),
        "resource_group": group.as_str_name(),
        "domain_id": &caller.domain_id,
        "workspace_id": workspace,
        "created_at": now,
        "updated_at": now,
    })
}

pub(super) fn object(value: Option<&Struct>) -> Document {
    value.map(to_document).unwrap_or_default()
}

/// When it synchronises by itself.
pub(super) fn schedule(given: Option<&Schedule>) -> Result<Document, Failure> {
    let given = given.copied().unwrap_or_default();
    if !(0..24).contains(&given.hour) {
        return Err(invalid("schedule.hour", "must be between 0 and 23"));
    }
    let state = match given.state() {
        ScheduleState::Enabled => "ENABLED",
        _ => "DISABLED",
    };
    Ok(doc! { "state": state, "hour": given.hour })
}

pub(super) fn secret_filter(given: &SecretFilter) -> Document {
    let state = match given.state() {
        SecretFilterState::Enabled => "ENABLED",
        _ => "DISABLED",
    };
    doc! {
        "state": state,
        "secrets": &given.secrets,
        "service_accounts": &given.service_accounts,
        "schemas": &given.schemas,
    }
}

fn plugin_info(given: &PluginInfo) -> Document {
    let mode = match given.upgrade_mode() {
        UpgradeMode::None => UpgradeMode::Auto,
        given => given,
    };
    doc! {
        "plugin_id": &given.plugin_id,
        "version": &given.version,
        "upgrade_mode": mode.as_str_name(),
        "options": object(given.options.as_ref()),
        "metadata": object(given.metadata.as_ref()),
        "schema_id": &given.schema_id,
        "secret_id": &given.secret_id,
    }
}

pub(super) fn invalid(key: &'static str, reason: &str) -> Failure {
    Failure::Invalid {
        key,
        reason: reason.to_owned(),
    }
}

pub(super) fn message(row: &Document) -> DataSourceInfo {
    let inner = |key: &str| row.get_document(key).ok();
    DataSourceInfo {
        data_source_id: text(row, "data_source_id"),
        name: text(row, "name"),
        data_source_type: DataSourceType::from_str_name(&text(row, "data_source_type"))
            .unwrap_or_default()
            .into(),
        permissions: structure(row, "permissions"),
        provider: text(row, "provider"),
        secret_type: SecretType::from_str_name(&text(row, "secret_type"))
            .unwrap_or_default()
            .into(),
        secret_filter: inner("secret_filter").map(|filter| SecretFilter {
            state: SecretFilterState::from_str_name(&text(filter, "state"))
                .unwrap_or_default()
                .into(),
            secrets: texts(filter, "secrets"),
            service_accounts: texts(filter, "service_accounts"),
            schemas: texts(filter, "schemas"),
        }),
        plugin_info: inner("plugin_info").map(|plugin| PluginInfo {
            plugin_id: text(plugin, "plugin_id"),
            version: text(plugin, "version"),
            options: structure(plugin, "options"),
            metadata: structure(plugin, "metadata"),
            secret_data: None,
            schema_id: text(plugin, "schema_id"),
            secret_id: text(plugin, "secret_id"),
            upgrade_mode: UpgradeMode::from_str_name(&text(plugin, "upgrade_mode"))
                .unwrap_or_default()
                .into(),
        }),
        warehouse_info: None,
        schedule: inner("schedule").map(|schedule| Schedule {
            state: ScheduleState::from_str_name(&text(schedule, "state"))
                .unwrap_or_default()
                .into(),
            hour: number(schedule, "hour"),
        }),
        template: structure(row, "template"),
        tags: structure(row, "tags"),
        cost_tag_keys: texts(row, "cost_tag_keys"),
        cost_additional_info_keys: texts(row, "cost_additional_info_keys"),
        cost_data_keys: texts(row, "cost_data_keys"),
        resource_group: ResourceGroup::from_str_name(&text(row, "resource_group"))
            .unwrap_or_default()
            .into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
        last_synchronized_at: date(row, "last_synchronized_at"),
        ..DataSourceInfo::default()
    }
}
