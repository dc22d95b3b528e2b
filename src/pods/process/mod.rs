//! Pods as child processes of the lab, each at a loopback address of its own.
//!
//! Invariants: a pod's program leads a process group of its own, so that nothing it started
//! outlives it; it dies with the lab, however the lab ends (see [`child`](super::child)).
//!
//! Assumptions: the running binary has the hidden subcommands `pod` and `exec`.

mod addresses;
mod command;
mod files;
mod group;
mod ports;
mod spawn;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch as signal};

pub use addresses::AddressBlock;
use command::{Given, command_line, fill_variables};
use files::Folder;
use group::Group;
use ports::WildcardPorts;
use spawn::Spawner;
use watch::Watcher;

use super::environment::{Placement, compose};
use super::files::render;
use super::{
    Boxed, Input, NodeHandle, PodError, PodNetwork, PodRuntime, PodSpec, RuntimeSettings,
    StartedPod,
};
use crate::model::Workload;

/// The lab that gets the first block of addresses.
const DEFAULT_LAB: &str = "lab";
/// For a killed program to be reaped. The kernel needs microseconds; a program in uninterruptible
/// sleep must not hold `down` for ever.
const REAP: Duration = Duration::from_secs(5);

/// Runs pods as child processes.
#[derive(Clone, Debug)]
pub struct ProcessRuntime {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: RuntimeSettings,
    /// The binary that runs pods.
    program: PathBuf,
    reason: String,
    /// The host's address in the pod network of containers, when commands run beside them.
    gateway: Option<Ipv4Addr>,
    spawner: Spawner,
    state: Mutex<State>,
}

/// Addresses, ports and running pods. Behind a std mutex: held for a few binds and map accesses,
/// never across an await.
#[derive(Debug)]
struct State {
    block: AddressBlock,
    wildcard: WildcardPorts,
    pods: HashMap<String, Running>,
    closed: bool,
}

#[derive(Clone, Debug)]
struct Running {
    group: Group,
    /// Becomes true when the pod is gone.
    gone: signal::Receiver<bool>,
}

impl ProcessRuntime {
    /// Claims a block of addresses for this lab. `program` is the lab's binary.
    pub fn new(
        settings: RuntimeSettings,
        program: PathBuf,
        reason: String,
    ) -> Result<Self, PodError> {
        Self::with_gateway(settings, program, reason, None)
    }

    /// A runtime for commands beside containers, which reach the host at `gateway`.
    pub(super) fn with_gateway(
        settings: RuntimeSettings,
        program: PathBuf,
        reason: String,
        gateway: Option<Ipv4Addr>,
    ) -> Result<Self, PodError> {
        let block = AddressBlock::claim(&settings.lab)?;
        let spawner = Spawner::start().map_err(|source| PodError::Spawn {
            pod: "-".to_owned(),
            program: "the thread that starts pods".to_owned(),
            source,
        })?;
        Ok(Self {
            shared: Arc::new(Shared {
                settings,
                program,
                reason,
                gateway,
                spawner,
                state: Mutex::new(State {
                    block,
                    wildcard: WildcardPorts::default(),
                    pods: HashMap::new(),
                    closed: false,
                }),
            }),
        })
    }

    async fn launch(&self, spec: PodSpec) -> Result<StartedPod, PodError> {
        let shared = &self.shared;
        let data = shared.volume(&spec)?;
        let given = {
            let mut state = shared.state();
            if state.closed {
                return Err(PodError::NotPrepared);
            }
            if state.pods.contains_key(&spec.name) {
                return Err(PodError::Running { pod: spec.name });
            }
            Given::take(&mut state, &spec)?
        };
        match self.launch_at(&spec, &given, data).await {
            Ok(started) => Ok(started),
            Err(error) => {
                given.free(&mut shared.state());
                Err(error)
            }
        }
    }

    async fn launch_at(
        &self,
        spec: &PodSpec,
        given: &Given,
        data: Option<PathBuf>,
    ) -> Result<StartedPod, PodError> {
        let shared = &self.shared;
        let files = Folder::of(&shared.settings.state, &spec.name);
        let line = command_line(spec, &given.listen, files.path())?;
        let mut variables = compose(
            spec,
            &Placement {
                listen: given.listen.clone(),
                ip: Some(given.ip()),
                data,
                parent: Some(std::process::id()),
            },
        );
        if let Workload::Command { .. } = spec.template.workload {
            fill_variables(&mut variables, &given.listen, files.path());
        }
        files.write(&render(spec, &variables)?)?;
        let mut command = tokio::process::Command::new(&shared.program);
        command.args(&line.arguments).envs(variables);
        if let Some(folder) = &line.folder {
            command.current_dir(folder);
        }
        let spawned = shared.spawner.spawn(command).await;
        let mut child = spawned.map_err(|source| PodError::Spawn {
            pod: spec.name.clone(),
            program: line.program,
            source,
        })?;
        // Whoever holds it keeps the pod alive.
        let input = spec.template.attached.then(|| child.stdin.take()).flatten();
        let (exit, exited) = oneshot::channel();
        let (gone, gone_receiver) = signal::channel(false);
        let running = Running {
            group: Group::of(&child),
            gone: gone_receiver,
        };
        let group = running.group;
        shared.state().pods.insert(spec.name.clone(), running);
        let started = StartedPod {
            ip: given.ip(),
            ports: given.ports(&spec.template.ports, shared.gateway),
            exited,
            input: input.map(|input| Box::pin(input) as Input),
        };
        let watcher = Watcher {
            runtime: self.clone(),
            pod: spec.name.clone(),
            given: Given {
                address: given.address,
                wildcard: given.wildcard.clone(),
                listen: Vec::new(),
            },
            group,
            _files: files,
            is_command: matches!(spec.template.workload, Workload::Command { .. }),
        };
        // Owned by the pod: ends with its program, and `stop` waits for `gone`.
        tokio::spawn(async move {
            let end = watcher.watch(child).await;
            // Nobody asks any more when the pod was stopped.
            let _ = exit.send(end);
            gone.send_replace(true);
        });
        Ok(started)
    }

