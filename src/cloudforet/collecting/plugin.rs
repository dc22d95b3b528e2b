//! A collector's plugin: which one, and a pod of it to talk to.

use bson::{Document, doc};
use prost_types::Struct;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tonic::Status;

use crate::cloudforet::client::{Answers, CallAs, Target};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::inventory::plugin::{
    CollectRequest, GetTaskRequest, InitRequest, PluginInfo, ResourceInfo, TaskFilter, TasksInfo,
    VerifyRequest,
};
use crate::cloudforet::query::value::{from_document, to_document};

const INIT: &str = "/spaceone.api.inventory.plugin.Collector/init";
const VERIFY: &str = "/spaceone.api.inventory.plugin.Collector/verify";
const COLLECT: &str = "/spaceone.api.inventory.plugin.Collector/collect";
const GET_TASKS: &str = "/spaceone.api.inventory.plugin.Job/get_tasks";

/// The plugin of a collector.
#[expect(
    clippy::struct_field_names,
    reason = "tasks in the queue have these names"
)]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plugin {
    pub(crate) plugin_id: String,
    pub(crate) version: String,
    pub(crate) options: Map<String, Value>,
    /// `AUTO` or `MANUAL`.
    pub(crate) upgrade_mode: String,
}

/// One pod of a plugin, dialled by its own address. What it answers is not balanced.
#[derive(Clone, Debug)]
pub(crate) struct PluginPod {
    target: Target,
    /// The plugin's version there.
    pub(crate) version: String,
}

// === impl Plugin ===

impl Plugin {
    /// From a collector's row.
    pub(crate) fn of(collector: &Document) -> Self {
        let empty = Document::new();
        let info = collector.get_document("plugin_info").unwrap_or(&empty);
        let options = info.get_document("options").unwrap_or(&empty);
        Self {
            plugin_id: text(info, "plugin_id"),
            version: text(info, "version"),
            options: bson::deserialize_from_document(options.clone()).unwrap_or_default(),
            upgrade_mode: text(info, "upgrade_mode"),
        }
    }

    /// The collector's options, as the plugin wants them.
    pub(crate) fn options(&self) -> Struct {
        let options: Document = bson::serialize_to_document(&self.options).unwrap_or_default();
        from_document(&options)
    }
}

// === impl PluginPod ===

impl PluginPod {
    pub(super) fn new(target: Target, version: String) -> Self {
        Self { target, version }
    }

    /// What the plugin can do with these options.
    pub(crate) async fn init(&self, plugin: &Plugin) -> Result<Document, Failure> {
        let request = InitRequest {
            options: Some(plugin.options()),
        };
        let answer: PluginInfo = self.target.call(INIT, request, &CallAs::NOBODY).await?;
        Ok(answer.metadata.as_ref().map_or(doc! {}, to_document))
    }

    /// Whether the plugin gets in with this credential.
    pub(crate) async fn verify(&self, plugin: &Plugin, secret_data: Struct) -> Result<(), Failure> {
        let request = VerifyRequest {
            options: Some(plugin.options()),
            secret_data: Some(secret_data),
        };
        Ok(self.target.call(VERIFY, request, &CallAs::NOBODY).await?)
    }

    /// The parts into which the plugin divides its work; none if it does not.
    pub(crate) async fn tasks(
        &self,
        plugin: &Plugin,
        secret_data: Struct,
    ) -> Result<Vec<Document>, Status> {
        let request = GetTaskRequest {
            secret_data: Some(secret_data),
            options: Some(plugin.options()),
            task_filter: Some(TaskFilter::default()),
        };
        let answer: TasksInfo = self
            .target
            .call(GET_TASKS, request, &CallAs::NOBODY)
            .await?;
        let tasks = answer.tasks.iter();
        Ok(tasks
            .map(|task| task.task_options.as_ref().map_or(doc! {}, to_document))
            .collect())
    }

    /// The resources of one part.
    pub(crate) async fn collect(
        &self,
        plugin: &Plugin,
        secret_data: Struct,
        part: &Document,
    ) -> Result<Answers<ResourceInfo>, Status> {
        let request = CollectRequest {
            options: Some(plugin.options()),
            secret_data: Some(secret_data),
            filter: Some(Struct::default()),
            task_options: Some(from_document(part)),
        };
        self.target.stream(COLLECT, request, &CallAs::NOBODY).await
    }
}
