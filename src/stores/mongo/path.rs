//! How a dotted path meets a document, for queries and for index and sort keys.
//!
//! A query looks at every value that a path reaches through arrays; an index or a sort has one key
//! for each of them. Updates have their own, stricter walk.

use bson::{Bson, Document};

use super::failure::{Failure, Outcome};
use super::key;

/// Calls `visit` for every value at `path` until it returns true, and says whether it did.
///
/// `None` stands for a missing field. With `expand`, an array at the end of the path is visited
/// item by item and then as a whole.
pub(crate) fn any(
    document: &Document,
    path: &[String],
    expand: bool,
    visit: &mut dyn FnMut(Option<&Bson>) -> bool,
) -> bool {
    let Some((name, rest)) = path.split_first() else {
        return false;
    };
    let value = document.get(name);
    match value {
        Some(Bson::Array(items)) if rest.is_empty() => {
            (expand && items.iter().any(|item| visit(Some(item)))) || visit(value)
        }
        _ if rest.is_empty() => visit(value),
        Some(Bson::Document(inner)) => any(inner, rest, expand, visit),
        Some(Bson::Array(items)) => any_item(items, rest, expand, visit),
        _ => visit(None),
    }
}

fn any_item(
    items: &[Bson],
    rest: &[String],
    expand: bool,
    visit: &mut dyn FnMut(Option<&Bson>) -> bool,
) -> bool {
    let position = position(&rest[0]);
    items.iter().enumerate().any(|(index, item)| {
        if let Bson::Document(inner) = item
            && any(inner, rest, expand, visit)
        {
            return true;
        }
        if position != Some(index) {
            return false;
        }
        // An array at a position is one value, and is not expanded again.
        match item {
            _ if rest.len() == 1 => visit(Some(item)),
            Bson::Document(inner) => any(inner, &rest[1..], expand, visit),
            Bson::Array(inner) => any_item(inner, &rest[1..], expand, visit),
            _ => false,
        }
    })
}

/// A path component that can be an array position.
pub(crate) fn position(name: &str) -> Option<usize> {
    let plain = name == "0" || !name.starts_with('0');
    (plain && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| name.parse().ok())
        .flatten()
}

/// Splits a path at its dots.
pub(crate) fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// Fields of an index or a sort: path, and whether it is descending.
pub(crate) type Pattern = Vec<(Vec<String>, bool)>;

/// The encoded keys of a document, sorted and without repetition, and whether an array was expanded.
pub(crate) fn keys(document: &Document, pattern: &Pattern) -> Outcome<(Vec<Vec<u8>>, bool)> {
    let states = pattern
        .iter()
        .map(|(path, _)| match document.get(&path[0]) {
            Some(value) => Spot::Open(value, &path[1..]),
            None => Spot::Done(None),
        })
        .collect();
    let mut tuples = Vec::new();
    let many = expand(states, pattern, &mut tuples)?;
    if many {
        tuples.sort_unstable();
        tuples.dedup();
    }
    Ok((tuples, many))
}

/// Where the walk along one field of the pattern stands.
#[derive(Clone, Copy)]
enum Spot<'a> {
    /// Nothing there (a null in the key), or a value that is not looked into any further.
    Done(Option<&'a Bson>),
    /// The place of an array without items.
    Empty,
    /// A value and the path that is still ahead.
    Open(&'a Bson, &'a [String]),
}

