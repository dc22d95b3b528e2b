//! The inventory with its workers, a queue, and a plugin, in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use ::redis::aio::MultiplexedConnection;
use bson::{Bson, Document, doc};
use lab::cloudforet::identity::SystemCredentials;
use lab::cloudforet::proto::inventory::v1::collector_client::CollectorClient;
use lab::cloudforet::proto::inventory::v1::job_client::JobClient;
use lab::cloudforet::proto::inventory::v1::job_task_client::JobTaskClient;
use lab::cloudforet::proto::inventory::v1::{
    CollectRequest, CollectorInfo, CreateCollectorRequest, JobInfo, JobRequest, JobTaskInfo,
    JobTaskQuery, PluginInfo,
};
use lab::cloudforet::telemetry::Emitter;
use lab::cloudforet::worker;
use lab::model::Event;
use lab::net::{Shutdown, Trigger};
use lab::stores::redis;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tonic::{Request, Status};

use crate::cloudforet_support::{Backends, channel};
use crate::collecting_fakes::Fakes;
use crate::collecting_plugin::Script;
use crate::eventually;
use crate::support::mongod::Mongod;
use crate::support::redis_server::RedisServer;

/// States of jobs and job tasks, as the API numbers them.
pub(crate) const JOB_FAILURE: i32 = 1;
pub(crate) const JOB_CANCELED: i32 = 2;
pub(crate) const JOB_IN_PROGRESS: i32 = 3;
pub(crate) const JOB_SUCCESS: i32 = 4;
pub(crate) const TASK_SUCCESS: i32 = 4;
pub(crate) const TASK_FAILURE: i32 = 5;

/// Everything that collecting needs but workers.
pub(crate) struct Plane {
    pub(crate) backends: Backends,
    pub(crate) fakes: Arc<Fakes>,
    pub(crate) events: Receiver<Event>,
    emitter: Emitter,
    token: String,
    redis: SocketAddr,
    _real: Option<(Mongod, RedisServer)>,
    _trigger: Trigger,
    _serving: JoinSet<()>,
}

/// A worker; dropped, it dies at once, as if it was killed.
pub(crate) struct Worker {
    trigger: Trigger,
    running: JoinHandle<()>,
}

impl Worker {
    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(&mut self) {
        self.trigger.trigger();
        (&mut self.running).await.unwrap();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.running.abort();
    }
}

impl Plane {
    /// On the built-in stores.
    pub(crate) async fn start(script: Arc<Script>) -> Self {
        Self::start_with(script, false, |_| {}).await
    }

    /// On the built-in stores, or real ones.
    pub(crate) async fn start_with(
        script: Arc<Script>,
        real: bool,
        change: impl FnOnce(&mut lab::cloudforet::Settings),
    ) -> Self {
        let mut serving = JoinSet::new();
        let (trigger, shutdown) = Trigger::new();
        let workspace = lab::cloudforet::Settings::default().login.workspace_id();
        let (fakes, others) = Fakes::start(script, workspace, &mut serving).await;
        let (redis, real) = if real {
            let (mongod, redis) = tokio::join!(Mongod::start(), RedisServer::start());
            (redis.address(), Some((mongod, redis)))
        } else {
            (built_in_redis(&mut serving, shutdown).await, None)
        };
        let credentials = SystemCredentials::new().unwrap();
        let mongodb = real.as_ref().map(|(mongod, _)| mongod.url());
        let backends = Backends::start_with(|settings| {
            settings.redis = format!("redis://{redis}");
            settings.system_key = Some(credentials.key.clone());
            assert!(settings.set_system_token(&credentials.token));
            for service in ["secret", "repository", "plugin"] {
                let endpoint = format!("grpc://{others}");
                settings.endpoints.insert(service.to_owned(), endpoint);
            }
            if let Some(mongodb) = mongodb {
                settings.mongodb = mongodb;
            }
            change(settings);
        })
        .await;
        let (emitter, events) = Emitter::channel(100_000);
        Self {
            backends,
            fakes,
            events,
            emitter,
            token: credentials.token,
            redis,
            _real: real,
            _trigger: trigger,
            _serving: serving,
        }
    }

    /// The settings of a pod that calls the inventory.
    pub(crate) fn settings(&self) -> lab::cloudforet::Settings {
        let mut settings = self.backends.settings.clone();
        let inventory = format!("grpc://{}", self.backends.inventory);
        settings.endpoints.insert("inventory".to_owned(), inventory);
        settings
    }

    /// Starts a worker.
    pub(crate) fn worker(&self) -> Worker {
        let (trigger, shutdown) = Trigger::new();
        let (settings, emitter) = (self.settings(), self.emitter.clone());
        let running = tokio::spawn(async move {
            worker::serve(settings, emitter, shutdown).await.unwrap();
        });
        Worker { trigger, running }
    }

