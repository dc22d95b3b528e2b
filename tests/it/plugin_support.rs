//! The plugin service and a supervisor in this process, with a platform that runs plugins as tasks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab::cloudforet::identity::SystemCredentials;
use lab::cloudforet::plugins::sample_cloud;
use lab::cloudforet::proto::plugin::v1::plugin_client::PluginClient;
use lab::cloudforet::proto::plugin::v1::{PluginEndpoint, PluginEndpointRequest};
use lab::cloudforet::proto::repository::v1::plugin_server::{Plugin, PluginServer};
use lab::cloudforet::proto::repository::v1::{
    PluginInfo, PluginQuery, PluginRequest, PluginsInfo, RegisterPluginRequest,
    RepositoryPluginRequest, UpdatePluginRequest, VersionsInfo,
};
use lab::cloudforet::supervisor::{self, Platform};
use lab::cloudforet::telemetry::Emitter;
use lab::cloudforet::{Settings, plugin};
use lab::model::{self, COLLECTOR, PluginPod, PodWish, RunningPlugin, WantedPlugin};
use lab::net::Trigger;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tonic::{Request, Response, Status};

use crate::cloudforet_support::{Backends, channel, serving};

/// Runs, with three pods.
pub(crate) const SAMPLE: &str = "plugin-sample";
/// Its pods are never ready.
pub(crate) const BROKEN: &str = "plugin-broken";
/// Is in the catalogue, and unknown to the platform.
pub(crate) const STRANGE: &str = "plugin-strange";
const VERSIONS: [&str; 3] = ["1.9", "1.10", "1.10-rc1"];
const REPLICAS: u32 = 3;

/// Everything that it takes to get at a plugin.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) backends: Backends,
    pub(crate) settings: Settings,
    pub(crate) plugin: SocketAddr,
    /// The system's token.
    pub(crate) system: String,
    pub(crate) platform: FakePlatform,
    supervisor: Option<Trigger>,
    triggers: Vec<Trigger>,
    tasks: JoinSet<()>,
}

/// Runs plugins as tasks.
#[derive(Clone, Debug)]
pub(crate) struct FakePlatform {
    wishes: mpsc::Sender<PodWish>,
    running: watch::Receiver<Vec<RunningPlugin>>,
    /// Pods that were started, ever.
    pub(crate) started: Arc<Mutex<u32>>,
    /// Ends one pod, without a word about it.
    kill: mpsc::Sender<SocketAddr>,
}

// === impl Plane ===

