//! Faults: what is broken on purpose, where, and since when. Pure decisions; who acts on them reads
//! them from the registry's picture.
//!
//! What only happens now and then is drawn from the fault's seed and a count, so that the same seed
//! gives the same sequence again.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// All faults that act now, in the order of their ids.
pub type Faults = Arc<[Arc<Fault>]>;

/// Something that is broken on purpose.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Counts up from 1 in this lab.
    pub id: u64,
    /// What is broken about it.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// What is broken, as it was named.
    pub target: String,
    /// What that name means.
    pub place: Place,
    /// Pods that a fault of pods met when it began; later ones are spared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pods: Vec<FaultyPod>,
    /// Where its draws begin.
    pub seed: u64,
    /// Microseconds since the Unix epoch.
    pub started: u64,
    /// Microseconds since the Unix epoch when it undoes itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// How many draws were made, by whoever reads the same picture.
    #[serde(skip)]
    pub draws: Draws,
}

/// What is broken. Rates are parts of 1, 1 by default.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum FaultKind {
    /// Everything takes longer: a request, or each byte of a connection.
    Delay {
        /// By so many milliseconds.
        by_ms: u64,
    },
    /// The ingress answers requests itself, with an error.
    Errors {
        /// The part of them.
        #[serde(default = "all")]
        rate: f64,
        /// The answer's status.
        #[serde(default = "unavailable")]
        status: u16,
    },
    /// Connections are reset.
    Reset {
        /// The part of them.
        #[serde(default = "all")]
        rate: f64,
    },
    /// Nothing is answered, and nothing says so.
    Drop {
        /// The part of connections, or of requests.
        #[serde(default = "all")]
        rate: f64,
    },
    /// No new connection is accepted; open ones go on.
    Full,
    /// Programs of pods stand still.
    Freeze,
    /// Pods are not ready, whatever their probes say.
    NotReady,
    /// New pods turn ready late.
    SlowStart {
        /// So many milliseconds after their start, at the earliest.
        by_ms: u64,
    },
    /// A host's certificate is from another time.
    Clock {
        /// By so many seconds: negative ones are over, positive ones are still to come.
        by_s: i64,
    },
    /// A Deployment has no pods, however many are wanted.
    Down,
}

fn all() -> f64 {
    1.0
}

fn unavailable() -> u16 {
    503
}

/// What a target means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", content = "name", rename_all = "kebab-case")]
pub enum Place {
    /// All replicas of the ingress.
    Ingress,
    /// One of them.
    Replica(String),
    /// The host ports.
    LoadBalancer,
    /// Everything that goes to a Service.
    Service(String),
    /// All pods of a Deployment.
    Deployment(String),
    /// One pod.
    Pod(String),
    /// A host name.
    Host(String),
}

/// A pod, and which of its programs is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultyPod {
    /// Its name.
    pub name: String,
    /// How often it had been started again by then.
    pub restarts: u32,
}

/// A count that copies share, and that makes no two faults different.
#[derive(Clone, Debug, Default)]
pub struct Draws(Arc<AtomicU64>);

impl PartialEq for Draws {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// `POST /api/faults`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultRequest {
    /// What is to be broken about it.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// A pod, Service, Deployment or host, `ingress` or `load-balancer`.
    pub target: String,
    /// Makes draws repeatable; any by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Undoes itself after so many milliseconds; never by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

/// `POST /api/faults/undo`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// Which one; all by default.
    #[serde(default)]
    pub id: Option<u64>,
}

