//! Rows of the store as messages of the API.

use bson::Document;

use crate::cloudforet::mongo::{date, float, list, structure, text, texts, truth};
use crate::cloudforet::proto::inventory::v1::{
    CloudServiceInfo, CloudServiceReference, CloudServiceTypeInfo, CollectionInfo, RegionInfo,
};

pub(super) fn cloud_service(row: &Document) -> CloudServiceInfo {
    CloudServiceInfo {
        cloud_service_id: text(row, "cloud_service_id"),
        name: text(row, "name"),
        state: text(row, "state"),
        ip_addresses: texts(row, "ip_addresses"),
        account: text(row, "account"),
        instance_type: text(row, "instance_type"),
        instance_size: float(row, "instance_size"),
        cloud_service_type: text(row, "cloud_service_type"),
        cloud_service_group: text(row, "cloud_service_group"),
        provider: text(row, "provider"),
        data: structure(row, "data"),
        metadata: structure(row, "metadata"),
        reference: row
            .get_document("reference")
            .ok()
            .map(|reference| CloudServiceReference {
                resource_id: text(reference, "resource_id"),
                external_link: text(reference, "external_link"),
            }),
        tags: structure(row, "tags"),
        tag_keys: structure(row, "tag_keys"),
        collection_info: row
            .get_document("collection_info")
            .ok()
            .map(|info| CollectionInfo {
                service_account_id: text(info, "service_account_id"),
                secret_id: text(info, "secret_id"),
                collector_id: text(info, "collector_id"),
                last_collected_at: date(info, "last_collected_at"),
            }),
        region_code: text(row, "region_code"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        project_id: text(row, "project_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
        deleted_at: date(row, "deleted_at"),
    }
}

pub(super) fn cloud_service_type(row: &Document) -> CloudServiceTypeInfo {
    CloudServiceTypeInfo {
        cloud_service_type_id: text(row, "cloud_service_type_id"),
        name: text(row, "name"),
        provider: text(row, "provider"),
        group: text(row, "group"),
        cloud_service_type_key: text(row, "cloud_service_type_key"),
        service_code: text(row, "service_code"),
        is_primary: truth(row, "is_primary"),
        is_major: truth(row, "is_major"),
        resource_type: text(row, "resource_type"),
        metadata: structure(row, "metadata"),
        tags: structure(row, "tags"),
        labels: list(row, "labels"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}

pub(super) fn region(row: &Document) -> RegionInfo {
    RegionInfo {
        region_id: text(row, "region_id"),
        name: text(row, "name"),
        region_key: text(row, "region_key"),
        region_code: text(row, "region_code"),
        provider: text(row, "provider"),
        tags: structure(row, "tags"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}
