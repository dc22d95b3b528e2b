//! Lays the user's file over the default, and the command line over both.

use super::Overrides;
use super::raw::{Item, Node, RawConfig, Table};
use super::section::Reader;

/// Tables whose entries describe pods.
const OF_PROGRAMS: [&str; 3] = ["services", "deployments", "plugins"];
/// What a Service can be made of; naming one in a file drops the default's.
pub(super) const SOURCES: [&str; 4] = ["built_in", "image", "command", "endpoints"];
/// Ways to write ports; naming one drops all of the default's.
const PORTS: [&str; 6] = [
    "port",
    "ports",
    "target_port",
    "protocol",
    "app_protocol",
    "node_port",
];
/// What a Service with addresses of the user's own has no use for.
const OF_PODS: [&str; 4] = ["replicas", "readiness", "wait_for", "grace"];
/// Ways to probe; naming one drops the default's.
const PROBES: [&str; 5] = ["grpc", "http", "tcp", "port", "none"];

/// Where values of the command line come from, in messages.
const COMMAND_LINE: &str = "command line";

/// One document out of three.
pub(super) fn layers(
    mut default: RawConfig,
    user: RawConfig,
    overrides: &Overrides,
    reader: &Reader,
) -> RawConfig {
    let mut user = user.0;
    if !cloudforet_enabled(&user) {
        leave_out(&mut user, &default.0);
        for key in OF_PROGRAMS.into_iter().chain(["ingresses"]) {
            default.0.remove(key);
        }
    }
    let mut merged = default.0;
    for (key, node) in user {
        match key.as_str() {
            key if OF_PROGRAMS.contains(&key) => programs(&mut merged, key, node),
            "ingresses" => ingresses(&mut merged, node, reader),
            _ => put(&mut merged, key, node),
        }
    }
    apply(&mut merged, overrides);
    RawConfig(merged)
}

/// Only a clear `false` leaves the built-in part out; anything else is checked later.
fn cloudforet_enabled(user: &Table) -> bool {
    let Some(Item::Table(cloudforet)) = user.get("cloudforet").map(|node| &node.item) else {
        return true;
    };
    !matches!(
        cloudforet.get("enabled").map(|node| &node.item),
        Some(Item::Boolean(false))
    )
}

/// A copy of the reference states the default services and ingresses itself. Where it did not
/// change them they are no wish of the user's.
fn leave_out(user: &mut Table, default: &Table) {
    for key in OF_PROGRAMS {
        if let (Some(Item::Table(mine)), Some(Item::Table(theirs))) = (
            user.get_mut(key).map(|node| &mut node.item),
            default.get(key).map(|node| &node.item),
        ) {
            mine.retain(|name, node| theirs.get(name) != Some(node));
        }
    }
    if let (Some(Item::Array(mine)), Some(Item::Array(theirs))) = (
        user.get_mut("ingresses").map(|node| &mut node.item),
        default.get("ingresses").map(|node| &node.item),
    ) {
        mine.retain(|node| !theirs.contains(node));
    }
}

/// Tables are merged key by key, everything else is replaced.
fn put(table: &mut Table, key: String, node: Node) {
    let place = node.place;
    match (table.get_mut(&key).map(|old| &mut old.item), node.item) {
        (Some(Item::Table(old)), Item::Table(new)) => {
            for (key, node) in new {
                put(old, key, node);
            }
            // The user's own place is the one to name in messages about the table.
            if let Some(node) = table.get_mut(&key) {
                node.place = place;
            }
        }
        (_, item) => {
            table.insert(key, Node { place, item });
        }
    }
}

fn programs(merged: &mut Table, key: &str, node: Node) {
    if let (Some(Item::Table(old)), Item::Table(new)) =
        (merged.get_mut(key).map(|old| &mut old.item), &node.item)
    {
        for (name, wish) in new {
            let (Some(Item::Table(known)), Item::Table(wish)) =
                (old.get_mut(name).map(|node| &mut node.item), &wish.item)
            else {
                continue;
            };
            make_room(known, wish);
        }
    }
    put(merged, key.to_owned(), node);
}

/// Drops what the wish replaces as a whole.
fn make_room(service: &mut Table, wish: &Table) {
    let names = |keys: &[&str]| keys.iter().any(|key| wish.contains_key(*key));
    if names(&SOURCES) {
        // Options are those of the plugin that is replaced.
        service.retain(|key, _| !SOURCES.contains(&key.as_str()) && key != "options");
    }
    if names(&["external_name"]) {
        let of_others = |key: &str| SOURCES.contains(&key) || PORTS.contains(&key);
        service.retain(|key, _| !of_others(key));
    }
    if names(&["endpoints", "external_name"]) {
        service.retain(|key, _| !OF_PODS.contains(&key.as_str()));
    }
    if names(&["port", "ports"]) {
        service.retain(|key, _| !PORTS.contains(&key.as_str()));
    }
    if let (Some(Item::Table(probe)), Some(Item::Table(wish))) = (
        service.get_mut("readiness").map(|node| &mut node.item),
        wish.get("readiness").map(|node| &node.item),
    ) && PROBES.iter().any(|key| wish.contains_key(*key))
    {
        probe.retain(|key, _| !PROBES.contains(&key.as_str()));
    }
}

/// An ingress replaces the one of the same name.
fn ingresses(merged: &mut Table, node: Node, reader: &Reader) {
    let Item::Array(new) = &node.item else {
        merged.insert("ingresses".into(), node);
        return;
    };
    let mut names: Vec<&str> = Vec::new();
    for ingress in new {
        if let Some(name) = name_of(ingress) {
            if names.contains(&name) {
                reader.report_duplicate(ingress, name);
            }
            names.push(name);
        }
    }
    let mut all = match merged.remove("ingresses").map(|node| node.item) {
        Some(Item::Array(old)) => old,
        _ => Vec::new(),
    };
    all.retain(|old| name_of(old).is_none_or(|name| !names.contains(&name)));
    all.extend(new.iter().cloned());
    let place = node.place;
    let item = Item::Array(all);
    merged.insert("ingresses".into(), Node { place, item });
}

/// The `name` of an ingress.
pub(super) fn name_of(ingress: &Node) -> Option<&str> {
    match &ingress.item {
        Item::Table(table) => match &table.get("name")?.item {
            Item::Text(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

fn apply(merged: &mut Table, overrides: &Overrides) {
    let node = |item| Node::from_elsewhere(COMMAND_LINE, item);
    if let Some(name) = &overrides.name {
        merged.insert("name".into(), node(Item::Text(name.clone())));
    }
    if let Some(runtime) = &overrides.runtime {
        merged.insert("runtime".into(), node(Item::Text(runtime.clone())));
    }
    if let Some(controller) = overrides.controller
        && let Some(Item::Table(ingress)) =
            merged.get_mut("ingress").map(|section| &mut section.item)
    {
        let name = Item::Text(controller.name().to_owned());
        ingress.insert("controller".into(), node(name));
    }
    if let Some(Item::Table(ports)) = merged
        .get_mut("load_balancer")
        .map(|section| &mut section.item)
    {
        for (key, port) in [("http", overrides.http), ("https", overrides.https)] {
            if let Some(port) = port {
                ports.insert(key.into(), node(Item::Integer(port.into())));
            }
        }
    }
}
