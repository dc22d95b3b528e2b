//! Indexes of the inventory's collections: the same as the real service's.

use super::{cloud_service, cloud_service_type, query_set, region};
use crate::cloudforet::collecting::{COLLECTION_STATE, COLLECTOR, JOB, JOB_TASK};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::Mongo;

/// Those that keep data right; nothing may be written before they are there.
pub(super) async fn unique(mongo: &Mongo) -> Result<(), Failure> {
    let services = mongo.collection(cloud_service::KIND.collection).await?;
    let types = mongo
        .collection(cloud_service_type::KIND.collection)
        .await?;
    let regions = mongo.collection(region::KIND.collection).await?;
    let collectors = mongo.collection(COLLECTOR.collection).await?;
    let query_sets = mongo.collection(query_set::KIND.collection).await?;
    let jobs = mongo.collection(JOB.collection).await?;
    let tasks = mongo.collection(JOB_TASK.collection).await?;
    tokio::try_join!(
        query_sets.index(true, &[&[query_set::KIND.id]]),
        collectors.index(true, &[&[COLLECTOR.id]]),
        jobs.index(true, &[&[JOB.id]]),
        tasks.index(true, &[&[JOB_TASK.id]]),
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
    const REST: [&[&str]; 6] = [
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
        // Lab: one more than upstream has. A list's order ends with `_id`, and only an index that
        // has it too gives a page of many rows without sorting them all.
        &["-created_at", "_id"],
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
    let jobs = mongo.collection(JOB.collection).await?;
    let tasks = mongo.collection(JOB_TASK.collection).await?;
    let states = mongo.collection(COLLECTION_STATE).await?;
    tokio::try_join!(
        services.index(false, &indexes),
        jobs.index(
            false,
            &[
                &["domain_id", "collector_id", "status"],
                &["domain_id", "-created_at", "status"],
                &["status", "created_at"],
            ],
        ),
        tasks.index(false, &[&["domain_id", "job_id"], &["job_id"]]),
        states.index(
            false,
            &[
                &["collector_id", "secret_id", "updated_at"],
                &["collector_id", "secret_id", "disconnected_count"],
            ],
        ),
    )?;
    Ok(())
}
