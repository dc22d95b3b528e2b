//! Which listeners a route is attached to, and so for which hosts and at which port it serves.

use super::super::super::{GatewayApi, GatewayRoute, ParentReference, RouteKind};
use super::super::{EntryPoint, HostMatch};
use super::GROUP;
use super::listeners::Listener;

/// Where a route serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What listener and route have in common.
    pub(super) host: HostMatch,
    /// One of the two ports, or both.
    pub(super) entry: Option<EntryPoint>,
    /// Hosts that belong to more specific listeners (listener isolation).
    pub(super) not: Vec<HostMatch>,
}

/// All places of a route.
pub(super) struct Attached {
    /// Each once.
    pub(super) places: Vec<Place>,
    /// What is wrong with its parents, in words.
    pub(super) problems: Vec<String>,
}

/// Finds the places of a route.
pub(super) fn attach(
    route: &GatewayRoute,
    api: &GatewayApi,
    listeners: &[Listener<'_>],
) -> Attached {
    let mut attached = Attached {
        places: Vec::new(),
        problems: Vec::new(),
    };
    for parent in &route.parents {
        match places(route, parent, api, listeners) {
            Ok(places) => {
                for place in places {
                    add(&mut attached.places, place);
                }
            }
            Err(problem) => attached.problems.push(problem),
        }
    }
    if route.parents.is_empty() {
        attached
            .problems
            .push("Accepted=False (NoMatchingParent): parentRefs names no Gateway".to_owned());
    }
    attached
}

/// Why a route may not serve at a place: routes of the other kind have it. The specification wants a
/// host to be of one kind; the older route, or the first by name, keeps it.
pub(super) fn conflict(
    taken: &[(RouteKind, Place)],
    kind: RouteKind,
    place: &Place,
) -> Option<String> {
    let meets = |one: &Place| {
        let apart = one.entry.is_some() && place.entry.is_some() && one.entry != place.entry;
        one.host == place.host && !apart
    };
    let (other, _) = taken
        .iter()
        .find(|(other, one)| *other != kind && meets(one))?;
    Some(format!(
        "Accepted=False (HostnameConflict): {} is a host of {}s already",
        place.host,
        other.name()
    ))
}

/// A place at both ports is one place.
fn add(places: &mut Vec<Place>, new: Place) {
    let same = places
        .iter_mut()
        .find(|known| (&known.host, &known.not) == (&new.host, &new.not));
    match same {
        Some(known) if known.entry != new.entry => known.entry = None,
        Some(_) => {}
        None => places.push(new),
    }
}

fn places(
    route: &GatewayRoute,
    parent: &ParentReference,
    api: &GatewayApi,
    listeners: &[Listener<'_>],
) -> Result<Vec<Place>, String> {
    let refused = |reason: &str, why: String| Err(format!("Accepted=False ({reason}): {why}"));
    let object = &parent.object;
    let name = &object.name;
    if (object.group.as_str(), object.kind.as_str()) != (GROUP, "Gateway") {
        return refused(
            "NoMatchingParent",
            format!("parent {} \"{name}\" is no Gateway", object.kind),
        );
    }
    let namespace = object.namespace.as_ref().unwrap_or(&route.namespace);
    let known = |gateway: &super::super::super::Gateway| {
        gateway.name == *name && gateway.namespace == *namespace
    };
    if !api.gateways.iter().any(known) {
        return refused(
            "NoMatchingParent",
            format!("there is no Gateway \"{name}\" in namespace {namespace}"),
        );
    }
    let meant: Vec<_> = listeners
        .iter()
        .filter(|listener| {
            known(listener.gateway)
                && parent
                    .section
                    .as_ref()
                    .is_none_or(|name| *name == listener.spec.name)
                && object.port.is_none_or(|port| port == listener.spec.port)
        })
        .collect();
    if meant.is_empty() {
        return refused(
            "NoMatchingParent",
            format!("Gateway \"{name}\" serves no such listener"),
        );
    }
    let allowed: Vec<_> = meant
        .into_iter()
        .filter(|listener| {
            listener.takes(route.kind)
                && api.admits(&listener.spec.from, namespace, &route.namespace)
        })
        .collect();
    if allowed.is_empty() {
        return refused(
            "NotAllowedByListeners",
            format!(
                "Gateway \"{name}\" takes no {} of namespace {}",
                route.kind.name(),
                route.namespace
            ),
        );
    }
    let hosts = if route.hosts.is_empty() {
        &[HostMatch::Any][..]
    } else {
        &route.hosts
    };
    let mut places = Vec::new();
    let mut common = false;
    for listener in allowed {
        for wanted in hosts {
            let Some(host) = intersection(&listener.spec.host, wanted) else {
                continue;
            };
            common = true;
            places.extend(isolated(host, listener, listeners));
        }
    }
    if !common {
        return refused(
            "NoMatchingListenerHostname",
            format!("no listener of Gateway \"{name}\" has a hostname in common with it"),
        );
    }
    if places.is_empty() {
        return refused(
            "NoMatchingListenerHostname",
            "its hosts belong to more specific listeners".to_owned(),
        );
    }
    Ok(places)
}

/// A host at a listener, without what belongs to more specific listeners; `None` if that is all.
fn isolated(host: HostMatch, listener: &Listener<'_>, all: &[Listener<'_>]) -> Option<Place> {
    let mut not: Vec<HostMatch> = Vec::new();
    for other in all.iter().filter(|other| other.entry == listener.entry) {
        let own = &other.spec.host;
        // Names are a tree: a listener that is strictly inside this one is more specific.
        let inside = *own != listener.spec.host && contains(&listener.spec.host, own);
        if !inside || intersection(own, &host).is_none() {
            continue;
        }
        if contains(own, &host) {
            return None;
        }
        if !not.contains(own) {
            not.push(own.clone());
        }
    }
    Some(Place {
        host,
        entry: Some(listener.entry),
        not,
    })
}

/// Whether all hosts of `inner` are hosts of `outer`.
fn contains(outer: &HostMatch, inner: &HostMatch) -> bool {
    intersection(outer, inner).as_ref() == Some(inner)
}

/// The hosts that two have in common.
pub(super) fn intersection(one: &HostMatch, other: &HostMatch) -> Option<HostMatch> {
    match (one, other) {
        (HostMatch::Any, host) | (host, HostMatch::Any) => Some(host.clone()),
        (HostMatch::Exact(name), host) | (host, HostMatch::Exact(name)) => {
            host.matches(name).then(|| HostMatch::Exact(name.clone()))
        }
        (
            HostMatch::Suffix(one) | HostMatch::Wildcard(one),
            HostMatch::Suffix(other) | HostMatch::Wildcard(other),
        ) => {
            let (longer, shorter) = if one.len() < other.len() {
                (other, one)
            } else {
                (one, other)
            };
            longer
                .ends_with(shorter.as_str())
                .then(|| HostMatch::Suffix(longer.clone()))
        }
    }
}
