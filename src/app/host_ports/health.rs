//! Health checks as a cloud's load balancer makes them: of the node's port, from outside.
//!
//! Lab: there is one node, so one target. Where all targets are unhealthy, NLB and GCP give
//! connections to all of them again ("fail open"), and so does the lab: health is told, and nothing
//! is cut off.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::picture::is_outside;
use crate::model::{HealthCheck, Protocol, Service, ServiceType, TrafficPolicy};
use crate::registry::Cluster;

/// What is asked, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A connection is enough.
    Tcp(SocketAddr),
    /// `GET /healthz` is answered with 200.
    Http(SocketAddr),
}

/// What is known of a target; in words for the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Health {
    target: Target,
    check: HealthCheck,
    judge: Judge,
}

/// Counts answers until they are enough for a change of mind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Judge {
    /// `None` before the first decision.
    healthy: Option<bool>,
    /// Answers in a row that say the opposite.
    against: u32,
}

/// The probes that run.
#[derive(Debug)]
pub(super) struct Checks {
    check: Option<HealthCheck>,
    /// A set with one task each: dropping it ends the task.
    probes: BTreeMap<String, (Target, JoinSet<()>)>,
    told: watch::Sender<BTreeMap<String, Health>>,
}

impl Judge {
    /// Takes an answer in; whether the decision has changed with it.
    fn hear(&mut self, good: bool, check: &HealthCheck) -> bool {
        if self.healthy == Some(good) {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let enough = if good { check.healthy } else { check.unhealthy };
        // A new target is in use once it has passed; one that fails at once is unhealthy at once.
        let first = self.healthy.is_none() && !good;
        if !first && self.against < enough {
            return false;
        }
        *self = Self {
            healthy: Some(good),
            against: 0,
        };
        true
    }
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.judge.healthy {
            None => "initial",
            Some(true) => "healthy",
            Some(false) => "unhealthy",
        };
        let every = self.check.interval;
        match self.target {
            Target::Tcp(address) => {
                write!(formatter, "target {state} (TCP {address} every {every:?})")
            }
            Target::Http(address) => write!(
                formatter,
                "target {state} (http://{address}/healthz every {every:?})"
            ),
        }
    }
}

impl Checks {
    pub(super) fn new(check: Option<HealthCheck>) -> Self {
        Self {
            check,
            probes: BTreeMap::new(),
            told: watch::Sender::new(BTreeMap::new()),
        }
    }

    /// Changes with each decision.
    pub(super) fn told(&self) -> watch::Receiver<BTreeMap<String, Health>> {
        self.told.subscribe()
    }

    /// Probes the targets that there are now, and no others.
    pub(super) fn keep(&mut self, cluster: &Cluster, address: IpAddr) {
        let Some(check) = self.check else {
            return;
        };
        let services = cluster.services.values();
        let wanted = services.filter_map(|service| {
            let target = target(service, address)?;
            Some((service.name.clone(), target))
        });
        let wanted: BTreeMap<String, Target> = wanted.collect();
        let told = &self.told;
        self.probes.retain(|name, (target, _)| {
            let stays = wanted.get(name) == Some(target);
            if !stays {
                told.send_modify(|all| _ = all.remove(name));
            }
            stays
        });
        for (name, target) in wanted {
            self.probes.entry(name).or_insert_with_key(|name| {
                let mut task = JoinSet::new();
                task.spawn(probe(name.clone(), target, check, told.clone()));
                (target, task)
            });
        }
    }
}

/// The node's port: where it tells its health, else the first NodePort.
fn target(service: &Service, address: IpAddr) -> Option<Target> {
    if service.kind != ServiceType::LoadBalancer || !is_outside(service) {
        return None;
    }
    if service.external_traffic_policy == TrafficPolicy::Local {
        let port = service.health_check_node_port?;
        return Some(Target::Http(SocketAddr::new(address, port.0)));
    }
    let mut ports = service.ports.iter();
    let port = ports
        .find(|port| port.protocol == Protocol::Tcp)?
        .node_port?;
    Some(Target::Tcp(SocketAddr::new(address, port.0)))
}

/// Runs until it is dropped.
async fn probe(
    name: String,
    target: Target,
    check: HealthCheck,
    told: watch::Sender<BTreeMap<String, Health>>,
) {
    let mut judge = Judge::default();
    let mut ticks = tokio::time::interval(check.interval);
    loop {
        ticks.tick().await;
        let answer = tokio::time::timeout(check.timeout, ask(target)).await;
        let good = matches!(answer, Ok(Ok(true)));
        let first = !told.borrow().contains_key(&name);
        if judge.hear(good, &check) || first {
            let health = Health {
                target,
                check,
                judge,
            };
            told.send_modify(|all| _ = all.insert(name.clone(), health));
        }
    }
}

async fn ask(target: Target) -> std::io::Result<bool> {
    match target {
        Target::Tcp(address) => TcpStream::connect(address).await.map(|_| true),
        Target::Http(address) => {
            let mut stream = TcpStream::connect(address).await?;
            let request =
                format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut start = [0; b"HTTP/1.1 200".len()];
            stream.read_exact(&mut start).await?;
            Ok(&start == b"HTTP/1.1 200")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_changes_after_enough_answers_in_a_row() {
        let check = HealthCheck {
            interval: std::time::Duration::from_secs(10),
            timeout: std::time::Duration::from_secs(5),
            healthy: 3,
            unhealthy: 2,
        };
        let mut judge = Judge::default();
        // Answer, whether that changes something, and what is thought then.
        for (good, changes, healthy) in [
            (true, false, None),
            (true, false, None),
            (true, true, Some(true)),
            (false, false, Some(true)),
            (true, false, Some(true)),
            (false, false, Some(true)),
            (false, true, Some(false)),
            (true, false, Some(false)),
            (true, false, Some(false)),
            (false, false, Some(false)),
            (true, false, Some(false)),
            (true, false, Some(false)),
            (true, true, Some(true)),
        ] {
            assert_eq!(judge.hear(good, &check), changes, "{judge:?}");
            assert_eq!(judge.healthy, healthy);
        }
        let mut new = Judge::default();
        assert!(new.hear(false, &check));
        assert_eq!(new.healthy, Some(false));
    }
}
