//! What is broken on purpose on the way of a request: before the ingress has looked at it, and on the
//! way to its endpoint. Called only while there are faults at all.

use std::future::pending;
use std::time::Duration;

use super::connection::Client;
use super::exchange::Limits;
use super::failure::Failure;
use super::film::Film;
use super::view::{Backend, View};
use crate::model::{Fault, FaultKind, Place};

/// Faults of the ingress, or of this replica.
pub(super) async fn at_ingress(
    client: &Client,
    view: &View,
    film: &mut Option<Box<Film>>,
) -> Result<(), Failure> {
    for fault in &*view.faults {
        let is_here = match &fault.place {
            Place::Ingress => true,
            Place::Replica(name) => name == client.replica(),
            _ => false,
        };
        if is_here && fault.strikes() {
            tell(fault, film);
            match fault.kind {
                // To the client the ingress itself is what is broken.
                FaultKind::Reset { .. } => {
                    return Err(Failure::Reset {
                        reason: fault.to_string(),
                    });
                }
                FaultKind::Drop { .. } => pending().await,
                _ => act(fault).await?,
            }
        }
    }
    Ok(())
}

/// Faults of the Service, or of the pod that was chosen. To the client the endpoint is what is broken.
pub(super) async fn at_endpoint(
    view: &View,
    backend: &Backend,
    index: usize,
    limits: &Limits<'_>,
    film: &mut Option<Box<Film>>,
) -> Result<(), Failure> {
    let Some(target) = backend.endpoints.get(index) else {
        return Ok(());
    };
    for fault in &*view.faults {
        if !fault.is_on_the_way(&backend.service, Some(&target.name)) {
            continue;
        }
        // The rest of a way through the ClusterIP is kube_proxy's, which makes no answers.
        if backend.by_cluster_ip && !matches!(fault.kind, FaultKind::Errors { .. }) {
            continue;
        }
        // A full queue keeps nobody out who is in.
        if fault.kind == FaultKind::Full && target.pool.has_kept() {
            continue;
        }
        if !fault.strikes() {
            continue;
        }
        tell(fault, film);
        match fault.kind {
            FaultKind::Reset { .. } => {
                return Err(Failure::Fault {
                    status: 502,
                    reason: format!("{} reset the connection ({fault})", target.name),
                });
            }
            FaultKind::Drop { .. } => {
                let limit = [limits.response, limits.request]
                    .into_iter()
                    .flatten()
                    .min();
                return Err(silence(fault, &target.name, limit).await);
            }
            FaultKind::Full => {
                let limit = limits.connect.unwrap_or(target.pool.connect_limit());
                return Err(silence(fault, &target.name, Some(limit)).await);
            }
            _ => act(fault).await?,
        }
    }
    Ok(())
}

/// Nothing is heard from the endpoint until a limit has passed, and without one never.
async fn silence(fault: &Fault, endpoint: &str, limit: Option<Duration>) -> Failure {
    let Some(limit) = limit else {
        return pending().await;
    };
    tokio::time::sleep(limit).await;
    Failure::Fault {
        status: 504,
        reason: format!("nothing from {endpoint} within {limit:?} ({fault})"),
    }
}

/// What is the same for the ingress and an endpoint.
async fn act(fault: &Fault) -> Result<(), Failure> {
    match fault.kind {
        FaultKind::Delay { by_ms } => {
            tokio::time::sleep(Duration::from_millis(by_ms)).await;
            Ok(())
        }
        FaultKind::Errors { status, .. } => Err(Failure::Fault {
            status,
            reason: fault.to_string(),
        }),
        _ => Ok(()),
    }
}

fn tell(fault: &Fault, film: &mut Option<Box<Film>>) {
    if let Some(film) = film {
        film.broken(fault);
    }
}
