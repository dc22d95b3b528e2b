//! Follows the snapshots, serves, and reports.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, watch};

use super::addresses::Addresses;
use super::{NodeError, Settings};
use crate::model::{Applied, Event, NetworkSnapshot, NodeLine};
use crate::net::{Shutdown, Trigger};
use crate::registry::{Cluster, Registry};
use crate::trace::Tracer;
use crate::{dns, kube_proxy};

/// Events that may wait for the lab to read them. A connection makes two of about 300 bytes; what
/// does not fit is dropped rather than holding connections up.
const WAITING_EVENTS: usize = 4096;
/// Written in one go, so that a burst costs few system calls.
const EVENTS_AT_ONCE: usize = 128;
/// The pods are stopped before the node, so there is little left to wait for.
const DRAIN: Duration = Duration::from_secs(1);

/// Serves ClusterIPs and DNS until `stdin` ends or the signal is given.
pub async fn run<I, O>(
    stdin: I,
    stdout: O,
    settings: Settings,
    mut shutdown: Shutdown,
) -> Result<(), NodeError>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let address = settings.dns.ip();
    let mut addresses = Addresses::on(&settings.interface)?;
    addresses
        .add(address)
        .map_err(|source| NodeError::Address { address, source })?;
    let (udp, tcp) = bind(settings.dns).await?;

    let registry = Registry::new(Cluster::default());
    let (tracer, events) = Tracer::channel(WAITING_EVENTS);
    let (acknowledge, acknowledgements) = mpsc::channel(1);
    let (stop, stopped) = Trigger::new();
    let proxy = kube_proxy::Settings {
        drain: DRAIN,
        ..kube_proxy::Settings::default()
    };
    let names = dns::Settings {
        upstream: settings.upstream,
        ..dns::Settings::default()
    };
    let node = Node {
        status: proxy.status.subscribe(),
        registry: registry.clone(),
        addresses,
        dns: address,
        acknowledge,
        missing: Vec::new(),
    };
    let readers = (registry.reader(), registry.reader());

    let follow = async {
        let followed = tokio::select! {
            followed = node.follow(stdin) => followed,
            () = shutdown.recv() => Ok(()),
        };
        stop.trigger();
        followed
    };
    let (followed, reported, (), ()) = tokio::join!(
        follow,
        report(stdout, events, acknowledgements),
        kube_proxy::serve(readers.0, tracer, proxy, stopped.clone()),
        dns::serve(udp, tcp, readers.1, names, stopped.clone()),
    );
    followed?;
    reported?;
    Ok(())
}

async fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener), NodeError> {
    let failed = |source| NodeError::Bind { address, source };
    let udp = UdpSocket::bind(address).await.map_err(failed)?;
    let tcp = TcpListener::bind(address).await.map_err(failed)?;
    Ok((udp, tcp))
}

/// What a snapshot is put into effect with.
struct Node {
    registry: Registry,
    addresses: Addresses,
    dns: IpAddr,
    status: watch::Receiver<kube_proxy::Status>,
    acknowledge: mpsc::Sender<Applied>,
    /// Those that cannot be added.
    missing: Vec<String>,
}

impl Node {
    /// One snapshot after the other until there are no more lines.
    async fn follow(mut self, stdin: impl AsyncRead + Unpin) -> io::Result<()> {
        let mut lines = BufReader::new(stdin).lines();
        while let Some(line) = lines.next_line().await? {
            if line.trim().is_empty() {
                continue;
            }
            let applied = match serde_json::from_str(&line) {
                Ok(snapshot) => self.apply(snapshot).await,
                Err(error) => {
                    tracing::error!(%error, "a line of standard input is no snapshot");
                    continue;
                }
            };
            let Some(applied) = applied else {
                break;
            };
            if self.acknowledge.send(applied).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Addresses come before the listeners that need them, and go after those that had them.
    /// `None` if the proxy has ended.
    async fn apply(&mut self, snapshot: NetworkSnapshot) -> Option<Applied> {
        let generation = snapshot.generation;
        let wanted: Option<BTreeSet<IpAddr>> = (!snapshot.only_slices).then(|| {
            let services = snapshot.services.iter();
            services
                .filter_map(|service| service.cluster_ip.address())
                .chain([self.dns])
                .collect()
        });
        if let Some(wanted) = &wanted {
            self.missing = self.addresses.add_all(wanted);
        }
        self.registry
            .change(|cluster| cluster.apply_network(snapshot));
        let own = self.registry.snapshot().generation;
        let in_effect = |status: &kube_proxy::Status| status.generation >= Some(own);
        let status = self.status.wait_for(in_effect).await.ok()?;
        let ports = status.problems.iter().map(ToString::to_string);
        let problems = self.missing.iter().cloned().chain(ports).collect();
        drop(status);
        if let Some(wanted) = &wanted {
            self.addresses.keep_only(wanted);
        }
        Some(Applied {
            generation,
            problems,
        })
    }
}

/// Writes one line for each event until nobody can make one any more.
async fn report(
    mut stdout: impl AsyncWrite + Unpin,
    mut events: mpsc::Receiver<Event>,
    mut acknowledgements: mpsc::Receiver<Applied>,
) -> io::Result<()> {
    let mut batch = Vec::with_capacity(EVENTS_AT_ONCE);
    let mut lines = Vec::new();
    loop {
        // An arm is out once its senders are gone; when both are, there is nothing left to tell.
        tokio::select! {
            Some(applied) = acknowledgements.recv() => batch.push(NodeLine::Applied(applied)),
            Some(event) = events.recv() => batch.push(NodeLine::Event(event)),
            else => return Ok(()),
        }
        while batch.len() < EVENTS_AT_ONCE
            && let Ok(event) = events.try_recv()
        {
            batch.push(NodeLine::Event(event));
        }
        lines.clear();
        for line in batch.drain(..) {
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        stdout.write_all(&lines).await?;
        stdout.flush().await?;
    }
}
