//! A plugin made for tests: it tells what it was told to, and dies when it is asked to.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bson::{Bson, Document, doc};
use futures_util::{Stream, StreamExt};
use lab::cloudforet::proto::inventory::plugin::collector_server::{Collector, CollectorServer};
use lab::cloudforet::proto::inventory::plugin::job_server::{Job, JobServer};
use lab::cloudforet::proto::inventory::plugin::{
    CollectRequest, GetTaskRequest, InitRequest, PluginInfo, ResourceInfo, TaskInfo, TasksInfo,
    VerifyRequest,
};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// State of a resource that is there.
pub(crate) const FOUND: i32 = 4;
/// State of one that could not be read.
pub(crate) const FAILED: i32 = 5;

/// What the plugin does, shared by its pods.
#[derive(Debug)]
pub(crate) struct Script {
    /// What it tells, all parts together.
    pub(crate) items: Mutex<Vec<ResourceInfo>>,
    /// Into how many parts it divides its work; none: not at all.
    pub(crate) parts: Mutex<usize>,
    /// What it says at the end instead of nothing.
    pub(crate) end: Mutex<Option<Status>>,
    /// How many items of each part it tells at once; the others when this is raised.
    pub(crate) gate: watch::Sender<usize>,
    /// How often it was asked to collect.
    pub(crate) asked: watch::Sender<usize>,
    /// How often it was initialised.
    pub(crate) initialised: watch::Sender<usize>,
}

/// One pod of it; it dies with this value, and its connections with it.
#[derive(Debug)]
pub(crate) struct Pod {
    pub(crate) endpoint: String,
    /// Its own, for tasks of connections have no other owner.
    runtime: Option<Runtime>,
}

impl Drop for Pod {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[derive(Clone)]
struct Plugin(Arc<Script>);

// === impl Script ===

impl Script {
    /// Servers of these names, in this many parts.
    pub(crate) fn new(names: impl IntoIterator<Item = String>, parts: usize) -> Arc<Self> {
        Arc::new(Self {
            items: Mutex::new(names.into_iter().map(|name| server(&name)).collect()),
            parts: Mutex::new(parts),
            end: Mutex::default(),
            gate: watch::Sender::new(usize::MAX),
            asked: watch::Sender::new(0),
            initialised: watch::Sender::new(0),
        })
    }

    pub(crate) fn tells(&self, items: Vec<ResourceInfo>) {
        *self.items.lock().unwrap() = items;
    }

    /// Starts a pod.
    pub(crate) async fn pod(self: &Arc<Self>) -> Pod {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let plugin = Plugin(Arc::clone(self));
        let started = runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("grpc://{}", listener.local_addr().unwrap());
            let served = Server::builder()
                .add_service(CollectorServer::new(plugin.clone()))
                .add_service(JobServer::new(plugin))
                .serve_with_incoming(TcpIncoming::from(listener));
            tokio::spawn(served);
            endpoint
        });
        Pod {
            endpoint: started.await.unwrap(),
            runtime: Some(runtime),
        }
    }
}

#[tonic::async_trait]
impl Collector for Plugin {
    async fn init(&self, _: Request<InitRequest>) -> Result<Response<PluginInfo>, Status> {
        self.0.initialised.send_modify(|times| *times += 1);
        let metadata = Some(structure(&doc! { "supported_schedules": ["hours"] }));
        Ok(Response::new(PluginInfo { metadata }))
    }

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<()>, Status> {
        check_secret(request.get_ref().secret_data.as_ref())?;
        Ok(Response::new(()))
    }

