//! What is broken on purpose at the host ports.

use std::time::Duration;

use tokio::sync::watch;

use super::server::{Doors, offer};
use crate::model::{Fault, FaultKind, Faults, Place};
use crate::net::{Accepted, reset};

/// What becomes of a connection, and why in words.
#[derive(Debug)]
pub(super) struct Met {
    what: What,
    why: String,
}

#[derive(Debug)]
enum What {
    Reset,
    /// Held until this fault is gone, and never answered.
    Drop(u64),
    Delay(Duration),
}

/// Whether no connection is accepted.
pub(super) fn is_full(faults: &Faults) -> bool {
    here(faults).any(|fault| fault.kind == FaultKind::Full)
}

/// What a new connection meets, if anything. The first fault that strikes decides; delays come last.
pub(super) fn meet(faults: &Faults) -> Option<Met> {
    let mut delay = None;
    for fault in here(faults).filter(|fault| fault.strikes()) {
        let what = match fault.kind {
            FaultKind::Reset { .. } => What::Reset,
            FaultKind::Drop { .. } => What::Drop(fault.id),
            FaultKind::Delay { by_ms } => {
                let what = What::Delay(Duration::from_millis(by_ms));
                delay = delay.or(Some((what, fault)));
                continue;
            }
            _ => continue,
        };
        let why = fault.to_string();
        return Some(Met { what, why });
    }
    let (what, fault) = delay?;
    let why = fault.to_string();
    Some(Met { what, why })
}

/// Does to a connection what it has met.
pub(super) async fn hold(
    met: Met,
    mut accepted: Accepted,
    doors: Doors,
    turn: usize,
    mut faults: watch::Receiver<Faults>,
) {
    match met.what {
        What::Reset => reset(&accepted.stream),
        What::Drop(id) => {
            let gone = |faults: &Faults| !faults.iter().any(|fault| fault.id == id);
            // An error means that the lab ends.
            let _ = faults.wait_for(gone).await;
        }
        What::Delay(delay) => {
            tokio::time::sleep(delay).await;
            accepted.fault = Some(met.why);
            let doors = doors.borrow().clone();
            if offer(accepted, &doors, turn).is_err() {
                tracing::warn!(
                    replicas = doors.len(),
                    "no ingress replica takes the connection"
                );
            }
        }
    }
}

fn here(faults: &Faults) -> impl Iterator<Item = &Fault> {
    let all = faults.iter().map(|fault| &**fault);
    all.filter(|fault| fault.place == Place::LoadBalancer)
}
