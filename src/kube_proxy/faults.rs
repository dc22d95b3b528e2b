//! What is broken on purpose on connections, and how each of them learns of it.
//!
//! A connection draws once for each fault: when it opens, or when the fault begins. It stays with what
//! it drew.

use std::time::Duration;

use tokio::sync::watch;

use crate::model::{Fault, FaultKind, Faults, Place};

/// What all connections are told.
#[derive(Clone, Debug, Default)]
pub(super) struct Word {
    /// The proxy ends.
    pub(super) cut: bool,
    /// What is broken now.
    pub(super) faults: Faults,
}

/// A connection's end of it. One for both kinds of news, so that faults cost a connection nothing.
pub(super) type Words = watch::Receiver<Word>;

/// What becomes of a connection, until the next word.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Effect {
    pub(super) what: What,
    /// The fault in words, if one acts.
    pub(super) why: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Bytes pass, those of the client this much later.
    Pass(Duration),
    /// Bytes stop.
    Silence,
    /// Both ends are reset.
    Reset,
}

impl Default for What {
    fn default() -> Self {
        Self::Pass(Duration::ZERO)
    }
}

/// What a connection drew so far.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    /// The highest number of a fault that it has met.
    met: u64,
    /// Faults that have silenced it.
    silenced: Vec<u64>,
}

impl Meeting {
    /// What these faults make of a connection to a pod of a Service.
    pub(super) fn effect(&mut self, faults: &Faults, service: &str, pod: Option<&str>) -> Effect {
        let mut effect = Effect::default();
        let mut delay = Duration::ZERO;
        let before = self.met;
        for fault in faults.iter() {
            self.met = self.met.max(fault.id);
            let is_new = fault.id > before;
            if !fault.is_on_the_way(owner(service), pod) {
                continue;
            }
            let what = match fault.kind {
                FaultKind::Delay { by_ms } => {
                    delay += Duration::from_millis(by_ms);
                    What::Pass(delay)
                }
                FaultKind::Reset { .. } if is_new && fault.strikes() => What::Reset,
                FaultKind::Drop { .. } => {
                    if is_new && fault.strikes() {
                        self.silenced.push(fault.id);
                    }
                    if !self.silenced.contains(&fault.id) {
                        continue;
                    }
                    What::Silence
                }
                _ => continue,
            };
            if effect.is_less_than(&what) {
                effect.what = what;
                effect.why = Some(fault.to_string());
            }
        }
        effect
    }
}

impl Effect {
    fn is_less_than(&self, other: &What) -> bool {
        let weight = |what: &What| match what {
            What::Pass(delay) => (0, *delay),
            What::Silence => (1, Duration::ZERO),
            What::Reset => (2, Duration::ZERO),
        };
        weight(&self.what) < weight(other)
    }
}

/// Whether a Service accepts no new connections.
pub(super) fn is_full(faults: &Faults, service: &str) -> bool {
    let is_there = |fault: &Fault| {
        fault.kind == FaultKind::Full
            && matches!(&fault.place, Place::Service(name) if name == owner(service))
    };
    faults.iter().any(|fault| is_there(fault))
}

/// The fault by which a pod accepts no new connections.
pub(super) fn full_pod<'f>(faults: &'f Faults, pod: Option<&str>) -> Option<&'f Fault> {
    let is_there = |fault: &&std::sync::Arc<Fault>| {
        fault.kind == FaultKind::Full
            && matches!(&fault.place, Place::Pod(name) if pod == Some(name))
    };
    faults.iter().find(is_there).map(|fault| &**fault)
}

/// A copy that stands for a Service's NodePorts has another word behind the Service's name, which no
/// Service can have.
fn owner(service: &str) -> &str {
    service.split(' ').next().unwrap_or(service)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::Draws;

    fn faults(kinds: &[(u64, FaultKind)]) -> Faults {
        let fault = |(id, kind): &(u64, FaultKind)| {
            Arc::new(Fault {
                id: *id,
                kind: *kind,
                target: "web".to_owned(),
                place: Place::Service("web".to_owned()),
                pods: Vec::new(),
                seed: 1,
                started: 0,
                until: None,
                draws: Draws::default(),
            })
        };
        kinds.iter().map(fault).collect()
    }

    #[test]
    fn the_worst_fault_decides_and_delays_add_up() {
        let mut meeting = Meeting::default();
        let (one, two) = (FaultKind::Delay { by_ms: 1 }, FaultKind::Delay { by_ms: 2 });
        let mut what =
            |kinds: &[(u64, FaultKind)]| meeting.effect(&faults(kinds), "web NodePort", None).what;
        assert_eq!(what(&[]), What::Pass(Duration::ZERO));
        let both = [(1, one), (2, two)];
        assert_eq!(what(&both), What::Pass(Duration::from_millis(3)));
        let drop = FaultKind::Drop { rate: 1.0 };
        assert_eq!(what(&[(1, one), (3, drop)]), What::Silence);
        assert_eq!(what(&[(1, one)]), What::Pass(Duration::from_millis(1)));
        assert_eq!(what(&[(4, FaultKind::Reset { rate: 1.0 })]), What::Reset);
    }

    #[test]
    fn a_connection_keeps_what_it_drew() {
        let faults = faults(&[(1, FaultKind::Drop { rate: 0.5 })]);
        let connections: Vec<Vec<bool>> = (0..200)
            .map(|_| {
                let mut meeting = Meeting::default();
                let mut silent = || meeting.effect(&faults, "web", None).what == What::Silence;
                (0..3).map(|_| silent()).collect()
            })
            .collect();
        let silent = connections.iter().filter(|looks| looks[0]).count();
        assert!((60..140).contains(&silent), "{silent}");
        assert!(
            connections
                .iter()
                .all(|looks| looks[0] == looks[1] && looks[1] == looks[2])
        );
    }

    #[test]
    fn only_a_full_service_is_full() {
        let full = faults(&[(1, FaultKind::Full)]);
        assert!(is_full(&full, "web") && is_full(&full, "web NodePort"));
        assert!(!is_full(&full, "shop"));
        assert!(full_pod(&full, Some("web-a")).is_none());
    }
}
