//! The pod of a data source's plugin, dialled by its own address.

use bson::Document;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::{Place, Secret};
use crate::cloudforet::client::{Answers, CallAs, Target};
use crate::cloudforet::cost_analysis::CostAnalysis;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{structure, text};
use crate::cloudforet::proto::cost_analysis::plugin as api;
use crate::cloudforet::proto::plugin::v1::plugin_endpoint_request::UpgradeMode;
use crate::cloudforet::proto::plugin::v1::{PluginEndpoint, PluginEndpointRequest};

const GET_ENDPOINT: &str = "/spaceone.api.plugin.v1.Plugin/get_plugin_endpoint";
const INIT: &str = "/spaceone.api.cost_analysis.plugin.DataSource/init";
const VERIFY: &str = "/spaceone.api.cost_analysis.plugin.DataSource/verify";
const GET_TASKS: &str = "/spaceone.api.cost_analysis.plugin.Job/get_tasks";
const GET_DATA: &str = "/spaceone.api.cost_analysis.plugin.Cost/get_data";

/// One pod of a plugin, with the data source's options.
pub(in crate::cloudforet::cost_analysis) struct Plugin {
    pod: Target,
    options: Struct,
    domain_id: String,
}

impl Plugin {
    /// Asks the plugin service for a pod, which starts one if none runs; another one each time.
    pub(in crate::cloudforet::cost_analysis) async fn of(
        service: &CostAnalysis,
        source: &Document,
    ) -> Result<Self, Failure> {
        let info = source.get_document("plugin_info");
        let info = info.map_err(|_| Failure::Required("plugin_info"))?;
        let mode = match text(info, "upgrade_mode").as_str() {
            "MANUAL" => UpgradeMode::Manual,
            _ => UpgradeMode::Auto,
        };
        let place = Place::of(source);
        let request = PluginEndpointRequest {
            plugin_id: text(info, "plugin_id"),
            version: text(info, "version"),
            upgrade_mode: mode.into(),
            labels: None,
            domain_id: place.domain_id.clone(),
        };
        let plugins = service.channels.target("plugin");
        let plugins = plugins.map_err(|error| Failure::Upstream(error.to_string()))?;
        let system = place.as_system(service)?;
        let found: PluginEndpoint = plugins.call(GET_ENDPOINT, request, &system).await?;
        let pod = service.channels.at(&found.endpoint);
        Ok(Self {
            pod: pod.map_err(|error| Failure::Upstream(error.to_string()))?,
            options: structure(info, "options").unwrap_or_default(),
            domain_id: place.domain_id,
        })
    }

    /// What the plugin says of itself.
    pub(in crate::cloudforet::cost_analysis) async fn init(
        &self,
    ) -> Result<Option<Struct>, Failure> {
        let request = api::InitRequest {
            options: Some(self.options.clone()),
            domain_id: self.domain_id.clone(),
        };
        let answer: api::PluginInfo = self.pod.call(INIT, request, &CallAs::NOBODY).await?;
        Ok(answer.metadata)
    }

    /// Whether the plugin can work with a secret.
    pub(in crate::cloudforet::cost_analysis) async fn verify(
        &self,
        secret: &Secret,
    ) -> Result<(), Failure> {
        let request = api::PluginVerifyRequest {
            options: Some(self.options_for(secret)),
            secret_data: Some(secret.data.clone()),
            schema: secret.schema_id.clone(),
            domain_id: self.domain_id.clone(),
        };
        Ok(self
            .pod
            .call::<_, ()>(VERIFY, request, &CallAs::NOBODY)
            .await?)
    }

    /// How the plugin divides its work for a secret.
    pub(super) async fn tasks(
        &self,
        secret: &Secret,
        start: &str,
        last_synchronized_at: &str,
    ) -> Result<api::TasksInfo, Failure> {
        let request = api::GetTasksRequest {
            options: Some(self.options_for(secret)),
            secret_data: Some(secret.data.clone()),
            schema: secret.schema_id.clone(),
            start: start.to_owned(),
            last_synchronized_at: last_synchronized_at.to_owned(),
            domain_id: self.domain_id.clone(),
            linked_accounts: Vec::new(),
        };
        Ok(self.pod.call(GET_TASKS, request, &CallAs::NOBODY).await?)
    }

    /// The costs of a task.
    pub(super) async fn costs(
        &self,
        secret: &Secret,
        task_options: Struct,
    ) -> Result<Answers<api::CostsInfo>, Failure> {
        let request = api::GetDataRequest {
            options: Some(self.options_for(secret)),
            secret_data: Some(secret.data.clone()),
            schema: secret.schema_id.clone(),
            task_options: Some(task_options),
            domain_id: self.domain_id.clone(),
        };
        Ok(self.pod.stream(GET_DATA, request, &CallAs::NOBODY).await?)
    }

    /// The options, and the secret's provider unless they name one.
    // Lab: upstream a plugin is for one provider and need not be told.
    fn options_for(&self, secret: &Secret) -> Struct {
        let mut options = self.options.clone();
        if !secret.provider.is_empty() {
            let provider = Value {
                kind: Some(Kind::StringValue(secret.provider.clone())),
            };
            let key = "provider".to_owned();
            options.fields.entry(key).or_insert(provider);
        }
        options
    }
}
