//! What a supervisor says: that it is there, and how the plugins are that it runs.

use bson::{Bson, DateTime, Document, doc};

use super::Plugins;
use super::books::{self, ACTIVE, ENABLED, INSTALLED, PENDING, SUPERVISOR};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::plugin::v1::{PluginInfo, PublishSupervisorRequest, plugin_info};
use crate::cloudforet::query::value::{list_to_bson, to_document};
use crate::cloudforet::settings::new_id;

/// The supervisor that works for every domain, as upstream.
const ROOT: &str = "root";
/// The tag under which a supervisor tells why plugins have no pods that are ready: a list of
/// `{plugin_id, version, reason}`.
// Lab: upstream has no place for it, and its callers learn nothing but that time ran out.
pub(crate) const NOT_READY: &str = "not_ready";

impl Plugins {
    /// Keeps what was said; returns the supervisor's row.
    pub(super) async fn publish(
        &self,
        caller: &Caller,
        request: PublishSupervisorRequest,
    ) -> Result<Document, Failure> {
        let name = required("name", &request.name)?;
        let hostname = required("hostname", &request.hostname)?;
        let domain_id = if request.domain_id.is_empty() {
            &caller.domain_id
        } else {
            &request.domain_id
        };
        let tags = request.tags.as_ref().map(to_document).unwrap_or_default();
        let labels = request.labels.as_ref().map(list_to_bson);
        let this = doc! { "name": name, "hostname": hostname, "domain_id": domain_id };
        let mut heard = doc! { "updated_at": DateTime::now(), "tags": tags.clone() };
        if let Some(labels) = labels {
            heard.insert("labels", labels);
        }
        let supervisor = self
            .heard_of(this, heard, name == ROOT, request.is_public)
            .await?;
        let supervisor_id = text(&supervisor, "supervisor_id");
        let reasons = tags.get_array(NOT_READY).map_or(&[][..], Vec::as_slice);
        for plugin in &request.plugin_info {
            let of_this = |reason: &&Document| {
                text(reason, "plugin_id") == plugin.plugin_id
                    && text(reason, "version") == plugin.version
            };
            let mut reasons = reasons.iter().filter_map(Bson::as_document);
            let reason = reasons
                .find(of_this)
                .and_then(|one| one.get_str("reason").ok());
            self.enter(&supervisor_id, plugin, reason).await?;
        }
        self.published.notify_waiters();
        Ok(supervisor)
    }

    /// The row of a supervisor that has just spoken; a new one the first time.
    async fn heard_of(
        &self,
        this: Document,
        heard: Document,
        root: bool,
        is_public: bool,
    ) -> Result<Document, Failure> {
        let rows = self.database.rows(&SUPERVISOR).await?;
        let update = doc! { "$set": &heard };
        if let Some(row) = rows.modify(this.clone(), update.clone()).await? {
            return Ok(row);
        }
        let mut row = this.clone();
        row.extend(heard);
        row.extend(doc! {
            "supervisor_id": new_id("supervisor"),
            // Any other has to be registered by its domain's administrator first.
            "state": if root { ENABLED } else { PENDING },
            "is_public": root || is_public,
            "created_at": DateTime::now(),
        });
        match rows.insert(&row).await {
            Ok(()) => Ok(row),
            // Another replica was told the same.
            Err(Failure::Exists(_)) => {
                let row = rows.modify(this, update).await?;
                row.ok_or_else(|| Failure::Unknown("the supervisor has just gone".to_owned()))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Enters how a plugin is. What is not in the books any more is not entered again.
    async fn enter(
        &self,
        supervisor_id: &str,
        plugin: &PluginInfo,
        reason: Option<&str>,
    ) -> Result<(), Failure> {
        let state = match plugin.state() {
            plugin_info::State::None => ACTIVE,
            state => state.as_str_name(),
        };
        let this = doc! {
            "plugin_id": &plugin.plugin_id,
            "version": &plugin.version,
            "supervisor_id": supervisor_id,
        };
        let set = doc! {
            "state": state,
            "endpoint": &plugin.endpoint,
            "endpoints": plugin.endpoints.clone(),
            "reason": reason.map_or(Bson::Null, Into::into),
            "updated_at": DateTime::now(),
        };
        let rows = self.database.rows(&INSTALLED).await?;
        rows.update(this, doc! { "$set": set }).await.map(drop)
    }

    /// A supervisor that the caller may change.
    pub(super) async fn changeable(
        &self,
        caller: &Caller,
        supervisor_id: &str,
    ) -> Result<Document, Failure> {
        let scope = books::changeable_by(caller)?;
        self.database.one(&SUPERVISOR, scope, supervisor_id).await
    }
}
