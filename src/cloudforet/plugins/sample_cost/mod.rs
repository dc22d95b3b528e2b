//! The `sample-cost` plugin: costs of a cloud that nobody has.
//!
//! The same options give the same costs, so a second synchronisation changes nothing. They hold no
//! secrets, and a secret's data is not looked at.

mod catalog;
mod options;
mod year;

use std::pin::Pin;

use futures_util::Stream;
use futures_util::stream;
use prost_types::Struct;
use tokio::net::TcpListener;
use tonic::{Request, Response, Status};

use self::options::Options;
use super::super::error::{Failure, StartError};
use super::super::proto::cost_analysis::plugin as api;
use super::super::query::value::from_document;
use super::super::server::{self, TraceLayer};
use super::super::settings::Settings;
use super::super::telemetry::Emitter;
use crate::net::Shutdown;
use api::cost_server::{Cost, CostServer};
use api::data_source_server::{DataSource, DataSourceServer};
use api::job_server::{Job, JobServer};
use bson::doc;

const SERVICES: [&str; 3] = [
    "spaceone.api.cost_analysis.plugin.DataSource",
    "spaceone.api.cost_analysis.plugin.Job",
    "spaceone.api.cost_analysis.plugin.Cost",
];

/// Serves until the signal.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    emitter: Emitter,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let (routes, readiness) = server::common(&SERVICES).await?;
    let routes = routes
        .add_service(DataSourceServer::new(SampleCost))
        .add_service(JobServer::new(SampleCost))
        .add_service(CostServer::new(SampleCost));
    let trace = TraceLayer::new(&settings.pod, emitter);
    let ready = async move { readiness.ready().await };
    server::serve_with(listener, routes, trace, &settings.grpc, shutdown, ready).await
}

/// All three services; there is nothing to remember.
#[derive(Clone, Copy, Debug)]
struct SampleCost;

#[tonic::async_trait]
impl DataSource for SampleCost {
    async fn init(
        &self,
        request: Request<api::InitRequest>,
    ) -> Result<Response<api::PluginInfo>, Status> {
        Options::of(request.get_ref().options.as_ref())?;
        let metadata = doc! {
            "currency": "USD",
            "supported_secret_types": ["MANUAL", "USE_SERVICE_ACCOUNT_SECRET"],
            "options_schema": {
                "type": "object",
                "properties": {
                    "seed": { "type": "integer", "default": 1 },
                    "accounts": { "type": "integer", "minimum": 1, "maximum": 100, "default": 2 },
                    "months": { "type": "integer", "minimum": 1, "maximum": 36, "default": 6 },
                },
            },
        };
        Ok(Response::new(api::PluginInfo {
            metadata: Some(from_document(&metadata)),
        }))
    }

    async fn verify(
        &self,
        request: Request<api::PluginVerifyRequest>,
    ) -> Result<Response<()>, Status> {
        Options::of(request.get_ref().options.as_ref())?;
        Ok(Response::new(()))
    }
}

#[tonic::async_trait]
impl Job for SampleCost {
    /// One task for each account. Costs of a month may change until it is over, so what was
    /// synchronised before is told again from the beginning of its month.
    async fn get_tasks(
        &self,
        request: Request<api::GetTasksRequest>,
    ) -> Result<Response<api::TasksInfo>, Status> {
        let request = request.get_ref();
        let options = Options::of(request.options.as_ref())?;
        let (first, last) = options.period(year::today());
        let asked = match (&*request.start, &*request.last_synchronized_at) {
            ("", "") => None,
            ("", last) => Some(year::month(last)?),
            (start, _) => Some(year::month(start)?),
        };
        let first = asked.map_or(first, |asked| asked.max(first));
        let period = api::ChangedInfo {
            start: first.to_string(),
            end: last.to_string(),
            filter: None,
        };
        let tasks = (0..options.accounts).map(|account| api::TaskInfo {
            task_options: Some(task_options(account, &period)),
            task_changed: Some(period.clone()),
        });
        Ok(Response::new(api::TasksInfo {
            tasks: tasks.collect(),
            ..api::TasksInfo::default()
        }))
    }
}

fn task_options(account: u32, period: &api::ChangedInfo) -> Struct {
    from_document(&doc! {
        "account": i64::from(account), "start": &period.start, "end": &period.end,
    })
}

type Costs = Pin<Box<dyn Stream<Item = Result<api::CostsInfo, Status>> + Send>>;

#[tonic::async_trait]
impl Cost for SampleCost {
    async fn get_linked_accounts(
        &self,
        request: Request<api::GetLinkedAccountsRequest>,
    ) -> Result<Response<api::AccountsInfo>, Status> {
        let options = Options::of(request.get_ref().options.as_ref())?;
        let accounts = (0..options.accounts).map(|account| api::AccountInfo {
            account_id: options.account_id(account),
            name: options.account_name(account),
        });
        Ok(Response::new(api::AccountsInfo {
            results: accounts.collect(),
        }))
    }

    type get_dataStream = Costs;

    /// A message for each day.
    async fn get_data(
        &self,
        request: Request<api::GetDataRequest>,
    ) -> Result<Response<Costs>, Status> {
        let request = request.into_inner();
        let options = Options::of(request.options.as_ref())?;
        let task = request
            .task_options
            .ok_or(Failure::Required("task_options"))?;
        let (account, first, last) = options.task(&task)?;
        let days = std::iter::successors(Some(first), |day| day.next_day())
            .take_while(move |day| *day <= last)
            .map(move |day| {
                Ok(api::CostsInfo {
                    results: catalog::costs(&options, account, day),
                })
            });
        Ok(Response::new(Box::pin(stream::iter(days))))
    }
}
