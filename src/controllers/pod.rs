//! One task a pod, from Pending to gone.
//!
//! The task is the only writer of its pod in the registry. A pod keeps its name when its program
//! is started again, as a container restart does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::hold::Hold;
use super::{ExtrasProvider, Inputs, endpoints, probe};
use crate::model::{Deployment, Pod, PodPhase, PodTemplate, Workload};
use crate::pods::{Exit, PodError, PodRuntime, PodSpec, StartedPod, service_variables};
use crate::registry::{Cluster, Registry};

/// Between a pod's leaving its endpoints and its SIGTERM. Under processes the data path sees the
/// change with its next connection; the node in a container is told over a pipe, which takes a few
/// milliseconds on a busy machine. Kubernetes' cure for the same race is a preStop sleep.
const PROPAGATION: Duration = Duration::from_millis(100);
/// A pod that is not ready after this long says why; before, it is simply starting.
const PATIENCE: Duration = Duration::from_secs(1);

/// What all controllers share.
pub(super) struct Context {
    pub(super) registry: Registry,
    pub(super) runtime: Arc<dyn PodRuntime>,
    pub(super) extras: ExtrasProvider,
    pub(super) inputs: Inputs,
}

/// Whether, and how, a pod is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It stays.
    No,
    /// Others take over: wait until they get all new connections.
    Drain,
    /// The whole lab ends: nobody takes over.
    Now,
}

/// The pod's task.
pub(super) struct PodTask {
    pub(super) context: Arc<Context>,
    pub(super) name: String,
    /// As it was when the pod was made; a new template makes new pods.
    pub(super) deployment: Arc<Deployment>,
    pub(super) stop: watch::Receiver<Stop>,
}

