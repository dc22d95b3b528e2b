//! What an empty identity database gets: a domain, its workspace, its administrator.
//!
//! The ids follow from the domain's name, and the indexes are unique, so replicas that start at
//! once create the same rows and all but one of each insert is ignored. What is there already is
//! never changed: a password that was changed stays changed.

use bson::{DateTime, Document, doc};

use super::{DOMAIN, USER, WORKSPACE, attempts, keys, password};
use super::{project, project_group, provider, role, service_account_row};
use crate::cloudforet::database::Database;
use crate::cloudforet::error::Failure;
use crate::cloudforet::settings::Login;

/// Makes sure of the indexes, and of the first domain.
pub(super) async fn create(database: &Database, login: &Login) -> Result<(), Failure> {
    indexes(database).await?;
    let domain = login.domain_id();
    let users = database.rows(&USER).await?;
    let administrator = doc! { "domain_id": &domain, "user_id": &login.user };
    if users.find_one(administrator).await?.is_some() {
        return role::create(database, &domain).await;
    }
    let now = DateTime::now();
    database
        .rows(&DOMAIN)
        .await?
        .insert_missing(&[doc! {
            "domain_id": &domain,
            "name": &login.domain,
            "state": "ENABLED",
            "tags": {},
            "created_at": now,
        }])
        .await?;
    database
        .rows(&WORKSPACE)
        .await?
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
    role::create(database, &domain).await?;
    let password = password::hash(&login.password).await?;
    users
        .insert_missing(&[administrator_row(&domain, &login.user, &password)])
        .await
}

/// A new administrator of a domain.
pub(super) fn administrator_row(domain: &str, user: &str, password: &str) -> Document {
    doc! {
        "user_id": user,
        "password": password,
        "name": "Administrator",
        "state": "ENABLED",
        "email": "",
        "email_verified": false,
        "auth_type": "LOCAL",
        "role_id": role::DOMAIN_ADMIN,
        "role_type": "DOMAIN_ADMIN",
        "language": "en",
        "timezone": "UTC",
        "tags": {},
        "domain_id": domain,
        "created_at": DateTime::now(),
    }
}

async fn indexes(database: &Database) -> Result<(), Failure> {
    let domains = database.rows(&DOMAIN).await?;
    let workspaces = database.rows(&WORKSPACE).await?;
    let users = database.rows(&USER).await?;
    let projects = database.rows(&project::KIND).await?;
    let groups = database.rows(&project_group::KIND).await?;
    let accounts = database.rows(&service_account_row::KIND).await?;
    let providers = database.rows(&provider::KIND).await?;
    let roles = database.rows(&role::KIND).await?;
    let secrets = database.mongo.collection(keys::COLLECTION).await?;
    let failures = database.mongo.collection(attempts::COLLECTION).await?;
    tokio::try_join!(
        domains.index(true, &[&["domain_id"], &["name"]]),
        workspaces.index(true, &[&["workspace_id"], &["domain_id", "name"]]),
        users.index(true, &[&["domain_id", "user_id"]]),
        projects.index(true, &[&["project_id"]]),
        groups.index(true, &[&["project_group_id"]]),
        accounts.index(true, &[&["service_account_id"]]),
        providers.index(true, &[&["domain_id", "provider"]]),
        roles.index(true, &[&["domain_id", "role_id"]]),
        secrets.index(true, &[&["domain_id"]]),
        failures.index(true, &[&["domain_id", "user_id"]]),
    )?;
    Ok(())
}
