//! What the lab knows at one moment, and what it was like when the step began: all that checks look
//! at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{Check, Connection, EndpointSlice, Film, Observation};
use crate::registry::{Cluster, Registry};
use crate::trace::Theatre;

use super::{connections, films, pods};

/// Films that a step may have caused: more than any lesson asks for.
const FILMS: usize = 200;

/// The moment when a step began.
#[derive(Debug)]
pub(super) struct Baseline {
    /// Microseconds since the Unix epoch.
    pub(super) moment: u64,
    /// Pods by name: their Deployments, and how often they were started again.
    pub(super) pods: BTreeMap<String, (String, u32)>,
}

/// Now.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) baseline: &'a Baseline,
    pub(super) cluster: Arc<Cluster>,
    /// Since the step began, newest first.
    pub(super) films: Vec<Film>,
    /// Since the step began.
    pub(super) drawn: Vec<Connection>,
    /// Whenever they were drawn.
    pub(super) open: Vec<Connection>,
}

impl Baseline {
    /// What is there.
    pub(super) fn of(cluster: &Cluster, moment: u64) -> Self {
        let pods = cluster.pods.values().map(|pod| {
            let known = (pod.deployment.clone(), pod.restarts);
            (pod.name.clone(), known)
        });
        Self {
            moment,
            pods: pods.collect(),
        }
    }
}

impl<'a> Evidence<'a> {
    /// Asks everybody once.
    pub(super) fn gather(registry: &Registry, theatre: &Theatre, baseline: &'a Baseline) -> Self {
        Self {
            baseline,
            cluster: registry.snapshot(),
            films: theatre.films_since(baseline.moment, FILMS),
            drawn: theatre.drawn_since(baseline.moment),
            open: theatre.open_connections(),
        }
    }

    /// Looks at one thing.
    pub(super) fn observe(&self, check: &Check) -> Observation {
        match check {
            Check::Replicas { of, ready } => pods::replicas(self, of, *ready),
            Check::Restarted { of, at_least } => pods::restarted(self, of, *at_least),
            Check::Kept { of } => pods::kept(self, of),
            Check::Unready { of } => pods::unready(self, of),
            Check::Replaced { of } => pods::replaced(self, of),
            Check::Draws(wanted) => connections::drawn(self, wanted),
            Check::Open(wanted) => connections::open(self, wanted),
            Check::Film(wanted) => films::film(self, wanted),
            Check::Spread {
                films,
                of,
                pods,
                even,
            } => films::spread(self, films, of, *pods, *even),
        }
    }

    /// The Deployment that this pod is or was of. Names are the Deployment's and a suffix.
    pub(super) fn deployment_of<'b>(&'b self, pod: &'b str) -> &'b str {
        let known = self
            .cluster
            .pods
            .get(pod)
            .map(|pod| pod.deployment.as_str());
        let known = known.or_else(|| Some(self.baseline.pods.get(pod)?.0.as_str()));
        known.unwrap_or_else(|| pod.rsplit_once('-').map_or(pod, |(name, _)| name))
    }

    /// Whom a new connection to the Service may get.
    pub(super) fn usable(&self, service: &str) -> BTreeSet<String> {
        let slice = self.cluster.slices.get(service);
        let usable = slice
            .into_iter()
            .flat_map(|slice| EndpointSlice::usable(slice));
        usable.filter_map(|endpoint| endpoint.pod.clone()).collect()
    }
}

/// So many of each, in the order of their names.
pub(super) fn counted<T: Ord>(names: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Whether each of these got as many as any other, give or take one.
pub(super) fn is_even(counts: &BTreeMap<String, usize>, among: &BTreeSet<String>) -> bool {
    let of = |name: &String| counts.get(name).copied().unwrap_or(0);
    let most = among.iter().map(of).max().unwrap_or(0);
    let least = among.iter().map(of).min().unwrap_or(0);
    most - least <= 1 && counts.keys().all(|name| among.contains(name))
}

/// `12 to console-a, 8 to console-b`, or what nothing is called.
pub(super) fn shares(counts: &BTreeMap<String, usize>, none: &str) -> String {
    if counts.is_empty() {
        return none.to_owned();
    }
    let shares = counts
        .iter()
        .map(|(pod, count)| format!("{count} to {pod}"));
    shares.collect::<Vec<_>>().join(", ")
}