    type collectStream = Pin<Box<dyn Stream<Item = Result<ResourceInfo, Status>> + Send>>;

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::collectStream>, Status> {
        let request = request.into_inner();
        check_secret(request.secret_data.as_ref())?;
        let parts = (*self.0.parts.lock().unwrap()).max(1);
        let part = match request
            .task_options
            .and_then(|mut all| all.fields.remove("part"))
        {
            Some(Value {
                kind: Some(Kind::NumberValue(part)),
            }) => format!("{part}").parse().unwrap(),
            _ => 0,
        };
        let items = self.0.items.lock().unwrap().clone();
        let ours = items.into_iter().enumerate();
        let ours = ours.filter(move |(index, _)| index % parts == part);
        let ours: Vec<_> = ours.map(|(_, item)| item).collect();
        let end = self.0.end.lock().unwrap().clone();
        let gate = self.0.gate.subscribe();
        self.0.asked.send_modify(|times| *times += 1);
        let told =
            futures_util::stream::iter(ours.into_iter().enumerate()).then(move |(index, item)| {
                let mut gate = gate.clone();
                async move {
                    gate.wait_for(|open| *open > index).await.unwrap();
                    Ok(item)
                }
            });
        let end = futures_util::stream::iter(end.map(Err));
        Ok(Response::new(Box::pin(told.chain(end))))
    }
}

#[tonic::async_trait]
impl Job for Plugin {
    async fn get_tasks(
        &self,
        request: Request<GetTaskRequest>,
    ) -> Result<Response<TasksInfo>, Status> {
        check_secret(request.get_ref().secret_data.as_ref())?;
        let parts = i32::try_from(*self.0.parts.lock().unwrap()).unwrap();
        if parts == 0 {
            return Err(Status::unimplemented("it is not divided"));
        }
        let task = |part| TaskInfo {
            task_options: Some(structure(&doc! { "part": part })),
        };
        Ok(Response::new(TasksInfo {
            tasks: (0..parts).map(task).collect(),
        }))
    }
}

/// The word that must not be found in Redis.
pub(crate) const PASSWORD: &str = "open-sesame";

fn check_secret(data: Option<&Struct>) -> Result<(), Status> {
    match data.and_then(|data| data.fields.get("password")?.kind.clone()) {
        Some(Kind::StringValue(password)) if password == PASSWORD => Ok(()),
        _ => Err(Status::unauthenticated(
            "ERROR_AUTHENTICATE_FAILURE: wrong password",
        )),
    }
}

/// A server as a plugin tells it, found by its reference or else by its name.
pub(crate) fn server(name: &str) -> ResourceInfo {
    item(
        "inventory.CloudService",
        &[&["reference.resource_id"], &["name"]],
        &doc! {
            "name": name,
            "provider": "aws",
            "cloud_service_group": "EC2",
            "cloud_service_type": "Instance",
            "region_code": "us-east-1",
            "account": "1234",
            "instance_type": "m5.large",
            "instance_size": 2,
            "ip_addresses": ["10.0.0.1"],
            "data": { "os": { "name": "linux" }, "cores": 2 },
            "metadata": { "view": { "table": [] } },
            "reference": { "resource_id": format!("i-{name}"), "external_link": "" },
            "tags": { "team.name": "web" },
        },
    )
}

/// One item of an answer.
pub(crate) fn item(resource_type: &str, rules: &[&[&str]], resource: &Document) -> ResourceInfo {
    let rules: Document = rules
        .iter()
        .enumerate()
        .map(|(index, keys)| {
            let keys = keys.iter().map(|key| Bson::from(*key)).collect();
            ((index + 1).to_string(), Bson::Array(keys))
        })
        .collect();
    ResourceInfo {
        state: FOUND,
        message: String::new(),
        resource_type: resource_type.to_owned(),
        match_rules: Some(structure(&rules)),
        resource: Some(structure(resource)),
        options: None,
    }
}

/// A document as the API has it.
pub(crate) fn structure(document: &Document) -> Struct {
    let fields = document.iter();
    Struct {
        fields: fields
            .map(|(key, value)| (key.clone(), valued(value)))
            .collect(),
    }
}

fn valued(value: &Bson) -> Value {
    let kind = match value {
        Bson::String(text) => Kind::StringValue(text.clone()),
        Bson::Int32(number) => Kind::NumberValue(f64::from(*number)),
        Bson::Boolean(truth) => Kind::BoolValue(*truth),
        Bson::Document(inner) => Kind::StructValue(structure(inner)),
        Bson::Array(values) => Kind::ListValue(prost_types::ListValue {
            values: values.iter().map(valued).collect(),
        }),
        other => panic!("not used here: {other}"),
    };
    Value { kind: Some(kind) }
}
