//! One ingress replica: takes connections from its door until it is told to stop, then drains.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::connection;
use super::settings::Settings;
use super::view::Views;
use crate::net::{Accepted, Certificates, Handoff, Shutdown};
use crate::registry::Reader;
use crate::trace::Tracer;

/// How often unused connections to endpoints are looked through.
const SWEEP: Duration = Duration::from_secs(10);

/// A running replica, such as `traefik-0`.
#[derive(Debug)]
pub struct Replica {
    handoff: Handoff,
    task: JoinHandle<()>,
}

/// What all connections of a replica share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) name: String,
    pub(super) settings: Arc<Settings>,
    pub(super) views: Arc<Views>,
    pub(super) reader: Reader,
    pub(super) certificates: Certificates,
    pub(super) tls: Arc<rustls::ServerConfig>,
    pub(super) tracer: Tracer,
}

impl Replica {
    /// Starts a replica. Ready when it returns; must be called inside a tokio runtime.
    pub fn start(
        name: &str,
        reader: Reader,
        certificates: Certificates,
        tracer: Tracer,
        settings: Arc<Settings>,
        shutdown: Shutdown,
    ) -> Result<Self, rustls::Error> {
        let (sender, connections) = mpsc::channel(settings.queue);
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            views: Arc::new(Views::new(Arc::clone(&settings))),
            settings,
            reader,
            tls: certificates.server_config()?,
            certificates,
            tracer,
        });
        Ok(Self {
            handoff: Handoff {
                replica: name.to_owned(),
                connections: sender,
            },
            task: tokio::spawn(run(shared, connections, shutdown)),
        })
    }

    /// The door for the load balancer.
    pub fn handoff(&self) -> Handoff {
        self.handoff.clone()
    }

    /// Returns when the signal was given and the last connection has ended or the grace period is
    /// over.
    pub async fn stopped(self) {
        // A panic in the replica was reported by tokio; there is nothing left to wait for.
        let _ = self.task.await;
    }
}

async fn run(
    shared: Arc<Shared>,
    mut connections: mpsc::Receiver<Accepted>,
    mut shutdown: Shutdown,
) {
    let mut open = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    let signal = shutdown.clone();
    let start = |open: &mut JoinSet<()>, accepted| {
        open.spawn(connection::serve(
            accepted,
            Arc::clone(&shared),
            signal.clone(),
        ));
    };
    loop {
        tokio::select! {
            accepted = connections.recv() => match accepted {
                Some(accepted) => start(&mut open, accepted),
                None => break,
            },
            Some(_) = open.join_next() => {}
            _ = sweep.tick() => shared.views.sweep(),
            () = shutdown.recv() => break,
        }
    }
    // What was handed over before the door closed is still served.
    connections.close();
    while let Some(accepted) = connections.recv().await {
        start(&mut open, accepted);
    }
    let drained = async { while open.join_next().await.is_some() {} };
    if tokio::time::timeout(shared.settings.grace, drained)
        .await
        .is_err()
    {
        tracing::info!(replica = %shared.name, open = open.len(), "cutting open connections");
        open.shutdown().await;
    }
}
