//! Looks after faults: ends those whose time is over or whose pod is gone, and lets programs of pods
//! stand still for as long as a fault says so. The rest of what faults do is done where it happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::{Fault, FaultKind};
use crate::pods::PodRuntime;
use crate::registry::{Cluster, Registry, is_over, is_same_program};

/// A pod's name, and how often its program had been started again.
type Program = (String, u32);

/// Runs for as long as the registry.
pub(super) async fn keep(registry: Registry, runtime: Arc<dyn PodRuntime>) {
    let mut reader = registry.reader();
    let mut frozen = BTreeSet::new();
    loop {
        let cluster = Arc::clone(reader.latest());
        let now = now();
        if cluster
            .faults
            .iter()
            .any(|fault| is_over(fault, &cluster, now))
        {
            end(&registry, now);
            continue;
        }
        let wanted = still(&cluster);
        for program in wanted.difference(&frozen) {
            freeze(&*runtime, program, true).await;
        }
        for program in frozen.difference(&wanted) {
            // The program that ended is not the one that has taken its place.
            if runs(program, &cluster) {
                freeze(&*runtime, program, false).await;
            }
        }
        frozen = wanted;
        let ends = cluster.faults.iter().filter_map(|fault| fault.until).min();
        let pause = async {
            match ends {
                Some(until) => tokio::time::sleep(left(until, now)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = reader.changed() => if changed.is_none() { return },
            () = pause => {}
        }
    }
}

/// Removes what is over.
fn end(registry: &Registry, now: u64) {
    registry.change(|cluster| {
        let (over, rest): (Vec<_>, Vec<_>) = cluster
            .faults
            .iter()
            .cloned()
            .partition(|fault| is_over(fault, cluster, now));
        for fault in over {
            tracing::info!("{fault} is over");
        }
        cluster.faults = rest.into();
    });
}

/// The programs that are to stand still.
fn still(cluster: &Cluster) -> BTreeSet<Program> {
    let freezes = |fault: &&Arc<Fault>| fault.kind == FaultKind::Freeze;
    let faults = cluster.faults.iter().filter(freezes);
    let pods = faults.flat_map(|fault| &fault.pods);
    let pods = pods.filter(|pod| is_same_program(pod, cluster));
    pods.map(|pod| (pod.name.clone(), pod.restarts)).collect()
}

/// Whether this program of the pod is there.
fn runs((pod, restarts): &Program, cluster: &Cluster) -> bool {
    let pod = cluster.pods.get(pod);
    pod.is_some_and(|pod| pod.restarts == *restarts)
}

async fn freeze(runtime: &dyn PodRuntime, (pod, _): &Program, still: bool) {
    if let Err(error) = runtime.freeze(pod, still).await {
        let error = error.chain();
        tracing::warn!(
            pod,
            still,
            error,
            "a program cannot be made to stand still, or to go on"
        );
    }
}

/// Microseconds since the Unix epoch.
fn now() -> u64 {
    let elapsed = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

/// Until then, and a moment more, so that it is over when one looks.
fn left(until: u64, now: u64) -> Duration {
    Duration::from_micros(until.saturating_sub(now)) + Duration::from_millis(1)
}
