//! Removes plugins that nobody has asked for in a while; their supervisor then stops the pods.
//!
//! The rule: a plugin is in use for `plugin_idle` after each `get_plugin_endpoint` of it. Workers ask
//! once for each task, so a job keeps its plugin. One call that takes longer than `plugin_idle` is
//! not cut off either: the pod is asked to stop, and finishes the calls that it has within its grace
//! period. A caller that needs longer than that asks again from time to time.

use std::sync::Arc;
use std::time::Duration;

use bson::{DateTime, doc};
use tokio::time::sleep;

use super::Plugins;
use super::books::INSTALLED;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Found, text};

/// Upstream looks every hour.
const RARELY: Duration = Duration::from_secs(60);
/// Short settings are for watching it happen.
const OFTEN: Duration = Duration::from_millis(200);

/// Removes them as long as it is polled.
pub(super) async fn watch(plugins: &Arc<Plugins>) {
    let idle = plugins.settings.plugin_idle;
    loop {
        sleep((idle / 4).clamp(OFTEN, RARELY)).await;
        if let Err(error) = plugins.remove_idle(idle).await {
            tracing::warn!(%error, "cannot look for idle plugins");
        }
    }
}

impl Plugins {
    async fn remove_idle(&self, idle: Duration) -> Result<(), Failure> {
        let idle = i64::try_from(idle.as_millis()).unwrap_or(i64::MAX);
        let last = DateTime::now().timestamp_millis().saturating_sub(idle);
        let unused = doc! { "endpoint_called_at": { "$lt": DateTime::from_millis(last) } };
        let rows = self.database.rows(&INSTALLED).await?;
        let found = Found {
            filter: unused.clone(),
            ..Found::default()
        };
        for row in rows.find(found).await? {
            let mut this = unused.clone();
            this.insert("_id", row.get("_id").cloned().unwrap_or_default());
            // Nothing is deleted if it has been asked for in between.
            if rows.delete(this).await? > 0 {
                tracing::info!(
                    plugin = text(&row, "plugin_id"),
                    version = text(&row, "version"),
                    "nobody uses this plugin, so it is removed"
                );
            }
        }
        Ok(())
    }
}
