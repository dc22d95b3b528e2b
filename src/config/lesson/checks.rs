//! `[[step.check]]`: what the lab is to observe.

use crate::config::field::Field;
use crate::config::section::Section;
use crate::model::{Check, Connections, FilmCheck, HopKind, PodCount};

/// The kinds, each with an example.
const KINDS: [(&str, &str); 9] = [
    ("replicas", "replicas = { of = \"console\", ready = 3 }"),
    ("restarted", "restarted = { of = \"console\" }"),
    ("kept", "kept = { of = \"console\" }"),
    ("unready", "unready = { of = \"console\" }"),
    ("replaced", "replaced = { of = \"console\" }"),
    ("draws", "draws = { service = \"console\", at_least = 10 }"),
    ("open", "open = { service = \"inventory\", pods = 1 }"),
    ("film", "film = { path = \"/\", status = \"200\" }"),
    ("spread", "spread = { of = \"console\", pods = 3 }"),
];

/// Most pods, connections or films that a check asks for: what the lab remembers.
const MOST: i64 = 200;

/// All checks of a step; one is missing where there is none.
pub(super) fn read(step: &Section<'_>) -> Vec<Check> {
    let remedy = "write a [[step.check]]: without one nobody knows whether it was done";
    let Some(field) = step.required("check", remedy) else {
        return Vec::new();
    };
    let list = field.list();
    if list.is_empty() {
        field.refuse("must not be empty", remedy);
    }
    list.iter().filter_map(check).collect()
}

/// A table with one key, which is the kind.
fn check(field: &Field<'_>) -> Option<Check> {
    let section = field.section()?;
    let found: Vec<_> = KINDS
        .iter()
        .filter_map(|(kind, _)| Some((*kind, section.field(kind)?)))
        .collect();
    let empty = section.is_empty();
    section.finish();
    let [(kind, body)] = &found[..] else {
        if found.len() > 1 {
            field.refuse("must be of one kind", "write a [[step.check]] for each");
        } else if empty {
            let examples: Vec<&str> = KINDS.iter().map(|(_, example)| *example).collect();
            field.refuse("is of no kind", format!("write {}", examples.join(" or ")));
        }
        return None;
    };
    let section = body.section()?;
    let check = match *kind {
        "replicas" => Check::Replicas {
            of: name(&section, "of")?,
            ready: required_number(&section, "ready")?,
        },
        "restarted" => Check::Restarted {
            of: name(&section, "of")?,
            at_least: section.number("at_least", 1..=MOST, 1),
        },
        "kept" => Check::Kept {
            of: name(&section, "of")?,
        },
        "unready" => Check::Unready {
            of: name(&section, "of")?,
        },
        "replaced" => Check::Replaced {
            of: name(&section, "of")?,
        },
        "draws" => Check::Draws(connections(&section)?),
        "open" => Check::Open(connections(&section)?),
        "film" => Check::Film(film(&section)),
        _ => Check::Spread {
            of: name(&section, "of")?,
            pods: pods(&section),
            even: section.boolean("even", false),
            films: Box::new(film(&section)),
        },
    };
    section.finish();
    Some(check)
}

fn connections(section: &Section<'_>) -> Option<Connections> {
    Some(Connections {
        service: name(section, "service")?,
        from: text(section, "from"),
        at_least: section.number("at_least", 1..=MOST, 1),
        pods: pods(section),
        even: section.boolean("even", false),
    })
}

fn film(section: &Section<'_>) -> FilmCheck {
    FilmCheck {
        at_least: section.number("at_least", 1..=MOST, 1),
        host: text(section, "host"),
        path: text(section, "path"),
        status: text(section, "status"),
        error: text(section, "error"),
        service: text(section, "service"),
        through: hops(section, "through"),
        not_through: hops(section, "not_through"),
        reused: text(section, "reused"),
        certificate: text(section, "certificate"),
        client_kept: section
            .field("client_kept")
            .and_then(|field| field.boolean()),
        forwarded_without: text(section, "forwarded_without"),
        by_address: section.boolean("by_address", false),
    }
}

fn hops(section: &Section<'_>, key: &'static str) -> Vec<HopKind> {
    let fields = section.field(key).map(|field| field.list());
    let fields = fields.unwrap_or_default();
    let kinds = fields
        .iter()
        .filter_map(|field| field.choice(&HopKind::ALL));
    kinds.collect()
}

/// `pods = 1`, or `pods_at_least = 2`.
fn pods(section: &Section<'_>) -> PodCount {
    let exactly = section
        .field("pods")
        .and_then(|field| field.number(1..=MOST));
    let at_least = section.field("pods_at_least");
    let at_least = at_least.and_then(|field| field.number(1..=MOST));
    match (exactly, at_least) {
        (Some(_), Some(_)) => {
            section.refuse("pods_at_least", "cannot stand beside pods");
            PodCount::Any
        }
        (Some(pods), None) => PodCount::Exactly(pods),
        (None, Some(pods)) => PodCount::AtLeast(pods),
        (None, None) => PodCount::Any,
    }
}

fn required_number(section: &Section<'_>, key: &'static str) -> Option<usize> {
    let field = section.required(key, &format!("write {key} = 2"))?;
    field.number(0..=MOST)
}

fn name(section: &Section<'_>, key: &'static str) -> Option<String> {
    let field = section.required(key, &format!("write {key} = \"console\""))?;
    Some(field.words()?.to_owned())
}

fn text(section: &Section<'_>, key: &'static str) -> Option<String> {
    Some(section.field(key)?.words()?.to_owned())
}