impl PodTask {
    /// Runs until the pod was stopped and is gone.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            if !self.wait_for_services().await {
                break;
            }
            let begun = Instant::now();
            match self.context.runtime.start(self.spec()).await {
                Ok(started) => match self.live(started).await {
                    Some(exit) => self.ended(exit),
                    None => break,
                },
                Err(error) => self.failed(&error),
            }
            let wait = backoff.after(begun.elapsed());
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stopped(&mut self.stop) => break,
            }
        }
        self.context.registry.change(|cluster| {
            cluster.pods.remove(&self.name);
            endpoints::sync(cluster, &self.deployment, &self.name);
        });
    }

    fn template(&self) -> &PodTemplate {
        &self.deployment.template
    }

    fn spec(&self) -> PodSpec {
        let cluster = self.context.registry.snapshot();
        let extras = (self.context.extras)(&cluster, &self.deployment);
        let mut env = service_variables(cluster.services.values().map(|service| &**service));
        env.extend(extras.env);
        PodSpec {
            name: self.name.clone(),
            deployment: self.deployment.name.clone(),
            template: self.template().clone(),
            env,
            settings: extras.settings,
            dns: extras.dns,
        }
    }

    /// Returns once everything the pod waits for has a usable endpoint; false if it was stopped
    /// before.
    async fn wait_for_services(&mut self) -> bool {
        let mut reader = self.context.registry.reader();
        let mut waits_for = None;
        loop {
            if *self.stop.borrow() != Stop::No {
                return false;
            }
            let missing =
                endpoints::first_without(reader.latest(), &self.deployment.template.wait_for);
            let Some(missing) = missing else {
                return true;
            };
            // Told once for each Service, because every write wakes this very loop.
            if waits_for.as_deref() != Some(missing) {
                waits_for = Some(missing.to_owned());
                let reason = format!("waits for {missing}, which has no ready endpoint");
                self.write(|pod| pod.reason = Some(reason));
            }
            tokio::select! {
                changed = reader.changed() => if changed.is_none() { return false },
                _ = stopped(&mut self.stop) => return false,
            }
        }
    }

    /// From the start of the program to its end; `None` if it was stopped.
    async fn live(&mut self, started: StartedPod) -> Option<Exit> {
        let StartedPod {
            ip,
            ports,
            mut exited,
            input,
        } = started;
        self.write(|pod| {
            pod.phase = PodPhase::Running;
            pod.ip = Some(ip);
            pod.ports.clone_from(&ports);
            pod.reason = None;
        });
        let mut stop = self.stop.clone();
        let probing = async {
            tokio::join!(
                self.probe(&ports),
                self.context.inputs.feed(&self.name, input)
            );
        };
        tokio::pin!(probing);
        let how = tokio::select! {
            // A program that ended is not asked once more.
            biased;
            exit = &mut exited => return Some(exit.unwrap_or_else(|_| lost())),
            how = stopped(&mut stop) => how,
            () = &mut probing => Stop::Now,
        };
        self.write(|pod| {
            pod.terminating = true;
            pod.phase = PodPhase::Terminating;
        });
        let end = async {
            if how == Stop::Drain {
                tokio::time::sleep(PROPAGATION).await;
            }
            let grace = self.template().grace;
            self.context.runtime.stop(&self.name, grace).await
        };
        // It is probed to its end: a terminating pod that still serves may be the last resort.
        let result = tokio::select! {
            result = end => result,
            () = &mut probing => Ok(()),
        };
        if let Err(error) = result {
            tracing::warn!(
                pod = self.name,
                error = error.chain(),
                "a pod was not stopped"
            );
        }
        None
    }

    /// Probes for ever and writes what changes.
    async fn probe(&self, ports: &[crate::model::PodPort]) {
        let probe = &self.template().readiness;
        let begun = Instant::now();
        let mut pace = probe::Pace::default();
        let mut ready = false;
        let mut failures = 0;
        let mut told = None;
        let mut hold = Hold::new(self);
        loop {
            if let Some(reason) = hold.holds(ready) {
                ready = false;
                failures = probe.failure_threshold;
                if told.as_ref() != Some(&reason) {
                    told = Some(reason.clone());
                    self.write(|pod| {
                        pod.ready = false;
                        pod.reason = Some(reason);
                    });
                }
                hold.pause().await;
                continue;
            }
            match probe::check(probe, ports).await {
                Ok(()) => {
                    failures = 0;
                    if !ready {
                        ready = true;
                        told = None;
                        self.write(|pod| {
                            pod.ready = true;
                            pod.reason = None;
                        });
                    }
                }
                Err(failure) => {
                    failures += 1;
                    let was_ready = ready;
                    ready &= failures < probe.failure_threshold;
                    let reason = self.not_ready(&failure);
                    let late = was_ready || begun.elapsed() >= PATIENCE;
                    if !ready && late && told.as_ref() != Some(&reason) {
                        told = Some(reason.clone());
                        self.write(|pod| {
                            pod.ready = false;
                            pod.reason = Some(reason);
                        });
                    }
                }
            }
            hold.sleep(pace.next(ready, probe.period)).await;
        }
    }

    fn not_ready(&self, failure: &probe::ProbeFailure) -> String {
        let is_command = matches!(self.template().workload, Workload::Command { .. });
        let hint = if is_command && failure.nobody_listens {
            "; the command must listen on the port that replaces {port}, or on $PORT"
        } else {
            ""
        };
        format!("not ready: {failure}{hint}")
    }

    fn ended(&self, exit: Exit) {
        self.write(|pod| {
            pod.reason = Some(exit.to_string());
            pod.phase = PodPhase::CrashLoopBackOff;
            pod.ready = false;
            pod.restarts += 1;
            pod.ip = None;
            pod.ports.clear();
            pod.last_lines = exit.last_lines;
        });
    }

    fn failed(&self, error: &PodError) {
        let reason = error.chain();
        tracing::warn!(pod = self.name, reason, "a pod was not started");
        self.write(|pod| {
            pod.phase = if error.is_lasting() {
                PodPhase::CreateContainerError
            } else {
                PodPhase::Pending
            };
            pod.reason = Some(reason);
        });
    }

    /// Changes the pod and its endpoint in one step.
    fn write(&self, change: impl FnOnce(&mut Pod)) {
        self.context.registry.change(|cluster| {
            if let Some(pod) = cluster.pods.get_mut(&self.name) {
                change(Arc::make_mut(pod));
            }
            endpoints::sync(cluster, &self.deployment, &self.name);
        });
    }
}

/// A pod as it enters the registry.
pub(super) fn pending(cluster: &mut Cluster, name: &str, deployment: &Deployment) {
    let pod = Pod {
        name: name.to_owned(),
        deployment: deployment.name.clone(),
        service: deployment.service.clone(),
        phase: PodPhase::Pending,
        ready: false,
        terminating: false,
        restarts: 0,
        ip: None,
        ports: Vec::new(),
        reason: None,
        last_lines: Vec::new(),
    };
    cluster.pods.insert(name.to_owned(), Arc::new(pod));
}

/// Waits for the order to stop.
async fn stopped(stop: &mut watch::Receiver<Stop>) -> Stop {
    match stop.wait_for(|stop| *stop != Stop::No).await {
        Ok(stop) => *stop,
        // The controller is gone, and with it everything that keeps pods.
        Err(_) => Stop::Now,
    }
}

fn lost() -> Exit {
    Exit {
        lost: Some("the pod runtime is gone".to_owned()),
        ..Exit::default()
    }
}
