//! The socket of one UDP Service port.
//!
//! A client address keeps its endpoint until neither has sent anything for the idle time, as the
//! kernel's connection tracking has it; a client whose endpoint is gone gets a new one with its
//! next datagram. Each flow has a socket of its own, since its address is all that tells the
//! endpoint's answers apart.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::backends::Backends;
use super::port::{Shared, Update, bind_message};
use crate::balance::Balancer;

/// No datagram is larger.
const LARGEST: usize = 65_535;
/// Each flow is a file descriptor; what comes from further clients is dropped, as datagrams may be.
const MOST_FLOWS: usize = 1024;

struct Flow {
    socket: Arc<UdpSocket>,
    endpoint: SocketAddr,
    /// Datagrams of the client so far.
    sent: Arc<AtomicU64>,
    answers: AbortHandle,
}

struct Forwarder {
    listen: SocketAddr,
    shared: Shared,
    backends: Arc<Backends>,
    balancer: Balancer,
    socket: Option<Arc<UdpSocket>>,
    flows: HashMap<SocketAddr, Flow>,
    /// A task for each flow that carries the answers; yields its client when it was idle.
    tasks: JoinSet<SocketAddr>,
}

/// Serves one Service port until its handle is dropped.
pub(super) async fn serve(listen: SocketAddr, mut updates: mpsc::Receiver<Update>, shared: Shared) {
    let Some(first) = updates.recv().await else {
        return;
    };
    let mut forwarder = Forwarder {
        listen,
        balancer: shared.balancer(&first.backends),
        shared,
        backends: Arc::clone(&first.backends),
        socket: None,
        flows: HashMap::new(),
        tasks: JoinSet::new(),
    };
    forwarder.apply(first).await;
    let mut datagram = vec![0; LARGEST];
    loop {
        tokio::select! {
            update = updates.recv() => match update {
                Some(update) => forwarder.apply(update).await,
                None => break,
            },
            received = receive(forwarder.socket.as_deref(), &mut datagram) => {
                // An error here is the report of an earlier datagram that did not arrive.
                if let Ok((length, client)) = received {
                    forwarder.forward(&datagram[..length], client).await;
                }
            }
            Some(Ok(client)) = forwarder.tasks.join_next() => {
                forwarder.flows.remove(&client);
            }
        }
    }
}

/// Never returns while there is no socket.
async fn receive(
    socket: Option<&UdpSocket>,
    datagram: &mut [u8],
) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(datagram).await,
        None => std::future::pending().await,
    }
}

impl Forwarder {
    async fn apply(&mut self, update: Update) {
        let Update { backends, applied } = update;
        self.flows.retain(|_, flow| {
            let stays = backends.addresses.contains(&flow.endpoint);
            if !stays {
                flow.answers.abort();
            }
            stays
        });
        let mut result = Ok(());
        // Where everything is to be dropped, the socket takes it and no flow is opened.
        if backends.addresses.is_empty() && !backends.drops {
            self.socket = None;
        } else if self.socket.is_none() {
            match UdpSocket::bind(self.listen).await {
                Ok(socket) => self.socket = Some(Arc::new(socket)),
                Err(error) => result = Err(bind_message(self.listen, &error)),
            }
        }
        self.balancer.configure(backends.mode, backends.affinity);
        self.backends = backends;
        // Nobody waits any more when the proxy is being stopped.
        let _ = applied.send(result);
    }

    async fn forward(&mut self, datagram: &[u8], client: SocketAddr) {
        if !self.flows.contains_key(&client) {
            match self.open_flow(client).await {
                Ok(Some(flow)) => _ = self.flows.insert(client, flow),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(listen = %self.listen, %client, %error, "cannot forward");
                    return;
                }
            }
        }
        if let Some(flow) = self.flows.get(&client) {
            flow.sent.fetch_add(1, Ordering::Relaxed);
            // An error is the report that an earlier datagram found no listener.
            let _ = flow.socket.send(datagram).await;
        }
    }

    async fn open_flow(&mut self, client: SocketAddr) -> io::Result<Option<Flow>> {
        let Some(socket) = self.socket.clone() else {
            return Ok(None);
        };
        if !self.backends.admit(client.ip()) {
            tracing::debug!(%client, "not in loadBalancerSourceRanges");
            return Ok(None);
        }
        let addresses = &self.backends.addresses;
        let now = self.shared.clock.now();
        let draw = self.balancer.select(addresses, client.ip(), now);
        let Some((index, _)) = draw.filter(|_| self.flows.len() < MOST_FLOWS) else {
            return Ok(None);
        };
        let endpoint = addresses[index];
        let any: SocketAddr = if endpoint.is_ipv4() {
            (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let to_endpoint = match self.backends.dialled_from(client, endpoint) {
            // An address that is none of this host's is replaced, as under SNAT.
            Some(from) => match UdpSocket::bind(SocketAddr::new(from, 0)).await {
                Ok(socket) => socket,
                Err(_) => UdpSocket::bind(any).await?,
            },
            None => UdpSocket::bind(any).await?,
        };
        let to_endpoint = Arc::new(to_endpoint);
        to_endpoint.connect(endpoint).await?;
        let sent = Arc::new(AtomicU64::new(0));
        let answers = self.tasks.spawn(carry_answers(
            Arc::clone(&to_endpoint),
            socket,
            client,
            Arc::clone(&sent),
            self.shared.udp_idle,
        ));
        Ok(Some(Flow {
            socket: to_endpoint,
            endpoint,
            sent,
            answers,
        }))
    }
}

/// Sends what the endpoint answers to the client, until nothing went either way for `idle`.
async fn carry_answers(
    from: Arc<UdpSocket>,
    to: Arc<UdpSocket>,
    client: SocketAddr,
    sent: Arc<AtomicU64>,
    idle: Duration,
) -> SocketAddr {
    let mut seen = sent.load(Ordering::Relaxed);
    loop {
        match tokio::time::timeout(idle, from.readable()).await {
            Ok(_) => {
                let mut datagram = Vec::with_capacity(LARGEST);
                // An error is the report that an earlier datagram found no listener; the client
                // of a Service is told nothing of that.
                if from.try_recv_buf(&mut datagram).is_ok() {
                    let _ = to.send_to(&datagram, client).await;
                }
            }
            Err(_) if sent.load(Ordering::Relaxed) == seen => return client,
            Err(_) => seen = sent.load(Ordering::Relaxed),
        }
    }
}
