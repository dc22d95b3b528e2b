//! Compares desired with actual state and acts: Deployments to pods, pods to endpoints.
//!
//! | file | what |
//! |---|---|
//! | `deployments` | how many pods of which template should run; starts and stops their tasks |
//! | `pod` | one task a pod: wait, start, probe, restart with back-off, terminate |
//! | `probe` | asks a pod whether it is ready |
//! | `endpoints` | what a pod's state makes of its Service's EndpointSlice |
//! | `hold` | what keeps a pod from being ready on purpose |
//! | `plugins` | pods of plugins, on the supervisor's word |
//! | `inputs` | what attached pods are told |
//! | `backoff` | how long a pod that ended waits for its next start |
//!
//! A pod and its endpoint change in one step of the registry, so nobody ever sees one without the
//! other.

mod backoff;
mod deployments;
mod endpoints;
mod hold;
mod inputs;
mod plugins;
mod pod;
mod probe;

pub use endpoints::{endpoint_of, is_listed};
pub use inputs::Inputs;
pub use plugins::{Asked, MachineReader, Plugins, wish_of};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::Deployment;
use crate::pods::PodRuntime;
use crate::registry::{Cluster, Registry};

/// What only the app knows about the pods of a Deployment.
#[derive(Clone, Debug, Default)]
pub struct PodExtras {
    /// JSON for `LAB_SETTINGS`, of built-in programs.
    pub settings: serde_json::Value,
    /// Variables beside those of Kubernetes and of the template.
    pub env: BTreeMap<String, String>,
    /// `LAB_DNS`: where built-in programs ask for names, if not the system's resolver.
    pub dns: Option<SocketAddr>,
}

/// Asked at every start of a pod.
pub type ExtrasProvider = Arc<dyn Fn(&Cluster, &Deployment) -> PodExtras + Send + Sync>;

/// Runs the controllers of all pods; `inputs` are those of attached ones. After `shutdown` the pods are stopped, those that others wait for last;
/// returns when all are gone.
pub async fn run(
    registry: Registry,
    runtime: Arc<dyn PodRuntime>,
    extras: ExtrasProvider,
    inputs: Inputs,
    shutdown: impl Future<Output = ()>,
) {
    let context = Arc::new(pod::Context {
        registry,
        runtime,
        extras,
        inputs,
    });
    deployments::run(context, shutdown).await;
}
