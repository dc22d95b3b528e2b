//! Which index answers a query.
//!
//! Rules, not costs: a whole unique key first; then an index that gives the wanted order, unless
//! another narrows further and a look at its entries shows that they are few. A plan only
//! narrows: every document that its scan finds is still asked the whole query.

use std::collections::HashMap;

use bson::Bson;

use super::catalog::Index;
use super::failure::Outcome;
use super::filter::{Comparison, Filter, Test};
use super::key;
use super::path::{self, Pattern};
use super::records::Records;

/// More ranges than this and reading everything is as good.
const MOST_RANGES: usize = 200;
/// Entries that are looked at to see whether an index narrows: far less work than a scan.
const SAMPLE: usize = 1000;

/// How the documents are found.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts that do not exclude one another"
)]
pub(crate) struct Plan {
    /// Which index; none reads the collection.
    pub(crate) index: Option<usize>,
    /// From (inclusive) and to (exclusive).
    pub(crate) ranges: Vec<(Vec<u8>, Vec<u8>)>,
    /// Greatest key first.
    pub(crate) reverse: bool,
    /// The documents come in the wanted order.
    pub(crate) sorted: bool,
    /// At most one document per range.
    pub(crate) point: bool,
    /// The ranges hold the documents of the query and no others, each once: to count them, no
    /// document has to be read.
    pub(crate) exact: bool,
    /// Fields that are fixed, for choosing.
    equalities: usize,
    narrowed: bool,
}

/// What a query says about one path.
#[derive(Default)]
struct Constraint<'f> {
    points: Option<Vec<&'f Bson>>,
    low: Option<(&'f Bson, bool)>,
    high: Option<(&'f Bson, bool)>,
}

type Constraints<'f> = HashMap<&'f [String], Constraint<'f>>;

/// Chooses for a query and a wanted order.
pub(crate) fn choose<'r>(
    records: &impl Records<'r>,
    filter: &Filter,
    sort: Option<&Pattern>,
    limited: bool,
) -> Outcome<Plan> {
    let mut constraints = HashMap::new();
    collect(filter, &mut constraints);
    let compared = plain_equalities(filter);
    let mut narrowing: Option<Plan> = None;
    let mut sorting: Option<Plan> = None;
    for (at, index) in records.collection().indexes.iter().enumerate() {
        let Some(mut plan) = try_index(at, index, &constraints, sort) else {
            continue;
        };
        plan.exact = !index.multikey
            && compared == Some(plan.equalities)
            && constraints.len() == plan.equalities;
        if plan.point {
            return Ok(plan);
        }
        let better = |than: &Option<Plan>| {
            than.as_ref().is_none_or(|than| {
                (plan.equalities, plan.narrowed) > (than.equalities, than.narrowed)
            })
        };
        if plan.sorted && better(&sorting) {
            sorting = Some(plan.clone());
        }
        if (plan.equalities > 0 || plan.narrowed) && better(&narrowing) {
            narrowing = Some(plan);
        }
    }
    Ok(match (sorting, narrowing) {
        (Some(sorting), Some(narrowing)) => {
            let as_narrow = (sorting.equalities, sorting.narrowed)
                >= (narrowing.equalities, narrowing.narrowed);
            if as_narrow || (limited && !is_small(records, &narrowing)?) {
                sorting
            } else {
                narrowing
            }
        }
        (Some(plan), None) | (None, Some(plan)) => plan,
        (None, None) => Plan::default(),
    })
}

