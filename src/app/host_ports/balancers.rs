//! What the provider says to each Service of type LoadBalancer: its address, or why it waits.

use std::collections::BTreeMap;
use std::time::Instant;

use time::OffsetDateTime;

use crate::config::LoadBalancerConfig;
use crate::lb::{self, Assignment};
use crate::model::{Provider, Service, ServiceType, TrafficPolicy};
use crate::registry::Cluster;

/// What becomes of one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fairness {
    /// It has an address.
    Given(Assignment),
    /// It waits; why.
    Pending(String),
}

/// By the name of the Service.
pub(super) type Verdicts = BTreeMap<String, Fairness>;

/// The provider's memory.
#[derive(Debug)]
pub(super) struct Balancers {
    config: LoadBalancerConfig,
    /// Who has which address.
    assigned: BTreeMap<String, Assignment>,
    /// Since when each Service is being provided for, as a moment and in words.
    since: BTreeMap<String, (Instant, String)>,
}

impl Balancers {
    pub(super) fn new(config: LoadBalancerConfig) -> Self {
        Self {
            config,
            assigned: BTreeMap::new(),
            since: BTreeMap::new(),
        }
    }

    /// Decides for all Services as they are now.
    pub(super) fn decide(&mut self, cluster: &Cluster, now: Instant) -> Verdicts {
        let balanced = |service: &&Service| service.kind == ServiceType::LoadBalancer;
        let services = cluster.services.values().map(|service| &**service);
        let services = services.filter(balanced);
        let config = &self.config;
        let outcomes = lb::assign(
            config.provider,
            &config.pools,
            config.address,
            services,
            &self.assigned,
        );
        self.since.retain(|name, _| outcomes.contains_key(name));
        self.assigned.clear();
        let mut verdicts = Verdicts::new();
        for (name, outcome) in outcomes {
            let verdict = match outcome {
                Ok(assignment) => {
                    self.assigned.insert(name.clone(), assignment.clone());
                    match self.waits(cluster, &name, now) {
                        Some(reason) => Fairness::Pending(reason),
                        None => Fairness::Given(assignment),
                    }
                }
                Err(reason) => Fairness::Pending(reason),
            };
            verdicts.insert(name, verdict);
        }
        verdicts
    }

    /// Why a Service that has an address does not show it yet.
    fn waits(&mut self, cluster: &Cluster, name: &str, now: Instant) -> Option<String> {
        let service = cluster.services.get(name)?;
        // Its ports are open from the start.
        if *name == cluster.ingress_classes.load_balancer {
            return None;
        }
        let slice = cluster.slices.get(name);
        let has_endpoint = slice.is_some_and(|slice| slice.usable_here().next().is_some());
        let local = service.external_traffic_policy == TrafficPolicy::Local;
        if self.config.provider == Provider::ServiceLb && local && !has_endpoint {
            return Some(
                "externalTrafficPolicy Local, and no ready endpoint on this machine: ServiceLB publishes no node"
                    .to_owned(),
            );
        }
        if self.config.provisioning.is_zero() {
            return None;
        }
        let begun = self.since.entry(name.to_owned());
        let (since, words) = begun.or_insert_with(|| (now, clock()));
        if now.saturating_duration_since(*since) >= self.config.provisioning {
            return None;
        }
        let provider = self.config.provider;
        let really = provider.really_takes().unwrap_or("a moment");
        Some(format!(
            "{} is provisioning since {words} (simulated: {:?} here, {really} in reality)",
            provider.name(),
            self.config.provisioning
        ))
    }

    /// When the next Service is provided for.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let ends = self.since.values();
        let ends = ends.map(|(since, _)| *since + self.config.provisioning);
        ends.filter(|end| *end > now).min()
    }
}

fn clock() -> String {
    let now = OffsetDateTime::now_utc();
    format!(
        "{:02}:{:02}:{:02} UTC",
        now.hour(),
        now.minute(),
        now.second()
    )
}
