//! `CloudServiceQuerySet`: analyses of cloud services that are kept.
//!
//! The real service runs them daily and keeps what they find as statistics. Ours keeps the analyses,
//! and runs one when it is asked to; what that finds is answered (`test`) or only checked (`run`).

mod rows;

use std::sync::Arc;

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

pub(super) use self::rows::KIND;
use self::rows::{message, options};
use super::cloud_service::implicit_state;
use super::shared::{ALL_WORKSPACES, changeable, owner, visible};
use super::{CLOUD_SERVICE, Inventory, required, scope};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::inventory::v1::cloud_service_query_set_query::{QueryType, State};
use crate::cloudforet::proto::inventory::v1::cloud_service_query_set_server::CloudServiceQuerySet;
use crate::cloudforet::proto::inventory::v1::create_cloud_service_query_set_request::ResourceGroup;
use crate::cloudforet::proto::inventory::v1::{
    CloudServiceQuerySetInfo, CloudServiceQuerySetQuery, CloudServiceQuerySetRequest,
    CloudServiceQuerySetStatQuery, CloudServiceQuerySetsInfo, CreateCloudServiceQuerySetRequest,
    UpdateCloudServiceQuerySetRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{self, given};
use crate::cloudforet::settings::new_id;

/// The service.
#[derive(Debug)]
pub(super) struct QuerySets(pub(super) Arc<Inventory>);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl CloudServiceQuerySet for QuerySets {
    async fn create(
        &self,
        request: Request<CreateCloudServiceQuerySetRequest>,
    ) -> Answer<CloudServiceQuerySetInfo> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = new_row(&caller, request.get_ref())?;
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateCloudServiceQuerySetRequest>,
    ) -> Answer<CloudServiceQuerySetInfo> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.own(&caller, &request.query_set_id).await?;
        let mut set = doc! { "updated_at": DateTime::now() };
        if !request.name.is_empty() {
            set.insert("name", &request.name);
        }
        if let Some(query) = &request.query_options {
            set.extend(options(query)?);
        }
        for (key, value) in [("unit", &request.unit), ("tags", &request.tags)] {
            if let Some(value) = value {
                set.insert(key, to_document(value));
            }
        }
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<CloudServiceQuerySetRequest>) -> Answer<()> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.own(&caller, &request.get_ref().query_set_id).await?;
        let id = row.get("_id").cloned().unwrap_or_default();
        self.0
            .database
            .rows(&KIND)
            .await?
            .delete(doc! { "_id": id })
            .await?;
        Ok(Response::new(()))
    }

    async fn run(&self, request: Request<CloudServiceQuerySetRequest>) -> Answer<()> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.own(&caller, &request.get_ref().query_set_id).await?;
        if text(&row, "state") != State::Enabled.as_str_name() {
            return Err(Failure::Invalid {
                key: KIND.id,
                reason: "it is disabled".to_owned(),
            }
            .into());
        }
        self.find(&caller, &row).await?;
        let set = doc! { "last_run_at": DateTime::now() };
        self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(()))
    }

    async fn test(&self, request: Request<CloudServiceQuerySetRequest>) -> Answer<Struct> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.seen(&caller, &request.get_ref().query_set_id).await?;
        Ok(Response::new(self.find(&caller, &row).await?))
    }

    async fn enable(
        &self,
        request: Request<CloudServiceQuerySetRequest>,
    ) -> Answer<CloudServiceQuerySetInfo> {
        self.switch(request, State::Enabled).await
    }

    async fn disable(
        &self,
        request: Request<CloudServiceQuerySetRequest>,
    ) -> Answer<CloudServiceQuerySetInfo> {
        self.switch(request, State::Disabled).await
    }

    async fn get(
        &self,
        request: Request<CloudServiceQuerySetRequest>,
    ) -> Answer<CloudServiceQuerySetInfo> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.seen(&caller, &request.get_ref().query_set_id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<CloudServiceQuerySetQuery>,
    ) -> Answer<CloudServiceQuerySetsInfo> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = vec![visible(&caller, &request.workspace_id)?];
        base.extend(given(&[
            (KIND.id, &request.query_set_id),
            ("name", &request.name),
            ("provider", &request.provider),
            ("cloud_service_group", &request.cloud_service_group),
            ("cloud_service_type", &request.cloud_service_type),
        ]));
        if request.state() != State::NoneState {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        if request.query_type() != QueryType::NoneQueryType {
            base.push(doc! { "query_type": request.query_type().as_str_name() });
        }
        let query = request.query.unwrap_or_default();
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(CloudServiceQuerySetsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<CloudServiceQuerySetStatQuery>) -> Answer<Struct> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![visible(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl QuerySets {
    async fn seen(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        self.0.database.one(&KIND, visible(caller, "")?, id).await
    }

    async fn own(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        self.0.database.one(&KIND, changeable(caller)?, id).await
    }

    async fn switch(
        &self,
        request: Request<CloudServiceQuerySetRequest>,
        state: State,
    ) -> Answer<CloudServiceQuerySetInfo> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.own(&caller, &request.get_ref().query_set_id).await?;
        let set = doc! { "state": state.as_str_name(), "updated_at": DateTime::now() };
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    /// What the analysis finds now, within what the caller may see.
    async fn find(&self, caller: &Caller, row: &Document) -> Result<Struct, Failure> {
        let query = rows::query(row)?;
        let workspace = match text(row, "workspace_id") {
            all if all == ALL_WORKSPACES => String::new(),
            own => own,
        };
        let mut base = vec![scope(caller, &workspace)?];
        base.extend(given(&[
            ("provider", &text(row, "provider")),
            ("cloud_service_group", &text(row, "cloud_service_group")),
            ("cloud_service_type", &text(row, "cloud_service_type")),
        ]));
        base.extend(implicit_state(&query.filter, &query.filter_or));
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .0
            .filter(&CLOUD_SERVICE, caller, base, filters, &query.keyword)
            .await?;
        let rows = self.0.database.rows(&CLOUD_SERVICE).await?;
        resource::analyze(&rows, filter, &query).await
    }
}

fn new_row(
    caller: &Caller,
    request: &CreateCloudServiceQuerySetRequest,
) -> Result<Document, Failure> {
    let name = required("name", &request.name)?;
    let query = request
        .query_options
        .as_ref()
        .ok_or(Failure::Required("query_options"))?;
    let whole_domain = request.resource_group() == ResourceGroup::Domain;
    let (workspace_id, group) = owner(caller, whole_domain, &request.workspace_id)?;
    let now = DateTime::now();
    let mut row = doc! {
        KIND.id: new_id("query-set"),
        "name": name,
        "state": State::Enabled.as_str_name(),
        "query_type": QueryType::Custom.as_str_name(),
        "unit": request.unit.as_ref().map(to_document).unwrap_or_default(),
        "provider": &request.provider,
        "cloud_service_group": &request.cloud_service_group,
        "cloud_service_type": &request.cloud_service_type,
        "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
        "resource_group": group,
        "workspace_id": workspace_id,
        "domain_id": &caller.domain_id,
        "created_at": now,
        "updated_at": now,
    };
    row.extend(options(query)?);
    Ok(row)
}
