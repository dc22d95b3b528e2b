//! A few hundred resources of several providers for an empty inventory, so that there is something
//! to look at.
//!
//! The same rows with the same ids each time, so replicas that start at once insert the same, and
//! the unique indexes let each row in once. Nothing is added to an inventory that has anything.

mod catalog;
pub(super) mod details;
mod rows;

use bson::{Document, doc};

pub(super) use self::catalog::{Offer, PROVIDERS, Place, Provider};
pub(super) use self::details::Details;
use self::rows::Tenant;
use super::error::Failure;
use super::mongo::{Collection, Mongo};
use super::settings::Login;

/// How many resources are made and sent at a time: a pod that has loaded the sample should not be
/// larger for ever after.
const BATCH: usize = 48;

/// Fills the inventory of the first domain's first workspace, if it is empty, and completes a load
/// that was cut short.
pub(crate) async fn load(mongo: &Mongo, login: &Login) -> Result<(), Failure> {
    let services = mongo.collection("cloud_service").await?;
    let tenant = Tenant::of(login);
    let empty = !exists(&services, doc! {}).await?;
    let (first, last) = tenant.first_and_last();
    // Deleting leaves the row where it is, so a missing row was never there.
    let begun = || exists(&services, doc! { "cloud_service_id": &first });
    let finished = || exists(&services, doc! { "cloud_service_id": &last });
    if !empty && (!begun().await? || finished().await?) {
        return Ok(());
    }
    let types = mongo.collection("cloud_service_type").await?;
    let regions = mongo.collection("region").await?;
    let (kinds, places): (Vec<_>, Vec<_>) = (tenant.types().collect(), tenant.regions().collect());
    tokio::try_join!(
        types.insert_missing(&kinds),
        regions.insert_missing(&places)
    )?;
    let mut rows = tenant.services();
    let mut loaded = 0;
    loop {
        let batch: Vec<Document> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        services.insert_missing(&batch).await?;
        loaded += batch.len();
    }
    tracing::info!(resources = loaded, "loaded sample data");
    Ok(())
}

async fn exists(services: &Collection, filter: Document) -> Result<bool, Failure> {
    Ok(services.find_one(filter).await?.is_some())
}
