//! `lab fault`: writes to the registry, nothing more. Whoever is to misbehave reads it there.

use std::sync::Arc;

use super::{Cluster, Registry};
use crate::model::{
    Draws, Fault, FaultKind, FaultRequest, Faults, FaultyPod, HostMatch, Place, Pod,
};

/// Most faults at a time: more would only hide each other.
const MOST: usize = 100;
/// Longest delay, slow start: an hour, which is longer than anybody waits.
const LONGEST: u64 = 3_600_000;
/// Longest life of a fault that undoes itself: a day.
const LONGEST_LIFE: u64 = 86_400_000;
/// Furthest that a clock is turned, in seconds: ten years, in which the lab's CA can still be written
/// into a certificate.
const FURTHEST: i64 = 3650 * 86_400;

/// Why there is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// Nothing has that name.
    #[error("there is no pod, Service, Deployment or host {target:?}")]
    Unknown {
        /// As given.
        target: String,
    },
    /// Such a fault makes no sense there.
    #[error("{kind} needs {targets}, and {place} is none{}", would_do(fitting))]
    Unfit {
        /// The kind's name.
        kind: &'static str,
        /// What it needs.
        targets: &'static str,
        /// What the target is.
        place: Place,
        /// The kinds that would do.
        fitting: Vec<&'static str>,
    },
    /// A number is out of its bounds.
    #[error("{what} must be {bounds}")]
    Bounds {
        /// Which one.
        what: &'static str,
        /// Its bounds, in words.
        bounds: &'static str,
    },
    /// No rule of the ingress leads there.
    #[error("errors are made by the ingress, and none of its rules leads to Service {service}")]
    NotRouted {
        /// The Service.
        service: String,
    },
    /// There is nothing that could stand still.
    #[error("no program runs at {place}")]
    NothingRuns {
        /// What the target is.
        place: Place,
    },
    /// There are enough.
    #[error("{MOST} faults act already")]
    TooMany,
    /// There is no fault of that number.
    #[error("there is no fault {0}")]
    NoFault(u64),
}

fn would_do(fitting: &[&str]) -> String {
    if fitting.is_empty() {
        return String::new();
    }
    format!("; there {} would do", fitting.join(", "))
}

/// Begins a fault. `now` is in microseconds since the Unix epoch.
pub fn add_fault(
    registry: &Registry,
    request: FaultRequest,
    now: u64,
) -> Result<Arc<Fault>, FaultError> {
    check(&request)?;
    registry.change(|cluster| {
        if cluster.faults.len() >= MOST {
            return Err(FaultError::TooMany);
        }
        let place = place(cluster, &request)?;
        let pods = match request.kind {
            FaultKind::Freeze => pods_at(cluster, &place),
            _ => Vec::new(),
        };
        if request.kind == FaultKind::Freeze && pods.is_empty() {
            return Err(FaultError::NothingRuns { place });
        }
        cluster.fault_count += 1;
        let fault = Arc::new(Fault {
            id: cluster.fault_count,
            kind: request.kind,
            pods,
            target: request.target,
            place,
            // Few enough digits for every reader of JSON.
            seed: request.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
            started: now,
            until: request.for_ms.map(|millis| now + millis * 1000),
            draws: Draws::default(),
        });
        let added = std::iter::once(Arc::clone(&fault));
        cluster.faults = cluster.faults.iter().cloned().chain(added).collect();
        Ok(fault)
    })
}

/// Undoes one fault, or all of them; those that were.
pub fn undo_faults(registry: &Registry, id: Option<u64>) -> Result<Faults, FaultError> {
    registry.change(|cluster| {
        let is_meant = |fault: &&Arc<Fault>| id.is_none_or(|id| fault.id == id);
        let undone: Faults = cluster.faults.iter().filter(is_meant).cloned().collect();
        if let Some(id) = id
            && undone.is_empty()
        {
            return Err(FaultError::NoFault(id));
        }
        if !undone.is_empty() {
            let rest = cluster.faults.iter().filter(|fault| !is_meant(fault));
            cluster.faults = rest.cloned().collect();
        }
        Ok(undone)
    })
}

