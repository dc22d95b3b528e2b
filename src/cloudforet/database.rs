//! What the services of one backend share: its database, and who verifies their callers.

use bson::{Document, doc};
use prost_types::Struct;

use super::auth::{Caller, Verifier};
use super::client::Channels;
use super::error::{Failure, StartError};
use super::mongo::{Collection, Mongo, text};
use super::proto::core::v2::{AnalyzeQuery, Query, StatisticsQuery};
use super::query;
use super::resource::{self, Conditions, Kind, Page};
use super::settings::Settings;

/// A backend's database and its callers.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) mongo: Mongo,
    pub(crate) verifier: Verifier,
}

impl Database {
    /// Connects to nothing yet. Callers are verified by the identity service.
    pub(crate) async fn new(
        settings: &Settings,
        name: &str,
        channels: &Channels,
    ) -> Result<Self, StartError> {
        let identity = channels
            .target("identity")
            .map_err(|error| StartError::Endpoint(error.to_string()))?;
        Ok(Self {
            mongo: Mongo::new(settings, name).await?,
            verifier: Verifier::new(identity, settings.system_token.clone()),
        })
    }

    /// The rows of a kind.
    pub(crate) async fn rows(&self, kind: &Kind) -> Result<Collection, Failure> {
        self.mongo.collection(kind.collection).await
    }

    /// The one row with this id within `scope`.
    pub(crate) async fn one(
        &self,
        kind: &Kind,
        mut scope: Document,
        id: &str,
    ) -> Result<Document, Failure> {
        scope.insert(kind.id, required(kind.id, id)?);
        let row = self.rows(kind).await?.find_one(scope).await?;
        row.ok_or_else(|| Failure::NotFound {
            key: kind.id,
            value: id.to_owned(),
        })
    }

    /// Changes a row that was read before, and returns it as it is now.
    pub(crate) async fn change(
        &self,
        kind: &Kind,
        mut row: Document,
        set: Document,
    ) -> Result<Document, Failure> {
        let id = row.get("_id").cloned().unwrap_or_default();
        let rows = self.rows(kind).await?;
        let matched = rows
            .update(doc! { "_id": id }, doc! { "$set": &set })
            .await?;
        if matched == 0 {
            // Deleted in between.
            return Err(Failure::NotFound {
                key: kind.id,
                value: text(&row, kind.id),
            });
        }
        row.extend(set);
        Ok(row)
    }

    /// Removes a row that was read before.
    pub(crate) async fn remove(&self, kind: &Kind, row: &Document) -> Result<(), Failure> {
        let id = row.get("_id").cloned().unwrap_or_default();
        self.rows(kind).await?.delete(doc! { "_id": id }).await?;
        Ok(())
    }

    /// The rows of a page within `base`, and how many match in all.
    pub(crate) async fn list(
        &self,
        kind: &Kind,
        base: Vec<Document>,
        query: &Query,
    ) -> Result<Page, Failure> {
        let conditions = Conditions::of(&query.filter, &query.filter_or)?;
        let keyword = query::keyword(&query.keyword, kind.keyword)?;
        let filter = conditions.into_filter(base, keyword);
        resource::list(&self.rows(kind).await?, kind, filter, query).await
    }

    /// Statistics of the rows within `base`, as `query` wants them.
    pub(crate) async fn stat(
        &self,
        kind: &Kind,
        base: Vec<Document>,
        query: Option<StatisticsQuery>,
    ) -> Result<Struct, Failure> {
        let query = query.ok_or(Failure::Required("query"))?;
        let conditions = Conditions::of(&query.filter, &query.filter_or)?;
        let keyword = query::keyword(&query.keyword, kind.keyword)?;
        let filter = conditions.into_filter(base, keyword);
        resource::stat(&self.rows(kind).await?, filter, &query).await
    }

    /// An analysis of the rows within `base`, as `query` wants it.
    pub(crate) async fn analyze(
        &self,
        kind: &Kind,
        base: Vec<Document>,
        query: Option<AnalyzeQuery>,
    ) -> Result<Struct, Failure> {
        let query = query.ok_or(Failure::Required("query"))?;
        let conditions = Conditions::of(&query.filter, &query.filter_or)?;
        let keyword = query::keyword(&query.keyword, kind.keyword)?;
        let filter = conditions.into_filter(base, keyword);
        resource::analyze(&self.rows(kind).await?, filter, &query).await
    }
}

/// What the caller may see: its domain, and its workspace or the one it asked for.
pub(crate) fn scope(caller: &Caller, workspace: &str) -> Result<Document, Failure> {
    let mut scope = doc! { "domain_id": &caller.domain_id };
    if let Some(workspace) = caller.visible_workspace(workspace)? {
        scope.insert("workspace_id", workspace);
    }
    Ok(scope)
}

/// A parameter that must not be empty.
pub(crate) fn required<'a>(name: &'static str, value: &'a str) -> Result<&'a str, Failure> {
    if value.is_empty() {
        Err(Failure::Required(name))
    } else {
        Ok(value)
    }
}
