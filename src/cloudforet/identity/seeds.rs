//! What the configured plugins need of identity: providers, accounts, a project for these.
//!
//! Every start inserts what is missing and changes nothing that is there. The ids follow from
//! names, so that the secret and inventory services, which make theirs at the same time, mean the
//! same rows.

use bson::{DateTime, Document, doc};

use super::{WORKSPACE, project, provider, service_account_row};
use crate::cloudforet::database::Database;
use crate::cloudforet::error::Failure;
use crate::cloudforet::settings::{Settings, stable_id};

/// Makes sure of them.
pub(super) async fn sow(database: &Database, settings: &Settings) -> Result<(), Failure> {
    let domain = settings.login.domain_id();
    let workspace = settings.login.workspace_id();
    let place = doc! { "domain_id": &domain, "workspace_id": &workspace };
    let workspaces = database.rows(&WORKSPACE).await?;
    if workspaces.find_one(place).await?.is_none() {
        // Deleted by its administrator: it is not for us to put anything there.
        return Ok(());
    }
    let now = DateTime::now();
    let project_id = stable_id("project", "Default");
    let project = doc! {
        "project_id": &project_id,
        "name": "Default",
        "project_type": "PUBLIC",
        "tags": {},
        "users": [],
        "created_by": &settings.login.user,
        "project_group_id": "",
        "domain_id": &domain,
        "workspace_id": &workspace,
        "created_at": now,
    };
    let projects = database.rows(&project::KIND).await?;
    projects.insert_missing(&[project]).await?;
    let mut providers = Vec::new();
    let mut accounts = Vec::new();
    for plugin in &settings.plugins {
        for name in &plugin.providers {
            providers.push(provider::new_row(&domain, name));
            accounts.push(account(
                &format!("{}:{name}", plugin.name),
                name,
                [&domain, &workspace, &project_id],
            ));
        }
    }
    if providers.is_empty() {
        return Ok(());
    }
    let rows = database.rows(&provider::KIND).await?;
    rows.insert_missing(&providers).await?;
    let rows = database.rows(&service_account_row::KIND).await?;
    rows.insert_missing(&accounts).await
}

/// The account whose secret the secret service makes under the same name.
fn account(name: &str, provider: &str, [domain, workspace, project]: [&str; 3]) -> Document {
    doc! {
        "service_account_id": stable_id("sa", name),
        "name": name,
        "state": "ACTIVE",
        "data": {},
        "provider": provider,
        "tags": {},
        "secret_schema_id": "",
        "secret_id": stable_id("secret", name),
        "project_id": project,
        "domain_id": domain,
        "workspace_id": workspace,
        "created_at": DateTime::now(),
    }
}
