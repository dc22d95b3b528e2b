//! What the ports of Services have in common, TCP or UDP: their task, and the word that reaches it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::backends::Backends;
use super::faults::Words;
use super::{Clock, tcp, udp};
use crate::balance::Balancer;
use crate::model::Protocol;
use crate::net::holder_of;
use crate::trace::Tracer;

/// What every connection needs beside its endpoint.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) tracer: Tracer,
    pub(super) connect_timeout: Duration,
    pub(super) udp_idle: Duration,
    pub(super) clock: Clock,
    pub(super) seed: Option<u64>,
    /// Numbers the connections.
    pub(super) next_id: Arc<AtomicU64>,
    /// Cuts connections that outlast the drain, and tells them of faults; each one holds a clone, which
    /// is how they are counted.
    pub(super) words: Words,
}

impl Shared {
    pub(super) fn balancer(&self, backends: &Backends) -> Balancer {
        match self.seed {
            Some(seed) => Balancer::with_seed(backends.mode, backends.affinity, seed),
            None => Balancer::new(backends.mode, backends.affinity),
        }
    }
}

/// New endpoints for a port's task, and where to say whether its socket is as it should be.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) backends: Arc<Backends>,
    pub(super) applied: oneshot::Sender<Result<(), String>>,
}

/// The handle of a port's task. Dropping it closes the socket and ends the task.
#[derive(Debug)]
pub(super) struct Port {
    updates: mpsc::Sender<Update>,
}

impl Port {
    /// Starts the task; it opens its socket with the first update that has endpoints.
    pub(super) fn start(
        listen: SocketAddr,
        protocol: Protocol,
        shared: Shared,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        // One: each update is answered before the next is sent.
        let (updates, receiver) = mpsc::channel(1);
        match protocol {
            Protocol::Tcp => tasks.spawn(tcp::serve(listen, receiver, shared)),
            Protocol::Udp => tasks.spawn(udp::serve(listen, receiver, shared)),
        };
        Self { updates }
    }

    /// Hands new endpoints over; the receiver yields whether the socket is as it should be.
    pub(super) async fn update(
        &self,
        backends: Arc<Backends>,
    ) -> oneshot::Receiver<Result<(), String>> {
        let (applied, answer) = oneshot::channel();
        // If the task is gone, `applied` is dropped with the update, and the receiver tells.
        let _ = self.updates.send(Update { backends, applied }).await;
        answer
    }
}

/// A bind error in words, with what a user can do about it.
pub(super) fn bind_message(listen: SocketAddr, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let hint = match error.kind() {
        ErrorKind::AddrInUse => match holder_of(listen) {
            Some(holder) => format!("; hint: {holder} listens there"),
            None => "; hint: another program listens there".to_owned(),
        },
        ErrorKind::AddrNotAvailable => "; hint: the address is on no interface of this host".into(),
        ErrorKind::PermissionDenied => "; hint: ports below 1024 need a privilege here".into(),
        _ => String::new(),
    };
    format!("cannot listen on {listen}: {error}{hint}")
}
