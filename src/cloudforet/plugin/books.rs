//! The two kinds of rows: supervisors, and the plugins installed at each.

use std::time::Duration;

use bson::{DateTime, Document, doc};

use super::Plugins;
use crate::cloudforet::auth::Caller;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Found, Mongo};
use crate::cloudforet::resource::Kind;

/// States of supervisors and plugins, as rows have them.
pub(super) const ENABLED: &str = "ENABLED";
pub(super) const DISABLED: &str = "DISABLED";
pub(super) const PENDING: &str = "PENDING";
pub(super) const PROVISIONING: &str = "PROVISIONING";
pub(super) const RE_PROVISIONING: &str = "RE_PROVISIONING";
pub(super) const ACTIVE: &str = "ACTIVE";
pub(super) const ERROR: &str = "ERROR";

/// A supervisor publishes every few seconds, so one that has been silent for so long has gone.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

pub(super) const SUPERVISOR: Kind = Kind {
    collection: "supervisor",
    id: "supervisor_id",
    minimal: &["supervisor_id", "name", "hostname", "state"],
    keyword: &["supervisor_id", "name", "hostname"],
};
/// No id of its own: a plugin in a version at a supervisor.
pub(super) const INSTALLED: Kind = Kind {
    collection: "installed_plugin",
    id: "plugin_id",
    minimal: &["plugin_id", "version", "state", "supervisor_id"],
    keyword: &["plugin_id", "version"],
};

/// What keeps the books right: two replicas that install the same plugin make one row.
pub(super) async fn indexes(mongo: &Mongo) -> Result<(), Failure> {
    let supervisors = mongo.collection(SUPERVISOR.collection).await?;
    let installed = mongo.collection(INSTALLED.collection).await?;
    tokio::try_join!(
        supervisors.index(
            true,
            &[&["supervisor_id"], &["name", "hostname", "domain_id"]]
        ),
        installed.index(true, &[&["plugin_id", "version", "supervisor_id"]]),
    )?;
    installed.index(false, &[&["supervisor_id"]]).await
}

/// Whether a supervisor was heard of lately.
pub(super) fn is_heard(supervisor: &Document) -> bool {
    silence(supervisor) < SILENCE
}

/// For how long nothing was heard of a supervisor.
pub(super) fn silence(supervisor: &Document) -> Duration {
    let heard = supervisor
        .get_datetime("updated_at")
        .map_or(0, |heard| heard.timestamp_millis());
    let silent = DateTime::now().timestamp_millis() - heard;
    Duration::from_millis(u64::try_from(silent).unwrap_or_default())
}

/// The supervisors that work for a domain: everybody's, and its own.
pub(super) fn open_to(domain_id: &str) -> Document {
    doc! { "$or": [{ "is_public": true }, { "domain_id": domain_id }] }
}

/// What a caller may see of supervisors.
pub(super) fn visible_to(caller: &Caller) -> Document {
    if caller.is_system() {
        Document::new()
    } else {
        open_to(&caller.domain_id)
    }
}

/// What a caller may change of supervisors.
pub(super) fn changeable_by(caller: &Caller) -> Result<Document, Failure> {
    if !caller.is_administrator() {
        return Err(Failure::Denied);
    }
    Ok(if caller.is_system() {
        Document::new()
    } else {
        doc! { "domain_id": &caller.domain_id }
    })
}

impl Plugins {
    /// Supervisors, all of them.
    pub(super) async fn supervisors(&self, filter: Document) -> Result<Vec<Document>, Failure> {
        let found = Found {
            filter,
            ..Found::default()
        };
        self.database.rows(&SUPERVISOR).await?.find(found).await
    }
}
