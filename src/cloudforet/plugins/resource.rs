//! What a collector's plugin sends: resources, how to find them again, and mishaps.

use bson::{Document, doc};
use prost_types::Struct;

use crate::cloudforet::proto::inventory::plugin::ResourceInfo;
use crate::cloudforet::proto::inventory::plugin::resource_info::State;
use crate::cloudforet::query::value::from_document;

pub(super) const CLOUD_SERVICE: &str = "inventory.CloudService";
pub(super) const CLOUD_SERVICE_TYPE: &str = "inventory.CloudServiceType";
pub(super) const REGION: &str = "inventory.Region";
const ERROR_RESOURCE: &str = "inventory.ErrorResource";

/// A resource that is found again by the provider's own id for it.
pub(super) fn cloud_service(resource: &Document) -> ResourceInfo {
    success(CLOUD_SERVICE, &["reference.resource_id"], resource)
}

/// A kind of resource.
pub(super) fn cloud_service_type(resource: &Document) -> ResourceInfo {
    success(CLOUD_SERVICE_TYPE, &["name", "group", "provider"], resource)
}

/// A region.
pub(super) fn region(resource: &Document) -> ResourceInfo {
    success(REGION, &["region_code", "provider"], resource)
}

/// A resource that could not be read; `resource` is what is known of it.
pub(super) fn mishap(message: String, resource: &Document) -> ResourceInfo {
    ResourceInfo {
        state: State::Failure.into(),
        message,
        resource_type: ERROR_RESOURCE.to_owned(),
        resource: Some(from_document(resource)),
        ..ResourceInfo::default()
    }
}

fn success(resource_type: &str, found_by: &[&str], resource: &Document) -> ResourceInfo {
    ResourceInfo {
        state: State::Success.into(),
        resource_type: resource_type.to_owned(),
        match_rules: Some(from_document(&doc! { "1": found_by.to_vec() })),
        resource: Some(from_document(resource)),
        ..ResourceInfo::default()
    }
}

/// What `init` tells of a plugin that collects these three kinds, with the schema of its options.
pub(super) fn metadata(options_schema: &Document) -> Struct {
    from_document(&doc! {
        "supported_resource_type": [CLOUD_SERVICE, CLOUD_SERVICE_TYPE, REGION],
        "supported_schedules": ["hours"],
        "supported_features": ["garbage_collection"],
        "filter_format": [],
        "options_schema": options_schema,
    })
}
