//! How many pods of which template should run.
//!
//! A new template replaces pods without a gap: new ones start, and old ones go as new ones turn
//! ready (`maxUnavailable: 0`). A template with a volume is replaced the other way round
//! (`Recreate`), because two programs cannot share the volume.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::pod::{Context, PodTask, Stop, pending};
use crate::model::Deployment;
use crate::registry::Cluster;

/// Kubernetes' `rand.SafeEncodeString`: no vowels, and nothing that looks like another letter.
const SUFFIX_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// Length of a `ReplicaSet`'s pod suffix.
const SUFFIX_LENGTH: usize = 5;

/// A pod's task as its owner sees it.
#[derive(Debug)]
struct Handle {
    deployment: Arc<Deployment>,
    stop: watch::Sender<Stop>,
    /// Counts up: higher is newer.
    number: u64,
}

impl Handle {
    fn is_stopping(&self) -> bool {
        *self.stop.borrow() != Stop::No
    }
}

/// All pods of the lab.
struct Pods {
    context: Arc<Context>,
    handles: BTreeMap<String, Handle>,
    tasks: JoinSet<String>,
    started: u64,
}

/// Acts on every change of the registry until `shutdown`, then stops all pods.
pub(super) async fn run(context: Arc<Context>, shutdown: impl Future<Output = ()>) {
    let mut reader = context.registry.reader();
    let mut pods = Pods {
        context,
        handles: BTreeMap::new(),
        tasks: JoinSet::new(),
        started: 0,
    };
    tokio::pin!(shutdown);
    loop {
        let cluster = Arc::clone(reader.latest());
        pods.reconcile(&cluster);
        tokio::select! {
            () = &mut shutdown => break,
            changed = reader.changed() => if changed.is_none() { break },
            Some(ended) = pods.tasks.join_next() => pods.forget(ended),
        }
    }
    pods.stop_all().await;
}

impl Pods {
    fn reconcile(&mut self, cluster: &Cluster) {
        let mut to_start = Vec::new();
        for deployment in cluster.deployments.values() {
            let missing = self.compare(cluster, deployment);
            to_start.extend(std::iter::repeat_n(Arc::clone(deployment), missing));
        }
        for handle in self.handles.values() {
            if !cluster.deployments.contains_key(&handle.deployment.name) {
                stop(handle, Stop::Drain);
            }
        }
        if !to_start.is_empty() {
            self.start(&to_start);
        }
    }

    /// Stops what is too much; says how many pods are missing.
    fn compare(&self, cluster: &Cluster, deployment: &Deployment) -> usize {
        let own = || {
            let handles = self.handles.iter();
            handles.filter(|(_, handle)| handle.deployment.name == deployment.name)
        };
        let mut faults = cluster.faults.iter();
        let wanted = if faults.any(|fault| fault.takes_down(&deployment.name)) {
            0
        } else {
            usize::try_from(deployment.replicas).unwrap_or(usize::MAX)
        };
        let is_ready = |name: &str| cluster.pods.get(name).is_some_and(|pod| pod.ready);
        let (mut current, mut outdated): (Vec<_>, Vec<_>) = own()
            .filter(|(_, handle)| !handle.is_stopping())
            .partition(|(_, handle)| handle.deployment.template == deployment.template);
        // First to go: not ready before ready, then newest before oldest, as a `ReplicaSet` ranks.
        let rank = |(name, handle): &(&String, &Handle)| (is_ready(name), u64::MAX - handle.number);
        current.sort_by_key(rank);
        outdated.sort_by_key(rank);
        let surplus = current.len().saturating_sub(wanted);
        current
            .iter()
            .take(surplus)
            .for_each(|(_, handle)| stop(handle, Stop::Drain));
        if deployment.template.volume.is_some() {
            for (_, handle) in &outdated {
                stop(handle, Stop::Drain);
            }
            // The volume is free when every older pod is gone.
            let others = own().count() - current.len();
            return if others == 0 {
                wanted.saturating_sub(current.len())
            } else {
                0
            };
        }
        let ready = current.iter().filter(|(name, _)| is_ready(name)).count();
        let kept = wanted.saturating_sub(ready);
        let surplus = outdated.len().saturating_sub(kept);
        outdated
            .iter()
            .take(surplus)
            .for_each(|(_, handle)| stop(handle, Stop::Drain));
        wanted.saturating_sub(current.len())
    }

    /// Writes all new pods in one step, and starts their tasks.
    fn start(&mut self, deployments: &[Arc<Deployment>]) {
        let named: Vec<_> = self.context.registry.change(|cluster| {
            let name = |deployment: &Arc<Deployment>| {
                let name = free_name(cluster, &deployment.name);
                pending(cluster, &name, deployment);
                (name, Arc::clone(deployment))
            };
            deployments.iter().map(name).collect()
        });
        for (name, deployment) in named {
            let (stop, receiver) = watch::channel(Stop::No);
            let task = PodTask {
                context: Arc::clone(&self.context),
                name: name.clone(),
                deployment: Arc::clone(&deployment),
                stop: receiver,
            };
            self.started += 1;
            let handle = Handle {
                deployment,
                stop,
                number: self.started,
            };
            self.handles.insert(name.clone(), handle);
            self.tasks.spawn(async move {
                task.run().await;
                name
            });
        }
    }

    fn forget(&mut self, ended: Result<String, tokio::task::JoinError>) {
        match ended {
            Ok(name) => {
                self.handles.remove(&name);
            }
            Err(error) => tracing::error!(%error, "the task of a pod broke"),
        }
    }

    /// Stops everything, in waves: a pod goes when no other that is left waits for its Service.
    async fn stop_all(&mut self) {
        while !self.handles.is_empty() {
            let waited_for: Vec<String> = self
                .handles
                .values()
                .flat_map(|handle| handle.deployment.template.wait_for.clone())
                .collect();
            let mut wave: Vec<&Handle> = self
                .handles
                .values()
                .filter(|handle| {
                    let service = handle.deployment.service.as_ref();
                    service.is_none_or(|service| !waited_for.contains(service))
                })
                .collect();
            if wave.is_empty() {
                // They wait for each other; none is better than another.
                wave = self.handles.values().collect();
            }
            for handle in wave {
                stop(handle, Stop::Now);
            }
            match self.tasks.join_next().await {
                Some(ended) => self.forget(ended),
                // Only a task that broke leaves its handle behind.
                None => self.handles.clear(),
            }
        }
    }
}

/// Tells a pod to go. The first order counts; nothing takes it back.
fn stop(handle: &Handle, how: Stop) {
    handle.stop.send_if_modified(|stop| {
        let change = *stop == Stop::No;
        if change {
            *stop = how;
        }
        change
    });
}

/// `<deployment>-<five letters>`, not in use.
fn free_name(cluster: &Cluster, deployment: &str) -> String {
    loop {
        let suffix: String = (0..SUFFIX_LENGTH)
            .map(|_| char::from(SUFFIX_LETTERS[fastrand::usize(..SUFFIX_LETTERS.len())]))
            .collect();
        let name = format!("{deployment}-{suffix}");
        if !cluster.pods.contains_key(&name) {
            return name;
        }
    }
}