/// Whether a fault has nothing left to act on, or its time is over: its end undoes it.
///
/// A pod that is gone takes its faults with it, and a program that ended takes its freeze with it.
pub fn is_over(fault: &Fault, cluster: &Cluster, now: u64) -> bool {
    let gone = match &fault.place {
        Place::Ingress | Place::LoadBalancer | Place::Host(_) => false,
        Place::Replica(name) | Place::Pod(name) => !cluster.pods.contains_key(name),
        Place::Service(name) => !cluster.services.contains_key(name),
        Place::Deployment(name) => !cluster.deployments.contains_key(name),
    };
    let thawed = fault.kind == FaultKind::Freeze
        && !fault.pods.iter().any(|pod| is_same_program(pod, cluster));
    gone || thawed || fault.until.is_some_and(|until| until <= now)
}

/// Whether the program that a fault met still runs.
pub fn is_same_program(met: &FaultyPod, cluster: &Cluster) -> bool {
    let pod = cluster.pods.get(&met.name);
    pod.is_some_and(|pod| pod.restarts == met.restarts && !pod.terminating)
}

fn check(request: &FaultRequest) -> Result<(), FaultError> {
    let bounds = |what, bounds| Err(FaultError::Bounds { what, bounds });
    if request
        .for_ms
        .is_some_and(|millis| !(1..=LONGEST_LIFE).contains(&millis))
    {
        return bounds("the time after which it is undone", "between 1ms and 24h");
    }
    match request.kind {
        FaultKind::Delay { by_ms } | FaultKind::SlowStart { by_ms }
            if !(1..=LONGEST).contains(&by_ms) =>
        {
            bounds("the delay", "between 1ms and 1h")
        }
        FaultKind::Errors { rate, .. } | FaultKind::Reset { rate } | FaultKind::Drop { rate }
            if !(rate > 0.0 && rate <= 1.0) =>
        {
            bounds("the rate", "more than 0 and at most 1")
        }
        FaultKind::Errors { status, .. } if !(400..=599).contains(&status) => {
            bounds("the status", "between 400 and 599")
        }
        FaultKind::Clock { by_s } if by_s == 0 || by_s.abs() > FURTHEST => {
            bounds("the clock's error", "at most 3650 days, and not 0")
        }
        _ => Ok(()),
    }
}

/// What the target means for this kind of fault.
fn place(cluster: &Cluster, request: &FaultRequest) -> Result<Place, FaultError> {
    let meanings = meanings(cluster, &request.target);
    let fitting = meanings.iter().find(|place| request.kind.fits(place));
    let Some(place) = fitting else {
        return Err(match meanings.into_iter().next() {
            Some(place) => FaultError::Unfit {
                kind: request.kind.name(),
                targets: request.kind.targets(),
                fitting: FaultKind::that_fit(&place),
                place,
            },
            None => FaultError::Unknown {
                target: request.target.clone(),
            },
        });
    };
    if let (FaultKind::Errors { .. }, Place::Service(service)) = (request.kind, place) {
        let backends = cluster.routes.backends().iter();
        if !backends.clone().any(|backend| backend.service == *service) {
            let service = service.clone();
            return Err(FaultError::NotRouted { service });
        }
    }
    Ok(place.clone())
}

/// Everything that a name can mean, the likeliest first.
fn meanings(cluster: &Cluster, target: &str) -> Vec<Place> {
    let own = || target.to_owned();
    let ingress = &cluster.ingress_classes.load_balancer;
    let mut found = Vec::new();
    match target {
        "ingress" => found.push(Place::Ingress),
        "load-balancer" => found.push(Place::LoadBalancer),
        _ if !ingress.is_empty() && target == ingress => found.push(Place::Ingress),
        _ => {}
    }
    if let Some(pod) = cluster.pods.get(target) {
        found.push(if pod.deployment == *ingress {
            Place::Replica(own())
        } else {
            Place::Pod(own())
        });
    }
    if cluster.services.contains_key(target) && target != ingress {
        found.push(Place::Service(own()));
    }
    let mut deployments = cluster.deployments.values();
    let deployment = cluster
        .deployments
        .get(target)
        .or_else(|| deployments.find(|one| one.service.as_deref() == Some(target)));
    found.extend(deployment.map(|one| Place::Deployment(one.name.clone())));
    let host = target.to_ascii_lowercase();
    let named = |host_match: &HostMatch| *host_match != HostMatch::Any && host_match.matches(&host);
    let routes = cluster.routes.routes();
    if routes.iter().any(|route| named(&route.host)) {
        found.push(Place::Host(host));
    }
    found
}

