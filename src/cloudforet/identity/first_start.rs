//! What an empty identity database gets: a domain, its workspace, its administrator.
//!
//! The ids follow from the domain's name, and the indexes are unique, so replicas that start at
//! once create the same rows and all but one of each insert is ignored. What is there already is
//! never changed: a password that was changed stays changed.

use bson::{DateTime, doc};

use super::{DOMAIN, USER, WORKSPACE, attempts, keys, password};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::Mongo;
use crate::cloudforet::settings::Login;

/// Makes sure of the indexes, and of the first domain.
pub(super) async fn create(mongo: &Mongo, login: &Login) -> Result<(), Failure> {
    let domains = mongo.collection(DOMAIN.collection).await?;
    let workspaces = mongo.collection(WORKSPACE.collection).await?;
    let users = mongo.collection(USER.collection).await?;
    let secrets = mongo.collection(keys::COLLECTION).await?;
    let failures = mongo.collection(attempts::COLLECTION).await?;
    tokio::try_join!(
        domains.index(true, &[&["domain_id"], &["name"]]),
        workspaces.index(true, &[&["workspace_id"], &["domain_id", "name"]]),
        users.index(true, &[&["domain_id", "user_id"]]),
        secrets.index(true, &[&["domain_id"]]),
        failures.index(true, &[&["domain_id", "user_id"]]),
    )?;
    let domain = login.domain_id();
    let administrator = doc! { "domain_id": &domain, "user_id": &login.user };
    if users.find_one(administrator).await?.is_some() {
        return Ok(());
    }
    let now = DateTime::now();
    domains
        .insert_missing(&[doc! {
            "domain_id": &domain,
            "name": &login.domain,
            "state": "ENABLED",
            "tags": {},
            "created_at": now,
        }])
        .await?;
    workspaces
        .insert_missing(&[doc! {
            "workspace_id": login.workspace_id(),
            "name": "Default",
            "state": "ENABLED",
            "tags": {},
            "created_by": &login.user,
            "domain_id": &domain,
            "created_at": now,
        }])
        .await?;
    users
        .insert_missing(&[doc! {
            "user_id": &login.user,
            "password": password::hash(&login.password).await?,
            "name": "Administrator",
            "state": "ENABLED",
            "email": "",
            "email_verified": false,
            "auth_type": "LOCAL",
            "role_id": "managed-domain-admin",
            "role_type": "DOMAIN_ADMIN",
            "language": "en",
            "timezone": "UTC",
            "tags": {},
            "domain_id": &domain,
            "created_at": now,
        }])
        .await
}
