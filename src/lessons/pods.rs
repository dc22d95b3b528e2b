//! Checks of pods: how many there are, and what became of those that were there.

use crate::model::{Observation, Pod};

use super::evidence::Evidence;

pub(super) fn replicas(evidence: &Evidence<'_>, of: &str, ready: usize) -> Observation {
    let all = current(evidence, of);
    let good = all.iter().filter(|pod| is_ready(pod)).count();
    Observation {
        wanted: format!("{} of {of}", count(ready, "ready pod")),
        seen: match all.len() - good {
            0 => count(good, "ready pod"),
            rest => format!(
                "{} and {rest} that are starting or going",
                count(good, "ready pod")
            ),
        },
        holds: good == ready && all.len() == ready,
    }
}

pub(super) fn restarted(evidence: &Evidence<'_>, of: &str, at_least: u32) -> Observation {
    let before = |pod: &Pod| {
        let known = evidence.baseline.pods.get(&pod.name);
        known.map_or(0, |(_, restarts)| *restarts)
    };
    let all = current(evidence, of);
    let restarts = all
        .iter()
        .map(|pod| pod.restarts.saturating_sub(before(pod)));
    let restarts: u32 = restarts.sum();
    let times = |number: u32| count(usize::try_from(number).unwrap_or(usize::MAX), "restart");
    Observation {
        wanted: format!("{} or more of {of}", times(at_least)),
        seen: times(restarts),
        holds: restarts >= at_least,
    }
}

pub(super) fn kept(evidence: &Evidence<'_>, of: &str) -> Observation {
    let mut touched = Vec::new();
    for (name, restarts) in known_before(evidence, of) {
        match evidence.cluster.pods.get(name) {
            Some(pod) if !pod.terminating && pod.restarts == restarts => {}
            Some(pod) if !pod.terminating => touched.push(format!("{name} started again")),
            _ => touched.push(format!("{name} gone")),
        }
    }
    Observation {
        wanted: format!("no pod of {of} gone or started again"),
        seen: if touched.is_empty() {
            "all as they were".to_owned()
        } else {
            touched.join(", ")
        },
        holds: touched.is_empty(),
    }
}

pub(super) fn unready(evidence: &Evidence<'_>, of: &str) -> Observation {
    let all = current(evidence, of);
    let unready = all.iter().filter(|pod| !pod.ready && !pod.terminating);
    let unready = unready.count();
    Observation {
        wanted: format!("a pod of {of} that is not ready"),
        seen: count(unready, "such pod"),
        holds: unready > 0,
    }
}

pub(super) fn replaced(evidence: &Evidence<'_>, of: &str) -> Observation {
    let old = known_before(evidence, of);
    let old = old.filter(|(name, _)| evidence.cluster.pods.contains_key(*name));
    let old = old.count();
    let deployment = evidence.cluster.deployments.get(of);
    let wanted = deployment.map_or(0, |found| found.replicas as usize);
    let good = current(evidence, of)
        .iter()
        .filter(|pod| is_ready(pod))
        .count();
    Observation {
        wanted: format!("new pods of {of} in place of the old ones"),
        seen: match (old, good) {
            (0, good) => format!("{good} of {wanted} ready"),
            (old, _) => format!("{} still there", count(old, "old pod")),
        },
        holds: old == 0 && wanted > 0 && good == wanted,
    }
}

fn current<'a>(evidence: &'a Evidence<'_>, of: &str) -> Vec<&'a Pod> {
    let pods = evidence.cluster.pods.values().map(|pod| &**pod);
    pods.filter(|pod| pod.deployment == of).collect()
}

/// Pods that were there when the step began, with their restarts then.
fn known_before<'a>(
    evidence: &'a Evidence<'_>,
    of: &'a str,
) -> impl Iterator<Item = (&'a String, u32)> {
    let pods = evidence.baseline.pods.iter();
    pods.filter(move |(_, (deployment, _))| deployment == of)
        .map(|(name, (_, restarts))| (name, *restarts))
}

fn is_ready(pod: &Pod) -> bool {
    pod.ready && !pod.terminating
}

/// `1 pod`, `2 pods`.
pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