    async fn end(&self, pod: &str, grace: Duration) {
        let Some(mut running) = self.shared.state().pods.get(pod).cloned() else {
            return;
        };
        running.group.terminate();
        if gone_within(&mut running, grace).await {
            return;
        }
        running.group.kill();
        if !gone_within(&mut running, REAP).await {
            tracing::warn!(pod, "the program does not end after SIGKILL");
        }
    }
}

/// Waits for the end of a pod; whether it came in time.
async fn gone_within(running: &mut Running, limit: Duration) -> bool {
    let gone = running.gone.wait_for(|gone| *gone);
    tokio::time::timeout(limit, gone).await.is_ok()
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folder of the pod's volume.
    fn volume(&self, spec: &PodSpec) -> Result<Option<PathBuf>, PodError> {
        let Some(volume) = &spec.template.volume else {
            return Ok(None);
        };
        let path = self.settings.data().join(&volume.name);
        fs::create_dir_all(&path).map_err(|source| PodError::File {
            action: "make the data folder",
            path: path.clone(),
            source,
        })?;
        Ok(Some(path))
    }
}

/// Removes the volumes of a lab that does not run.
pub(super) fn remove_data(settings: &RuntimeSettings) -> Result<(), PodError> {
    let path = settings.data();
    match fs::remove_dir_all(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(PodError::File {
            action: "delete the data folder",
            path,
            source,
        }),
        _ => Ok(()),
    }
}

impl PodRuntime for ProcessRuntime {
    fn name(&self) -> &'static str {
        "process"
    }

    fn describe(&self) -> String {
        self.shared.reason.clone()
    }

    fn prepare<'a>(
        &'a self,
        _progress: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Boxed<'a, Result<(), PodError>> {
        // Pods of a crashed lab died with it, and the kernel freed its addresses; what may be left
        // is their files.
        Box::pin(async {
            drop(Folder::all(&self.shared.settings.state));
            Ok(())
        })
    }

    fn network(&self) -> PodNetwork {
        self.shared.state().block.network()
    }

    fn start_node(
        &self,
        _env: BTreeMap<String, String>,
    ) -> Boxed<'_, Result<Option<NodeHandle>, PodError>> {
        Box::pin(async { Ok(None) })
    }

    fn has_volume<'a>(&'a self, volume: &'a str) -> Boxed<'a, bool> {
        Box::pin(async move { self.shared.settings.data().join(volume).exists() })
    }

    fn start(&self, spec: PodSpec) -> Boxed<'_, Result<StartedPod, PodError>> {
        Box::pin(self.launch(spec))
    }

    fn stop<'a>(&'a self, pod: &'a str, grace: Duration) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            self.end(pod, grace).await;
            Ok(())
        })
    }

    fn kill<'a>(&'a self, pod: &'a str) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            match self.shared.state().pods.get(pod) {
                Some(running) => running.group.kill(),
                None => {
                    return Err(PodError::Unknown {
                        pod: pod.to_owned(),
                    });
                }
            }
            Ok(())
        })
    }

    fn freeze<'a>(&'a self, pod: &'a str, still: bool) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            let group = self
                .shared
                .state()
                .pods
                .get(pod)
                .map(|running| running.group);
            let unknown = || PodError::Unknown {
                pod: pod.to_owned(),
            };
            let group = group.ok_or_else(unknown)?;
            #[cfg(not(unix))]
            return {
                let _ = (group, still);
                Err(PodError::Unsupported {
                    pod: pod.to_owned(),
                    needs: "a system that can stop programs",
                    remedy: "run the lab with `--runtime docker`",
                })
            };
            #[cfg(unix)]
            {
                group.freeze(still);
                Ok(())
            }
        })
    }

    fn shut_down(&self, data: bool) -> Boxed<'_, Result<(), PodError>> {
        Box::pin(async move {
            let names: Vec<String> = {
                let mut state = self.shared.state();
                state.closed = true;
                state.pods.keys().cloned().collect()
            };
            let mut stops = tokio::task::JoinSet::new();
            for pod in names {
                let runtime = self.clone();
                // Pods were stopped in order before this; what is left gets no grace.
                stops.spawn(async move { runtime.end(&pod, Duration::ZERO).await });
            }
            while stops.join_next().await.is_some() {}
            if data {
                remove_data(&self.shared.settings)?;
            }
            Ok(())
        })
    }
}
