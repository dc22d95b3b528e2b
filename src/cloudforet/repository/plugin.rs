//! `Plugin`: what plugins there are, and in which versions.
//!
//! A domain sees its own plugins and those that the configuration brings; it may change its own.

use bson::{Bson, DateTime, Document, doc};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

use super::plugin_row::{KIND, LATEST, message, registered};
use super::{Catalogue, Handler, local};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{text, truth};
use crate::cloudforet::proto::repository::v1::plugin_query::State as QueryState;
use crate::cloudforet::proto::repository::v1::plugin_server::Plugin;
use crate::cloudforet::proto::repository::v1::{
    PluginInfo, PluginQuery, PluginRequest, PluginsInfo, PublicRegistryType, RegisterPluginRequest,
    RepositoryPluginRequest, UpdatePluginRequest, VersionsInfo,
};
use crate::cloudforet::query::value::{to_bson, to_document};
use crate::cloudforet::resource::{changes, given};

#[tonic::async_trait]
impl Plugin for Handler {
    async fn register(
        &self,
        request: Request<RegisterPluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let row = registered(request.get_ref(), &caller.domain_id)?;
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdatePluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        let row = self
            .0
            .own(request.metadata(), &request.get_ref().plugin_id)
            .await?;
        let request = request.into_inner();
        let mut set = changes(&[("name", &request.name)]);
        for (key, value) in [
            ("capability", &request.capability),
            ("tags", &request.tags),
            ("docs", &request.docs),
        ] {
            if let Some(value) = value {
                set.insert(key, to_document(value));
            }
        }
        if let Some(labels) = &request.labels {
            let labels: Vec<Bson> = labels.values.iter().map(to_bson).collect();
            set.insert("labels", labels);
        }
        Ok(Response::new(self.0.change(row, set).await?))
    }

    async fn deregister(&self, request: Request<PluginRequest>) -> Result<Response<()>, Status> {
        let id = &request.get_ref().plugin_id;
        let row = self.0.own(request.metadata(), id).await?;
        if truth(&row, "is_managed") {
            return Err(Failure::Invalid {
                key: "plugin_id",
                reason: "it comes from the configuration, and would be back at the next start"
                    .to_owned(),
            }
            .into());
        }
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn enable(
        &self,
        request: Request<PluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        let id = &request.get_ref().plugin_id;
        let row = self.0.own(request.metadata(), id).await?;
        let set = doc! { "state": "ENABLED" };
        Ok(Response::new(self.0.change(row, set).await?))
    }

    async fn disable(
        &self,
        request: Request<PluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        let id = &request.get_ref().plugin_id;
        let row = self.0.own(request.metadata(), id).await?;
        let set = doc! { "state": "DISABLED" };
        Ok(Response::new(self.0.change(row, set).await?))
    }

    async fn get_versions(
        &self,
        request: Request<RepositoryPluginRequest>,
    ) -> Result<Response<VersionsInfo>, Status> {
        let row = self.0.visible(&request).await?;
        let version = match text(&row, "version") {
            unknown if unknown.is_empty() => LATEST.to_owned(),
            version => version,
        };
        Ok(Response::new(VersionsInfo {
            version: vec![version.clone()],
            total_count: 1,
            results: vec![version],
        }))
    }

    async fn get(
        &self,
        request: Request<RepositoryPluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        let row = self.0.visible(&request).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<PluginQuery>) -> Result<Response<PluginsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        if !request.repository_id.is_empty() && request.repository_id != local().repository_id {
            return Ok(Response::new(PluginsInfo::default()));
        }
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![visible(&caller)];
        base.extend(given(&[
            ("plugin_id", &request.plugin_id),
            ("name", &request.name),
            ("resource_type", &request.resource_type),
            ("provider", &request.provider),
        ]));
        if request.state() != QueryState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        if request.registry_type() != PublicRegistryType::NoneRegistryType {
            base.push(doc! { "registry_type": request.registry_type().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(PluginsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }
}

impl Catalogue {
    async fn administrator(&self, metadata: &MetadataMap) -> Result<Caller, Failure> {
        let caller = self.database.verifier.caller(metadata).await?;
        if caller.is_administrator() {
            Ok(caller)
        } else {
            Err(Failure::Denied)
        }
    }

    /// A plugin of the caller's domain, whose administrator it has to be.
    async fn own(&self, metadata: &MetadataMap, id: &str) -> Result<Document, Failure> {
        let caller = self.administrator(metadata).await?;
        let domain = doc! { "domain_id": caller.domain_id };
        self.database.one(&KIND, domain, id).await
    }

    /// A plugin that the caller may use.
    async fn visible(
        &self,
        request: &Request<RepositoryPluginRequest>,
    ) -> Result<Document, Failure> {
        let caller = self.database.verifier.caller(request.metadata()).await?;
        let RepositoryPluginRequest {
            plugin_id,
            repository_id,
        } = request.get_ref();
        if !repository_id.is_empty() && *repository_id != local().repository_id {
            return Err(Failure::NotFound {
                key: "repository_id",
                value: repository_id.clone(),
            });
        }
        self.database.one(&KIND, visible(&caller), plugin_id).await
    }

    async fn change(&self, row: Document, mut set: Document) -> Result<PluginInfo, Failure> {
        set.insert("updated_at", DateTime::now());
        Ok(message(&self.database.change(&KIND, row, set).await?))
    }
}

fn visible(caller: &Caller) -> Document {
    doc! { "$or": [{ "domain_id": &caller.domain_id }, { "is_managed": true }] }
}