impl Plane {
    /// All of it.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// All of it.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut plane = Self::start_without_supervisor(change).await;
        plane.start_supervisor();
        plane
    }

    /// All but the supervisor.
    pub(crate) async fn start_without_supervisor(change: impl FnOnce(&mut Settings)) -> Self {
        let credentials = SystemCredentials::new().unwrap();
        let backends = Backends::start_with(|settings| {
            settings.system_key = Some(credentials.key.clone());
            assert!(settings.set_system_token(&credentials.token));
            settings.plugins = vec![model::Plugin {
                name: "sample".to_owned(),
                plugin_id: SAMPLE.to_owned(),
                replicas: REPLICAS,
                ..model::Plugin::default()
            }];
            change(settings);
        })
        .await;
        let mut tasks = JoinSet::new();
        let repository = serve_repository(&mut tasks).await;
        let mut settings = backends.settings.clone();
        let endpoints = &mut settings.endpoints;
        endpoints.insert("repository".to_owned(), format!("grpc://{repository}"));
        let mut plane = Self {
            platform: FakePlatform::start(&mut tasks),
            plugin: SocketAddr::from(([127, 0, 0, 1], 0)),
            system: credentials.token,
            backends,
            settings,
            supervisor: None,
            triggers: Vec::new(),
            tasks,
        };
        plane.plugin = plane.another_plugin_service().await;
        let endpoint = format!("grpc://{}", plane.plugin);
        let endpoints = &mut plane.settings.endpoints;
        endpoints.insert("plugin".to_owned(), endpoint);
        plane
    }

    /// One more replica of the plugin service.
    pub(crate) async fn another_plugin_service(&mut self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Trigger::new();
        let (emitter, _) = Emitter::channel(1);
        let settings = self.settings.clone();
        self.tasks.spawn(async move {
            plugin::serve(listener, settings, emitter, shutdown)
                .await
                .unwrap();
        });
        self.triggers.push(trigger);
        serving(address).await;
        address
    }

    /// Starts the supervisor, in place of the one that there was.
    pub(crate) fn start_supervisor(&mut self) {
        let (trigger, shutdown) = Trigger::new();
        let platform = Platform::new(self.platform.wishes.clone(), self.platform.running.clone());
        let settings = self.settings.clone();
        self.tasks.spawn(async move {
            supervisor::serve(settings, platform, shutdown)
                .await
                .unwrap();
        });
        self.supervisor = Some(trigger);
    }

    /// Ends the supervisor, and returns when it has.
    pub(crate) async fn stop_supervisor(&mut self) {
        if let Some(trigger) = self.supervisor.take() {
            trigger.trigger();
            trigger.drained().await;
        }
    }

    /// Where a plugin is, as somebody without a token asks.
    pub(crate) async fn endpoint(
        &self,
        plugin_id: &str,
        version: &str,
        patience: Duration,
    ) -> Result<PluginEndpoint, Status> {
        endpoint_of(self.plugin, plugin_id, version, patience).await
    }
}

/// Where a plugin is, as one replica says; no version means the newest.
pub(crate) async fn endpoint_of(
    service: SocketAddr,
    plugin_id: &str,
    version: &str,
    patience: Duration,
) -> Result<PluginEndpoint, Status> {
    let mut request = Request::new(PluginEndpointRequest {
        plugin_id: plugin_id.to_owned(),
        version: version.to_owned(),
        upgrade_mode: i32::from(version.is_empty()),
        ..PluginEndpointRequest::default()
    });
    request.set_timeout(patience);
    let mut plugins = PluginClient::new(channel(service).await);
    let answer = plugins.get_plugin_endpoint(request).await?;
    Ok(answer.into_inner())
}

// === impl FakePlatform ===

impl FakePlatform {
    fn start(tasks: &mut JoinSet<()>) -> Self {
        let (wishes, mut heard) = mpsc::channel(16);
        let (tell, running) = watch::channel(Vec::new());
        let (kill, mut killed) = mpsc::channel::<SocketAddr>(1);
        let started = Arc::new(Mutex::new(0));
        let count = Arc::clone(&started);
        tasks.spawn(async move {
            let mut pods = BTreeMap::new();
            loop {
                let wanted = tokio::select! {
                    Some(PodWish::Plugins { plugins }) = heard.recv() => plugins,
                    Some(address) = killed.recv() => {
                        let victim = pods.values().flatten().find(|pod: &&Pod| pod.address == address);
                        let victim = victim.unwrap();
                        victim.trigger.trigger();
                        victim.trigger.drained().await;
                        continue;
                    }
                    else => return,
                };
                pods.retain(|name, _| wanted.iter().any(|wanted| wanted.name == *name));
                for wanted in &wanted {
                    if wanted.plugin_id == SAMPLE && !pods.contains_key(&wanted.name) {
                        let mut started = Vec::new();
                        for _ in 0..wanted.replicas {
                            started.push(Pod::start().await);
                            *count.lock().unwrap() += 1;
                        }
                        pods.insert(wanted.name.clone(), started);
                    }
                }
                tell.send_replace(
                    wanted
                        .iter()
                        .map(|wanted| Self::told(wanted, &pods))
                        .collect(),
                );
            }
        });
        Self {
            wishes,
            running,
            started,
            kill,
        }
    }