/// The pods at a place whose programs run.
fn pods_at(cluster: &Cluster, place: &Place) -> Vec<FaultyPod> {
    let is_there = |pod: &Pod| match place {
        Place::Pod(name) => pod.name == *name,
        Place::Deployment(name) => pod.deployment == *name,
        _ => false,
    };
    let pods = cluster.pods.values();
    let pods = pods.filter(|pod| is_there(pod) && pod.ip.is_some() && !pod.terminating);
    pods.map(|pod| FaultyPod {
        name: pod.name.clone(),
        restarts: pod.restarts,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PodPhase, Service};

    fn registry() -> Registry {
        let mut cluster = Cluster::default();
        let service = Service {
            name: "web".to_owned(),
            ..Service::default()
        };
        cluster.services.insert("web".to_owned(), Arc::new(service));
        let pod = Pod {
            name: "web-a".to_owned(),
            deployment: "web".to_owned(),
            service: Some("web".to_owned()),
            phase: PodPhase::Running,
            ready: true,
            terminating: false,
            restarts: 2,
            ip: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            ports: Vec::new(),
            reason: None,
            last_lines: Vec::new(),
        };
        cluster.pods.insert("web-a".to_owned(), Arc::new(pod));
        Registry::new(cluster)
    }

    fn request(kind: FaultKind, target: &str) -> FaultRequest {
        FaultRequest {
            kind,
            target: target.to_owned(),
            seed: None,
            for_ms: None,
        }
    }

    #[test]
    fn a_fault_is_numbered_and_undone_and_numbers_do_not_come_back() {
        let registry = registry();
        let delay = FaultKind::Delay { by_ms: 5 };
        let first = add_fault(&registry, request(delay, "web"), 7).unwrap();
        assert_eq!((first.id, first.started), (1, 7));
        assert_eq!(first.place, Place::Service("web".to_owned()));
        assert_eq!(registry.snapshot().faults.len(), 1);
        assert_eq!(undo_faults(&registry, Some(1)).unwrap().len(), 1);
        assert_eq!(undo_faults(&registry, Some(1)), Err(FaultError::NoFault(1)));
        let second = add_fault(&registry, request(delay, "web-a"), 8).unwrap();
        assert_eq!(second.id, 2);
        assert_eq!(undo_faults(&registry, None).unwrap().len(), 1);
        assert_eq!(undo_faults(&registry, None).unwrap().len(), 0);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        let registry = registry();
        let refused = |kind, target: &str| {
            let error = add_fault(&registry, request(kind, target), 0).unwrap_err();
            error.to_string()
        };
        let text = refused(FaultKind::Down, "web-a");
        assert!(text.starts_with("down needs a Deployment"), "{text}");
        assert!(
            text.contains("pod web-a is none; there delay, errors"),
            "{text}"
        );
        let text = refused(FaultKind::Full, "wbe");
        assert!(text.contains("there is no pod, Service, Deployment or host \"wbe\""));
        let errors = FaultKind::Errors {
            rate: 1.0,
            status: 503,
        };
        assert!(refused(errors, "web").contains("none of its rules leads to"));
        let rate = FaultKind::Reset { rate: f64::NAN };
        assert!(refused(rate, "web").contains("more than 0"));
        assert_eq!(registry.snapshot().faults.len(), 0);
    }

    #[test]
    fn a_freeze_ends_with_its_program_and_a_fault_with_its_time() {
        let registry = registry();
        let frozen = add_fault(&registry, request(FaultKind::Freeze, "web-a"), 0).unwrap();
        let timed = FaultRequest {
            for_ms: Some(1),
            ..request(FaultKind::Full, "web")
        };
        let timed = add_fault(&registry, timed, 0).unwrap();
        let cluster = registry.snapshot();
        assert!(!is_over(&frozen, &cluster, 999) && !is_over(&timed, &cluster, 999));
        assert!(is_over(&timed, &cluster, 1000));
        registry.change(|cluster| {
            let pod = cluster.pods.get_mut("web-a").unwrap();
            Arc::make_mut(pod).restarts = 3;
        });
        assert!(is_over(&frozen, &registry.snapshot(), 999));
    }
}
