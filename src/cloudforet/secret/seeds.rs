//! The secrets of the configured plugins' accounts. They hold no credentials, only whose cloud it
//! is, and are there so that a plugin that needs none is used in the same way as one that does.

use bson::{DateTime, doc};

use super::{SECRET, Secrets, data};
use crate::cloudforet::error::Failure;
use crate::cloudforet::query::value::from_document;
use crate::cloudforet::settings::stable_id;

impl Secrets {
    /// Inserts what is missing. The ids follow from names, as identity's do.
    pub(super) async fn sow(&self) -> Result<(), Failure> {
        let login = &self.settings.login;
        let mut rows = Vec::new();
        let mut held = Vec::new();
        for plugin in &self.settings.plugins {
            for provider in &plugin.providers {
                let name = format!("{}:{provider}", plugin.name);
                let id = stable_id("secret", &name);
                let whose = from_document(&doc! { "provider": provider });
                held.push(self.sealed(&id, &whose)?);
                rows.push(doc! {
                    "secret_id": id,
                    "name": &name,
                    "state": "ENABLED",
                    "schema_id": "",
                    "provider": provider,
                    "tags": {},
                    "resource_group": "PROJECT",
                    "domain_id": login.domain_id(),
                    "workspace_id": login.workspace_id(),
                    "project_id": stable_id("project", "Default"),
                    "service_account_id": stable_id("sa", &name),
                    "created_at": DateTime::now(),
                });
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        // What they hold first: a secret without data would be an error for whoever reads it.
        let data = self.database.mongo.collection(data::COLLECTION).await?;
        data.insert_missing(&held).await?;
        let secrets = self.database.rows(&SECRET).await?;
        secrets.insert_missing(&rows).await
    }
}
