//! The inventory service: cloud resources, their types and regions, and what collects them.

mod cloud_service;
mod cloud_service_type;
mod collector;
mod document;
mod indexes;
mod job;
mod job_task;
mod query_set;
mod region;
mod server_view;
mod shared;
pub(super) mod tags;

use std::sync::Arc;

use bson::{Document, doc};
use tokio::net::TcpListener;

use super::auth::Caller;
use super::client::{Channels, MESSAGE_LIMIT};
use super::collecting::{self, COLLECTOR, Callees};
use super::database::{Database, required, scope};
use super::error::{Failure, StartError};
use super::mongo::Found;
use super::proto::core::v2::Filter;
use super::proto::inventory::v1::cloud_service_query_set_server::CloudServiceQuerySetServer;
use super::proto::inventory::v1::cloud_service_server::CloudServiceServer;
use super::proto::inventory::v1::cloud_service_type_server::CloudServiceTypeServer;
use super::proto::inventory::v1::collector_server::CollectorServer;
use super::proto::inventory::v1::job_server::JobServer;
use super::proto::inventory::v1::job_task_server::JobTaskServer;
use super::proto::inventory::v1::region_server::RegionServer;
use super::proto::inventory::v1::server_server::ServerServer;
use super::query::{self, Condition};
use super::queue::Queue;
use super::resource::{Conditions, Kind};
use super::server::{self, Readiness, TraceLayer};
use super::settings::Settings;
use super::telemetry::Emitter;
use crate::net::Shutdown;

const SERVICES: [&str; 8] = [
    "spaceone.api.inventory.v1.CloudService",
    "spaceone.api.inventory.v1.CloudServiceQuerySet",
    "spaceone.api.inventory.v1.CloudServiceType",
    "spaceone.api.inventory.v1.Collector",
    "spaceone.api.inventory.v1.Job",
    "spaceone.api.inventory.v1.JobTask",
    "spaceone.api.inventory.v1.Region",
    "spaceone.api.inventory.v1.Server",
];

pub(super) use cloud_service::KIND as CLOUD_SERVICE;
pub(super) use cloud_service_type::KIND as CLOUD_SERVICE_TYPE;
pub(super) use region::KIND as REGION;

/// A service whose messages may be as long as the real ones'.
macro_rules! large {
    ($service:expr) => {
        $service
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT)
    };
}

/// What its services share.
#[derive(Debug)]
struct Inventory {
    database: Database,
    callees: Callees,
    /// For the workers.
    queue: Queue,
}

/// Serves until the signal. Ready once MongoDB has answered and, if asked for, has sample data.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let channels = Channels::new(&settings);
    let inventory = Arc::new(Inventory {
        database: Database::new(&settings, "inventory", &channels).await?,
        callees: Callees::new(&settings),
        queue: Queue::new(&settings, collecting::QUEUE)?,
    });
    let (routes, readiness) = server::common(&SERVICES).await?;
    let routes = routes
        .add_service(large!(CloudServiceServer::new(
            cloud_service::CloudServices(Arc::clone(&inventory))
        )))
        .add_service(large!(CloudServiceTypeServer::new(
            cloud_service_type::CloudServiceTypes(Arc::clone(&inventory))
        )))
        .add_service(large!(CloudServiceQuerySetServer::new(
            query_set::QuerySets(Arc::clone(&inventory))
        )))
        .add_service(large!(ServerServer::new(server_view::Servers(Arc::clone(
            &inventory
        )))))
        .add_service(large!(CollectorServer::new(collector::Collectors(
            Arc::clone(&inventory)
        ))))
        .add_service(large!(JobServer::new(job::Jobs(Arc::clone(&inventory)))))
        .add_service(large!(JobTaskServer::new(job_task::JobTasks(Arc::clone(
            &inventory
        )))))
        .add_service(large!(RegionServer::new(region::Regions(Arc::clone(
            &inventory
        )))));
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
            self.database.mongo.wait().await;
            indexes::unique(&self.database.mongo).await?;
            if settings.sample_data {
                super::sample_data::load(&self.database.mongo, &settings.login).await?;
            }
            let collectors = collector::seeds(settings);
            if !collectors.is_empty() {
                let rows = self.database.rows(&COLLECTOR).await?;
                rows.insert_missing(&collectors).await?;
            }
            Ok(())
        })
        .await;
        readiness.ready().await;
        // These only make it faster, so nobody has to wait for them.
        server::until_done("inventory's indexes", || {
            indexes::secondary(&self.database.mongo)
        })
        .await;
    }

    /// The one row with this id that the caller may see.
    async fn one(&self, kind: &Kind, caller: &Caller, id: &str) -> Result<Document, Failure> {
        let mut scope = scope(caller, "")?;
        if kind.collection == cloud_service::KIND.collection {
            scope.insert("state", doc! { "$ne": "DELETED" });
        }
        self.database.one(kind, scope, id).await
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
            let rows = self.database.rows(kind).await?.find(found).await?;
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
