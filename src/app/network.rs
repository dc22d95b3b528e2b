//! ClusterIPs and DNS: in this process where pods are processes, else in the node, which is told
//! snapshots and tells events and acknowledgements.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::StartError;
use crate::model::{Applied, NodeLine, OutputStream};
use crate::net::Shutdown;
use crate::pods::{NodeHandle, PodLine, PodRuntime, Source};
use crate::registry::{Cluster, Reader, Registry};
use crate::trace::{Theatre, Tracer};
use crate::{dns, kube_proxy};

/// The node's source of events and lines.
const NODE: &str = "node";

/// The running pod network.
pub(super) struct Network {
    /// End after the signal; before it only by a mistake.
    pub(super) tasks: JoinSet<Result<(), StartError>>,
    /// Where built-in pods ask for names, if not the system's resolver.
    pub(super) dns: Option<SocketAddr>,
    /// What cannot be served now, in words.
    pub(super) problems: watch::Receiver<Vec<String>>,
}

impl Network {
    /// Starts it where the runtime has it.
    pub(super) async fn start(
        runtime: &Arc<dyn PodRuntime>,
        registry: &Registry,
        theatre: &Theatre,
        tracer: &Tracer,
        shutdown: &Shutdown,
    ) -> Result<Self, StartError> {
        let reader = registry.reader();
        let (told, problems) = watch::channel(Vec::new());
        let mut tasks = JoinSet::new();
        if let Some(node) = runtime.start_node(BTreeMap::new()).await? {
            let fed = feed(node, reader, theatre.clone(), told, shutdown.clone());
            tasks.spawn(async move { fed.await.map_err(StartError::Network) });
            return Ok(Self {
                tasks,
                dns: None,
                problems,
            });
        }
        let network = runtime.network();
        let (udp, tcp) = bind_dns(SocketAddr::new(network.dns.into(), network.dns_port)).await?;
        let address = udp
            .local_addr()
            .map_err(StartError::system("bind the lab's DNS"))?;
        let names = dns::Settings::default();
        let answering = dns::serve(udp, tcp, reader.clone(), names, shutdown.clone());
        tasks.spawn(async move {
            answering.await;
            Ok(())
        });
        let settings = kube_proxy::Settings::default();
        let mut status = settings.status.subscribe();
        let mut proxy = kube_proxy::start(reader, tracer.clone(), settings, shutdown.clone())
            .map_err(StartError::system("start a thread for kube_proxy"))?;
        tasks.spawn(async move {
            let telling = async {
                while status.changed().await.is_ok() {
                    let current = status.borrow_and_update();
                    tell(
                        &told,
                        current.problems.iter().map(ToString::to_string).collect(),
                    );
                }
            };
            tokio::join!(proxy.ended(), telling);
            Ok(())
        });
        Ok(Self {
            tasks,
            dns: Some(address),
            problems,
        })
    }
}

/// Tells problems that are others than before.
fn tell(told: &watch::Sender<Vec<String>>, problems: Vec<String>) {
    told.send_if_modified(|current| {
        let differs = *current != problems;
        *current = problems;
        differs
    });
}

/// DNS over UDP and TCP at the same port.
async fn bind_dns(address: SocketAddr) -> Result<(UdpSocket, TcpListener), StartError> {
    let failed = StartError::system("bind the lab's DNS");
    // Any free UDP port may be taken for TCP; three in a row are not.
    for _ in 0..3 {
        let udp = UdpSocket::bind(address).await.map_err(&failed)?;
        let bound = udp.local_addr().map_err(&failed)?;
        match TcpListener::bind(bound).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if address.port() != 0 => return Err(failed(error)),
            Err(_) => {}
        }
    }
    Err(failed(std::io::Error::from(std::io::ErrorKind::AddrInUse)))
}

/// Feeds the node until the signal or its end. `Ok` after the signal, `Err` says what happened.
async fn feed(
    node: NodeHandle,
    mut reader: Reader,
    theatre: Theatre,
    told: watch::Sender<Vec<String>>,
    mut shutdown: Shutdown,
) -> Result<(), String> {
    let NodeHandle { mut input, lines } = node;
    let feeding = async {
        let mut sent: Option<Arc<Cluster>> = None;
        loop {
            let cluster = Arc::clone(reader.latest());
            // Pods and routes change more often than what concerns the node.
            let news = match &sent {
                Some(sent) => cluster.network_since(sent),
                None => Some(cluster.network()),
            };
            sent = Some(cluster);
            if let Some(network) = news {
                let mut line = serde_json::to_vec(&network).map_err(|error| error.to_string())?;
                line.push(b'\n');
                let written = async {
                    input.write_all(&line).await?;
                    input.flush().await
                };
                written
                    .await
                    .map_err(|error| format!("the node does not listen: {error}"))?;
                tracing::debug!(generation = network.generation, "told the node");
            }
            if reader.changed().await.is_none() {
                return Ok(());
            }
        }
    };
    tokio::select! {
        ended = feeding => ended,
        () = listen(lines, &theatre, &told) => Err("the node has ended".to_owned()),
        () = shutdown.recv() => Ok(()),
    }
}

/// Reads what the node writes until it ends.
async fn listen(
    mut lines: mpsc::Receiver<PodLine>,
    theatre: &Theatre,
    told: &watch::Sender<Vec<String>>,
) {
    while let Some(line) = lines.recv().await {
        let acknowledgement = line.text.starts_with(r#"{"event":"applied""#);
        if acknowledgement
            && let Ok(NodeLine::Applied(Applied { problems, .. })) =
                serde_json::from_str(&line.text)
        {
            tell(told, problems);
            continue;
        }
        theatre.ingest_line(NODE, stream_of(line.source), &line.text);
    }
    theatre.source_ended(NODE);
}

/// The two words for the same thing, on either side of the runtime.
pub(super) fn stream_of(source: Source) -> OutputStream {
    match source {
        Source::Stdout => OutputStream::Stdout,
        Source::Stderr => OutputStream::Stderr,
    }
}
