//! Certificates of another time: what a host is served while a fault turns its clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use crate::model::{Fault, FaultKind, Faults, Place, Secret};
use crate::net::Authority;

/// How long each of them lasts: as long as cert-manager's.
const DURATION: Duration = Duration::days(90);

/// By the number of their fault, with their host.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    faults: Faults,
    issued: BTreeMap<u64, (String, Secret)>,
}

impl Clocks {
    /// Issues what is missing and forgets what is undone; whether that changed anything.
    pub(super) fn keep(&mut self, faults: &Faults, authority: &Authority) -> bool {
        if Arc::ptr_eq(&self.faults, faults) {
            return false;
        }
        self.faults = Arc::clone(faults);
        let before: Vec<u64> = self.issued.keys().copied().collect();
        let acts = |id: &u64| faults.iter().any(|fault| fault.id == *id);
        self.issued.retain(|id, _| acts(id));
        for fault in faults.iter() {
            if !self.issued.contains_key(&fault.id)
                && let Some(issued) = issue(fault, authority)
            {
                self.issued.insert(fault.id, issued);
            }
        }
        !self.issued.keys().eq(&before)
    }

    /// Each host and its certificate, the newest fault first.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let newest = self.issued.values().rev();
        newest.map(|(host, secret)| (host.as_str(), secret))
    }
}

fn issue(fault: &Fault, authority: &Authority) -> Option<(String, Secret)> {
    let (FaultKind::Clock { by_s }, Place::Host(host)) = (fault.kind, &fault.place) else {
        return None;
    };
    let then = OffsetDateTime::now_utc().checked_add(Duration::seconds(by_s))?;
    let name = format!("fault-{}", fault.id);
    match authority.issue_at(&name, std::slice::from_ref(host), DURATION, then) {
        Ok(secret) => Some((host.clone(), secret)),
        Err(error) => {
            tracing::warn!(%error, "{fault} has no certificate");
            None
        }
    }
}
