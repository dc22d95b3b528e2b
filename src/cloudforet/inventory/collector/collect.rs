//! `Collector.collect`: a job is made, and its tasks are put into the queue.

use bson::{DateTime, Document, doc};
use futures_util::future::try_join_all;
use tonic::Code;

use super::super::Inventory;
use super::super::shared::ALL_WORKSPACES;
use crate::cloudforet::auth::Caller;
use crate::cloudforet::collecting::{
    self, Beginning, COLLECTOR, Plugin, PluginPod, SecretInfo, SubTask,
};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::secret::v1 as secret;

/// Pods that are tried before a plugin is thought lost.
const TRIES: u32 = 3;

impl Inventory {
    /// Runs a collector, and returns the job.
    pub(super) async fn collect(
        &self,
        caller: &Caller,
        collector: Document,
        secret_id: &str,
    ) -> Result<Document, Failure> {
        let workspace = workspace_of(caller, &collector);
        let (pod, plugin, collector) = self.ready_plugin(collector).await?;
        let domain = text(&collector, "domain_id");
        let secrets = self
            .callees
            .secrets(&domain, &workspace, &collector, secret_id)
            .await?;
        if secrets.is_empty() && !secret_id.is_empty() {
            return Err(Failure::NotFound {
                key: "secret_id",
                value: secret_id.to_owned(),
            });
        }
        let divided = secrets
            .into_iter()
            .map(|secret| self.divide(&domain, &pod, &plugin, secret));
        let beginning = Beginning {
            collector: &collector,
            plugin: &plugin,
            secret_id,
            workspace_id: &workspace,
            secrets: try_join_all(divided).await?,
        };
        let mongo = &self.database.mongo;
        let job = collecting::begin(mongo, &self.queue, beginning).await?;
        let set = doc! { "last_collected_at": DateTime::now() };
        self.database.change(&COLLECTOR, collector, set).await?;
        Ok(job)
    }

    /// Whether the plugin gets in with the collector's credentials, or the one that is named.
    pub(super) async fn verify(
        &self,
        caller: &Caller,
        collector: Document,
        secret_id: &str,
    ) -> Result<(), Failure> {
        let workspace = workspace_of(caller, &collector);
        let (pod, plugin, collector) = self.ready_plugin(collector).await?;
        let domain = text(&collector, "domain_id");
        let secrets = self
            .callees
            .secrets(&domain, &workspace, &collector, secret_id)
            .await?;
        if secrets.is_empty() {
            return Err(Failure::NotFound {
                key: "secret_id",
                value: secret_id.to_owned(),
            });
        }
        for one in secrets {
            let data = self
                .callees
                .secret_data(&domain, &one.workspace_id, &one.secret_id)
                .await?;
            pod.verify(&plugin, data).await?;
        }
        Ok(())
    }

    /// A pod of the collector's plugin. If that is of another version than the one that was
    /// initialised last, it is initialised now.
    async fn ready_plugin(
        &self,
        collector: Document,
    ) -> Result<(PluginPod, Plugin, Document), Failure> {
        let mut plugin = Plugin::of(&collector);
        let domain = text(&collector, "domain_id");
        let known = text(&collector, "initialised");
        let mut tries = TRIES;
        let (pod, metadata) = loop {
            let pod = self.callees.pod(&domain, &plugin).await?;
            if known == pod.version && !known.is_empty() {
                return Ok((pod, plugin, collector));
            }
            tries -= 1;
            match pod.init(&plugin).await {
                Ok(metadata) => break (pod, metadata),
                // That pod has just died, and the next one is another.
                Err(Failure::Upstream(_)) if tries > 0 => {}
                Err(failure) => return Err(failure),
            }
        };
        plugin.version.clone_from(&pod.version);
        let mut info = collector
            .get_document("plugin_info")
            .cloned()
            .unwrap_or_default();
        info.insert("version", &plugin.version);
        info.insert("metadata", metadata);
        let set = doc! { "plugin_info": info, "initialised": &plugin.version };
        let collector = self.database.change(&COLLECTOR, collector, set).await?;
        Ok((pod, plugin, collector))
    }

    /// The parts of a credential's work. A plugin that cannot divide it has one.
    async fn divide(
        &self,
        domain: &str,
        pod: &PluginPod,
        plugin: &Plugin,
        secret: secret::SecretInfo,
    ) -> Result<SubTask, Failure> {
        let data = self
            .callees
            .secret_data(domain, &secret.workspace_id, &secret.secret_id)
            .await?;
        let mut tries = TRIES;
        let mut pod = pod.clone();
        let mut parts = loop {
            tries -= 1;
            match pod.tasks(plugin, data.clone()).await {
                Ok(parts) => break parts,
                Err(status) if status.code() == Code::Unavailable && tries > 0 => {
                    pod = self.callees.pod(domain, plugin).await?;
                }
                Err(status) => {
                    tracing::info!(%status, plugin = plugin.plugin_id, "the work is not divided");
                    break Vec::new();
                }
            }
        };
        if parts.is_empty() {
            parts.push(Document::new());
        }
        Ok(SubTask {
            secret: SecretInfo {
                secret_id: secret.secret_id,
                service_account_id: secret.service_account_id,
                project_id: secret.project_id,
                workspace_id: secret.workspace_id,
                provider: secret.provider,
            },
            parts,
        })
    }
}

/// Whose secrets are used: the collector's own workspace's, or the caller's if the collector belongs
/// to all; empty for all workspaces.
fn workspace_of(caller: &Caller, collector: &Document) -> String {
    match text(collector, "workspace_id") {
        all if all == ALL_WORKSPACES => caller.workspace_id.clone().unwrap_or_default(),
        own => own,
    }
}
