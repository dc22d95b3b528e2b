//! A few hundred resources of several providers for an empty inventory, so that there is something
//! to look at.
//!
//! The same rows with the same ids each time, so replicas that start at once insert the same, and
//! the unique indexes let each row in once. Nothing is added to an inventory that has anything.

mod catalog;
mod details;
mod rows;

use bson::{Document, doc};

use super::error::Failure;
use super::mongo::{Found, Mongo};
use super::settings::Login;

/// Fills the inventory of the first domain's first workspace, if it is empty.
pub(crate) async fn load(mongo: &Mongo, login: &Login) -> Result<(), Failure> {
    let services = mongo.collection("cloud_service").await?;
    let any = Found {
        projection: Some(doc! { "_id": 1 }),
        limit: 1,
        ..Found::default()
    };
    if !services.find(any).await?.is_empty() {
        return Ok(());
    }
    let types = mongo.collection("cloud_service_type").await?;
    let regions = mongo.collection("region").await?;
    let rows = rows::make(login);
    // The resources come last: once they are there, everything is.
    tokio::try_join!(
        types.insert_missing(&rows.types),
        regions.insert_missing(&rows.regions)
    )?;
    services.insert_missing(&rows.services).await?;
    tracing::info!(resources = rows.services.len(), "loaded sample data");
    Ok(())
}

/// What goes into the three collections.
#[derive(Debug)]
struct Rows {
    types: Vec<Document>,
    regions: Vec<Document>,
    services: Vec<Document>,
}
