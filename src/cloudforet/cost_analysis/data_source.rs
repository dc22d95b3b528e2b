//! `DataSource`: where costs come from, and the word to fetch them.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::data_source_row::{KIND, invalid, message, new_row, object, schedule, secret_filter};
use super::sync::{Place, Plugin, forget_secret, keep_secret, secrets_of};
use super::{CostAnalysis, Handler, cost_row, job, job_task, may_change, shared_scope};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::cost_analysis::v1::data_source_query::DataSourceType;
use crate::cloudforet::proto::cost_analysis::v1::data_source_server::DataSource;
use crate::cloudforet::proto::cost_analysis::v1::update_data_source_plugin_request::UpgradeMode;
use crate::cloudforet::proto::cost_analysis::v1::{
    DataSourceInfo, DataSourceQuery, DataSourceRequest, DataSourceStatQuery, DataSourcesInfo,
    DeregisterDataSourceRequest, JobInfo, RegisterDataSourceRequest, SyncDataSourceRequest,
    UpdateDataSourcePluginRequest, UpdateDataSourceRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{changes, given};

#[tonic::async_trait]
impl DataSource for Handler {
    async fn register(
        &self,
        request: Request<RegisterDataSourceRequest>,
    ) -> Result<Response<DataSourceInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let mut request = request.into_inner();
        let secret_data = request
            .plugin_info
            .as_mut()
            .and_then(|plugin| plugin.secret_data.take());
        let mut row = new_row(&caller, &request)?;
        let secret_id = match secret_data {
            Some(data) => Some(keep_secret(&self.0, &row, data).await?),
            None => None,
        };
        if let (Some(id), Ok(plugin)) = (&secret_id, row.get_document_mut("plugin_info")) {
            plugin.insert("secret_id", id);
        }
        let inserted = self.0.database.rows(&KIND).await?.insert(&row).await;
        if let (Err(_), Some(id)) = (&inserted, &secret_id) {
            forget_secret(&self.0, &Place::of(&row), id).await?;
        }
        inserted?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateDataSourceRequest>,
    ) -> Result<Response<DataSourceInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.0.own_source(&caller, &request.data_source_id).await?;
        let mut set = changes(&[("name", &request.name)]);
        for (key, value) in [("template", &request.template), ("tags", &request.tags)] {
            if let Some(value) = value {
                set.insert(key, to_document(value));
            }
        }
        if let Some(filter) = &request.secret_filter {
            set.insert("secret_filter", secret_filter(filter));
        }
        if request.schedule.is_some() {
            set.insert("schedule", schedule(request.schedule.as_ref())?);
        }
        Ok(Response::new(self.0.change_source(row, set).await?))
    }

    async fn update_plugin(
        &self,
        request: Request<UpdateDataSourcePluginRequest>,
    ) -> Result<Response<DataSourceInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.0.own_source(&caller, &request.data_source_id).await?;
        let mut changed = row.clone();
        let info = changed.get_document_mut("plugin_info");
        let info = info.map_err(|_| Failure::Required("plugin_info"))?;
        info.extend(changes(&[("version", &request.version)]));
        if let Some(options) = &request.options {
            info.insert("options", to_document(options));
        }
        if request.upgrade_mode() != UpgradeMode::None {
            info.insert("upgrade_mode", request.upgrade_mode().as_str_name());
        }
        // The plugin says first whether it can work so, and what it says of itself then.
        let metadata = Plugin::of(&self.0, &changed).await?.init().await?;
        let mut info = document(&changed, "plugin_info");
        info.insert("metadata", object(metadata.as_ref()));
        let set = doc! { "plugin_info": info };
        Ok(Response::new(self.0.change_source(row, set).await?))
    }

    async fn verify_plugin(
        &self,
        request: Request<DataSourceRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let id = &request.get_ref().data_source_id;
        let row = self.0.own_source(&caller, id).await?;
        let plugin = Plugin::of(&self.0, &row).await?;
        for secret in secrets_of(&self.0, &row).await? {
            plugin.verify(&secret).await?;
        }
        Ok(Response::new(()))
    }

    async fn deregister(
        &self,
        request: Request<DeregisterDataSourceRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let DeregisterDataSourceRequest {
            data_source_id: id,
            cascade_delete_cost,
        } = request.get_ref();
        let row = self.0.own_source(&caller, id).await?;
        let of_source = doc! { "domain_id": &caller.domain_id, "data_source_id": id };
        let costs = self.0.database.rows(&cost_row::KIND).await?;
        if *cascade_delete_cost {
            costs.delete_all(of_source.clone()).await?;
        } else if costs.find_one(of_source.clone()).await?.is_some() {
            let reason = "it has costs; cascade_delete_cost deletes them too";
            return Err(invalid("data_source_id", reason).into());
        }
        for kind in [&job::KIND, &job_task::KIND] {
            let rows = self.0.database.rows(kind).await?;
            rows.delete_all(of_source.clone()).await?;
        }
        let secret = text(&document(&row, "plugin_info"), "secret_id");
        if !secret.is_empty() {
            forget_secret(&self.0, &Place::of(&row), &secret).await?;
        }
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn sync(
        &self,
        request: Request<SyncDataSourceRequest>,
    ) -> Result<Response<JobInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.0.own_source(&caller, &request.data_source_id).await?;
        let job = job::begin(&self.0, &row, &request.start).await?;
        Ok(Response::new(job::message(&job)))
    }

    async fn get(
        &self,
        request: Request<DataSourceRequest>,
    ) -> Result<Response<DataSourceInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = shared_scope(&caller, "")?;
        let id = &request.get_ref().data_source_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<DataSourceQuery>,
    ) -> Result<Response<DataSourcesInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![shared_scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("data_source_id", &request.data_source_id),
            ("name", &request.name),
            ("provider", &request.provider),
        ]));
        if !request.connected_workspace_id.is_empty() {
            base.push(shared_scope(&caller, &request.connected_workspace_id)?);
        }
        if request.data_source_type() != DataSourceType::TypeNone {
            base.push(doc! { "data_source_type": request.data_source_type().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(DataSourcesInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(
        &self,
        request: Request<DataSourceStatQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![shared_scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl CostAnalysis {
    /// A data source that the caller may change.
    async fn own_source(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        let scope = shared_scope(caller, "")?;
        let row = self.database.one(&KIND, scope, id).await?;
        may_change(caller, &row)?;
        Ok(row)
    }

    async fn change_source(
        &self,
        row: Document,
        mut set: Document,
    ) -> Result<DataSourceInfo, Failure> {
        set.insert("updated_at", DateTime::now());
        Ok(message(&self.database.change(&KIND, row, set).await?))
    }
}

fn document(row: &Document, key: &str) -> Document {
    row.get_document(key).cloned().unwrap_or_default()
}
