//! A pod runtime for tests: a pod is an entry in a table, and tests decide how it ends.
//!
//! Each pod gets a loopback address by number. Nothing listens there, so templates for it use
//! [`ProbeAction::None`](crate::model::ProbeAction::None) or a real listener of the test's.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::DuplexStream;
use tokio::sync::{oneshot, watch};

use super::{
    Boxed, Exit, Input, NodeHandle, PodError, PodNetwork, PodRuntime, PodSpec, StartedPod,
};
use crate::model::PodPort;

/// As much as a pipe holds.
const INPUT: usize = 64 * 1024;

/// See the module.
#[derive(Debug)]
pub struct FakeRuntime {
    state: Mutex<State>,
    /// How long a pod takes from SIGTERM to its end.
    drain: Duration,
    running: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    pods: HashMap<String, oneshot::Sender<Exit>>,
    /// The pods' ends of the standard inputs of attached ones.
    inputs: HashMap<String, DuplexStream>,
    log: Vec<String>,
    started: u32,
    failure: Option<String>,
}

impl FakeRuntime {
    /// Pods that take `drain` to end after SIGTERM.
    pub fn new(drain: Duration) -> Self {
        Self {
            state: Mutex::default(),
            drain,
            running: watch::Sender::new(0),
        }
    }

    /// Names of the running pods, sorted.
    pub fn running(&self) -> Vec<String> {
        let mut names: Vec<_> = self.state().pods.keys().cloned().collect();
        names.sort();
        names
    }

    /// Everything that was asked of it: `start web-x`, `stop web-x`, `gone web-x`.
    pub fn log(&self) -> Vec<String> {
        self.state().log.clone()
    }

    /// Ends a pod's program as if it had ended by itself.
    pub fn end(&self, pod: &str, exit: Exit) {
        if let Some(sender) = self.remove(pod) {
            // The controller may have stopped to look.
            let _ = sender.send(exit);
        }
    }

    /// The end at which an attached pod would read, once.
    pub fn take_input(&self, pod: &str) -> Option<DuplexStream> {
        self.state().inputs.remove(pod)
    }

    /// From now on every start fails with this text, or works again.
    pub fn fail_starts(&self, failure: Option<&str>) {
        self.state().failure = failure.map(str::to_owned);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, pod: &str) -> Option<oneshot::Sender<Exit>> {
        let mut state = self.state();
        let sender = state.pods.remove(pod);
        self.running.send_replace(state.pods.len());
        sender
    }
}

impl PodRuntime for FakeRuntime {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn describe(&self) -> String {
        "pods are entries in a table".to_owned()
    }

    fn prepare<'a>(
        &'a self,
        _progress: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async { Ok(()) })
    }

    fn network(&self) -> PodNetwork {
        PodNetwork {
            cluster_ips: Ipv4Addr::new(127, 43, 0, 0),
            size: 1024,
            dns: Ipv4Addr::new(127, 43, 0, 10),
            dns_port: 0,
        }
    }

    fn start_node(
        &self,
        _env: BTreeMap<String, String>,
    ) -> Boxed<'_, Result<Option<NodeHandle>, PodError>> {
        Box::pin(async { Ok(None) })
    }

    fn start(&self, spec: PodSpec) -> Boxed<'_, Result<StartedPod, PodError>> {
        Box::pin(async move {
            let (sender, exited) = oneshot::channel();
            let mut state = self.state();
            state.log.push(format!("start {}", spec.name));
            if let Some(failure) = &state.failure {
                return Err(PodError::Faked(failure.clone()));
            }
            state.started += 1;
            let number = state.started;
            if state.pods.insert(spec.name.clone(), sender).is_some() {
                return Err(PodError::Running { pod: spec.name });
            }
            self.running.send_replace(state.pods.len());
            let input = spec.template.attached.then(|| {
                let (ours, theirs) = tokio::io::duplex(INPUT);
                state.inputs.insert(spec.name.clone(), theirs);
                Box::pin(ours) as Input
            });
            let ip = IpAddr::from(Ipv4Addr::from_bits(0x7f2a_0001 + number));
            let ports = spec.template.ports.iter().map(|port| {
                let address = SocketAddr::new(ip, *port);
                PodPort {
                    port: *port,
                    pod: address,
                    host: address,
                }
            });
            Ok(StartedPod {
                ip,
                ports: ports.collect(),
                exited,
                input,
            })
        })
    }

    fn stop<'a>(&'a self, pod: &'a str, grace: Duration) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            self.state().log.push(format!("stop {pod}"));
            let code = if self.drain <= grace { 0 } else { 137 };
            tokio::time::sleep(self.drain.min(grace)).await;
            self.end(pod, Exit::from_shell_code(code));
            self.state().log.push(format!("gone {pod}"));
            Ok(())
        })
    }

    fn kill<'a>(&'a self, pod: &'a str) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            self.end(pod, Exit::from_shell_code(137));
            Ok(())
        })
    }

    fn freeze<'a>(&'a self, pod: &'a str, still: bool) -> Boxed<'a, Result<(), PodError>> {
        Box::pin(async move {
            let what = if still { "freeze" } else { "thaw" };
            self.state().log.push(format!("{what} {pod}"));
            Ok(())
        })
    }

    fn shut_down(&self, _data: bool) -> Boxed<'_, Result<(), PodError>> {
        Box::pin(async {
            self.state().pods.clear();
            Ok(())
        })
    }
}
