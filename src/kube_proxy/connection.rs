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
use super::faults::{Effect, Meeting, What, Word, Words, full_pod};
use super::idle;
use super::port::Shared;
use crate::model::{Connection, Event, IdleEnd, ProxyProtocol, Selection};
use crate::net::{Copier, Traffic, proxy_header, reset};

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
    let mut words = shared.words.clone();
    let mut meeting = Meeting::default();
    if !shared.words.borrow().faults.is_empty()
        && !Box::pin(opens(&drawn, &mut words, &mut meeting, &shared)).await
    {
        return reset(&client);
    }
    let endpoint = drawn.backends.addresses[drawn.index];
    let dialled = tokio::select! {
        dialled = within(shared.connect_timeout, drawn.dial(endpoint)) => dialled,
        () = is_cut(&mut words) => return reset(&client),
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

    let mut open = Open {
        id: shared.next_id.fetch_add(1, Ordering::Relaxed),
        outgoing,
        fault: None,
        told: false,
    };
    let traffic = Traffic::default();
    let (mut client, mut server) = (client, server);
    let ends = (&mut client, &mut server);
    let news = (&mut words, &mut meeting);
    let idle = carry(ends, news, &drawn, &traffic, &shared, &mut open).await;
    if let Some(end) = idle {
        // In a box, or every connection would hold the room for it.
        let ending = Box::pin(idle::end(client, server, end));
        tokio::select! {
            () = ending => {}
            () = is_cut(&mut words) => {}
        }
    }
    let mut event = drawn.event(&open);
    event.closed_at = Some(now());
    event.bytes_up = traffic.up.load(Ordering::Relaxed);
    event.bytes_down = traffic.down.load(Ordering::Relaxed);
    shared.tracer.emit(Event::Connection(event));
}

/// What is known of a connection to its endpoint.
struct Open {
    id: u64,
    outgoing: SocketAddr,
    /// What acts on it now.
    fault: Option<String>,
    told: bool,
}

/// Copies for as long as nothing is broken, and does what faults say. How the connection is to end, if
/// it was silent for too long.
async fn carry(
    (client, server): (&mut TcpStream, &mut TcpStream),
    (words, meeting): (&mut Words, &mut Meeting),
    drawn: &Drawn,
    traffic: &Traffic,
    shared: &Shared,
    open: &mut Open,
) -> Option<IdleEnd> {
    let mut copier = Copier::default();
    let ended = loop {
        let effect = {
            let word = words.borrow_and_update();
            if word.cut {
                tracing::debug!(id = open.id, "connection cut by shutdown");
                return None;
            }
            drawn.effect(meeting, &word)
        };
        if !open.told || open.fault != effect.why {
            open.fault = effect.why;
            open.told = true;
            shared.tracer.emit(Event::Connection(drawn.event(open)));
        }
        // The proxy tells for as long as it lives.
        match effect.what {
            What::Reset => {
                reset(client);
                reset(server);
                return None;
            }
            What::Silence => words.changed().await.ok()?,
            What::Pass(delay) => {
                copier.delay(delay);
                let idle = drawn.backends.idle;
                tokio::select! {
                    ended = idle::carry(&mut copier, client, server, traffic, idle) => break ended,
                    changed = words.changed() => changed.ok()?,
                }
            }
        }
    };
    ended.unwrap_or_else(|error| {
        tracing::debug!(id = open.id, %error, "connection broke");
        None
    })
}

/// Whether the endpoint is dialled, as far as faults have a say in it; waits where they make it wait.
async fn opens(drawn: &Drawn, words: &mut Words, meeting: &mut Meeting, shared: &Shared) -> bool {
    let pod = drawn.backends.pods[drawn.index].as_deref();
    loop {
        let word = words.borrow_and_update().clone();
        if full_pod(&word.faults, pod).is_some() {
            // Its queue takes no SYN, so the dial comes to nothing.
            tokio::select! {
                () = tokio::time::sleep(shared.connect_timeout) => {}
                () = is_cut(words) => {}
            }
            return false;
        }
        match drawn.effect(meeting, &word).what {
            _ if word.cut => return false,
            What::Pass(_) => return true,
            What::Reset => return false,
            What::Silence => {
                if words.changed().await.is_err() {
                    return false;
                }
            }
        }
    }
}

/// Returns when connections are to be cut.
async fn is_cut(words: &mut Words) {
    // An error means that the proxy is gone, which is the same.
    let _ = words.wait_for(|word| word.cut).await;
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

    fn effect(&self, meeting: &mut Meeting, word: &Word) -> Effect {
        let pod = self.backends.pods[self.index].as_deref();
        meeting.effect(&word.faults, &self.backends.service, pod)
    }

    /// Made twice rather than kept, so that an open connection holds no list of names.
    fn event(&self, open: &Open) -> Connection {
        let backends = &self.backends;
        Connection {
            id: open.id,
            service: backends.service.to_string(),
            client: self.client,
            cluster_ip: self.cluster_ip,
            endpoint: backends.addresses[self.index],
            pod: backends.pods[self.index].clone(),
            outgoing: open.outgoing,
            selection: self.selection,
            candidates: Arc::clone(&backends.names),
            drawn_at: self.at,
            closed_at: None,
            fault: open.fault.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl FnOnce(TcpStream, Drawn, Shared) -> F) -> usize {
        size_of::<F>()
    }

    /// Ten thousand idle channels are ten thousand of these.
    #[test]
    fn an_idle_connection_needs_little_room() {
        let size = size_of_future(run);
        assert!(size <= 2304, "{size}");
    }
}
