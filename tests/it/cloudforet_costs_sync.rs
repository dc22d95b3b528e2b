//! Costs that come from a plugin: jobs, their end, and what a second one changes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::{DateTime, Document, doc};
use lab::cloudforet::Settings;
use lab::cloudforet::plugins::sample_cost;
use lab::cloudforet::proto::cost_analysis::v1::data_source_client::DataSourceClient;
use lab::cloudforet::proto::cost_analysis::v1::job_client::JobClient;
use lab::cloudforet::proto::cost_analysis::v1::job_task_client::JobTaskClient;
use lab::cloudforet::proto::cost_analysis::v1::{
    DataSourceInfo, DataSourceQuery, DataSourceRequest, JobInfo, JobQuery, JobRequest,
    JobTaskQuery, PluginInfo, RegisterDataSourceRequest, Schedule, SyncDataSourceRequest,
    UpdateDataSourcePluginRequest, UpdateDataSourceRequest,
};
use lab::cloudforet::proto::plugin::v1::plugin_server::{Plugin as PluginService, PluginServer};
use lab::cloudforet::proto::plugin::v1::{
    PluginEndpoint, PluginEndpointRequest, PluginFailureRequest, PluginMetadata,
    PluginMetadataRequest,
};
use lab::model::{DATA_SOURCE, Plugin};
use lab::net::{Shutdown, Trigger};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Code, Request, Response, Status};

use crate::cloudforet_support::{WORKSPACE_SCOPE, assert_status, object, with_token};
use crate::eventually;
use crate::support::stack::{Stack, emitter};

const IN_PROGRESS: i32 = 1;
const SUCCESS: i32 = 2;
const FAILURE: i32 = 3;
const CANCELED: i32 = 5;
/// Products and regions of the sample.
const LINES_A_DAY: usize = 18;

/// A plugin service that knows one pod.
struct OnePod(SocketAddr);

#[tonic::async_trait]
impl PluginService for OnePod {
    async fn get_plugin_endpoint(
        &self,
        request: Request<PluginEndpointRequest>,
    ) -> Result<Response<PluginEndpoint>, Status> {
        assert!(request.metadata().contains_key("token"));
        if request.get_ref().plugin_id != "plugin-sample-cost" {
            return Err(Status::not_found("ERROR_NOT_FOUND: no such plugin"));
        }
        Ok(Response::new(PluginEndpoint {
            endpoint: format!("grpc://{}", self.0),
            ..PluginEndpoint::default()
        }))
    }

    async fn get_plugin_metadata(
        &self,
        _: Request<PluginMetadataRequest>,
    ) -> Result<Response<PluginMetadata>, Status> {
        Err(Status::unimplemented("not asked for here"))
    }

    async fn notify_failure(
        &self,
        _: Request<PluginFailureRequest>,
    ) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }
}

/// A stack whose plugin service answers with the pod of the sample plugin.
struct Bench {
    stack: Stack,
    owner: String,
    source: DataSourceInfo,
    _end: Trigger,
}

async fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

fn serve_plugin(listener: TcpListener, shutdown: Shutdown) {
    let settings = Settings {
        pod: "plugin-sample-cost-0".to_owned(),
        ..Settings::default()
    };
    tokio::spawn(async move {
        sample_cost::serve(listener, settings, emitter(), shutdown)
            .await
            .unwrap();
    });
}

/// Starts the plugin service; whether the plugin's pod answers is as asked.
async fn begin(pod_runs: bool, change: impl FnOnce(&mut Settings)) -> Bench {
    let (end, shutdown) = Trigger::new();
    let pod = listener().await;
    let pod_address = pod.local_addr().unwrap();
    if pod_runs {
        serve_plugin(pod, shutdown);
    }
    let service = listener().await;
    let endpoint = format!("grpc://{}", service.local_addr().unwrap());
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(PluginServer::new(OnePod(pod_address)))
            .serve_with_incoming(TcpIncoming::from(service)),
    );
    let stack = Stack::start_with(|settings| {
        settings.endpoints.insert("plugin".to_owned(), endpoint);
        settings.plugins = vec![Plugin {
            name: "sample-cost".to_owned(),
            plugin_id: "plugin-sample-cost".to_owned(),
            resource_type: DATA_SOURCE.to_owned(),
            image: "lab/sample-cost".to_owned(),
            version: "1.0".to_owned(),
            replicas: 1,
            providers: vec!["aws".to_owned()],
            options: serde_json::json!({"months": 1, "accounts": 2}),
        }];
        change(settings);
    })
    .await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let mut sources = DataSourceClient::new(stack.channel("cost_analysis").await);
    let listed = sources.list(with_token(&owner, DataSourceQuery::default()));
    let mut listed = listed.await.unwrap().into_inner();
    assert_eq!(listed.total_count, 1);
    Bench {
        stack,
        owner,
        source: listed.results.remove(0),
        _end: end,
    }
}

