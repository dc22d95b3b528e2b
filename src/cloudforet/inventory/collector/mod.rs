//! `Collector`: which plugin collects what, and running it.

mod collect;
mod rows;

use std::sync::Arc;

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use self::rows::message;
pub(super) use self::rows::seeds;
use super::shared::{changeable, owner, visible};
use super::{Inventory, job, required};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::collecting::COLLECTOR;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::inventory::v1::collector_query::State;
use crate::cloudforet::proto::inventory::v1::collector_server::Collector;
use crate::cloudforet::proto::inventory::v1::create_collector_request::ResourceGroup;
use crate::cloudforet::proto::inventory::v1::update_plugin_request::UpgradeMode;
use crate::cloudforet::proto::inventory::v1::{
    CollectRequest, CollectorInfo, CollectorQuery, CollectorRequest, CollectorStatQuery,
    CollectorsInfo, CreateCollectorRequest, JobInfo, UpdateCollectorRequest, UpdatePluginRequest,
    VerifyPluginRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::given;
use crate::cloudforet::settings::new_id;

/// The service.
#[derive(Debug)]
pub(super) struct Collectors(pub(super) Arc<Inventory>);

#[tonic::async_trait]
impl Collector for Collectors {
    async fn create(
        &self,
        request: Request<CreateCollectorRequest>,
    ) -> Result<Response<CollectorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.new_row(&caller, request.get_ref()).await?;
        self.0.database.rows(&COLLECTOR).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateCollectorRequest>,
    ) -> Result<Response<CollectorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.own(&caller, &request.collector_id).await?;
        let mut set = doc! { "updated_at": DateTime::now() };
        if !request.name.is_empty() {
            set.insert("name", &request.name);
        }
        if request.schedule.is_some() {
            set.insert("schedule", rows::schedule(request.schedule.as_ref())?);
        }
        if request.secret_filter.is_some() {
            let filter = rows::secret_filter(request.secret_filter.as_ref());
            set.insert("secret_filter", filter);
        }
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        let row = self.0.database.change(&COLLECTOR, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    // Lab: the real service initialises the plugin here; ours with the next run, so that nobody
    // waits for a pod to start.
    async fn update_plugin(
        &self,
        request: Request<UpdatePluginRequest>,
    ) -> Result<Response<CollectorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.own(&caller, &request.collector_id).await?;
        let mut info = row.get_document("plugin_info").cloned().unwrap_or_default();
        if !request.version.is_empty() {
            let plugin = info.get_str("plugin_id").unwrap_or_default();
            self.check_version(&caller, plugin, &request.version)
                .await?;
            info.insert("version", &request.version);
        }
        if let Some(options) = &request.options {
            info.insert("options", to_document(options));
        }
        match request.upgrade_mode() {
            UpgradeMode::None => {}
            mode => drop(info.insert("upgrade_mode", mode.as_str_name())),
        }
        let set = doc! {
            "plugin_info": info,
            "initialised": "",
            "updated_at": DateTime::now(),
        };
        let row = self.0.database.change(&COLLECTOR, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn verify_plugin(
        &self,
        request: Request<VerifyPluginRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        changeable(&caller)?;
        let request = request.into_inner();
        let row = self.seen(&caller, &request.collector_id).await?;
        self.0.verify(&caller, row, &request.secret_id).await?;
        Ok(Response::new(()))
    }

    async fn delete(&self, request: Request<CollectorRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.own(&caller, &request.get_ref().collector_id).await?;
        let id = row.get("_id").cloned().unwrap_or_default();
        let rows = self.0.database.rows(&COLLECTOR).await?;
        rows.delete(doc! { "_id": id }).await?;
        Ok(Response::new(()))
    }

    async fn get(
        &self,
        request: Request<CollectorRequest>,
    ) -> Result<Response<CollectorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let row = self.seen(&caller, &request.get_ref().collector_id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<CollectorQuery>,
    ) -> Result<Response<CollectorsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = vec![visible(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("collector_id", &request.collector_id),
            ("name", &request.name),
            ("plugin_info.plugin_id", &request.plugin_id),
        ]));
        for (key, state) in [
            ("secret_filter.state", request.secret_filter_state()),
            ("schedule.state", request.schedule_state()),
        ] {
            if state != State::None {
                base.push(doc! { key: state.as_str_name() });
            }
        }
        let query = request.query.unwrap_or_default();
        let (rows, total_count) = self.0.database.list(&COLLECTOR, base, &query).await?;
        Ok(Response::new(CollectorsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<CollectorStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![visible(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&COLLECTOR, base, query).await?;
        Ok(Response::new(answer))
    }

    async fn collect(&self, request: Request<CollectRequest>) -> Result<Response<JobInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        changeable(&caller)?;
        let request = request.into_inner();
        let row = self.seen(&caller, &request.collector_id).await?;
        let job = self.0.collect(&caller, row, &request.secret_id).await?;
        Ok(Response::new(job::message(&job)))
    }
}

impl Collectors {
    async fn seen(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        self.0
            .database
            .one(&COLLECTOR, visible(caller, "")?, id)
            .await
    }

    async fn own(&self, caller: &Caller, id: &str) -> Result<Document, Failure> {
        self.0
            .database
            .one(&COLLECTOR, changeable(caller)?, id)
            .await
    }

    async fn new_row(
        &self,
        caller: &Caller,
        request: &CreateCollectorRequest,
    ) -> Result<Document, Failure> {
        let name = required("name", &request.name)?;
        let plugin = request
            .plugin_info
            .as_ref()
            .ok_or(Failure::Required("plugin_info"))?;
        let plugin_id = required("plugin_info.plugin_id", &plugin.plugin_id)?;
        let whole_domain = request.resource_group() == ResourceGroup::Domain;
        let (workspace_id, group) = owner(caller, whole_domain, &request.workspace_id)?;
        let schedule = rows::schedule(request.schedule.as_ref())?;
        let known = self.0.callees.plugin(&caller.domain_id, plugin_id).await?;
        let mut info = rows::plugin_info(plugin);
        if plugin.version.is_empty() {
            if info.get_str("upgrade_mode").ok() == Some("MANUAL") {
                return Err(Failure::Required("plugin_info.version"));
            }
            let versions = self.0.callees.versions(&caller.domain_id, plugin_id);
            let latest = versions.await?.into_iter().next();
            info.insert("version", latest.unwrap_or_default());
        } else {
            self.check_version(caller, plugin_id, &plugin.version)
                .await?;
        }
        let capability = known.capability.as_ref().map(to_document);
        let capability = capability.unwrap_or_default();
        // A plugin of several providers collects all of them unless one is named.
        let several = capability
            .get_array("supported_providers")
            .is_ok_and(|providers| providers.len() > 1);
        let provider = match request.provider.as_str() {
            "" if several => "",
            "" => &known.provider,
            named => named,
        };
        Ok(doc! {
            COLLECTOR.id: new_id("collector"),
            "name": name,
            "provider": provider,
            "capability": capability,
            "secret_filter": rows::secret_filter(request.secret_filter.as_ref()),
            "plugin_info": info,
            "schedule": schedule,
            "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
            "resource_group": group,
            "workspace_id": workspace_id,
            "domain_id": &caller.domain_id,
            "created_at": DateTime::now(),
        })
    }

    async fn check_version(
        &self,
        caller: &Caller,
        plugin: &str,
        version: &str,
    ) -> Result<(), Failure> {
        let versions = self.0.callees.versions(&caller.domain_id, plugin).await?;
        if versions.iter().any(|known| known == version) {
            return Ok(());
        }
        Err(Failure::Invalid {
            key: "version",
            reason: format!("{plugin} has no version {version}"),
        })
    }
}