impl FaultKind {
    /// As the command line calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Errors { .. } => "errors",
            Self::Reset { .. } => "reset",
            Self::Drop { .. } => "drop",
            Self::Full => "full",
            Self::Freeze => "freeze",
            Self::NotReady => "not-ready",
            Self::SlowStart { .. } => "slow-start",
            Self::Clock { .. } => "clock",
            Self::Down => "down",
        }
    }

    /// What a target of this kind can be, in words.
    pub fn targets(&self) -> &'static str {
        match self {
            Self::Delay { .. } | Self::Reset { .. } | Self::Drop { .. } => {
                "a pod, a Service, ingress, an ingress replica or load-balancer"
            }
            Self::Errors { .. } => "a pod, a Service, ingress or an ingress replica",
            Self::Full => "a pod, a Service or load-balancer",
            Self::Freeze | Self::NotReady => "a pod, or a Service or Deployment for all its pods",
            Self::SlowStart { .. } | Self::Down => "a Deployment, or a Service for its Deployment",
            Self::Clock { .. } => "a host name of a rule with a certificate",
        }
    }

    /// Whether it acts on traffic; else on pods or certificates.
    pub fn is_of_traffic(&self) -> bool {
        matches!(
            self,
            Self::Delay { .. }
                | Self::Errors { .. }
                | Self::Reset { .. }
                | Self::Drop { .. }
                | Self::Full
        )
    }

    /// Whether such a fault can be at this place.
    pub fn fits(&self, place: &Place) -> bool {
        use Place::{Deployment, Host, Ingress, LoadBalancer, Pod, Replica, Service};
        match self {
            Self::Delay { .. } | Self::Reset { .. } | Self::Drop { .. } => {
                matches!(
                    place,
                    Pod(_) | Service(_) | Ingress | Replica(_) | LoadBalancer
                )
            }
            Self::Errors { .. } => matches!(place, Pod(_) | Service(_) | Ingress | Replica(_)),
            Self::Full => matches!(place, Pod(_) | Service(_) | LoadBalancer),
            Self::Freeze | Self::NotReady => matches!(place, Pod(_) | Deployment(_)),
            Self::SlowStart { .. } | Self::Down => matches!(place, Deployment(_)),
            Self::Clock { .. } => matches!(place, Host(_)),
        }
    }

    /// The kinds that can be at this place, by name.
    pub fn that_fit(place: &Place) -> Vec<&'static str> {
        let (rate, by_ms) = (1.0, 0);
        let all = [
            Self::Delay { by_ms },
            Self::Errors { rate, status: 503 },
            Self::Reset { rate },
            Self::Drop { rate },
            Self::Full,
            Self::Freeze,
            Self::NotReady,
            Self::SlowStart { by_ms },
            Self::Clock { by_s: 0 },
            Self::Down,
        ];
        let fitting = all.iter().filter(|kind| kind.fits(place));
        fitting.map(Self::name).collect()
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |rate: f64| {
            if rate < 1.0 {
                format!(" for {} %", rate * 100.0)
            } else {
                String::new()
            }
        };
        match self {
            Self::Delay { by_ms } => write!(formatter, "delay by {by_ms} ms"),
            Self::Errors { rate, status } => {
                write!(formatter, "errors with status {status}{}", part(*rate))
            }
            Self::Reset { rate } => write!(formatter, "reset{}", part(*rate)),
            Self::Drop { rate } => write!(formatter, "drop{}", part(*rate)),
            Self::SlowStart { by_ms } => write!(formatter, "slow-start by {by_ms} ms"),
            Self::Clock { by_s } => {
                let days = by_s / 86_400;
                if days * 86_400 == *by_s {
                    write!(formatter, "clock by {days:+} days")
                } else {
                    write!(formatter, "clock by {by_s:+} s")
                }
            }
            Self::Full | Self::Freeze | Self::NotReady | Self::Down => {
                formatter.write_str(self.name())
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingress => formatter.write_str("ingress"),
            Self::Replica(name) => write!(formatter, "ingress replica {name}"),
            Self::LoadBalancer => formatter.write_str("load-balancer"),
            Self::Service(name) => write!(formatter, "Service {name}"),
            Self::Deployment(name) => write!(formatter, "Deployment {name}"),
            Self::Pod(name) => write!(formatter, "pod {name}"),
            Self::Host(name) => write!(formatter, "host {name}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "fault {}: {} at {}",
            self.id, self.kind, self.place
        )
    }
}

impl Fault {
    /// Whether it acts this time; counts.
    pub fn strikes(&self) -> bool {
        let (FaultKind::Errors { rate, .. } | FaultKind::Reset { rate } | FaultKind::Drop { rate }) =
            self.kind
        else {
            return true;
        };
        let count = self.draws.0.fetch_add(1, Ordering::Relaxed);
        draw(self.seed, count) < rate
    }

    /// Whether what goes to this Service, and there to this pod, is concerned.
    pub fn is_on_the_way(&self, service: &str, pod: Option<&str>) -> bool {
        self.kind.is_of_traffic()
            && match &self.place {
                Place::Service(name) => name == service,
                Place::Pod(name) => pod == Some(name),
                _ => false,
            }
    }

    /// Whether this pod of that Deployment is not to be ready, or was started too lately for it.
    /// `age` is that of its program, which has not been ready yet; `None` once it has.
    pub fn holds_back(&self, pod: &str, deployment: &str, age: Option<Duration>) -> bool {
        let is_there = match &self.place {
            Place::Pod(name) => name == pod,
            Place::Deployment(name) => name == deployment,
            _ => false,
        };
        is_there
            && match self.kind {
                FaultKind::NotReady => true,
                FaultKind::SlowStart { by_ms } => {
                    age.is_some_and(|age| age < Duration::from_millis(by_ms))
                }
                _ => false,
            }
    }

