//! Checks of connections through ClusterIPs and host ports: to which pods they lead.

use crate::model::{Connection, Connections, Observation, PodCount};

use super::evidence::{Evidence, counted, is_even, shares};
use super::pods::count;

pub(super) fn drawn(evidence: &Evidence<'_>, wanted: &Connections) -> Observation {
    look(evidence, &evidence.drawn, wanted, "new connection")
}

pub(super) fn open(evidence: &Evidence<'_>, wanted: &Connections) -> Observation {
    look(evidence, &evidence.open, wanted, "open connection")
}

fn look(
    evidence: &Evidence<'_>,
    all: &[Connection],
    wanted: &Connections,
    what: &str,
) -> Observation {
    let meant = all.iter().filter(|one| {
        one.service == wanted.service
            && wanted
                .from
                .as_deref()
                .is_none_or(|from| is_from(evidence, one, from))
    });
    let ends = meant.map(|one| match &one.pod {
        Some(pod) => pod.clone(),
        None => one.endpoint.to_string(),
    });
    let counts = counted(ends);
    let total: usize = counts.values().sum();
    let among = evidence.usable(&wanted.service);
    let from = wanted.from.as_ref();
    Observation {
        wanted: [
            format!(
                "{} or more to {}",
                count(wanted.at_least, what),
                wanted.service
            ),
            from.map(|from| format!(" from {from}")).unwrap_or_default(),
            pods(wanted.pods),
            if wanted.even { ", evenly" } else { "" }.to_owned(),
        ]
        .concat(),
        seen: shares(&counts, "none"),
        holds: total >= wanted.at_least
            && wanted.pods.holds(counts.len())
            && (!wanted.even || is_even(&counts, &among)),
    }
}

/// Whether a pod of this Deployment dialled.
fn is_from(evidence: &Evidence<'_>, connection: &Connection, deployment: &str) -> bool {
    let mut pods = evidence.cluster.pods.values();
    pods.any(|pod| pod.deployment == deployment && pod.ip == Some(connection.client.ip()))
}

/// What is asked of the number of pods, to be put behind other words.
pub(super) fn pods(wanted: PodCount) -> String {
    match wanted {
        PodCount::Any => String::new(),
        PodCount::Exactly(pods) => format!(", all to {}", count(pods, "pod")),
        PodCount::AtLeast(pods) => format!(", to {} or more", count(pods, "pod")),
    }
}
