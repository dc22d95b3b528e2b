//! One ingress replica: takes connections from its door until it is told to stop, then drains.
//!
//! A replica is a thread of its own, as a pod of Traefik is a process of its own: what it holds is
//! shared with nobody.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinSet, LocalSet};

use super::connection;
use super::filters::Tables;
use super::settings::Settings;
use super::view::Views;
use crate::net::{Accepted, Certificates, Handoff, Shutdown};
use crate::registry::Reader;
use crate::trace::Tracer;
use crate::wire::Stop;

/// How often unused connections to endpoints are looked through.
const SWEEP: Duration = Duration::from_secs(10);

/// A running replica, such as `traefik-0`. Dropping it is what a crash is to a pod: its connections
/// end at once.
#[derive(Debug)]
pub struct Replica {
    handoff: Handoff,
    /// Ends when the thread does.
    ended: oneshot::Receiver<()>,
    /// The thread ends when this is gone.
    _alive: oneshot::Sender<()>,
}

/// Why a replica cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The certificates cannot be served.
    #[error("cannot serve TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system gives no thread or no poller.
    #[error("cannot start a thread for an ingress replica: {0}")]
    Thread(#[from] io::Error),
}

/// What all connections of a replica share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    /// The name as header.
    pub(super) header: HeaderValue,
    pub(super) settings: Arc<Settings>,
    pub(super) views: Views,
    /// What filters remember of clients.
    pub(super) tables: Tables,
    pub(super) certificates: Certificates,
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) tracer: Tracer,
    pub(super) stop: Rc<Stop>,
}

impl Replica {
    /// Starts a replica. Ready when it returns.
    pub fn start(
        name: &str,
        reader: Reader,
        certificates: Certificates,
        tracer: Tracer,
        settings: Arc<Settings>,
        shutdown: Shutdown,
    ) -> Result<Self, ReplicaError> {
        let (sender, connections) = mpsc::channel(settings.queue);
        let (alive, killed) = oneshot::channel::<()>();
        let (ending, ended) = oneshot::channel();
        let tls = certificates.server_config()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let handoff = Handoff {
            replica: name.to_owned(),
            connections: sender,
        };
        let name = name.to_owned();
        thread::Builder::new().name(name.clone()).spawn(move || {
            // Dropped at the end of the thread, whichever way it ends.
            let _ending = ending;
            let shared = Rc::new(Shared {
                header: connection::header_text(&name),
                name,
                views: Views::new(Arc::clone(&settings), reader),
                tables: Tables::default(),
                settings,
                tls,
                certificates,
                tracer,
                stop: Rc::default(),
            });
            let tasks = LocalSet::new();
            tasks.block_on(&runtime, async {
                tokio::select! {
                    () = run(shared, connections, shutdown) => {}
                    _ = killed => {}
                }
            });
        })?;
        Ok(Self {
            handoff,
            ended,
            _alive: alive,
        })
    }

    /// The door for the load balancer.
    pub fn handoff(&self) -> Handoff {
        self.handoff.clone()
    }

    /// Returns when the signal was given and the last connection has ended or the grace period is
    /// over.
    pub async fn stopped(mut self) {
        // Nothing is ever sent: the other end is dropped with the thread.
        let _ = (&mut self.ended).await;
    }
}

async fn run(
    shared: Rc<Shared>,
    mut connections: mpsc::Receiver<Accepted>,
    mut shutdown: Shutdown,
) {
    let mut open = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let start = |open: &mut JoinSet<()>, accepted| {
        open.spawn_local(connection::serve(accepted, Rc::clone(&shared)));
    };
    loop {
        tokio::select! {
            accepted = connections.recv() => match accepted {
                Some(accepted) => start(&mut open, accepted),
                None => break,
            },
            Some(_) = open.join_next() => {}
            _ = sweep.tick() => {
                shared.views.sweep();
                shared.tables.sweep();
            }
            () = shutdown.recv() => break,
        }
    }
    // What was handed over before the door closed is still served.
    connections.close();
    while let Some(accepted) = connections.recv().await {
        start(&mut open, accepted);
    }
    shared.stop.give();
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.settings.grace, drained)
        .await
        .is_err()
    {
        tracing::info!(replica = %shared.name, open = open.len(), "cutting open connections");
    }
}