    /// Whether the pods of this Deployment are not to run.
    pub fn takes_down(&self, deployment: &str) -> bool {
        self.kind == FaultKind::Down
            && matches!(&self.place, Place::Deployment(name) if name == deployment)
    }
}

/// The `count`th number of a seed's sequence, at least 0 and less than 1 (`SplitMix64`).
fn draw(seed: u64, count: u64) -> f64 {
    let mut bits = seed.wrapping_add(count.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    #[expect(
        clippy::cast_precision_loss,
        reason = "an f64 holds 53 bits, and a power of two, exactly"
    )]
    let (part, whole) = ((bits >> 11) as f64, (1_u64 << 53) as f64);
    part / whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, place: Place, seed: u64) -> Fault {
        Fault {
            id: 1,
            kind,
            target: String::new(),
            place,
            pods: Vec::new(),
            seed,
            started: 0,
            until: None,
            draws: Draws::default(),
        }
    }

    #[test]
    fn a_seed_repeats_its_draws_and_keeps_the_rate() {
        let strikes = |seed| {
            let kind = FaultKind::Errors {
                rate: 0.3,
                status: 503,
            };
            let fault = fault(kind, Place::Ingress, seed);
            (0..10_000).map(|_| fault.strikes()).collect::<Vec<_>>()
        };
        let first = strikes(7);
        assert_eq!(first, strikes(7));
        assert_ne!(first, strikes(8));
        let count = first.iter().filter(|strikes| **strikes).count();
        assert!((2_800..3_200).contains(&count), "{count}");
    }

    #[test]
    fn a_fault_with_rate_one_always_strikes_and_one_with_zero_never() {
        let of = |rate| fault(FaultKind::Reset { rate }, Place::Ingress, 3);
        let (always, never) = (of(1.0), of(0.0));
        assert!((0..1000).all(|_| always.strikes() && !never.strikes()));
    }

    #[test]
    fn what_is_on_the_way_is_a_service_or_one_of_its_pods() {
        let delay = FaultKind::Delay { by_ms: 1 };
        let service = fault(delay, Place::Service("web".into()), 0);
        let pod = fault(delay, Place::Pod("web-a".into()), 0);
        let frozen = fault(FaultKind::Freeze, Place::Pod("web-a".into()), 0);
        assert!(service.is_on_the_way("web", None));
        assert!(!service.is_on_the_way("shop", Some("web-a")));
        assert!(pod.is_on_the_way("web", Some("web-a")));
        assert!(!pod.is_on_the_way("web", Some("web-b")) && !pod.is_on_the_way("web", None));
        assert!(!frozen.is_on_the_way("web", Some("web-a")));
    }

    #[test]
    fn a_slow_start_holds_back_what_has_just_started() {
        let kind = FaultKind::SlowStart { by_ms: 1000 };
        let slow = fault(kind, Place::Deployment("web".into()), 0);
        let age = |millis| Some(Duration::from_millis(millis));
        assert!(slow.holds_back("web-a", "web", age(999)));
        assert!(!slow.holds_back("web-a", "web", age(1000)));
        assert!(
            !slow.holds_back("web-a", "web", None),
            "it was ready before"
        );
        assert!(!slow.holds_back("shop-a", "shop", age(0)));
    }

    #[test]
    fn a_fault_is_written_flat_and_read_again() {
        let text = r#"{"kind":"errors","target":"web","rate":0.5}"#;
        let read: FaultRequest = serde_json::from_str(text).unwrap();
        let kind = FaultKind::Errors {
            rate: 0.5,
            status: 503,
        };
        assert_eq!(read.kind, kind);
        let fault = fault(kind, Place::Service("web".into()), 9);
        let text = serde_json::to_string(&fault).unwrap();
        assert!(text.contains(r#""kind":"errors""#), "{text}");
        assert!(
            text.contains(r#""place":{"is":"service","name":"web"}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
    }

    #[test]
    fn kinds_that_fit_are_named() {
        assert_eq!(FaultKind::that_fit(&Place::Host("a".into())), ["clock"]);
        let pod = FaultKind::that_fit(&Place::Pod("a".into()));
        assert!(pod.contains(&"freeze") && !pod.contains(&"down"), "{pod:?}");
    }

    #[test]
    fn a_fault_says_what_it_is() {
        let kind = FaultKind::Errors {
            rate: 0.25,
            status: 500,
        };
        let fault = fault(kind, Place::Service("web".into()), 0);
        assert_eq!(
            fault.to_string(),
            "fault 1: errors with status 500 for 25 % at Service web"
        );
        let clock = FaultKind::Clock {
            by_s: -400 * 86_400,
        };
        assert_eq!(clock.to_string(), "clock by -400 days");
    }
}
