//! The ingress replicas: as many as the registry wants, each a pod of it. The load balancer knows
//! those that take connections.
//!
//! A replica that ends by itself, or is killed, is started again under its name, as the container of
//! a pod would be. One too many gets no new connection, ends its requests and is gone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::StartError;
use crate::ingress::{Replica, ReplicaError};
use crate::model::{Pod, PodPhase};
use crate::net::{Handoff, Shutdown, Trigger};
use crate::registry::{Cluster, Registry};

/// Before the next start of one that could not start or lived no longer than this.
const BACKOFF: Duration = Duration::from_secs(1);

/// Starts a replica of this name.
pub(super) type Starter = Box<dyn Fn(&str, Shutdown) -> Result<Replica, ReplicaError> + Send>;

/// All replicas.
pub(super) struct Replicas {
    /// `traefik` or `nginx`: their Service, and the stem of their names.
    pub(super) stem: &'static str,
    pub(super) start: Starter,
    pub(super) registry: Registry,
    /// Of those that take connections, in the order of their numbers.
    pub(super) doors: watch::Sender<Arc<[Handoff]>>,
    pub(super) running: BTreeMap<u32, Running>,
    pub(super) tasks: JoinSet<u32>,
    /// How often each number was started again.
    pub(super) restarts: BTreeMap<u32, u32>,
    /// No start before this time.
    pub(super) not_before: Option<Instant>,
}

/// One of them.
pub(super) struct Running {
    handoff: Handoff,
    stop: Trigger,
    kill: Option<oneshot::Sender<()>>,
    begun: Instant,
    leaving: bool,
}

impl fmt::Debug for Replicas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Replicas")
            .field("stem", &self.stem)
            .finish_non_exhaustive()
    }
}

impl Replicas {
    /// The replicas that are wanted at the start; one that cannot start stops the lab.
    pub(super) fn start_first(&mut self) -> Result<(), StartError> {
        let wanted = self.registry.snapshot().ingress_replicas;
        for number in 0..wanted {
            self.begin(number)?;
        }
        self.tell();
        Ok(())
    }

    /// Follows the registry until the signal, then drains all. `kills` brings names.
    pub(super) async fn run(mut self, mut kills: mpsc::Receiver<String>, mut shutdown: Shutdown) {
        let mut reader = self.registry.reader();
        loop {
            let wanted = reader.latest().ingress_replicas;
            self.reconcile(wanted);
            let later = self.not_before;
            let pause = async {
                match later {
                    Some(later) => tokio::time::sleep_until(later).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.recv() => break,
                changed = reader.changed() => if changed.is_none() { break },
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                Some(name) = kills.recv() => self.kill(&name),
                () = pause => self.not_before = None,
            }
        }
        for running in self.running.values() {
            running.stop.trigger();
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Starts what is missing, and tells the highest numbers to leave where there are too many.
    fn reconcile(&mut self, wanted: u32) {
        let staying = || self.running.iter().filter(|(_, running)| !running.leaving);
        let count = u32::try_from(staying().count()).unwrap_or(u32::MAX);
        let surplus: Vec<u32> = staying()
            .rev()
            .map(|(number, _)| *number)
            .take(count.saturating_sub(wanted) as usize)
            .collect();
        let mut missing = wanted.saturating_sub(count);
        let mut changed = !surplus.is_empty();
        for number in surplus {
            if let Some(running) = self.running.get_mut(&number) {
                running.leaving = true;
                running.stop.trigger();
            }
            self.restarts.remove(&number);
        }
        while missing > 0 && self.not_before.is_none() {
            let mut number = 0;
            while self.running.contains_key(&number) {
                number += 1;
            }
            if let Err(error) = self.begin(number) {
                tracing::error!(%error, "an ingress replica cannot start");
                self.not_before = Some(Instant::now() + BACKOFF);
            }
            missing -= 1;
            changed = true;
        }
        if changed {
            self.tell();
        }
    }

    fn begin(&mut self, number: u32) -> Result<(), ReplicaError> {
        let (stop, shutdown) = Trigger::new();
        let replica = (self.start)(&self.name(number), shutdown)?;
        let (kill, killed) = oneshot::channel();
        let running = Running {
            handoff: replica.handoff(),
            stop,
            kill: Some(kill),
            begun: Instant::now(),
            leaving: false,
        };
        self.running.insert(number, running);
        self.tasks.spawn(async move {
            tokio::select! {
                () = replica.stopped() => {}
                // The replica is dropped, and its connections with it.
                Ok(()) = killed => {}
            }
            number
        });
        Ok(())
    }

    fn name(&self, number: u32) -> String {
        format!("{}-{number}", self.stem)
    }

    /// Lets a replica die as a crash would.
    fn kill(&mut self, name: &str) {
        let stem = self.stem;
        let mut all = self.running.iter_mut();
        let found = all.find(|(number, _)| format!("{stem}-{number}") == name);
        if let Some(kill) = found.and_then(|(_, running)| running.kill.take()) {
            // It may just have ended.
            let _ = kill.send(());
        }
    }

    fn ended(&mut self, ended: Result<u32, JoinError>) {
        let number = match ended {
            Ok(number) => number,
            Err(error) => return tracing::error!(%error, "the task of an ingress replica broke"),
        };
        let Some(running) = self.running.remove(&number) else {
            return;
        };
        if !running.leaving {
            tracing::warn!(replica = self.name(number), "ended; it is started again");
            *self.restarts.entry(number).or_default() += 1;
            if running.begun.elapsed() < BACKOFF && running.kill.is_some() {
                self.not_before = Some(Instant::now() + BACKOFF);
            }
        }
        self.tell();
    }

    /// Tells the load balancer and the registry who is there.
    fn tell(&self) {
        let staying = self.running.values().filter(|running| !running.leaving);
        let doors: Arc<[Handoff]> = staying.map(|running| running.handoff.clone()).collect();
        self.doors.send_replace(doors);
        self.registry.change(|cluster| self.write(cluster));
    }

    fn write(&self, cluster: &mut Cluster) {
        let mut wanted: BTreeMap<String, Pod> = BTreeMap::new();
        for (number, running) in &self.running {
            let pod = Pod {
                name: self.name(*number),
                deployment: self.stem.to_owned(),
                service: Some(self.stem.to_owned()),
                phase: if running.leaving {
                    PodPhase::Terminating
                } else {
                    PodPhase::Running
                },
                ready: !running.leaving,
                terminating: running.leaving,
                restarts: self.restarts.get(number).copied().unwrap_or_default(),
                // Lab: it lives in the lab's own process.
                ip: None,
                ports: Vec::new(),
                reason: None,
                last_lines: Vec::new(),
            };
            wanted.insert(pod.name.clone(), pod);
        }
        cluster
            .pods
            .retain(|name, pod| pod.deployment != self.stem || wanted.contains_key(name));
        for (name, pod) in wanted {
            cluster.pods.insert(name, Arc::new(pod));
        }
    }
}
