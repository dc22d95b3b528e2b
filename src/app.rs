//! Builds, binds, announces, spawns, waits and drains: the only room that knows all others.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::client::{AdminFile, ClientError, LabFolder};
use crate::config::Config;
use crate::dashboard::{self, AdminState, Facts, LogSelection, Records};
use crate::model::{EndpointSlice, LabPhase, LogLine, TraceId, Urls};
use crate::net::Trigger;
use crate::registry::{Cluster, Registry};

/// Why the lab does not start or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process is this lab.
    #[error("lab {0:?} runs already")]
    AlreadyRuns(String),
    /// The state folder cannot be used.
    #[error(transparent)]
    Folder(#[from] ClientError),
    /// The system refuses something.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// This program does not have that part.
    #[error("{0} is not part of this build")]
    Missing(&'static str),
}

impl StartError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::AlreadyRuns(_) => Some("see it with: lab status, stop it with: lab down".into()),
            _ => None,
        }
    }
}

/// Runs a lab until it is asked to stop.
pub async fn run(config: Config, folder: LabFolder) -> Result<(), StartError> {
    folder.prepare()?;
    let Some(lock) = folder.lock_soon().await? else {
        return Err(StartError::AlreadyRuns(config.name));
    };
    let system = |what| move |source| StartError::System { what, source };
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .map_err(system("bind the admin API"))?;
    let address = listener
        .local_addr()
        .map_err(system("bind the admin API"))?;
    let token = dashboard::new_token().map_err(system("make a token"))?;
    let (trigger, shutdown) = Trigger::new();
    let (facts, seen) = watch::channel(Facts {
        name: config.name.clone(),
        login: config.cloudforet.enabled.then(|| config.login.clone()),
        urls: Urls {
            dashboard: Some(format!("http://{address}/")),
            ..Urls::default()
        },
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
        ..Facts::default()
    });
    let (stop, mut stopped) = mpsc::channel(1);
    let state = AdminState {
        registry: Registry::new(cluster_of(&config)),
        facts: seen,
        records: Arc::new(NoRecords),
        stop,
        token: token.as_str().into(),
        shutdown: shutdown.clone(),
    };
    let served = tokio::spawn(dashboard::serve(listener, state, shutdown));
    folder.write_admin(&AdminFile {
        address,
        token,
        pid: std::process::id(),
    })?;
    facts.send_modify(|facts| facts.phase = LabPhase::Running);
    tokio::select! {
        _ = stopped.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    facts.send_modify(|facts| facts.phase = LabPhase::Stopping);
    folder.remove_admin()?;
    trigger.trigger();
    let _ = served.await;
    drop(lock);
    Ok(())
}

/// What a valid config says that has no effect, such as annotations that the controller ignores.
pub fn warnings(_config: &Config) -> Vec<String> {
    Vec::new()
}

/// Removes what a lab that is not running left behind; with `data` also what should survive it.
pub async fn remove_leftovers(folder: &LabFolder, data: bool) -> Result<(), StartError> {
    folder.remove_admin()?;
    if data {
        folder.remove_data()?;
    }
    Ok(())
}

/// `lab pod`: the program of a pod, told by its environment.
pub async fn pod() -> Result<(), StartError> {
    Err(StartError::Missing("pod"))
}

/// `lab node`: ClusterIPs and DNS inside the pod network, driven over stdio.
pub async fn node() -> Result<(), StartError> {
    Err(StartError::Missing("node"))
}

/// `lab exec COMMAND…`: a command of the user's that ends when the lab does.
pub async fn exec(_command: Vec<OsString>) -> Result<(), StartError> {
    Err(StartError::Missing("exec"))
}

fn cluster_of(config: &Config) -> Cluster {
    let mut cluster = Cluster {
        proxy_mode: config.proxy_mode,
        ..Cluster::default()
    };
    for deployment in &config.deployments {
        let mut deployment = deployment.clone();
        deployment.replicas = 0;
        cluster
            .deployments
            .insert(deployment.name.clone(), Arc::new(deployment));
    }
    for service in &config.services {
        let name = service.name.clone();
        let slice = EndpointSlice {
            service: name.clone(),
            ..EndpointSlice::default()
        };
        cluster.slices.insert(name.clone(), Arc::new(slice));
        cluster.services.insert(name, Arc::new(service.clone()));
    }
    cluster
}

struct NoRecords;

impl Records for NoRecords {
    fn connections(&self, _service: &str, _endpoint: SocketAddr) -> u64 {
        0
    }

    fn logs(&self, _selection: &LogSelection, _tail: usize) -> Vec<LogLine> {
        Vec::new()
    }

    fn follow_logs(
        &self,
        _selection: &LogSelection,
        _tail: usize,
    ) -> (Vec<LogLine>, BoxStream<'static, LogLine>) {
        (Vec::new(), stream::pending().boxed())
    }

    fn films(&self) -> Vec<serde_json::Value> {
        Vec::new()
    }

    fn film(
        &self,
        _trace: TraceId,
        _wait: Duration,
    ) -> BoxFuture<'static, Option<serde_json::Value>> {
        Box::pin(std::future::ready(None))
    }
}