    fn told(wanted: &WantedPlugin, pods: &BTreeMap<String, Vec<Pod>>) -> RunningPlugin {
        let pods = pods.get(&wanted.name).into_iter().flatten();
        let mut pods: Vec<PluginPod> = pods
            .map(|pod| PluginPod {
                name: "sample".to_owned(),
                address: Some(pod.address),
                ready: true,
                reason: None,
            })
            .collect();
        if wanted.plugin_id == BROKEN {
            pods.push(PluginPod {
                name: "broken-0".to_owned(),
                address: None,
                ready: false,
                reason: Some("ImagePullBackOff: no such image".to_owned()),
            });
        }
        let strange = wanted.plugin_id == STRANGE;
        RunningPlugin {
            name: wanted.name.clone(),
            pods,
            problem: strange.then(|| "nobody has heard of this plugin".to_owned()),
        }
    }

    /// What runs.
    pub(crate) fn running(&self) -> Vec<RunningPlugin> {
        self.running.borrow().clone()
    }

    /// Ends the pod at this endpoint; the supervisor is not told.
    pub(crate) async fn kill(&self, endpoint: &str) {
        let address = endpoint.strip_prefix("grpc://").unwrap().parse().unwrap();
        self.kill.send(address).await.unwrap();
        crate::eventually!(
            "the pod is gone",
            tokio::net::TcpStream::connect(address).await.err()
        );
    }
}

/// One pod of the sample plugin.
#[derive(Debug)]
struct Pod {
    address: SocketAddr,
    trigger: Trigger,
}

impl Pod {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Trigger::new();
        let (emitter, _) = Emitter::channel(1);
        // Ends with its trigger, which its owner drops.
        tokio::spawn(sample_cloud::serve(
            listener,
            Settings::default(),
            emitter,
            shutdown,
        ));
        serving(address).await;
        Self { address, trigger }
    }
}

/// A catalogue that never changes.
#[derive(Debug)]
struct Catalogue;

async fn serve_repository(tasks: &mut JoinSet<()>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tasks.spawn(async move {
        tonic::transport::Server::builder()
            .add_service(PluginServer::new(Catalogue))
            .serve_with_incoming(incoming)
            .await
            .unwrap();
    });
    address
}

fn known(plugin_id: &str) -> Result<(), Status> {
    if [SAMPLE, BROKEN, STRANGE].contains(&plugin_id) {
        Ok(())
    } else {
        Err(Status::not_found("ERROR_NOT_FOUND: No such plugin."))
    }
}

#[tonic::async_trait]
impl Plugin for Catalogue {
    async fn get(
        &self,
        request: Request<RepositoryPluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        assert!(request.metadata().contains_key("token"));
        known(&request.get_ref().plugin_id)?;
        Ok(Response::new(PluginInfo {
            plugin_id: request.into_inner().plugin_id,
            state: 1,
            resource_type: COLLECTOR.to_owned(),
            ..PluginInfo::default()
        }))
    }

    async fn get_versions(
        &self,
        request: Request<RepositoryPluginRequest>,
    ) -> Result<Response<VersionsInfo>, Status> {
        known(&request.get_ref().plugin_id)?;
        Ok(Response::new(VersionsInfo {
            results: VERSIONS.map(str::to_owned).to_vec(),
            ..VersionsInfo::default()
        }))
    }

    async fn register(
        &self,
        _: Request<RegisterPluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        Err(Status::unimplemented("register"))
    }

    async fn update(
        &self,
        _: Request<UpdatePluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        Err(Status::unimplemented("update"))
    }

    async fn deregister(&self, _: Request<PluginRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("deregister"))
    }

    async fn enable(&self, _: Request<PluginRequest>) -> Result<Response<PluginInfo>, Status> {
        Err(Status::unimplemented("enable"))
    }

    async fn disable(&self, _: Request<PluginRequest>) -> Result<Response<PluginInfo>, Status> {
        Err(Status::unimplemented("disable"))
    }

    async fn list(&self, _: Request<PluginQuery>) -> Result<Response<PluginsInfo>, Status> {
        Err(Status::unimplemented("list"))
    }
}
