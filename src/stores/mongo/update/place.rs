//! Finding and making the place of a path in a document: positions only in arrays, no traversal.

use bson::{Bson, Document};

use super::super::failure::{Failure, Outcome};
use super::super::{path, show};

/// An array may be padded by an update up to this many nulls, as in MongoDB.
const MOST_PADDING: usize = 1_500_000;

/// The value at a path.
pub(super) fn get<'d>(document: &'d Document, path: &[String]) -> Option<&'d Bson> {
    let (name, rest) = path.split_first()?;
    let mut value = document.get(name)?;
    for name in rest {
        value = match value {
            Bson::Document(inner) => inner.get(name)?,
            Bson::Array(items) => items.get(path::position(name)?)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Sets the value at a path; makes documents on the way.
pub(super) fn set(document: &mut Document, path: &[String], value: Bson) -> Outcome<()> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(());
    };
    if rest.is_empty() {
        document.insert(name, value);
        return Ok(());
    }
    if !document.contains_key(name) {
        document.insert(name, Document::new());
    }
    match document.get_mut(name) {
        Some(inner) => set_inside(inner, name, rest, value),
        None => Ok(()),
    }
}

fn set_inside(holder: &mut Bson, holder_name: &str, path: &[String], value: Bson) -> Outcome<()> {
    match holder {
        Bson::Document(inner) => set(inner, path, value),
        Bson::Array(items) => {
            let Some(index) = path::position(&path[0]) else {
                let shown = show::value(&Bson::Array(items.clone()));
                return Err(not_viable(&path[0], holder_name, &shown));
            };
            if index >= items.len() {
                if index - items.len() > MOST_PADDING {
                    return Err(Failure::bad_value(
                        "can't backfill more than 1500000 elements",
                    ));
                }
                items.resize(index, Bson::Null);
                items.push(if path.len() == 1 {
                    Bson::Null
                } else {
                    Document::new().into()
                });
            }
            match path.len() {
                1 => {
                    items[index] = value;
                    Ok(())
                }
                _ => set_inside(&mut items[index], &path[0], &path[1..], value),
            }
        }
        other => {
            let shown = show::value(other);
            Err(not_viable(&path[0], holder_name, &shown))
        }
    }
}

fn not_viable(field: &str, holder: &str, shown: &str) -> Failure {
    Failure::new(
        28,
        format!("Cannot create field '{field}' in element {{{holder}: {shown}}}"),
    )
}

/// Removes the field at a path; an item of an array becomes null, as in MongoDB.
pub(super) fn unset(document: &mut Document, path: &[String]) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        document.remove(name);
    } else if let Some(inner) = document.get_mut(name) {
        unset_inside(inner, rest);
    }
}

fn unset_inside(holder: &mut Bson, path: &[String]) {
    match holder {
        Bson::Document(inner) => unset(inner, path),
        Bson::Array(items) => {
            if let Some(item) = path::position(&path[0]).and_then(|index| items.get_mut(index)) {
                match path.len() {
                    1 => *item = Bson::Null,
                    _ => unset_inside(item, &path[1..]),
                }
            }
        }
        _ => {}
    }
}