fn expand<'a>(
    mut spots: Vec<Spot<'a>>,
    pattern: &Pattern,
    out: &mut Vec<Vec<u8>>,
) -> Outcome<bool> {
    let mut array: Option<(&'a Vec<Bson>, usize)> = None;
    for (field, spot) in spots.iter_mut().enumerate() {
        while let Spot::Open(value, rest) = *spot {
            *spot = match (value, rest) {
                (Bson::Array(items), _) => {
                    match array {
                        Some((other, at)) if !std::ptr::eq(other, items) => {
                            return Err(Failure::new(
                                171,
                                format!(
                                    "cannot index parallel arrays [{}] [{}]",
                                    pattern[field].0.last().map_or("", String::as_str),
                                    pattern[at].0.last().map_or("", String::as_str)
                                ),
                            ));
                        }
                        Some(_) => {}
                        None => array = Some((items, field)),
                    }
                    break;
                }
                (value, []) => Spot::Done(Some(value)),
                (Bson::Document(inner), [name, rest @ ..]) => match inner.get(name) {
                    Some(value) => Spot::Open(value, rest),
                    None => Spot::Done(None),
                },
                _ => Spot::Done(None),
            };
        }
    }
    let Some((items, _)) = array else {
        out.push(tuple(&spots, pattern));
        return Ok(false);
    };
    let through = |item: Option<&'a Bson>| -> Vec<Spot<'a>> {
        spots
            .iter()
            .map(|spot| match (*spot, item) {
                (Spot::Open(_, []), None) => Spot::Empty,
                (Spot::Open(..), None) => Spot::Done(None),
                (Spot::Open(_, []), Some(item)) => Spot::Done(Some(item)),
                (Spot::Open(_, rest), Some(item)) => match (position(&rest[0]), item) {
                    (Some(index), _) => match items.get(index) {
                        Some(value) => Spot::Open(value, &rest[1..]),
                        None => Spot::Done(None),
                    },
                    (None, Bson::Document(inner)) => match inner.get(&rest[0]) {
                        Some(value) => Spot::Open(value, &rest[1..]),
                        None => Spot::Done(None),
                    },
                    _ => Spot::Done(None),
                },
                (done, _) => done,
            })
            .collect()
    };
    if items.is_empty() {
        expand(through(None), pattern, out)?;
    }
    for item in items {
        expand(through(Some(item)), pattern, out)?;
    }
    Ok(true)
}

fn tuple(spots: &[Spot<'_>], pattern: &Pattern) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(24 * spots.len());
    for (spot, (_, descending)) in spots.iter().zip(pattern) {
        let value = match spot {
            Spot::Empty => &Bson::Undefined,
            Spot::Done(Some(value)) | Spot::Open(value, _) => value,
            Spot::Done(None) => &Bson::Null,
        };
        if *descending {
            key::encode_descending(value, &mut bytes);
        } else {
            key::encode(value, &mut bytes);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::doc;

    fn reached(document: &Document, path: &str) -> Vec<Option<Bson>> {
        let mut all = Vec::new();
        any(document, &split(path), true, &mut |value| {
            all.push(value.cloned());
            false
        });
        all
    }

    #[test]
    fn a_path_reaches_through_arrays() {
        let document = doc! { "a": [{ "b": 1 }, {}, 5, { "b": [2, 3] }], "c": 5, "e": [] };
        let two = Bson::from(vec![2, 3]);
        assert_eq!(
            reached(&document, "a.b"),
            [
                Some(1.into()),
                None,
                Some(2.into()),
                Some(3.into()),
                Some(two)
            ]
        );
        assert_eq!(
            reached(&document, "a.2"),
            [None, None, Some(5.into()), None]
        );
        assert_eq!(reached(&document, "c.d"), [None]);
        assert_eq!(reached(&document, "e.x"), []);
    }

    #[test]
    fn keys_follow_arrays_and_refuse_two_of_them() {
        let pattern = vec![(split("a"), false), (split("b.c"), true)];
        let count =
            |document: Document| keys(&document, &pattern).map(|(keys, many)| (keys.len(), many));
        assert_eq!(count(doc! { "a": 1, "b": { "c": 1 } }).unwrap(), (1, false));
        assert_eq!(
            count(doc! { "a": [1, 1, 2], "b": { "c": 1 } }).unwrap(),
            (2, true)
        );
        assert_eq!(count(doc! { "a": [], "b": 3 }).unwrap(), (1, true));
        assert_eq!(
            count(doc! { "a": [1], "b": [{ "c": 1 }] })
                .unwrap_err()
                .code,
            171
        );
    }
}
