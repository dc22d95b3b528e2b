//! What an update does to a document: operators or a whole replacement.
//!
//! Invariant: an update either fails and leaves the document alone, or is applied completely; `_id`
//! never changes.

use bson::{Bson, Document};

use super::failure::{Failure, Outcome};
use super::filter::Filter;
use super::{key, path, show};

mod modify;
mod parse;
mod place;

/// A parsed update.
#[derive(Debug)]
pub(crate) enum Update {
    /// The new content.
    Replace(Document),
    /// Changes, ordered by path as MongoDB applies them.
    Modify(Vec<Change>),
}

/// One change at one path.
#[derive(Debug)]
pub(crate) struct Change {
    path: Vec<String>,
    modifier: Modifier,
}

/// What happens at the path.
#[derive(Debug)]
enum Modifier {
    Set(Bson),
    SetOnInsert(Bson),
    Unset,
    Increase(Bson),
    Multiply(Bson),
    Min(Bson),
    Max(Bson),
    CurrentDate(bool),
    /// Takes the value from the other path, if there is one.
    RenameFrom(Vec<String>),
    Push(Box<modify::Push>),
    AddToSet(Vec<Bson>),
    Pull(Box<modify::Pull>),
    PullAll(Vec<Bson>),
    Pop(bool),
}

impl Update {
    /// Reads the `u` of an update.
    pub(crate) fn parse(value: &Bson) -> Outcome<Self> {
        let document = match value {
            Bson::Document(document) => document,
            Bson::Array(_) => return Err(Failure::unsupported("an update by a pipeline")),
            _ => {
                return Err(Failure::parse(
                    "Update argument must be either an object or an array",
                ));
            }
        };
        if !document
            .keys()
            .next()
            .is_some_and(|name| name.starts_with('$'))
        {
            if let Some(name) = document.keys().find(|name| name.starts_with('$')) {
                return Err(Failure::new(
                    52,
                    format!(
                        "The dollar ($) prefixed field '{name}' in '{name}' is not allowed in the context of an update's replacement document. Consider using an aggregation pipeline with $replaceWith."
                    ),
                ));
            }
            return Ok(Self::Replace(document.clone()));
        }
        let mut changes: Vec<Change> = Vec::new();
        for (operator, fields) in document {
            if !parse::is_known(operator) {
                return Err(Failure::parse(format!(
                    "Unknown modifier: {operator}. Expected a valid update modifier or pipeline-style update specified as an array"
                )));
            }
            let Bson::Document(fields) = fields else {
                return Err(Failure::parse(format!(
                    "Modifiers operate on fields but we found type {} instead. For example: {{$mod: {{<field>: ...}}}} not {{{operator}: {}}}",
                    show::type_name(Some(fields)),
                    show::value(fields)
                )));
            };
            for (name, value) in fields {
                for (path, modifier) in parse::parse(operator, name, value)? {
                    check_conflict(&changes, &path)?;
                    changes.push(Change { path, modifier });
                }
            }
        }
        changes.sort_by(|a, b| order(&a.path, &b.path));
        Ok(Self::Modify(changes))
    }

    /// Whether this is a replacement.
    pub(crate) fn is_replacement(&self) -> bool {
        matches!(self, Self::Replace(_))
    }

    /// The document after the update.
    pub(crate) fn apply(&self, old: &Document, inserting: bool) -> Outcome<Document> {
        let mut new = match self {
            Self::Replace(replacement) => {
                let mut new = Document::new();
                if let Some(id) = old.get("_id") {
                    new.insert("_id", replacement.get("_id").unwrap_or(id).clone());
                }
                new.extend(replacement.clone());
                new
            }
            Self::Modify(changes) => {
                let mut new = old.clone();
                for change in changes {
                    change.apply(&mut new, inserting)?;
                }
                new
            }
        };
        if let Some(id) = old.get("_id") {
            match new.get("_id") {
                Some(now) if key::equal(id, now) => {}
                now if self.is_replacement() => {
                    let now = now.map_or_else(String::new, show::value);
                    return Err(Failure::new(
                        66,
                        format!(
                            "After applying the update, the (immutable) field '_id' was found to have been altered to _id: {now}"
                        ),
                    ));
                }
                _ => {
                    return Err(Failure::new(
                        66,
                        "Performing an update on the path '_id' would modify the immutable field '_id'",
                    ));
                }
            }
            // An equal number of another type is no change.
            new.insert("_id", id.clone());
        }
        Ok(new)
    }

    /// The document that an upsert inserts when the query found nothing.
    pub(crate) fn upsert(&self, query: &Document) -> Outcome<Document> {
        let mut seed = Document::new();
        if self.is_replacement() {
            if let Some(id) = query.get("_id")
                && let Some(id) = equality(id)
            {
                seed.insert("_id", id.clone());
            }
        } else {
            fixed_fields(query, &mut seed)?;
        }
        let new = self.apply(&seed, true)?;
        let mut result = Document::new();
        let id = new
            .get("_id")
            .cloned()
            .unwrap_or_else(|| bson::oid::ObjectId::new().into());
        result.insert("_id", id);
        result.extend(new);
        Ok(result)
    }
}

/// `{ a: 1 }` and `{ a: { $eq: 1 } }` both fix `a`.
fn equality(condition: &Bson) -> Option<&Bson> {
    match condition {
        Bson::RegularExpression(_) => None,
        Bson::Document(inner) => match inner.iter().next() {
            Some((name, value)) if name == "$eq" => Some(value),
            Some((name, value)) if name == "$in" => match value {
                Bson::Array(items) if items.len() == 1 => items.first(),
                _ => None,
            },
            Some((name, _)) if name.starts_with('$') => None,
            _ => Some(condition),
        },
        value => Some(value),
    }
}

fn fixed_fields(query: &Document, seed: &mut Document) -> Outcome<()> {
    for (name, condition) in query {
        match (name.as_str(), condition) {
            ("$and", Bson::Array(parts)) => {
                for part in parts {
                    if let Bson::Document(part) = part {
                        fixed_fields(part, seed)?;
                    }
                }
            }
            ("$or", Bson::Array(parts)) if parts.len() == 1 => {
                if let Some(Bson::Document(part)) = parts.first() {
                    fixed_fields(part, seed)?;
                }
            }
            (name, _) if name.starts_with('$') => {}
            _ => {
                let Some(value) = equality(condition) else {
                    continue;
                };
                let path = path::split(name);
                if place::get(seed, &path).is_some() {
                    return Err(Failure::new(
                        54,
                        format!("cannot infer query fields to set, path '{name}' is matched twice"),
                    ));
                }
                place::set(seed, &path, value.clone())?;
            }
        }
    }
    Ok(())
}

fn check_conflict(changes: &[Change], path: &[String]) -> Outcome<()> {
    for change in changes {
        let common = change.path.len().min(path.len());
        if change.path[..common] == path[..common] {
            return Err(Failure::new(
                40,
                format!(
                    "Updating the path '{}' would create a conflict at '{}'",
                    path.join("."),
                    path[..common].join(".")
                ),
            ));
        }
    }
    Ok(())
}

/// By name, but positions of arrays by number.
fn order(left: &[String], right: &[String]) -> std::cmp::Ordering {
    for (a, b) in left.iter().zip(right) {
        let order = match (path::position(a), path::position(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

/// Whether an item of an array is one that `$pull` removes.
fn pulls(filter: &Filter, item: &Bson) -> Outcome<bool> {
    match item {
        Bson::Document(inner) => filter.matches(inner),
        _ => Ok(false),
    }
}
