//! Indexes of the inventory's collections: the same as the real service's.

use super::{Mongo, cloud_service, cloud_service_type, region};
use crate::cloudforet::error::Failure;

/// Those that keep data right; nothing may be written before they are there.
pub(super) async fn unique(mongo: &Mongo) -> Result<(), Failure> {
    let services = mongo.collection(cloud_service::KIND.collection).await?;
    let types = mongo
        .collection(cloud_service_type::KIND.collection)
        .await?;
    let regions = mongo.collection(region::KIND.collection).await?;
    tokio::try_join!(
        services.index(true, &[&["cloud_service_id"]]),
        types.index(
            true,
            &[
                &["cloud_service_type_id"],
                &["name", "provider", "group", "workspace_id", "domain_id"],
            ],
        ),
        regions.index(
            true,
            &[
                &["region_id"],
                &["region_code", "provider", "workspace_id", "domain_id"],
            ],
        ),
    )?;
    Ok(())
}

/// Those that make queries fast.
pub(super) async fn secondary(mongo: &Mongo) -> Result<(), Failure> {
    const TENANT: [&str; 3] = ["domain_id", "workspace_id", "state"];
    const REST: [&[&str]; 5] = [
        &[
            "reference.resource_id",
            "provider",
            "cloud_service_group",
            "cloud_service_type",
            "cloud_service_id",
            "account",
        ],
        &[
            "provider",
            "cloud_service_group",
            "cloud_service_type",
            "project_id",
            "region_code",
        ],
        &["ref_cloud_service_type", "project_id", "region_code"],
        &["-created_at", "project_id"],
        &["-deleted_at", "project_id"],
    ];
    let services = mongo.collection(cloud_service::KIND.collection).await?;
    let tenant: Vec<Vec<&str>> = REST.iter().map(|rest| [&TENANT, *rest].concat()).collect();
    let mut indexes: Vec<&[&str]> = tenant.iter().map(Vec::as_slice).collect();
    indexes.extend([
        ["domain_id", "state", "updated_at"].as_slice(),
        ["domain_id", "state", "-deleted_at"].as_slice(),
        ["reference.resource_id"].as_slice(),
        ["workspace_id"].as_slice(),
    ]);
    services.index(false, &indexes).await
}
