//! Pods as containers, on a bridge network that has K3s' own addresses.
//!
//! | file | what |
//! |---|---|
//! | `connect` | find the daemon, agree on an API version |
//! | `image` | the pod image, made from the running binary |
//! | `old_images` | images of earlier builds, removed when a new one is made |
//! | `network` | the subnet: parsed, checked, created |
//! | `container` | what a pod or the node is as a container |
//! | `containers` | what runs on the engine at all, for the `host` plugin |
//! | `watch` | from a container's start to its end |
//! | `leftovers` | find and remove by label what belongs to a lab |
//!
//! Invariants: everything that is made carries the labels of [`Labels`], and is removed by label
//! only. No container is privileged, sees the Docker socket, or mounts a folder of the host.

mod connect;
mod container;
mod containers;
mod image;
mod leftovers;
mod network;
mod old_images;
mod watch;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub(super) use connect::{Daemon, connect};
pub use containers::containers;
use leftovers::Labels;
pub(super) use leftovers::{remove_all, remove_volumes};
use network::Subnet;

use super::process::ProcessRuntime;
use super::{
    Boxed, NodeHandle, PodError, PodNetwork, PodRuntime, PodSpec, RuntimeSettings, StartedPod,
};
use crate::model::Workload;

/// `[docker]` of lab.toml.
#[derive(Clone, Debug, Default)]
pub struct DockerSettings {
    /// The pod network, /15 to /22; the first free one from 10.42.0.0/15 on by default.
    pub subnet: Option<String>,
    /// The image of built-in pods, in place of one made from the running binary.
    pub image: Option<String>,
}

/// Runs pods as containers.
#[derive(Clone, Debug)]
pub struct DockerRuntime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    daemon: Daemon,
    settings: RuntimeSettings,
    docker: DockerSettings,
    /// The binary that the image is made from, and that runs commands beside the containers.
    program: PathBuf,
    labels: Labels,
    prepared: OnceLock<Prepared>,
    /// Commands of the user's run on the host; made for the first of them. A std mutex, held for
    /// a clone.
    commands: Mutex<Option<ProcessRuntime>>,
    /// One pull at a time, so that five replicas do not pull one image five times.
    pulling: tokio::sync::Mutex<()>,
    /// Containers leave the network one after the other: Docker before 28.1 may lose count of several
    /// that leave at once, and then keeps the network for good (moby/moby#42119).
    leaving: tokio::sync::Mutex<()>,
}

/// What `prepare` made.
#[derive(Clone, Debug)]
struct Prepared {
    image: String,
    /// Folders of the shared libraries in it.
    library_path: String,
    network: String,
    subnet: Subnet,
    /// Whether the host reaches container addresses; else ports are published on 127.0.0.1.
    reachable: bool,
}

impl DockerRuntime {
    pub(super) fn new(
        daemon: Daemon,
        settings: RuntimeSettings,
        docker: DockerSettings,
        program: PathBuf,
    ) -> Self {
        let labels = Labels::of(&settings.lab);
        Self {
            shared: Arc::new(Shared {
                daemon,
                settings,
                docker,
                program,
                labels,
                prepared: OnceLock::new(),
                commands: Mutex::default(),
                pulling: tokio::sync::Mutex::default(),
                leaving: tokio::sync::Mutex::default(),
            }),
        }
    }

    async fn make_ready(&self, progress: &(dyn Fn(&str) + Send + Sync)) -> Result<(), PodError> {
        let shared = &self.shared;
        let subnets = Subnet::candidates(shared.docker.subnet.as_deref())?;
        leftovers::refuse_if_running(&shared.daemon, &shared.settings.lab).await?;
        let network = async {
            let removed = remove_all(&shared.daemon, &shared.settings.lab).await?;
            if removed > 0 {
                progress(&format!(
                    "removed {removed} containers that an earlier lab left"
                ));
            }
            let fixed = shared.docker.subnet.is_some();
            network::create(&shared.daemon, &shared.labels, subnets, fixed).await
        };
        let image = image::ensure(
            &shared.daemon,
            shared.docker.image.as_deref(),
            &shared.program,
            progress,
        );
        let (network, image) = tokio::join!(network, image);
        let (network, subnet) = network?;
        let image = match image {
            Ok(image) => image,
            Err(error) => {
                // Nothing is left behind by an `up` that fails.
                let _ = remove_all(&shared.daemon, &shared.settings.lab).await;
                return Err(error);
            }
        };
        // The gateway is an address of the host exactly where the bridge is in the host's own
        // network namespace: not with Docker Desktop, nor with a rootless or remote daemon.
        let reachable = UdpSocket::bind((subnet.gateway(), 0)).is_ok();
        if !reachable {
            progress(
                "container addresses cannot be reached from here: ports are published on 127.0.0.1",
            );
        }
        let prepared = Prepared {
            image: image.name,
            library_path: image.library_path,
            network,
            subnet,
            reachable,
        };
        shared
            .prepared
            .set(prepared)
            .map_err(|_| PodError::NotPrepared)
    }