impl Bench {
    async fn sync(&self, source: &DataSourceInfo) -> Result<JobInfo, Status> {
        let request = SyncDataSourceRequest {
            data_source_id: source.data_source_id.clone(),
            ..SyncDataSourceRequest::default()
        };
        let mut sources = DataSourceClient::new(self.stack.channel("cost_analysis").await);
        let begun = sources.sync(with_token(&self.owner, request)).await?;
        Ok(begun.into_inner())
    }

    async fn job(&self, job_id: &str) -> JobInfo {
        let request = JobRequest {
            job_id: job_id.to_owned(),
        };
        let mut jobs = JobClient::new(self.stack.channel("cost_analysis").await);
        let job = jobs.get(with_token(&self.owner, request)).await;
        job.unwrap().into_inner()
    }

    /// A job as it is when it is over.
    async fn ended(&self, job_id: &str) -> JobInfo {
        eventually!("the job ends", {
            let job = self.job(job_id).await;
            (job.status != IN_PROGRESS).then_some(job)
        })
    }

    async fn synced(&self, source: &DataSourceInfo) -> JobInfo {
        let job = self.sync(source).await.unwrap();
        let job = self.ended(&job.job_id).await;
        assert_eq!((job.status, &*job.error_message), (SUCCESS, ""));
        job
    }

    /// All costs, without what tells the job they came by.
    async fn costs(&self) -> Vec<Document> {
        let mut rows = self.stack.stored("cost_analysis", "cost").await;
        for row in &mut rows {
            row.remove("job_id");
        }
        rows.sort_by_key(|row| row.get_str("cost_id").unwrap().to_owned());
        rows
    }
}

