//! Rows of the catalogue: how they are made, and as messages.

use bson::{Bson, DateTime, Document, doc};

use super::local;
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, list, structure, text};
use crate::cloudforet::proto::repository::v1::plugin_info::State;
use crate::cloudforet::proto::repository::v1::{
    PluginInfo, PublicRegistryType, RegisterPluginRequest,
};
use crate::cloudforet::query::value::{to_bson, to_document};
use crate::cloudforet::resource::Kind;
use crate::cloudforet::settings::new_id;
use crate::model::Plugin;

pub(super) const KIND: Kind = Kind {
    collection: "plugin",
    id: "plugin_id",
    minimal: &["plugin_id", "name", "state", "resource_type", "provider"],
    keyword: &["plugin_id", "name", "provider", "labels"],
};
/// The version of a plugin that was registered by hand: whatever its image is now.
pub(super) const LATEST: &str = "latest";

/// The row of a configured plugin. It is managed: every domain may use it.
pub(super) fn configured(plugin: &Plugin, domain: &str) -> Document {
    let now = DateTime::now();
    let (_, facts) = facts(plugin);
    let mut row = doc! {
        "plugin_id": &plugin.plugin_id,
        "state": "ENABLED",
        "registry_type": "NONE_REGISTRY_TYPE",
        "registry_config": {},
        "labels": [],
        "tags": {},
        "docs": {},
        "is_managed": true,
        "domain_id": domain,
        "created_at": now,
        "updated_at": now,
    };
    row.extend(facts);
    row
}

/// What the configuration says of a plugin: which row, and the fields.
pub(super) fn facts(plugin: &Plugin) -> (Document, Document) {
    let options = bson::serialize_to_bson(&plugin.options).unwrap_or(Bson::Null);
    let set = doc! {
        "name": &plugin.name,
        "resource_type": &plugin.resource_type,
        "image": &plugin.image,
        "version": &plugin.version,
        "provider": plugin.providers.first().map_or("", String::as_str),
        "capability": { "supported_providers": plugin.providers.clone(), "options": options },
    };
    (doc! { "plugin_id": &plugin.plugin_id }, set)
}

/// The row of a plugin that somebody registers.
pub(super) fn registered(
    request: &RegisterPluginRequest,
    domain: &str,
) -> Result<Document, Failure> {
    let now = DateTime::now();
    let object =
        |value: &Option<prost_types::Struct>| value.as_ref().map(to_document).unwrap_or_default();
    let labels = request.labels.as_ref().map(|list| list.values.as_slice());
    let labels: Vec<Bson> = labels.unwrap_or_default().iter().map(to_bson).collect();
    let id = if request.plugin_id.is_empty() {
        new_id("plugin")
    } else {
        request.plugin_id.clone()
    };
    Ok(doc! {
        "plugin_id": id,
        "name": required("name", &request.name)?,
        "state": "ENABLED",
        "resource_type": required("resource_type", &request.resource_type)?,
        "image": required("image", &request.image)?,
        "version": LATEST,
        "provider": &request.provider,
        "registry_type": request.registry_type().as_str_name(),
        "registry_config": object(&request.registry_config),
        "capability": object(&request.capability),
        "labels": labels,
        "tags": object(&request.tags),
        "docs": object(&request.docs),
        "is_managed": false,
        "domain_id": domain,
        "created_at": now,
        "updated_at": now,
    })
}

pub(super) fn message(row: &Document) -> PluginInfo {
    PluginInfo {
        plugin_id: text(row, "plugin_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        resource_type: text(row, "resource_type"),
        image: text(row, "image"),
        provider: text(row, "provider"),
        registry_type: PublicRegistryType::from_str_name(&text(row, "registry_type"))
            .unwrap_or_default()
            .into(),
        registry_url: text(row, "registry_url"),
        registry_config: structure(row, "registry_config"),
        capability: structure(row, "capability"),
        labels: list(row, "labels"),
        tags: structure(row, "tags"),
        docs: structure(row, "docs"),
        domain_id: text(row, "domain_id"),
        repository_info: Some(local()),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}