    async fn launch(&self, spec: PodSpec) -> Result<StartedPod, PodError> {
        let prepared = self.shared.prepared()?.clone();
        match &spec.template.workload {
            Workload::Command { .. } => self.commands(&spec, &prepared)?.start(spec).await,
            Workload::Image { image, .. } => {
                {
                    let _one = self.shared.pulling.lock().await;
                    image::pull_if_absent(&self.shared.daemon, image).await?;
                }
                container::start_pod(&self.shared, &prepared, spec).await
            }
            Workload::BuiltIn { .. } => container::start_pod(&self.shared, &prepared, spec).await,
        }
    }

    /// The runtime of the user's own commands: on the host, reached by containers at the gateway.
    fn commands(&self, spec: &PodSpec, prepared: &Prepared) -> Result<ProcessRuntime, PodError> {
        if !prepared.reachable {
            return Err(PodError::Unsupported {
                pod: spec.name.clone(),
                needs: "a program on this host, which containers cannot reach here",
                remedy: "give the service an `image`, or run the lab with `--runtime process`",
            });
        }
        let mut commands = self
            .shared
            .commands
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*commands {
            return Ok(runtime.clone());
        }
        let runtime = ProcessRuntime::with_gateway(
            self.shared.settings.clone(),
            self.shared.program.clone(),
            "commands run beside the containers".to_owned(),
            Some(prepared.subnet.gateway()),
        )?;
        Ok(commands.insert(runtime).clone())
    }

    fn started_commands(&self) -> Option<ProcessRuntime> {
        let commands = self.shared.commands.lock();
        commands.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn prepared(&self) -> Result<&Prepared, PodError> {
        self.prepared.get().ok_or(PodError::NotPrepared)
    }
}

impl PodRuntime for DockerRuntime {
    fn name(&self) -> &'static str {
        "docker"
    }

    fn describe(&self) -> String {
        self.shared.daemon.describe()
    }

    fn prepare<'a>(
        &'a self,
        progress: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(self.make_ready(progress))
    }

    fn network(&self) -> PodNetwork {
        let subnet = self.shared.prepared.get().map(|prepared| prepared.subnet);
        subnet.unwrap_or_default().pod_network()
    }

    fn start_node(
        &self,
        env: BTreeMap<String, String>,
    ) -> Boxed<'_, Result<Option<NodeHandle>, PodError>> {
        Box::pin(async move {
            let prepared = self.shared.prepared()?;
            container::start_node(&self.shared, prepared, env)
                .await
                .map(Some)
        })
    }

    fn has_image<'a>(&'a self, image: &'a str) -> Boxed<'a, bool> {
        // A daemon that does not answer tells the next request why.
        Box::pin(async { self.shared.daemon.docker.inspect_image(image).await.is_ok() })
    }

    fn has_volume<'a>(&'a self, volume: &'a str) -> Boxed<'a, bool> {
        let name = self.shared.labels.volume_name(volume);
        Box::pin(async move {
            self.shared
                .daemon
                .docker
                .inspect_volume(&name)
                .await
                .is_ok()
        })
    }

    fn start(&self, spec: PodSpec) -> Boxed<'_, Result<StartedPod, PodError>> {
        Box::pin(self.launch(spec))
    }

    fn stop<'a>(&'a self, pod: &'a str, grace: Duration) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            if let Some(commands) = self.started_commands() {
                commands.stop(pod, grace).await?;
            }
            let name = self.shared.labels.container_name(pod);
            container::stop(&self.shared, &name, grace).await
        })
    }

    fn kill<'a>(&'a self, pod: &'a str) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            if let Some(commands) = self.started_commands()
                && commands.kill(pod).await.is_ok()
            {
                return Ok(());
            }
            let name = self.shared.labels.container_name(pod);
            container::kill(&self.shared.daemon, &name, pod).await
        })
    }

    fn freeze<'a>(&'a self, pod: &'a str, still: bool) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            if let Some(commands) = self.started_commands()
                && commands.freeze(pod, still).await.is_ok()
            {
                return Ok(());
            }
            let name = self.shared.labels.container_name(pod);
            container::freeze(&self.shared.daemon, &name, pod, still).await
        })
    }

    fn shut_down(&self, data: bool) -> Boxed<'_, Result<(), PodError>> {
        Box::pin(async move {
            let lab = &self.shared.settings.lab;
            if let Some(commands) = self.started_commands() {
                commands.shut_down(data).await?;
            }
            remove_all(&self.shared.daemon, lab).await?;
            if data {
                remove_volumes(&self.shared.daemon, lab).await?;
            }
            Ok(())
        })
    }
}

/// Second half of the default subnet; before `prepare`, nothing is there.
impl Default for Subnet {
    fn default() -> Self {
        Self::new(Ipv4Addr::new(10, 42, 0, 0), 15)
    }
}
