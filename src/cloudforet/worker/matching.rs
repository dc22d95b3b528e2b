//! Which rows resources are about: the match rules of plugins.
//!
//! A rule is a list of fields; a row that has the resource's values in all of them is the resource's.
//! The first rule that finds a row holds, and more than one row is an error.

use std::collections::{BTreeSet, HashMap};

use bson::{Bson, Document, doc};

use super::resource::{Resource, at};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Collection, Found};

/// What the rows that a resource may be about say.
pub(super) enum Match {
    None,
    One(Box<Document>),
    Many,
}

/// The rows that the resources are about, by their rules: the first rule that finds any holds.
pub(super) async fn look(
    collection: &Collection,
    scope: &Document,
    resources: &[Resource],
) -> Result<Vec<Match>, Failure> {
    let mut found: Vec<Match> = resources.iter().map(|_| Match::None).collect();
    let levels = resources.iter().map(|one| one.rules.len()).max();
    for level in 0..levels.unwrap_or(0) {
        // Rules of the same fields are asked in one question.
        let mut groups: HashMap<BTreeSet<&str>, Vec<usize>> = HashMap::new();
        for (index, resource) in resources.iter().enumerate() {
            if let (Match::None, Some(rule)) = (&found[index], resource.rules.get(level)) {
                let keys = rule.keys().map(String::as_str).collect();
                groups.entry(keys).or_default().push(index);
            }
        }
        for indexes in groups.into_values() {
            let rules: Vec<&Document> = indexes
                .iter()
                .map(|index| &resources[*index].rules[level])
                .collect();
            let rows = candidates(collection, scope, &rules).await?;
            let by_first = Lookup::new(&rows, rules[0]);
            for (index, rule) in indexes.into_iter().zip(rules) {
                let mut fitting = by_first.fitting(rule);
                found[index] = match (fitting.next(), fitting.next()) {
                    (None, _) => Match::None,
                    (Some(row), None) => Match::One(Box::new(row.clone())),
                    (Some(_), Some(_)) => Match::Many,
                };
            }
        }
    }
    Ok(found)
}

/// All rows that any of the rules, which have the same fields, may mean, and some more: one list
/// of values is looked up in an index, where a list of alternatives would not be.
async fn candidates(
    collection: &Collection,
    scope: &Document,
    rules: &[&Document],
) -> Result<Vec<Document>, Failure> {
    let mut filter = scope.clone();
    let plain = |value: &Bson| {
        !matches!(
            value,
            Bson::Array(_) | Bson::Document(_) | Bson::RegularExpression(_)
        )
    };
    let mut widest: Option<(&str, Vec<Bson>)> = None;
    for key in rules[0].keys() {
        let mut values: Vec<Bson> = Vec::new();
        let mut seen = BTreeSet::new();
        for value in rules.iter().filter_map(|rule| rule.get(key)) {
            if seen.insert(value.to_string()) {
                values.push(value.clone());
            }
        }
        if !values.iter().all(plain) {
            continue;
        }
        if let [only] = values.as_slice() {
            filter.insert(key, only.clone());
        } else if widest
            .as_ref()
            .is_none_or(|(_, widest)| widest.len() < values.len())
        {
            widest = Some((key, values));
        }
    }
    if let Some((key, values)) = widest {
        filter.insert(key, doc! { "$in": values });
    }
    let found = Found {
        filter,
        ..Found::default()
    };
    collection.find(found).await
}

/// Rows by the value of one field, so that a batch is not compared with every row.
struct Lookup<'r> {
    key: Option<String>,
    rows: HashMap<String, Vec<&'r Document>>,
    /// Rows that have a list there, any item of which may be meant.
    lists: Vec<&'r Document>,
}

impl<'r> Lookup<'r> {
    fn new(rows: &'r [Document], rule: &Document) -> Self {
        // The longest path is the most telling: `reference.resource_id` rather than `provider`.
        let key = rule.keys().max_by_key(|key| key.len()).cloned();
        let mut lookup = Self {
            rows: HashMap::new(),
            lists: Vec::new(),
            key,
        };
        for row in rows {
            match lookup.key.as_ref().and_then(|key| at(row, key)) {
                Some(Bson::Array(_)) => lookup.lists.push(row),
                Some(value) => lookup.rows.entry(value.to_string()).or_default().push(row),
                None => {}
            }
        }
        lookup
    }

    fn fitting<'s>(&'s self, rule: &'s Document) -> impl Iterator<Item = &'r Document> + 's {
        let value = self.key.as_ref().and_then(|key| rule.get(key));
        let listed = value.and_then(|value| self.rows.get(&value.to_string()));
        listed
            .into_iter()
            .flatten()
            .chain(&self.lists)
            .copied()
            .filter(move |row| fits(row, rule))
    }
}

/// Whether the row has all these values.
pub(super) fn fits(row: &Document, rule: &Document) -> bool {
    rule.iter().all(|(key, wanted)| match at(row, key) {
        Some(Bson::Array(items)) if !matches!(wanted, Bson::Array(_)) => items.contains(wanted),
        Some(value) => value == wanted,
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fits_a_rule_by_all_its_fields() {
        let row = doc! { "reference": { "resource_id": "i-1" }, "ip": ["a", "b"] };
        assert!(fits(
            &row,
            &doc! { "reference.resource_id": "i-1", "ip": "b" }
        ));
        assert!(!fits(
            &row,
            &doc! { "reference.resource_id": "i-1", "name": "x" }
        ));
        let rows = [row];
        let rule = doc! { "reference.resource_id": "i-1" };
        let lookup = Lookup::new(&rows, &rule);
        assert_eq!(lookup.fitting(&rule).count(), 1);
        let other = doc! { "reference.resource_id": "i-2" };
        assert_eq!(lookup.fitting(&other).count(), 0);
    }
}
