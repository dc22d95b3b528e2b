//! Indexes, and the data sources of the configured plugins.

use bson::{DateTime, Document, doc};

use super::{cost_row, data_source_row, job, job_task};
use crate::cloudforet::database::Database;
use crate::cloudforet::error::Failure;
use crate::cloudforet::settings::{Settings, stable_id};
use crate::model::{DATA_SOURCE, Plugin};

/// Makes sure of both.
pub(super) async fn create(database: &Database, settings: &Settings) -> Result<(), Failure> {
    let sources = database.rows(&data_source_row::KIND).await?;
    let costs = database.rows(&cost_row::KIND).await?;
    let jobs = database.rows(&job::KIND).await?;
    let tasks = database.rows(&job_task::KIND).await?;
    tokio::try_join!(
        sources.index(true, &[&["data_source_id"]]),
        costs.index(true, &[&["cost_id"]]),
        jobs.index(true, &[&["job_id"], &["running"]]),
        tasks.index(true, &[&["job_task_id"]]),
    )?;
    tokio::try_join!(
        costs.index(
            false,
            &[
                &["domain_id", "workspace_id", "billed_date"],
                &["domain_id", "data_source_id", "billed_date"],
                &["data_source_id", "secret_id", "billed_date"],
            ],
        ),
        jobs.index(false, &[&["status"], &["domain_id", "data_source_id"]]),
        tasks.index(false, &[&["job_id"]]),
    )?;
    let seeds: Vec<Document> = settings
        .plugins
        .iter()
        .filter(|plugin| plugin.resource_type == DATA_SOURCE)
        .map(|plugin| seed(plugin, settings))
        .collect();
    if seeds.is_empty() {
        return Ok(());
    }
    sources.insert_missing(&seeds).await
}

/// The data source of a configured plugin, with the secrets that are made for it elsewhere.
fn seed(plugin: &Plugin, settings: &Settings) -> Document {
    let now = DateTime::now();
    let secrets = plugin.providers.iter();
    let secrets: Vec<String> = secrets
        .map(|provider| stable_id("secret", &format!("{}:{provider}", plugin.name)))
        .collect();
    // Of several providers none is the data source's own; each secret says its own.
    let provider = match plugin.providers.as_slice() {
        [one] => one.as_str(),
        _ => "",
    };
    let options = bson::serialize_to_bson(&plugin.options).unwrap_or_default();
    doc! {
        "data_source_id": stable_id("ds", &plugin.name),
        "name": &plugin.name,
        "state": "ENABLED",
        "data_source_type": "EXTERNAL",
        "provider": provider,
        "secret_type": "USE_SERVICE_ACCOUNT_SECRET",
        "secret_filter": { "state": "ENABLED", "secrets": secrets },
        "plugin_info": {
            "plugin_id": &plugin.plugin_id,
            "version": &plugin.version,
            "upgrade_mode": "MANUAL",
            "options": options.as_document().cloned().unwrap_or_default(),
            "metadata": {},
        },
        "schedule": { "state": "DISABLED", "hour": 0 },
        "template": {},
        "tags": {},
        "resource_group": "WORKSPACE",
        "domain_id": settings.login.domain_id(),
        "workspace_id": settings.login.workspace_id(),
        "created_at": now,
        "updated_at": now,
    }
}