/// Days of a period within one month.
fn days(job: &JobInfo) -> usize {
    let day = |date: &str| date[8..].parse::<usize>().unwrap();
    let period = &job.changed[0];
    assert_eq!(period.start[..7], period.end[..7]);
    day(&period.end) - day(&period.start) + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_synchronisation_changes_nothing() {
    let bench = begin(true, |_| {}).await;
    let job = bench.synced(&bench.source).await;
    assert_eq!((job.total_tasks, job.remained_tasks), (2, 0));
    let first = bench.costs().await;
    assert_eq!(first.len(), 2 * LINES_A_DAY * days(&job));
    for row in &first {
        let workspace = bench.stack.settings.login.workspace_id();
        assert_eq!(row.get_str("workspace_id").unwrap(), workspace);
        assert_eq!(row.get_str("provider").unwrap(), "aws");
        assert_eq!(row.get_str("account_id").unwrap().len(), 12);
    }
    let tasks = JobTaskQuery {
        job_id: job.job_id.clone(),
        ..JobTaskQuery::default()
    };
    let mut client = JobTaskClient::new(bench.stack.channel("cost_analysis").await);
    let tasks = client.list(with_token(&bench.owner, tasks)).await.unwrap();
    let counts: i32 = tasks
        .get_ref()
        .results
        .iter()
        .map(|task| task.created_count)
        .sum();
    assert_eq!(usize::try_from(counts).unwrap(), first.len());
    assert!(tasks.get_ref().results.iter().all(|task| task.status == 3));

    // What the source does not have any more goes.
    let uri = format!("{}/?directConnection=true", bench.stack.settings.mongodb);
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    let rows = client
        .database("cost_analysis")
        .collection::<Document>("cost");
    let mut gone = first[0].clone();
    gone.remove("_id");
    gone.extend(doc! { "cost_id": "cost-gone", "job_id": "job-earlier" });
    rows.insert_one(gone).await.unwrap();
    bench.synced(&bench.source).await;
    assert_eq!(bench.costs().await, first);
    let id = DataSourceRequest {
        data_source_id: bench.source.data_source_id.clone(),
    };
    let mut sources = DataSourceClient::new(bench.stack.channel("cost_analysis").await);
    let now = sources
        .get(with_token(&bench.owner, id))
        .await
        .unwrap()
        .into_inner();
    assert!(!now.last_synchronized_at.is_empty());
    assert_eq!(now.cost_tag_keys, ["environment"]);
    assert_eq!(
        now.cost_additional_info_keys,
        ["Account ID", "Account Name"]
    );
    let metadata = now.plugin_info.unwrap().metadata.unwrap();
    assert!(metadata.fields.contains_key("currency"));
    bench.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_sources_of_plugins_are_there_once_and_others_cannot_use_them() {
    let mut bench = begin(true, |_| {}).await;
    bench.stack.another("cost_analysis").await;
    assert_eq!(
        bench
            .stack
            .stored("cost_analysis", "data_source")
            .await
            .len(),
        1
    );
    let other = bench.stack.other_domain().await;
    let mut sources = DataSourceClient::new(bench.stack.channel("cost_analysis").await);
    let request = SyncDataSourceRequest {
        data_source_id: bench.source.data_source_id.clone(),
        ..SyncDataSourceRequest::default()
    };
    for token in [&other.owner, &other.administrator] {
        let hidden = sources.sync(with_token(token, request.clone())).await;
        let words = format!(
            "ERROR_NOT_FOUND: Resource cannot be found or access is denied. (data_source_id = {})",
            bench.source.data_source_id
        );
        assert_status(hidden, Code::NotFound, &words);
    }
    let id = DataSourceRequest {
        data_source_id: bench.source.data_source_id.clone(),
    };
    sources
        .verify_plugin(with_token(&bench.owner, id))
        .await
        .unwrap();
    let wrong = UpdateDataSourcePluginRequest {
        data_source_id: bench.source.data_source_id.clone(),
        options: Some(object([("months", "many")])),
        ..UpdateDataSourcePluginRequest::default()
    };
    let refused = sources.update_plugin(with_token(&bench.owner, wrong)).await;
    let words = "ERROR_INVALID_PARAMETER: Parameter is invalid. (key = months, reason = must be a whole number between 1 and 36)";
    assert_status(refused, Code::InvalidArgument, words);
    // It was not taken.
    bench.synced(&bench.source).await;
    bench.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_source_with_a_secret_of_its_own_keeps_it_elsewhere() {
    let bench = begin(true, |_| {}).await;
    let mut sources = DataSourceClient::new(bench.stack.channel("cost_analysis").await);
    let new = RegisterDataSourceRequest {
        name: "own".to_owned(),
        data_source_type: 2,
        provider: "azure".to_owned(),
        secret_type: 1,
        plugin_info: Some(PluginInfo {
            plugin_id: "plugin-sample-cost".to_owned(),
            version: "1.0".to_owned(),
            secret_data: Some(object([("key", "h1dden-v4lue")])),
            ..PluginInfo::default()
        }),
        ..RegisterDataSourceRequest::default()
    };
    let own = sources.register(with_token(&bench.owner, new)).await;
    let own = own.unwrap().into_inner();
    let plugin = own.plugin_info.clone().unwrap();
    assert!(plugin.secret_id.starts_with("secret-") && plugin.secret_data.is_none());
    for row in bench.stack.stored("cost_analysis", "data_source").await {
        assert!(!row.to_string().contains("v4lue"), "{row}");
    }
    let options = UpdateDataSourcePluginRequest {
        data_source_id: own.data_source_id.clone(),
        options: Some(prost_types::Struct {
            fields: [("months", 1.0), ("accounts", 1.0)]
                .map(|(key, number)| {
                    let kind = prost_types::value::Kind::NumberValue(number);
                    (key.to_owned(), prost_types::Value { kind: Some(kind) })
                })
                .into(),
        }),
        ..UpdateDataSourcePluginRequest::default()
    };
    let changed = sources
        .update_plugin(with_token(&bench.owner, options))
        .await;
    assert_eq!(
        changed.unwrap().into_inner().plugin_info.unwrap().version,
        "1.0"
    );
    bench.synced(&own).await;
    let costs = bench.costs().await;
    assert!(!costs.is_empty());
    assert!(
        costs
            .iter()
            .all(|row| row.get_str("provider").unwrap() == "azure")
    );
    bench.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_an_answer_fails_and_says_why() {
    let bench = begin(false, |_| {}).await;
    let job = bench.sync(&bench.source).await.unwrap();
    let job = bench.ended(&job.job_id).await;
    assert_eq!(job.status, FAILURE);
    assert_eq!(
        job.error_code, "ERROR_GRPC_CONNECTION",
        "{}",
        job.error_message
    );
    assert!(!job.finished_at.is_empty());
    // And the next may begin.
    assert_ne!(bench.sync(&bench.source).await.unwrap().job_id, job.job_id);
    bench.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_dead_pod_is_taken_up_again_but_not_for_ever() {
    let bench = begin(true, |_| {}).await;
    let source = &bench.source.data_source_id;
    let left = |job: &str, attempts: i32| {
        doc! {
            "job_id": job, "status": "IN_PROGRESS", "running": source, "data_source_id": source,
            "options": { "start": "" }, "resource_group": "WORKSPACE",
            "domain_id": &bench.source.domain_id, "workspace_id": &bench.source.workspace_id,
            "claimed_until": DateTime::from_millis(1), "attempts": attempts,
            "created_at": DateTime::now(), "updated_at": DateTime::now(),
        }
    };
    let uri = format!("{}/?directConnection=true", bench.stack.settings.mongodb);
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    let jobs = client
        .database("cost_analysis")
        .collection::<Document>("job");
    jobs.insert_one(left("job-one", 1)).await.unwrap();
    let job = bench.ended("job-one").await;
    assert_eq!(job.status, SUCCESS, "{}", job.error_message);
    assert!(!bench.costs().await.is_empty());
    jobs.insert_one(left("job-two", 3)).await.unwrap();
    let job = bench.ended("job-two").await;
    assert_eq!(
        (job.status, &*job.error_code),
        (FAILURE, "ERROR_SYNC_ABANDONED")
    );
    // One that somebody answers for is left alone, keeps others from beginning, and can be ended.
    let mut alive = left("job-three", 1);
    let long = DateTime::now().timestamp_millis() + 3_600_000;
    alive.insert("claimed_until", DateTime::from_millis(long));
    jobs.insert_one(alive).await.unwrap();
    let same = bench.sync(&bench.source).await.unwrap();
    assert_eq!((&*same.job_id, same.status), ("job-three", IN_PROGRESS));
    let mut client = JobClient::new(bench.stack.channel("cost_analysis").await);
    let three = JobRequest {
        job_id: "job-three".to_owned(),
    };
    let canceled = client.cancel(with_token(&bench.owner, three.clone())).await;
    assert_eq!(canceled.unwrap().into_inner().status, CANCELED);
    let again = client.cancel(with_token(&bench.owner, three)).await;
    assert_eq!(again.unwrap_err().code(), Code::InvalidArgument);
    bench.synced(&bench.source).await;
    bench.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_that_comes_begins_one_job_however_many_watch() {
    let hour = Duration::from_secs(1);
    let mut bench = begin(true, |settings| settings.hour = hour).await;
    bench.stack.another("cost_analysis").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let soon = i32::try_from((now.as_secs() + 3) % 24).unwrap();
    let schedule = UpdateDataSourceRequest {
        data_source_id: bench.source.data_source_id.clone(),
        schedule: Some(Schedule {
            state: 1,
            hour: soon,
        }),
        ..UpdateDataSourceRequest::default()
    };
    let mut sources = DataSourceClient::new(bench.stack.channel("cost_analysis").await);
    sources
        .update(with_token(&bench.owner, schedule))
        .await
        .unwrap();
    let mut jobs = JobClient::new(bench.stack.channel("cost_analysis").await);
    let listed = eventually!("a job has come and gone", {
        let listed = jobs.list(with_token(&bench.owner, JobQuery::default()));
        let listed = listed.await.unwrap().into_inner();
        let ended = listed.results.iter().any(|job| job.status == SUCCESS);
        ended.then_some(listed)
    });
    assert_eq!(listed.total_count, 1);
    bench.stack.stop().await;
}
