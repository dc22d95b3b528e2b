//! Pods of plugins, on the supervisor's word: it says which it wants and is told which there are, as
//! upstream it asks Kubernetes' API server. Beside that, what the machine is, for the `host` plugin.
//!
//! Invariant: Deployments with a `plugin` are written here and nowhere else. They outlive the
//! supervisor's pod, and are told to the next one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::inputs::Inputs;
use crate::model::{
    Deployment, MAX_REPLICAS, Machine, PluginPod, PodTemplate, PodWish, RunningPlugin, Told,
    WantedPlugin, Workload,
};
use crate::pods::{Boxed, PodLine, Source};
use crate::registry::{Cluster, Registry};

/// How lines begin that may be a wish; all others are no business of ours.
const WISHES: [&str; 2] = [r#"{"event":"plugins""#, r#"{"event":"host""#];
/// Who may say which plugins run.
const SUPERVISOR: &str = "supervisor";
/// Who may ask what the machine is.
const HOST: &str = "plugin-host";
/// The names of pods end with a hyphen and five letters, and must be DNS labels.
const LONGEST_NAME: usize = 57;

/// Tells what the machine is; takes as long as it takes.
pub type MachineReader =
    Arc<dyn Fn() -> Boxed<'static, Result<Box<Machine>, String>> + Send + Sync>;

/// A wish and the pod that has it.
pub type Asked = (String, PodWish);

/// What can run, and where.
pub struct Plugins {
    /// Where Deployments are written.
    pub registry: Registry,
    /// The pods that can be told something.
    pub inputs: Inputs,
    /// What runs each plugin, by `plugin_id`.
    pub templates: BTreeMap<String, PodTemplate>,
    /// Whether the runtime can run images.
    pub runs_images: bool,
    /// Asked for the `host` plugin.
    pub machine: MachineReader,
}

/// What the supervisor wants, and why some of it cannot be.
#[derive(Default)]
struct Wanted {
    problems: BTreeMap<String, String>,
}

impl std::fmt::Debug for Plugins {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let plugins = self.templates.keys().collect::<Vec<_>>();
        formatter
            .debug_struct("Plugins")
            .field("templates", &plugins)
            .finish_non_exhaustive()
    }
}

/// The wish that a line of a pod is. Only pods that are attached are believed: anybody else may write
/// what he likes, and it is a line like any other.
pub fn wish_of(registry: &Registry, line: &PodLine) -> Option<PodWish> {
    let may_be =
        line.source == Source::Stdout && WISHES.iter().any(|begin| line.text.starts_with(begin));
    if !may_be {
        return None;
    }
    let wish: PodWish = serde_json::from_str(&line.text).ok()?;
    let cluster = registry.snapshot();
    let may_ask = match wish {
        PodWish::Plugins { .. } => SUPERVISOR,
        PodWish::Host => HOST,
    };
    (attached(&cluster, &line.pod)? == may_ask).then_some(wish)
}

/// The program of a pod that is attached.
fn attached<'c>(cluster: &'c Cluster, pod: &str) -> Option<&'c str> {
    let deployment = &cluster.pods.get(pod)?.deployment;
    let template = &cluster.deployments.get(deployment)?.template;
    match &template.workload {
        Workload::BuiltIn { program } if template.attached => Some(program),
        _ => None,
    }
}

impl Plugins {
    /// Fulfils wishes and tells what comes of them, until `shutdown` or until nobody can wish.
    pub async fn run(self, mut wishes: mpsc::Receiver<Asked>, shutdown: impl Future<Output = ()>) {
        let mut reader = self.registry.reader();
        let mut arrivals = self.inputs.arrivals();
        let mut wanted = Wanted::default();
        let mut machines = JoinSet::new();
        // Who waits for the machine that is just being looked at.
        let mut waiting: BTreeSet<String> = BTreeSet::new();
        tokio::pin!(shutdown);
        loop {
            self.tell(reader.latest(), &wanted);
            tokio::select! {
                () = &mut shutdown => return,
                wish = wishes.recv() => match wish {
                    Some((_, PodWish::Plugins { plugins })) => wanted = self.want(&plugins),
                    Some((pod, PodWish::Host)) => {
                        waiting.insert(pod);
                        if machines.is_empty() {
                            machines.spawn((self.machine)());
                        }
                    }
                    None => return,
                },
                Some(read) = machines.join_next() => {
                    let machine = read.unwrap_or_else(|error| Err(error.to_string()));
                    if let Some(line) = line(&Told::Host { machine }) {
                        let waiting = std::mem::take(&mut waiting).into_iter();
                        waiting.for_each(|pod| self.inputs.answer(&pod, Arc::clone(&line)));
                    }
                }
                changed = reader.changed() => if changed.is_none() { return },
                _ = arrivals.changed() => {}
            }
        }
    }

