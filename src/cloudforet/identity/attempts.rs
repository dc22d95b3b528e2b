//! Failed sign-ins are counted, by domain and user, for all replicas together.

use std::time::Duration;

use bson::{DateTime, doc};

use crate::cloudforet::auth::invalid;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Collection, Mongo, number};

pub(super) const COLLECTION: &str = "sign_in_attempt";
/// After so many failures nobody gets in …
const LIMIT: i32 = 10;
/// … until so much time has passed since the last one.
const BLOCK: Duration = Duration::from_secs(300);

/// The count of one user.
#[derive(Debug)]
pub(super) struct Attempts<'a> {
    rows: Collection,
    domain: &'a str,
    user: &'a str,
    failed: i32,
}

impl<'a> Attempts<'a> {
    /// Reads the count; an error if the user is blocked.
    pub(super) async fn admit(
        mongo: &Mongo,
        domain: &'a str,
        user: &'a str,
    ) -> Result<Self, Failure> {
        let rows = mongo.collection(COLLECTION).await?;
        let row = rows
            .find_one(doc! { "domain_id": domain, "user_id": user })
            .await?;
        let mut failed = row.as_ref().map_or(0, |row| number(row, "failed"));
        let since = row
            .as_ref()
            .and_then(|row| row.get_datetime("last_at").ok())
            .map_or(i64::MAX, |last| {
                DateTime::now().timestamp_millis() - last.timestamp_millis()
            });
        if since > i64::try_from(BLOCK.as_millis()).unwrap_or(i64::MAX) {
            failed = 0;
        }
        if failed >= LIMIT {
            return Err(invalid(
                "Too many failed attempts, try again in a few minutes.",
            ));
        }
        let found = row.is_some();
        let attempts = Self {
            rows,
            domain,
            user,
            failed,
        };
        if found && failed == 0 {
            attempts.forget().await?;
        }
        Ok(attempts)
    }

    /// One more.
    pub(super) async fn failed(self) -> Result<(), Failure> {
        let user = doc! { "domain_id": self.domain, "user_id": self.user };
        let update = doc! { "$inc": { "failed": 1 }, "$set": { "last_at": DateTime::now() } };
        match self.rows.upsert(user.clone(), update.clone()).await {
            // Two first failures at once: the row is there now.
            Err(Failure::Exists(_)) => self.rows.update(user, update).await.map(drop),
            other => other.map(drop),
        }
    }

    /// The user got in.
    pub(super) async fn succeeded(self) -> Result<(), Failure> {
        if self.failed > 0 {
            self.forget().await
        } else {
            Ok(())
        }
    }

    async fn forget(&self) -> Result<(), Failure> {
        let user = doc! { "domain_id": self.domain, "user_id": self.user };
        self.rows.delete(user).await.map(drop)
    }
}
