//! `Query` of a list method: which rows, in which order, which fields, and how many there are.

use bson::{Bson, Document, doc};

use crate::cloudforet::error::Failure;
use crate::cloudforet::proto::core::v2::{Page, Query, Sort};

/// A list without a page ends here, as in the real services.
pub(crate) const CAP: u32 = 1000;

/// What a list method asks MongoDB for, beside its conditions.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    pub(crate) sort: Option<Document>,
    pub(crate) projection: Option<Document>,
    pub(crate) skip: u64,
    pub(crate) limit: i64,
    /// Count, and return no row.
    pub(crate) count_only: bool,
}

impl Listing {
    /// Reads everything but the conditions. `minimal` are the fields of the short form.
    pub(crate) fn of(query: &Query, minimal: &[&str]) -> Result<Self, Failure> {
        for (given, what) in [
            (query.unwind.is_some(), "unwind"),
            (query.lookup.is_some(), "lookup"),
            (query.add_fields.is_some(), "add_fields"),
        ] {
            if given {
                return Err(Failure::Query(format!("{what} is not supported in list")));
            }
        }
        let (skip, limit) = page_of(query.page.as_ref());
        let projection = match (query.minimal, query.only.as_slice()) {
            (_, []) if !query.minimal => None,
            (_, []) => Some(project(minimal)),
            (_, only) => Some(project(only)),
        };
        Ok(Self {
            sort: sort_of(&query.sort)?,
            projection,
            skip,
            limit: i64::from(limit.unwrap_or(CAP).min(CAP)),
            count_only: query.count_only,
        })
    }
}

/// How many rows to leave out and to return: the first page starts at 1, no start means 1, no
/// limit means no paging.
pub(crate) fn page_of(page: Option<&Page>) -> (u64, Option<u32>) {
    match page {
        Some(page) if page.limit > 0 => (u64::from(page.start.max(1) - 1), Some(page.limit)),
        _ => (0, None),
    }
}

/// The order, with the row's own id last so that pages do not overlap.
pub(crate) fn sort_of(sort: &[Sort]) -> Result<Option<Document>, Failure> {
    if sort.is_empty() {
        return Ok(None);
    }
    let mut order = sort_keys(sort)?;
    order.entry("_id".to_owned()).or_insert(Bson::Int32(1));
    Ok(Some(order))
}

/// The order alone.
pub(crate) fn sort_keys(sort: &[Sort]) -> Result<Document, Failure> {
    let mut order = Document::new();
    for Sort { key, desc } in sort {
        if key.is_empty() || key.starts_with('$') {
            return Err(Failure::Query(format!("not a sort key: {key:?}")));
        }
        order.insert(key.clone(), if *desc { -1 } else { 1 });
    }
    Ok(order)
}

/// All conditions of a query as one filter: those of `filter` must hold, and one of `filter_or`.
pub(crate) fn filter_of(all: Vec<Document>, any: Vec<Document>) -> Document {
    let mut parts = all;
    if !any.is_empty() {
        parts.push(doc! { "$or": any });
    }
    match parts.len() {
        0 => Document::new(),
        1 => parts.remove(0),
        _ => doc! { "$and": parts },
    }
}

/// MongoDB refuses a path beside its own parent, so what a parent covers is left out.
fn project<K: AsRef<str>>(keys: &[K]) -> Document {
    let covered = |key: &str| {
        keys.iter().any(|parent| {
            let rest = key.strip_prefix(parent.as_ref());
            rest.is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let mut projection = doc! { "_id": 0 };
    for key in keys.iter().map(AsRef::as_ref).filter(|key| !covered(key)) {
        projection.insert(key, 1);
    }
    projection
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_page_starts_at_one() {
        let page = |start, limit| page_of(Some(&Page { start, limit }));
        assert_eq!(page(0, 10), (0, Some(10)));
        assert_eq!(page(1, 10), (0, Some(10)));
        assert_eq!(page(11, 10), (10, Some(10)));
        assert_eq!(page(11, 0), (0, None));
        assert_eq!(page_of(None), (0, None));
    }

    #[test]
    fn a_list_is_capped() {
        let listing = Listing::of(&Query::default(), &[]).unwrap();
        assert_eq!(listing.limit, 1000);
        assert_eq!(listing.projection, None);
        assert_eq!(listing.sort, None);
    }

    #[test]
    fn rows_in_order_have_their_id_as_the_last_key() {
        let sort = [Sort {
            key: "name".to_owned(),
            desc: true,
        }];
        assert_eq!(sort_of(&sort).unwrap(), Some(doc! { "name": -1, "_id": 1 }));
    }

    #[test]
    fn a_path_covered_by_its_parent_is_left_out() {
        let query = Query {
            only: ["data.os", "data", "database", "name"]
                .map(str::to_owned)
                .into(),
            ..Query::default()
        };
        let listing = Listing::of(&query, &[]).unwrap();
        assert_eq!(
            listing.projection,
            Some(doc! { "_id": 0, "data": 1, "database": 1, "name": 1 })
        );
    }

    #[test]
    fn minimal_is_the_short_form_unless_fields_are_named() {
        let query = Query {
            minimal: true,
            ..Query::default()
        };
        let listing = Listing::of(&query, &["name"]).unwrap();
        assert_eq!(listing.projection, Some(doc! { "_id": 0, "name": 1 }));
    }
}