    /// Makes the Deployments of plugins those that are wanted.
    fn want(&self, plugins: &[WantedPlugin]) -> Wanted {
        let cluster = self.registry.snapshot();
        let mut wanted = Wanted::default();
        let mut deployments = BTreeMap::new();
        for plugin in plugins {
            match self.deployment(plugin, &cluster) {
                Ok(deployment) => drop(deployments.insert(plugin.name.clone(), deployment)),
                Err(problem) => {
                    tracing::warn!(plugin = plugin.plugin_id, problem, "a plugin cannot run");
                    wanted.problems.insert(plugin.name.clone(), problem);
                }
            }
        }
        let current = of_plugins(&cluster);
        let same = current.clone().count() == deployments.len()
            && current
                .into_iter()
                .all(|found| deployments.get(&found.name) == Some(&**found));
        if !same {
            self.registry.change(|cluster| {
                cluster
                    .deployments
                    .retain(|_, found| found.plugin.is_none());
                let deployments = deployments.into_iter();
                let shared = deployments.map(|(name, found)| (name, Arc::new(found)));
                cluster.deployments.extend(shared);
            });
        }
        wanted
    }

    /// The Deployment that a plugin is to have, or why it can have none.
    fn deployment(&self, wanted: &WantedPlugin, cluster: &Cluster) -> Result<Deployment, String> {
        let WantedPlugin {
            name,
            plugin_id,
            replicas,
        } = wanted;
        let Some(template) = self.templates.get(plugin_id) else {
            return Err(format!(
                "lab.toml has no plugin {plugin_id}; write it as [plugins.NAME]"
            ));
        };
        if !is_name(name) {
            return Err("its name cannot be that of a Deployment".to_owned());
        }
        if cluster
            .deployments
            .get(name)
            .is_some_and(|found| found.plugin.is_none())
        {
            return Err("another Deployment has its name".to_owned());
        }
        if matches!(template.workload, Workload::Image { .. }) && !self.runs_images {
            return Err("an image needs the Docker runtime".to_owned());
        }
        Ok(Deployment {
            name: name.clone(),
            service: None,
            plugin: Some(plugin_id.clone()),
            replicas: (*replicas).min(MAX_REPLICAS),
            template: template.clone(),
        })
    }

    /// Tells every supervisor what it does not know yet.
    fn tell(&self, cluster: &Cluster, wanted: &Wanted) {
        let names = self.inputs.names().into_iter();
        let mut supervisors = names
            .filter(|pod| attached(cluster, pod) == Some(SUPERVISOR))
            .peekable();
        if supervisors.peek().is_none() {
            return;
        }
        let plugins = running(cluster, wanted);
        if let Some(line) = line(&Told::Plugins { plugins }) {
            supervisors.for_each(|pod| self.inputs.tell_news(&pod, &line));
        }
    }
}

fn of_plugins(cluster: &Cluster) -> impl Iterator<Item = &Arc<Deployment>> + Clone {
    let deployments = cluster.deployments.values();
    deployments.filter(|found| found.plugin.is_some())
}

/// Every plugin that was asked for, as it is. Pods that are being stopped are gone already for
/// whoever looks for one to call.
fn running(cluster: &Cluster, wanted: &Wanted) -> Vec<RunningPlugin> {
    let mut plugins = Vec::new();
    for deployment in of_plugins(cluster) {
        let pods = cluster.pods.values();
        let pods = pods.filter(|pod| pod.deployment == deployment.name && !pod.terminating);
        let pods = pods.map(|pod| PluginPod {
            name: pod.name.clone(),
            address: pod.ports.first().map(|port| port.pod),
            ready: pod.ready,
            reason: pod.reason.clone(),
        });
        plugins.push(RunningPlugin {
            name: deployment.name.clone(),
            pods: pods.collect(),
            problem: None,
        });
    }
    let impossible = wanted.problems.iter();
    plugins.extend(impossible.map(|(name, problem)| RunningPlugin {
        name: name.clone(),
        pods: Vec::new(),
        problem: Some(problem.clone()),
    }));
    plugins
}

/// What is told, as a line.
fn line(told: &Told) -> Option<Arc<str>> {
    match serde_json::to_string(told) {
        Ok(text) => Some(format!("{text}\n").into()),
        Err(error) => {
            tracing::error!(%error, "what a pod is to be told cannot be written");
            None
        }
    }
}

/// Whether the names of its pods will be DNS labels.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= LONGEST_NAME
        && text.bytes().all(inner)
        && !text.starts_with('-')
}
