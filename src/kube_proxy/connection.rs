//! The life of one TCP connection through a ClusterIP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use super::backends::Backends;
use super::idle;
use super::port::Shared;
use crate::model::{Connection, Event, ProxyProtocol, Selection};
use crate::net::{Traffic, proxy_header, reset};

/// A connection and the endpoint that was drawn for it.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) client: SocketAddr,
    pub(super) cluster_ip: SocketAddr,
    /// As they were at the draw.
    pub(super) backends: Arc<Backends>,
    pub(super) index: usize,
    pub(super) selection: Selection,
    /// Microseconds since the Unix epoch.
    pub(super) at: u64,
}

/// Dials the endpoint and copies until both sides are done. There is no second draw when the
/// endpoint does not answer: kube-proxy has none either.
pub(super) async fn run(client: TcpStream, drawn: Drawn, shared: Shared) {
    let endpoint = drawn.backends.addresses[drawn.index];
    let mut cut = shared.cut.clone();
    let dialled = tokio::select! {
        dialled = within(shared.connect_timeout, drawn.dial(endpoint)) => dialled,
        () = cut.recv() => return reset(&client),
    };
    let (server, outgoing) = match dialled
        .and_then(|server| server.local_addr().map(|local| (server, local)))
    {
        Ok(dialled) => dialled,
        Err(error) => {
            let service = &*drawn.backends.service;
            tracing::warn!(service, %endpoint, client = %drawn.client, %error, "endpoint does not answer");
            return reset(&client);
        }
    };
    // Without it small messages wait for the acknowledgement of the ones before (Nagle). It fails
    // only for a socket that is closed, which the copying finds out.
    let _ = server.set_nodelay(true);
    // Linux' accepted sockets have it from their listener.
    if !cfg!(target_os = "linux") {
        let _ = client.set_nodelay(true);
    }

    let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
    let event = drawn.event(id, outgoing);
    shared.tracer.emit(Event::Connection(event));

    let traffic = Traffic::default();
    tokio::select! {
        ended = idle::carry(client, server, &traffic, drawn.backends.idle) => if let Err(error) = ended {
            tracing::debug!(id, %error, "connection broke");
        },
        () = cut.recv() => tracing::debug!(id, "connection cut by shutdown"),
    }
    let mut event = drawn.event(id, outgoing);
    event.closed_at = Some(now());
    event.bytes_up = traffic.up.load(Ordering::Relaxed);
    event.bytes_down = traffic.down.load(Ordering::Relaxed);
    shared.tracer.emit(Event::Connection(event));
}

impl Drawn {
    /// A connection to the endpoint that has said who the client is, where that is wanted.
    async fn dial(&self, endpoint: SocketAddr) -> io::Result<TcpStream> {
        let mut server = match self.backends.dialled_from(self.client, endpoint) {
            Some(from) => dial_from(from, endpoint).await?,
            None => TcpStream::connect(endpoint).await?,
        };
        let version = self.backends.proxy_protocol;
        if version != ProxyProtocol::Off {
            let header = proxy_header(version, self.client, self.cluster_ip);
            server.write_all(&header).await?;
        }
        Ok(server)
    }

    /// Made twice rather than kept, so that an open connection holds no list of names.
    fn event(&self, id: u64, outgoing: SocketAddr) -> Connection {
        let backends = &self.backends;
        Connection {
            id,
            service: backends.service.to_string(),
            client: self.client,
            cluster_ip: self.cluster_ip,
            endpoint: backends.addresses[self.index],
            pod: backends.pods[self.index].clone(),
            outgoing,
            selection: self.selection,
            candidates: Arc::clone(&backends.names),
            drawn_at: self.at,
            closed_at: None,
            bytes_up: 0,
            bytes_down: 0,
        }
    }
}

/// What a dial comes to within this time. An endpoint on the same machine has answered by the next
/// look at the sockets, so the clock is set only for those that have not: that and waking the poller
/// for its new deadline is a system call for each connection.
async fn within(
    limit: Duration,
    dial: impl Future<Output = io::Result<TcpStream>>,
) -> io::Result<TcpStream> {
    let mut dial = pin!(dial);
    tokio::select! {
        biased;
        dialled = &mut dial => return dialled,
        () = tokio::task::yield_now() => {}
    }
    let dialled = tokio::time::timeout(limit, dial).await;
    dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Dials from an address, or from any where that one is none of this host's.
async fn dial_from(from: IpAddr, endpoint: SocketAddr) -> io::Result<TcpStream> {
    let socket = if endpoint.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    match socket.bind(SocketAddr::new(from, 0)) {
        Ok(()) => socket.connect(endpoint).await,
        Err(_) => TcpStream::connect(endpoint).await,
    }
}

/// Microseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().map_or(0, |elapsed| {
        u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
    })
}
