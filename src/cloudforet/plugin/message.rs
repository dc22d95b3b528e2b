//! Rows as the API's messages.

use std::collections::HashMap;

use bson::Document;

use super::books::{ENABLED, is_heard};
use crate::cloudforet::mongo::{date, structure, text, texts, truth};
use crate::cloudforet::proto::plugin::v1::{
    PluginInfo, SupervisorInfo, plugin_info, supervisor_info,
};

/// A supervisor; one that has fallen silent is told as disconnected.
pub(super) fn supervisor(row: &Document) -> SupervisorInfo {
    let written = text(row, "state");
    let silent = written == ENABLED && row.contains_key("updated_at") && !is_heard(row);
    let state = if silent {
        supervisor_info::State::Disconnected
    } else {
        supervisor_info::State::from_str_name(&written).unwrap_or_default()
    };
    SupervisorInfo {
        supervisor_id: text(row, "supervisor_id"),
        name: text(row, "name"),
        hostname: text(row, "hostname"),
        state: state.into(),
        is_public: truth(row, "is_public"),
        labels: structure(row, "labels"),
        tags: structure(row, "tags"),
        domain_id: text(row, "domain_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}

/// An installed plugin; `names` are those of supervisors by id.
pub(super) fn plugin(row: &Document, names: &HashMap<String, String>) -> PluginInfo {
    let state = plugin_info::State::from_str_name(&text(row, "state")).unwrap_or_default();
    let supervisor_id = text(row, "supervisor_id");
    PluginInfo {
        plugin_id: text(row, "plugin_id"),
        version: text(row, "version"),
        state: state.into(),
        endpoint: text(row, "endpoint"),
        managed: truth(row, "managed"),
        endpoints: texts(row, "endpoints"),
        domain_id: text(row, "domain_id"),
        supervisor_name: names.get(&supervisor_id).cloned().unwrap_or_default(),
        supervisor_id,
    }
}
