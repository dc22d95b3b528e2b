//! `Plugin`: where to call a plugin, and what it says of itself.

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::Plugins;
use super::books::{INSTALLED, RE_PROVISIONING};
use super::deadline::patience;
use super::installed::{Drawn, Wanted};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::client::CallAs;
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::plugin::v1::plugin_endpoint_request::UpgradeMode;
use crate::cloudforet::proto::plugin::v1::plugin_metadata_request::UpgradeMode as MetadataUpgradeMode;
use crate::cloudforet::proto::plugin::v1::plugin_server::Plugin;
use crate::cloudforet::proto::plugin::v1::{
    PluginEndpoint, PluginEndpointRequest, PluginFailureRequest, PluginMetadata,
    PluginMetadataRequest,
};
use crate::cloudforet::proto::{cost_analysis, inventory};
use crate::model::DATA_SOURCE;

const INIT_COLLECTOR: &str = "/spaceone.api.inventory.plugin.Collector/init";
const INIT_DATA_SOURCE: &str = "/spaceone.api.cost_analysis.plugin.DataSource/init";

/// The service.
#[derive(Debug)]
pub(super) struct Endpoints(pub(super) Arc<Plugins>);

#[tonic::async_trait]
impl Plugin for Endpoints {
    /// As upstream, this needs no token: an address alone opens nothing.
    async fn get_plugin_endpoint(
        &self,
        request: Request<PluginEndpointRequest>,
    ) -> Result<Response<PluginEndpoint>, Status> {
        let patience = patience(request.metadata());
        let asked_by = self.domain_of(request.metadata()).await;
        let request = request.into_inner();
        let auto = request.upgrade_mode() == UpgradeMode::Auto;
        let domain_id = Some(request.domain_id).filter(|domain| !domain.is_empty());
        let wanted = self
            .0
            .wanted(
                request.plugin_id,
                request.version,
                auto,
                domain_id.unwrap_or(asked_by),
            )
            .await?;
        let Drawn { endpoint, .. } = Box::pin(self.0.draw(&wanted, patience)).await?;
        Ok(Response::new(PluginEndpoint {
            endpoint,
            access_token: String::new(),
            updated_version: if auto { wanted.version } else { String::new() },
        }))
    }

    async fn get_plugin_metadata(
        &self,
        request: Request<PluginMetadataRequest>,
    ) -> Result<Response<PluginMetadata>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let patience = patience(request.metadata());
        let request = request.into_inner();
        let auto = request.upgrade_mode() == MetadataUpgradeMode::Auto;
        let wanted = self
            .0
            .wanted(request.plugin_id, request.version, auto, caller.domain_id)
            .await?;
        let metadata = Box::pin(self.0.metadata(&wanted, request.options, patience)).await?;
        Ok(Response::new(PluginMetadata { metadata }))
    }

    /// Has the pods replaced.
    async fn notify_failure(
        &self,
        request: Request<PluginFailureRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        if !caller.is_administrator() {
            return Err(Failure::Denied.into());
        }
        let request = request.into_inner();
        self.0
            .replace(
                &caller,
                &request.supervisor_id,
                &request.plugin_id,
                &request.version,
            )
            .await?;
        Ok(Response::new(()))
    }
}

impl Endpoints {
    /// The domain of whoever asks: of a token that holds, else the lab's first.
    async fn domain_of(&self, metadata: &MetadataMap) -> String {
        if metadata.contains_key("token")
            && let Ok(caller) = self.0.database.verifier.caller(metadata).await
        {
            return caller.domain_id;
        }
        self.0.settings.login.domain_id()
    }
}

impl Plugins {
    async fn wanted(
        &self,
        plugin_id: String,
        version: String,
        auto: bool,
        domain_id: String,
    ) -> Result<Wanted, Failure> {
        required("plugin_id", &plugin_id)?;
        let version = if auto {
            self.newest(&plugin_id, &domain_id).await?
        } else {
            required("version", &version)?;
            version
        };
        Ok(Wanted {
            plugin_id,
            version,
            domain_id,
        })
    }

    /// Asks one pod.
    async fn metadata(
        &self,
        wanted: &Wanted,
        options: Option<Struct>,
        patience: Duration,
    ) -> Result<Option<Struct>, Failure> {
        let drawn = Box::pin(self.draw(wanted, patience)).await?;
        let pod = self
            .channels
            .at(&drawn.endpoint)
            .map_err(|error| Failure::Upstream(error.to_string()))?;
        if drawn.resource_type == DATA_SOURCE {
            let request = cost_analysis::plugin::InitRequest {
                options,
                domain_id: wanted.domain_id.clone(),
            };
            let told: cost_analysis::plugin::PluginInfo =
                pod.call(INIT_DATA_SOURCE, request, &CallAs::NOBODY).await?;
            return Ok(told.metadata);
        }
        let request = inventory::plugin::InitRequest { options };
        let told: inventory::plugin::PluginInfo =
            pod.call(INIT_COLLECTOR, request, &CallAs::NOBODY).await?;
        Ok(told.metadata)
    }

    /// Marks an installed plugin so that its supervisor replaces the pods.
    pub(super) async fn replace(
        &self,
        caller: &Caller,
        supervisor_id: &str,
        plugin_id: &str,
        version: &str,
    ) -> Result<Document, Failure> {
        required("supervisor_id", supervisor_id)?;
        required("version", version)?;
        self.changeable(caller, supervisor_id).await?;
        let scope = doc! { "supervisor_id": supervisor_id, "version": version };
        let row = self.database.one(&INSTALLED, scope, plugin_id).await?;
        let set = doc! { "state": RE_PROVISIONING, "updated_at": DateTime::now() };
        self.database.change(&INSTALLED, row, set).await
    }
}
