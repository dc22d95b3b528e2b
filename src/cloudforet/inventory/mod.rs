//! The inventory service: cloud resources, their types and regions.

mod cloud_service;
mod cloud_service_type;
mod document;
mod indexes;
mod region;
pub(super) mod tags;

use std::sync::Arc;

use bson::{Document, doc};
use tokio::net::TcpListener;

use super::auth::{Caller, Verifier};
use super::client::{Channels, MESSAGE_LIMIT};
use super::error::{Failure, StartError};
use super::mongo::{Collection, Found, Mongo};
use super::proto::core::v2::Filter;
use super::proto::inventory::v1::cloud_service_server::CloudServiceServer;
use super::proto::inventory::v1::cloud_service_type_server::CloudServiceTypeServer;
use super::proto::inventory::v1::region_server::RegionServer;
use super::query::{self, Condition};
use super::resource::{Conditions, Kind};
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 3] = [
    "spaceone.api.inventory.v1.CloudService",
    "spaceone.api.inventory.v1.CloudServiceType",
    "spaceone.api.inventory.v1.Region",
];

/// What the three services share.
#[derive(Debug)]
struct Inventory {
    mongo: Mongo,
    verifier: Verifier,
}

/// Serves until the signal. Ready once MongoDB has answered and, if asked for, has sample data.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let identity = Channels::new(&settings)
        .target("identity")
        .map_err(|error| StartError::Endpoint(error.to_string()))?;
    let inventory = Arc::new(Inventory {
        mongo: Mongo::new(&settings, "inventory").await?,
        verifier: Verifier::new(identity, settings.system_token.clone()),
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let services = cloud_service::CloudServices(Arc::clone(&inventory));
    let types = cloud_service_type::CloudServiceTypes(Arc::clone(&inventory));
    let regions = region::Regions(Arc::clone(&inventory));
    let routes = routes
        .add_service(
            CloudServiceServer::new(services)
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .add_service(
            CloudServiceTypeServer::new(types)
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .add_service(
            RegionServer::new(regions)
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        );
    let trace = TraceLayer::new(&settings.pod, emitter);
    let grpc = settings.grpc.clone();
    // Boxed, for it is large and soon done.
    let prepare = Box::pin(async move { inventory.prepare(&settings, &readiness).await });
    server::serve_with(listener, routes, trace, &grpc, shutdown, prepare).await
}

impl Inventory {
    /// Gets the database ready, however long that takes.
    async fn prepare(&self, settings: &Settings, readiness: &Readiness) {
        server::until_done("inventory's database", || async {
            self.mongo.wait().await;
            indexes::unique(&self.mongo).await?;
            if settings.sample_data {
                super::sample_data::load(&self.mongo, &settings.login).await?;
            }
            Ok(())
        })
        .await;
        readiness.ready().await;
        // These only make it faster, so nobody has to wait for them.
        server::until_done("inventory's indexes", || indexes::secondary(&self.mongo)).await;
    }

    async fn rows(&self, kind: &Kind) -> Result<Collection, Failure> {
        self.mongo.collection(kind.collection).await
    }

    /// The one row with this id that the caller may see.
    async fn one(&self, kind: &Kind, caller: &Caller, id: &str) -> Result<Document, Failure> {
        if id.is_empty() {
            return Err(Failure::Required(kind.id));
        }
        let mut filter = scope(caller, "")?;
        filter.insert(kind.id, id);
        if kind.collection == cloud_service::KIND.collection {
            filter.insert("state", doc! { "$ne": "DELETED" });
        }
        let row = self.rows(kind).await?.find_one(filter).await?;
        row.ok_or_else(|| Failure::NotFound {
            key: kind.id,
            value: id.to_owned(),
        })
    }

    /// Changes a row that was read before, and returns it as it is now.
    async fn change(
        &self,
        kind: &Kind,
        mut row: Document,
        set: Document,
    ) -> Result<Document, Failure> {
        let id = row.get("_id").cloned().unwrap_or_default();
        let matched = self
            .rows(kind)
            .await?
            .update(doc! { "_id": id }, doc! { "$set": &set })
            .await?;
        if matched == 0 {
            // Deleted in between.
            return Err(Failure::NotFound {
                key: kind.id,
                value: super::mongo::text(&row, kind.id),
            });
        }
        row.extend(set);
        Ok(row)
    }

    /// Conditions such as `ref_region.name = x` are about rows of another kind: they become
    /// conditions about the key that refers to those.
    async fn resolve(&self, caller: &Caller, conditions: &mut Conditions) -> Result<(), Failure> {
        for condition in conditions.all.iter_mut().chain(&mut conditions.any) {
            let referred = [&cloud_service_type::KIND, &region::KIND]
                .into_iter()
                .find_map(|kind| {
                    let reference = reference_key(kind);
                    let field = condition.key.strip_prefix(reference)?.strip_prefix('.')?;
                    Some((kind, reference, field.to_owned()))
                });
            let Some((kind, reference, field)) = referred else {
                continue;
            };
            // Beside the scope and not into it: the field may be `domain_id`.
            let asked = doc! { field: condition.test.clone() };
            let found = Found {
                filter: doc! { "$and": [scope(caller, "")?, asked] },
                projection: Some(doc! { "_id": 0, reference: 1 }),
                ..Found::default()
            };
            let rows = self.rows(kind).await?.find(found).await?;
            let keys: Vec<_> = rows
                .into_iter()
                .filter_map(|mut row| row.remove(reference))
                .collect();
            *condition = Condition {
                key: reference.to_owned(),
                test: doc! { "$in": keys }.into(),
            };
        }
        Ok(())
    }

    /// What a question selects: within `base` (what the caller may see, and what the request itself
    /// names) its filters, and its keyword.
    async fn filter(
        &self,
        kind: &Kind,
        caller: &Caller,
        base: Vec<Document>,
        [filter, filter_or]: [&[Filter]; 2],
        keyword: &str,
    ) -> Result<Document, Failure> {
        let mut conditions = Conditions::of(filter, filter_or)?;
        self.resolve(caller, &mut conditions).await?;
        Ok(conditions.into_filter(base, query::keyword(keyword, kind.keyword)?))
    }
}

/// The field by which other rows refer to rows of this kind.
fn reference_key(kind: &Kind) -> &'static str {
    if kind.collection == region::KIND.collection {
        "ref_region"
    } else {
        "ref_cloud_service_type"
    }
}

/// What the caller may see: its domain, and its workspace or the one it asked for.
fn scope(caller: &Caller, workspace: &str) -> Result<Document, Failure> {
    let mut scope = doc! { "domain_id": &caller.domain_id };
    if let Some(workspace) = caller.visible_workspace(workspace)? {
        scope.insert("workspace_id", workspace);
    }
    Ok(scope)
}

/// A parameter that must not be empty.
fn required<'a>(name: &'static str, value: &'a str) -> Result<&'a str, Failure> {
    if value.is_empty() {
        Err(Failure::Required(name))
    } else {
        Ok(value)
    }
}
