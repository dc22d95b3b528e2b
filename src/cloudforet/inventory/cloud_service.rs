//! `CloudService`: create, read, change and delete cloud resources, and count them.

use std::sync::Arc;

use bson::{Bson, DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::document::cloud_service as message;
use super::tags::{CUSTOM, file};
use super::{Inventory, required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::core::v2::Filter;
use crate::cloudforet::proto::core::v2::filter::{KeyAlias, ValueAlias};
use crate::cloudforet::proto::inventory::v1::cloud_service_server::CloudService;
use crate::cloudforet::proto::inventory::v1::{
    CloudServiceAnalyzeQuery, CloudServiceExportRequest, CloudServiceInfo, CloudServiceQuery,
    CloudServiceReference, CloudServiceRequest, CloudServiceStatQuery, CloudServicesInfo,
    CreateServiceRequest, UpdateCloudServiceRequest,
};
use crate::cloudforet::query::value::{to_bson, to_document};
use crate::cloudforet::resource::{self, Kind, given};
use crate::cloudforet::settings::new_id;

pub(crate) const KIND: Kind = Kind {
    collection: "cloud_service",
    id: "cloud_service_id",
    minimal: &[
        "cloud_service_id",
        "name",
        "cloud_service_group",
        "cloud_service_type",
        "provider",
        "reference.resource_id",
        "region_code",
        "project_id",
    ],
    keyword: &[
        "cloud_service_id",
        "name",
        "ip_addresses",
        "cloud_service_group",
        "cloud_service_type",
        "reference.resource_id",
    ],
};

const DELETED: &str = "DELETED";

/// The service.
#[derive(Debug)]
pub(super) struct CloudServices(pub(super) Arc<Inventory>);

#[tonic::async_trait]
impl CloudService for CloudServices {
    async fn create(
        &self,
        request: Request<CreateServiceRequest>,
    ) -> Result<Response<CloudServiceInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let workspace = caller.writable_workspace()?;
        let row = new_row(request.get_ref(), &caller.domain_id, workspace)?;
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateCloudServiceRequest>,
    ) -> Result<Response<CloudServiceInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        caller.writable_workspace()?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().cloud_service_id)
            .await?;
        let set = changes(&row, request.into_inner());
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<CloudServiceRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        caller.writable_workspace()?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().cloud_service_id)
            .await?;
        let set = doc! { "state": DELETED, "deleted_at": DateTime::now() };
        self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(()))
    }

    async fn get(
        &self,
        request: Request<CloudServiceRequest>,
    ) -> Result<Response<CloudServiceInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self
            .0
            .one(&KIND, &caller, &request.get_ref().cloud_service_id)
            .await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<CloudServiceQuery>,
    ) -> Result<Response<CloudServicesInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("cloud_service_id", &request.cloud_service_id),
            ("name", &request.name),
            ("state", &request.state),
            ("ip_addresses", &request.ip_address),
            ("account", &request.account),
            ("instance_type", &request.instance_type),
            ("cloud_service_type", &request.cloud_service_type),
            ("cloud_service_group", &request.cloud_service_group),
            ("provider", &request.provider),
            ("region_code", &request.region_code),
            ("project_id", &request.project_id),
            ("project_group_id", &request.project_group_id),
        ]));
        if request.state != DELETED {
            base.extend(implicit_state(&query.filter, &query.filter_or));
        }
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(&KIND, &caller, base, filters, &query.keyword)
            .await?;
        let (rows, total_count) =
            resource::list(&self.0.database.rows(&KIND).await?, &KIND, filter, &query).await?;
        Ok(Response::new(CloudServicesInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn export(
        &self,
        _: Request<CloudServiceExportRequest>,
    ) -> Result<Response<Struct>, Status> {
        // It writes a file and answers with a link of the file-manager, which is not there.
        Err(Failure::Unsupported("there is no file-manager to put an export into").into())
    }

    async fn analyze(
        &self,
        request: Request<CloudServiceAnalyzeQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let query = request
            .into_inner()
            .query
            .ok_or(Failure::Required("query"))?;
        let mut base = vec![scope(&caller, "")?];
        base.extend(implicit_state(&query.filter, &query.filter_or));
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(&KIND, &caller, base, filters, &query.keyword)
            .await?;
        let answer = resource::analyze(&self.0.database.rows(&KIND).await?, filter, &query).await?;
        Ok(Response::new(answer))
    }

    async fn stat(
        &self,
        request: Request<CloudServiceStatQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let query = request
            .into_inner()
            .query
            .ok_or(Failure::Required("query"))?;
        let mut base = vec![scope(&caller, "")?];
        base.extend(implicit_state(&query.filter, &query.filter_or));
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(&KIND, &caller, base, filters, &query.keyword)
            .await?;
        let answer = resource::stat(&self.0.database.rows(&KIND).await?, filter, &query).await?;
        Ok(Response::new(answer))
    }
}

/// Deleted rows stay in the store; they are shown only to who asks for them.
pub(super) fn implicit_state(filter: &[Filter], filter_or: &[Filter]) -> Option<Document> {
    let asks_for_deleted = filter.iter().chain(filter_or).any(|filter| {
        let about_state = matches!(
            &filter.key_alias,
            Some(KeyAlias::Key(key) | KeyAlias::K(key)) if key == "state"
        );
        about_state
            && match &filter.value_alias {
                Some(ValueAlias::Value(value) | ValueAlias::V(value)) => match to_bson(value) {
                    Bson::String(state) => state == DELETED,
                    Bson::Array(states) => states.contains(&Bson::String(DELETED.to_owned())),
                    _ => false,
                },
                None => false,
            }
    });
    (!asks_for_deleted).then(|| doc! { "state": "ACTIVE" })
}

fn new_row(
    request: &CreateServiceRequest,
    domain: &str,
    workspace: &str,
) -> Result<Document, Failure> {
    let kind = required("cloud_service_type", &request.cloud_service_type)?;
    let provider = required("provider", &request.provider)?;
    let group = required("cloud_service_group", &request.cloud_service_group)?;
    let data = request.data.as_ref().ok_or(Failure::Required("data"))?;
    let reference = request
        .reference
        .as_ref()
        .ok_or(Failure::Required("reference"))?;
    let now = DateTime::now();
    let mut row = doc! {
        "cloud_service_id": new_id("cloud-svc"),
        "name": &request.name,
        "state": "ACTIVE",
        "account": &request.account,
        "instance_type": &request.instance_type,
        "instance_size": f64::from(request.instance_size),
        "ip_addresses": &request.ip_addresses,
        "cloud_service_group": group,
        "cloud_service_type": kind,
        "provider": provider,
        "ref_cloud_service_type": format!("{domain}.{workspace}.{provider}.{group}.{kind}"),
        "data": to_document(data),
        "metadata": custom(request.metadata.as_ref()),
        "reference": reference_row(reference),
        "tags": {},
        "tag_keys": {},
        "project_id": &request.project_id,
        "workspace_id": workspace,
        "domain_id": domain,
        "created_at": now,
        "updated_at": now,
    };
    if let Some(tags) = &request.tags {
        let (filed, keys) = file(&to_document(tags));
        row.insert("tags", doc! { CUSTOM: filed });
        row.insert("tag_keys", doc! { CUSTOM: keys });
    }
    if !request.region_code.is_empty() {
        row.extend(region_of(domain, workspace, provider, &request.region_code));
    }
    Ok(row)
}

/// What an update sets. A field that is empty in the request is left as it is: the API cannot tell
/// the two apart. `data` is merged, tags are replaced.
fn changes(row: &Document, request: UpdateCloudServiceRequest) -> Document {
    let mut set = doc! { "updated_at": DateTime::now() };
    for (key, value) in [
        ("name", &request.name),
        ("account", &request.account),
        ("instance_type", &request.instance_type),
        ("project_id", &request.project_id),
    ] {
        if !value.is_empty() {
            set.insert(key, value);
        }
    }
    if request.instance_size != 0.0 {
        set.insert("instance_size", f64::from(request.instance_size));
    }
    if !request.ip_addresses.is_empty() {
        set.insert("ip_addresses", request.ip_addresses);
    }
    let part = |key| row.get_document(key).cloned().unwrap_or_default();
    if let Some(data) = &request.data {
        let mut merged = part("data");
        merged.extend(to_document(data));
        set.insert("data", merged);
    }
    if request.metadata.is_some() {
        let mut merged = part("metadata");
        merged.extend(custom(request.metadata.as_ref()));
        set.insert("metadata", merged);
    }
    if let Some(reference) = &request.reference {
        set.insert("reference", reference_row(reference));
    }
    if let Some(tags) = &request.tags {
        let (filed, keys) = file(&to_document(tags));
        let (mut all, mut all_keys) = (part("tags"), part("tag_keys"));
        all.insert(CUSTOM, filed);
        all_keys.insert(CUSTOM, keys);
        set.insert("tags", all);
        set.insert("tag_keys", all_keys);
    }
    if !request.region_code.is_empty() {
        let text = |key| row.get_str(key).unwrap_or_default();
        set.extend(region_of(
            text("domain_id"),
            text("workspace_id"),
            text("provider"),
            &request.region_code,
        ));
    }
    set
}

fn custom(metadata: Option<&Struct>) -> Document {
    metadata.map_or_else(
        Document::new,
        |metadata| doc! { CUSTOM: to_document(metadata) },
    )
}

fn reference_row(reference: &CloudServiceReference) -> Document {
    doc! {
        "resource_id": &reference.resource_id,
        "external_link": &reference.external_link,
    }
}

fn region_of(domain: &str, workspace: &str, provider: &str, code: &str) -> Document {
    doc! {
        "region_code": code,
        "ref_region": format!("{domain}.{workspace}.{provider}.{code}"),
    }
}
