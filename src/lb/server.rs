//! The loop behind one host port.
//!
//! The choice among replicas is a plain turn: ServiceLB's own DNAT rule leads to the ClusterIP of
//! the ingress' Service, and with one machine there is nothing more to choose by.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::faults;
use crate::model::{Faults, ProxyProtocol, TrafficPolicy};
use crate::net::{Accepted, Acceptor, Handoff, Shutdown};
use crate::registry::Registry;

/// How long a connection waits when every replica's door is full.
const PATIENCE: Duration = Duration::from_secs(1);

/// The doors of the replicas that are ready now.
pub type Doors = watch::Receiver<Arc<[Handoff]>>;

/// How one host port behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether clients speak TLS on it.
    pub tls: bool,
    /// `externalTrafficPolicy` of the ingress' Service.
    pub policy: Policy,
    /// Address of the load balancer's pod, which hides the client's under `Cluster`.
    pub own_address: IpAddr,
    /// What clients say about themselves in front of everything else; it is believed.
    pub proxy_protocol: ProxyProtocol,
    /// Open connections at a time.
    pub limit: usize,
}

/// Where `externalTrafficPolicy` is written.
#[derive(Clone, Debug)]
pub enum Policy {
    /// It stays what it is.
    Fixed(TrafficPolicy),
    /// In this Service, which may change; each connection gets what holds when it comes.
    Of(Registry, String),
}

/// Accepts until the signal. Connections that were handed over are the replicas' to drain. `faults`
/// are those of the whole lab.
pub async fn serve(
    listener: TcpListener,
    settings: Settings,
    all_doors: Doors,
    mut faults: watch::Receiver<Faults>,
    mut shutdown: Shutdown,
) {
    let mut acceptor = Acceptor::new(listener, settings.limit);
    let mut turn = 0;
    let mut names = Names::default();
    let mut held = JoinSet::new();
    loop {
        let full = faults::is_full(&faults.borrow_and_update());
        let (stream, client, permit) = tokio::select! {
            accepted = acceptor.accept(), if !full => accepted,
            () = shutdown.recv() => return,
            Ok(()) = faults.changed() => continue,
            Some(_) = held.join_next() => continue,
        };
        let at = Instant::now();
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let policy = settings.policy.now();
        let doors = Arc::clone(&all_doors.borrow());
        let accepted = Accepted {
            stream,
            client,
            seen_as: match policy {
                TrafficPolicy::Cluster => SocketAddr::new(settings.own_address, client.port()),
                TrafficPolicy::Local => client,
            },
            local,
            tls: settings.tls,
            at,
            wall: SystemTime::now(),
            candidates: names.of(&doors),
            policy,
            proxy_protocol: settings.proxy_protocol,
            permit: Some(permit),
            fault: None,
        };
        turn = next(turn, doors.len());
        let met = faults::meet(&faults.borrow());
        if let Some(met) = met {
            let holding = faults::hold(met, accepted, all_doors.clone(), turn, faults.clone());
            held.spawn(holding);
            continue;
        }
        if let Err(accepted) = offer(accepted, &doors, turn) {
            // Every door is full or gone. One wait for the whole port: a queue behind full queues
            // would only be longer.
            let waited = match doors.get(turn) {
                Some(door) => door
                    .connections
                    .send_timeout(*accepted, PATIENCE)
                    .await
                    .is_ok(),
                None => false,
            };
            if !waited {
                tracing::warn!(%client, replicas = doors.len(), "no ingress replica takes the connection");
            }
        }
    }
}

impl Policy {
    fn now(&self) -> TrafficPolicy {
        match self {
            Self::Fixed(policy) => *policy,
            Self::Of(registry, service) => {
                let cluster = registry.snapshot();
                let service = cluster.services.get(service);
                service.map_or_else(TrafficPolicy::default, |found| {
                    found.external_traffic_policy
                })
            }
        }
    }
}

fn next(turn: usize, doors: usize) -> usize {
    if doors == 0 { 0 } else { (turn + 1) % doors }
}

/// Gives the connection to the first door from `turn` on that takes it.
pub(super) fn offer(
    accepted: Accepted,
    doors: &[Handoff],
    turn: usize,
) -> Result<(), Box<Accepted>> {
    let mut accepted = Box::new(accepted);
    for index in 0..doors.len() {
        let door = &doors[(turn + index) % doors.len()];
        match door.connections.try_send(*accepted) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(back) | TrySendError::Closed(back)) => accepted = Box::new(back),
        }
    }
    Err(accepted)
}

/// The names of the doors, made again only when the doors changed.
#[derive(Default)]
struct Names {
    doors: Option<Arc<[Handoff]>>,
    names: Arc<[String]>,
}

impl Names {
    fn of(&mut self, doors: &Arc<[Handoff]>) -> Arc<[String]> {
        if !self
            .doors
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, doors))
        {
            self.names = doors.iter().map(|door| door.replica.clone()).collect();
            self.doors = Some(Arc::clone(doors));
        }
        Arc::clone(&self.names)
    }
}
