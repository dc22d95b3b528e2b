//! `Region`: the regions of providers.

use std::sync::Arc;

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::document::region as message;
use super::{Inventory, required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::inventory::v1::region_server::Region;
use crate::cloudforet::proto::inventory::v1::{
    CreateRegionRequest, RegionInfo, RegionQuery, RegionRequest, RegionStatQuery, RegionsInfo,
    UpdateRegionRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{self, Kind, given};
use crate::cloudforet::settings::new_id;

pub(crate) const KIND: Kind = Kind {
    collection: "region",
    id: "region_id",
    minimal: &["region_id", "name", "region_code", "provider"],
    keyword: &["region_id", "name", "region_code"],
};

/// The service.
#[derive(Debug)]
pub(super) struct Regions(pub(super) Arc<Inventory>);

#[tonic::async_trait]
impl Region for Regions {
    async fn create(
        &self,
        request: Request<CreateRegionRequest>,
    ) -> Result<Response<RegionInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let workspace = caller.writable_workspace()?;
        let row = new_row(request.get_ref(), &caller.domain_id, workspace)?;
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateRegionRequest>,
    ) -> Result<Response<RegionInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        caller.writable_workspace()?;
        let request = request.into_inner();
        let row = self.0.one(&KIND, &caller, &request.region_id).await?;
        let mut set = doc! { "updated_at": DateTime::now() };
        if !request.name.is_empty() {
            set.insert("name", request.name);
        }
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<RegionRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        caller.writable_workspace()?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().region_id)
            .await?;
        let id = row.get("_id").cloned().unwrap_or_default();
        self.0
            .database
            .rows(&KIND)
            .await?
            .delete(doc! { "_id": id })
            .await?;
        Ok(Response::new(()))
    }

    async fn get(&self, request: Request<RegionRequest>) -> Result<Response<RegionInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().region_id)
            .await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<RegionQuery>) -> Result<Response<RegionsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("region_id", &request.region_id),
            ("name", &request.name),
            ("region_key", &request.region_key),
            ("region_code", &request.region_code),
            ("provider", &request.provider),
        ]));
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(&KIND, &caller, base, filters, &query.keyword)
            .await?;
        let (rows, total_count) =
            resource::list(&self.0.database.rows(&KIND).await?, &KIND, filter, &query).await?;
        Ok(Response::new(RegionsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<RegionStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let query = request
            .into_inner()
            .query
            .ok_or(Failure::Required("query"))?;
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(
                &KIND,
                &caller,
                vec![scope(&caller, "")?],
                filters,
                &query.keyword,
            )
            .await?;
        let answer = resource::stat(&self.0.database.rows(&KIND).await?, filter, &query).await?;
        Ok(Response::new(answer))
    }
}

fn new_row(
    request: &CreateRegionRequest,
    domain: &str,
    workspace: &str,
) -> Result<Document, Failure> {
    let name = required("name", &request.name)?;
    let code = required("region_code", &request.region_code)?;
    let provider = required("provider", &request.provider)?;
    let now = DateTime::now();
    Ok(doc! {
        "region_id": new_id("region"),
        "name": name,
        "region_code": code,
        "provider": provider,
        "region_key": format!("{provider}.{code}"),
        "ref_region": format!("{domain}.{workspace}.{provider}.{code}"),
        "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
        "workspace_id": workspace,
        "domain_id": domain,
        "created_at": now,
        "updated_at": now,
    })
}