    /// A call as the system, for the first workspace.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let login = &self.backends.settings.login;
        let mut request = Request::new(message);
        for (key, value) in [
            ("token", &self.token),
            ("x_domain_id", &login.domain_id()),
            ("x_workspace_id", &login.workspace_id()),
        ] {
            request.metadata_mut().insert(key, value.parse().unwrap());
        }
        request
    }

    pub(crate) async fn collectors(&self) -> CollectorClient<tonic::transport::Channel> {
        CollectorClient::new(channel(self.backends.inventory).await)
    }

    /// A collector for the test's plugin.
    pub(crate) async fn collector(&self) -> CollectorInfo {
        let request = CreateCollectorRequest {
            name: "test".to_owned(),
            plugin_info: Some(PluginInfo {
                plugin_id: "plugin-test".to_owned(),
                ..PluginInfo::default()
            }),
            ..CreateCollectorRequest::default()
        };
        let created = self.collectors().await.create(self.request(request)).await;
        created.unwrap().into_inner()
    }

    /// Begins a run.
    pub(crate) async fn collect(&self, collector: &CollectorInfo) -> Result<JobInfo, Status> {
        let request = CollectRequest {
            collector_id: collector.collector_id.clone(),
            secret_id: String::new(),
        };
        let begun = self
            .collectors()
            .await
            .collect(self.request(request))
            .await?;
        Ok(begun.into_inner())
    }

    /// Runs a collector to its end.
    pub(crate) async fn run(&self, collector: &CollectorInfo) -> (JobInfo, Vec<JobTaskInfo>) {
        let job = self.collect(collector).await.unwrap();
        self.ended(&job).await
    }

    /// The job and its tasks when nothing of it is left to do.
    pub(crate) async fn ended(&self, job: &JobInfo) -> (JobInfo, Vec<JobTaskInfo>) {
        let job = eventually!("the job ends", {
            let job = self.job(&job.job_id).await;
            // Its tasks are counted a moment before it ends.
            (job.remained_tasks == 0 && job.status != JOB_IN_PROGRESS).then_some(job)
        });
        let tasks = self.tasks(&job).await;
        (self.job(&job.job_id).await, tasks)
    }

    pub(crate) async fn job(&self, job_id: &str) -> JobInfo {
        let request = self.request(JobRequest {
            job_id: job_id.to_owned(),
        });
        let mut jobs = JobClient::new(channel(self.backends.inventory).await);
        jobs.get(request).await.unwrap().into_inner()
    }

    pub(crate) async fn tasks(&self, job: &JobInfo) -> Vec<JobTaskInfo> {
        let request = self.request(JobTaskQuery {
            job_id: job.job_id.clone(),
            ..JobTaskQuery::default()
        });
        let mut tasks = JobTaskClient::new(channel(self.backends.inventory).await);
        tasks.list(request).await.unwrap().into_inner().results
    }

    /// A collection of the inventory's database, past all services.
    pub(crate) async fn rows(&self, collection: &str) -> mongodb::Collection<Document> {
        let uri = &self.backends.settings.mongodb;
        let client = mongodb::Client::with_uri_str(format!("{uri}/?directConnection=true"));
        let client = client.await.unwrap();
        client.database("inventory").collection(collection)
    }

    /// All cloud services by name; names are unique here.
    pub(crate) async fn services(&self) -> std::collections::BTreeMap<String, Document> {
        use futures_util::TryStreamExt;
        let rows = self.rows("cloud_service").await;
        let found: Vec<Document> = rows
            .find(doc! { "state": "ACTIVE" })
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let count = found.len();
        let named = found.into_iter();
        let named: std::collections::BTreeMap<_, _> = named
            .map(|row| (row.get_str("name").unwrap().to_owned(), row))
            .collect();
        assert_eq!(named.len(), count, "each is there once");
        named
    }

    pub(crate) async fn redis(&self) -> MultiplexedConnection {
        let client = ::redis::Client::open(format!("redis://{}", self.redis)).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// The tasks that lie in the queue.
    pub(crate) async fn queued(&self) -> Vec<String> {
        let mut command = ::redis::cmd("LRANGE");
        command.arg("collector").arg(0).arg(-1);
        command.query_async(&mut self.redis().await).await.unwrap()
    }
}

async fn built_in_redis(serving: &mut JoinSet<()>, shutdown: Shutdown) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serving.spawn(async move {
        redis::serve(listener, redis::Settings::default(), shutdown)
            .await
            .unwrap();
    });
    address
}

/// A whole number of a row.
pub(crate) fn whole(row: &Document, key: &str) -> i64 {
    match row.get(key) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{key} is {other:?}"),
    }
}