fn is_small<'r>(records: &impl Records<'r>, plan: &Plan) -> Outcome<bool> {
    let Some(index) = plan.index else {
        return Ok(false);
    };
    let mut left = SAMPLE;
    for (from, to) in &plan.ranges {
        for _ in records.entries(index, from, to)? {
            left -= 1;
            if left == 0 {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// How many fields the filter compares, if it does nothing else, and only with values of which an
/// index holds equal bytes for equal values only.
fn plain_equalities(filter: &Filter) -> Option<usize> {
    let plain = |value: &Bson| {
        matches!(
            value,
            Bson::String(_) | Bson::ObjectId(_) | Bson::Boolean(_)
        )
    };
    match filter {
        Filter::And(parts) => parts.iter().map(plain_equalities).sum(),
        Filter::Field(_, Test::Compare(Comparison::Equal, value)) if plain(value) => Some(1),
        Filter::Field(_, Test::In(values, regexes))
            if regexes.is_empty() && values.iter().all(plain) =>
        {
            Some(1)
        }
        Filter::Field(_, Test::All(tests)) if tests.len() == 1 => match &tests[0] {
            Test::Compare(Comparison::Equal, value) if plain(value) => Some(1),
            Test::In(values, regexes) if regexes.is_empty() && values.iter().all(plain) => Some(1),
            _ => None,
        },
        _ => None,
    }
}

fn collect<'f>(filter: &'f Filter, constraints: &mut Constraints<'f>) {
    match filter {
        Filter::And(parts) => parts.iter().for_each(|part| collect(part, constraints)),
        Filter::Field(path, test) => collect_test(path, test, constraints),
        _ => {}
    }
}

fn collect_test<'f>(path: &'f [String], test: &'f Test, constraints: &mut Constraints<'f>) {
    let usable = |value: &Bson| {
        !matches!(
            value,
            Bson::Array(_) | Bson::RegularExpression(_) | Bson::MinKey | Bson::MaxKey
        ) && !matches!(value, Bson::Double(number) if number.is_nan())
    };
    let constraint = constraints.entry(path).or_default();
    match test {
        Test::All(tests) => tests
            .iter()
            .for_each(|test| collect_test(path, test, constraints)),
        Test::Compare(Comparison::Equal, value) if usable(value) => {
            constraint.points = Some(vec![value]);
        }
        Test::In(values, regexes) if regexes.is_empty() && values.iter().all(usable) => {
            constraint
                .points
                .get_or_insert_with(|| values.iter().collect());
        }
        Test::Compare(how, value) if usable(value) && *value != Bson::Null => match how {
            Comparison::Greater => drop(constraint.low.get_or_insert((value, false))),
            Comparison::GreaterOrEqual => drop(constraint.low.get_or_insert((value, true))),
            Comparison::Less => drop(constraint.high.get_or_insert((value, false))),
            Comparison::LessOrEqual => drop(constraint.high.get_or_insert((value, true))),
            Comparison::Equal => {}
        },
        _ => {}
    }
}

fn try_index(
    at: usize,
    index: &Index,
    constraints: &Constraints<'_>,
    sort: Option<&Pattern>,
) -> Option<Plan> {
    if index
        .pattern
        .iter()
        .any(|(path, _)| path.iter().any(|part| path::position(part).is_some()))
    {
        return None;
    }
    let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
    let mut plan = Plan {
        index: Some(at),
        ..Plan::default()
    };
    let mut single = true;
    for (field, (path, descending)) in index.pattern.iter().enumerate() {
        let Some(constraint) = constraints.get(path.as_slice()) else {
            break;
        };
        // Different items of one array may satisfy different conditions.
        let shared = index.pattern[..field]
            .iter()
            .any(|(before, _)| before[0] == path[0]);
        if index.multikey && shared {
            break;
        }
        if let Some(points) = &constraint.points {
            if index.sparse && field == 0 && points.iter().any(|value| **value == Bson::Null) {
                return None;
            }
            let mut encoded: Vec<Vec<u8>> = points
                .iter()
                .map(|value| direct(value, *descending))
                .collect();
            encoded.sort_unstable();
            encoded.dedup();
            if encoded.len().saturating_mul(prefixes.len()) > MOST_RANGES {
                break;
            }
            single &= encoded.len() == 1;
            prefixes = prefixes
                .iter()
                .flat_map(|prefix| {
                    encoded
                        .iter()
                        .map(move |value| [prefix.as_slice(), value].concat())
                })
                .collect();
            plan.equalities += 1;
            continue;
        }
        let Some((from, to)) = range(constraint, *descending, index.multikey) else {
            break;
        };
        plan.narrowed = true;
        plan.ranges = prefixes
            .iter()
            .map(|prefix| {
                (
                    [prefix.as_slice(), &from].concat(),
                    [prefix.as_slice(), &to].concat(),
                )
            })
            .collect();
        break;
    }
    if !plan.narrowed {
        plan.ranges = prefixes
            .iter()
            .map(|prefix| {
                (
                    prefix.clone(),
                    if prefix.is_empty() {
                        vec![0xff]
                    } else {
                        successor(prefix.clone())
                    },
                )
            })
            .collect();
    }
    if index.sparse && plan.equalities == 0 && !plan.narrowed {
        return None;
    }
    plan.point =
        index.unique && !index.multikey && single && plan.equalities == index.pattern.len();
    if let Some(sort) = sort {
        let direction = (single && !index.multikey)
            .then(|| gives(index, plan.equalities, sort))
            .flatten();
        plan.sorted = plan.point || direction.is_some();
        plan.reverse = direction == Some(true);
    }
    (plan.sorted || plan.narrowed || plan.equalities > 0).then_some(plan)
}

/// Whether the index gives this order behind its fixed fields, and if so whether read backwards.
fn gives(index: &Index, fixed: usize, sort: &Pattern) -> Option<bool> {
    let (fixed, rest) = index.pattern.split_at(fixed);
    let mut rest = rest.iter();
    let mut backwards = None;
    for (path, descending) in sort {
        if fixed.iter().any(|(known, _)| known == path) {
            continue;
        }
        let (next, direction) = rest.next()?;
        let turned = direction != descending;
        if next != path || *backwards.get_or_insert(turned) != turned {
            return None;
        }
    }
    Some(backwards.unwrap_or(false))
}

fn direct(value: &Bson, descending: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if descending {
        key::encode_descending(value, &mut out);
    } else {
        key::encode(value, &mut out);
    }
    out
}

/// The bytes between which the values of a range lie, inside their type bracket.
fn range(
    constraint: &Constraint<'_>,
    descending: bool,
    multikey: bool,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let (low, mut high) = (constraint.low, constraint.high);
    if multikey && low.is_some() {
        high = None;
    }
    let class = key::class(low.or(high)?.0);
    if high.is_some_and(|(value, _)| key::class(value) != class) {
        high = None;
    }
    let bracket = if descending { !class } else { class };
    let edge = |(value, inclusive): (&Bson, bool), upper: bool| {
        let bytes = direct(value, descending);
        // The edge lies behind the value if the value belongs to what is before the edge.
        if inclusive == (upper != descending) {
            successor(bytes)
        } else {
            bytes
        }
    };
    let (first, second) = if descending { (high, low) } else { (low, high) };
    let from = first.map_or_else(|| vec![bracket], |bound| edge(bound, descending));
    let to = second.map_or_else(|| vec![bracket + 1], |bound| edge(bound, !descending));
    Some((from, to))
}

/// The first bytes after everything that starts with these. Type brackets keep it from running over.
fn successor(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0xff) {
        bytes.pop();
    }
    if let Some(last) = bytes.last_mut() {
        *last += 1;
    }
    bytes
}
