//! `CloudServiceType`: the kinds of cloud resources.

use std::sync::Arc;

use bson::{DateTime, Document, doc};
use prost_types::{ListValue, Struct};
use tonic::{Request, Response, Status};

use super::document::cloud_service_type as message;
use super::{Inventory, required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::inventory::v1::cloud_service_type_server::CloudServiceType;
use crate::cloudforet::proto::inventory::v1::{
    CloudServiceTypeInfo, CloudServiceTypeQuery, CloudServiceTypeRequest,
    CloudServiceTypeStatQuery, CloudServiceTypesInfo, CreateCloudServiceTypeRequest,
    UpdateCloudServiceTypeRequest,
};
use crate::cloudforet::query::value::{to_bson, to_document};
use crate::cloudforet::resource::{self, Kind, given};
use crate::cloudforet::settings::new_id;

pub(crate) const KIND: Kind = Kind {
    collection: "cloud_service_type",
    id: "cloud_service_type_id",
    minimal: &[
        "cloud_service_type_id",
        "name",
        "provider",
        "group",
        "service_code",
        "is_primary",
        "is_major",
        "resource_type",
    ],
    keyword: &[
        "cloud_service_type_id",
        "name",
        "provider",
        "group",
        "service_code",
    ],
};

/// The service.
#[derive(Debug)]
pub(super) struct CloudServiceTypes(pub(super) Arc<Inventory>);

#[tonic::async_trait]
impl CloudServiceType for CloudServiceTypes {
    async fn create(
        &self,
        request: Request<CreateCloudServiceTypeRequest>,
    ) -> Result<Response<CloudServiceTypeInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let workspace = caller.writable_workspace()?;
        let row = new_row(request.get_ref(), &caller.domain_id, workspace)?;
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateCloudServiceTypeRequest>,
    ) -> Result<Response<CloudServiceTypeInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        caller.writable_workspace()?;
        let request = request.into_inner();
        let row = self
            .0
            .one(&KIND, &caller, &request.cloud_service_type_id)
            .await?;
        let row = self
            .0
            .database
            .change(&KIND, row, changes(&request))
            .await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(
        &self,
        request: Request<CloudServiceTypeRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        caller.writable_workspace()?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().cloud_service_type_id)
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

    async fn get(
        &self,
        request: Request<CloudServiceTypeRequest>,
    ) -> Result<Response<CloudServiceTypeInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().cloud_service_type_id)
            .await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<CloudServiceTypeQuery>,
    ) -> Result<Response<CloudServiceTypesInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("cloud_service_type_id", &request.cloud_service_type_id),
            ("name", &request.name),
            ("provider", &request.provider),
            ("group", &request.group),
            ("cloud_service_type_key", &request.cloud_service_type_key),
            ("service_code", &request.service_code),
            ("resource_type", &request.resource_type),
        ]));
        // False cannot be told from not given.
        base.extend(request.is_primary.then(|| doc! { "is_primary": true }));
        base.extend(request.is_major.then(|| doc! { "is_major": true }));
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(&KIND, &caller, base, filters, &query.keyword)
            .await?;
        let (rows, total_count) =
            resource::list(&self.0.database.rows(&KIND).await?, &KIND, filter, &query).await?;
        Ok(Response::new(CloudServiceTypesInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(
        &self,
        request: Request<CloudServiceTypeStatQuery>,
    ) -> Result<Response<Struct>, Status> {
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
    request: &CreateCloudServiceTypeRequest,
    domain: &str,
    workspace: &str,
) -> Result<Document, Failure> {
    let name = required("name", &request.name)?;
    let provider = required("provider", &request.provider)?;
    let group = required("group", &request.group)?;
    let key = format!("{provider}.{group}.{name}");
    let resource_type = match request.resource_type.as_str() {
        "" => "inventory.CloudService",
        given => given,
    };
    let now = DateTime::now();
    Ok(doc! {
        "cloud_service_type_id": new_id("cloud-svc-type"),
        "name": name,
        "provider": provider,
        "group": group,
        "ref_cloud_service_type": format!("{domain}.{workspace}.{key}"),
        "cloud_service_type_key": key,
        "service_code": &request.service_code,
        "is_primary": request.is_primary,
        "is_major": request.is_major,
        "resource_type": resource_type,
        "metadata": request.metadata.as_ref().map(to_document).unwrap_or_default(),
        "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
        "labels": labels(request.labels.as_ref()),
        "workspace_id": workspace,
        "domain_id": domain,
        "created_at": now,
        "updated_at": now,
    })
}

fn changes(request: &UpdateCloudServiceTypeRequest) -> Document {
    let mut set = doc! { "updated_at": DateTime::now() };
    for (key, value) in [
        ("service_code", &request.service_code),
        ("resource_type", &request.resource_type),
    ] {
        if !value.is_empty() {
            set.insert(key, value);
        }
    }
    for (key, value) in [
        ("is_primary", request.is_primary),
        ("is_major", request.is_major),
    ] {
        if value {
            set.insert(key, true);
        }
    }
    for (key, value) in [("metadata", &request.metadata), ("tags", &request.tags)] {
        if let Some(value) = value {
            set.insert(key, to_document(value));
        }
    }
    if request.labels.is_some() {
        set.insert("labels", labels(request.labels.as_ref()));
    }
    set
}

fn labels(list: Option<&ListValue>) -> Vec<bson::Bson> {
    list.map(|list| list.values.iter().map(to_bson).collect())
        .unwrap_or_default()
}
