//! What pods say and what becomes of them: told to the theatre, and to whoever fulfils their wishes.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use super::network::stream_of;
use crate::controllers::{Asked, MachineReader, wish_of};
use crate::dashboard::Facts;
use crate::pods::PodLine;
use crate::registry::{Reader, Registry};
use crate::trace::Theatre;
use crate::{host, pods};

/// Hands every line of every pod on: a wish to those who fulfil it, everything else to the theatre.
pub(super) async fn read(
    theatre: Theatre,
    registry: Registry,
    wishes: mpsc::Sender<Asked>,
    mut lines: mpsc::Receiver<PodLine>,
) {
    while let Some(line) = lines.recv().await {
        match wish_of(&registry, &line) {
            // Nobody fulfils wishes any more while the lab ends.
            Some(wish) => drop(wishes.send((line.pod, wish)).await),
            None => theatre.ingest_line(&line.pod, stream_of(line.source), &line.text),
        }
    }
}

/// Tells the theatre which pods are gone, and the facts what the pod network cannot do.
pub(super) async fn follow(
    mut reader: Reader,
    theatre: Theatre,
    mut problems: watch::Receiver<Vec<String>>,
    facts: watch::Sender<Facts>,
) {
    let mut known = Arc::clone(reader.latest());
    loop {
        tokio::select! {
            changed = reader.changed() => {
                let Some(now) = changed else { return };
                for pod in known.pods.keys().filter(|pod| !now.pods.contains_key(*pod)) {
                    theatre.source_ended(pod);
                }
                known = Arc::clone(now);
            }
            changed = problems.changed() => {
                if changed.is_err() {
                    return;
                }
                let current = problems.borrow_and_update().clone();
                facts.send_modify(|facts| facts.problems = current);
            }
        }
    }
}

/// Looks at the machine: the system here, containers where Docker answers.
pub(super) fn machine() -> MachineReader {
    Arc::new(|| {
        Box::pin(async {
            let reading = tokio::task::spawn_blocking(host::read);
            let (machine, containers) = tokio::join!(reading, pods::docker::containers());
            let mut machine = machine.map_err(|error| error.to_string())?;
            machine.containers = containers;
            Ok(Box::new(machine))
        })
    })
}
