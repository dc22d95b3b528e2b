//! `$group` and its accumulators.

use std::collections::HashMap;

use bson::{Bson, Document, doc};

use super::super::expression::Expression;
use super::super::failure::{Failure, Outcome};
use super::super::{key, number, show};
use super::Flow;

/// What all groups together may hold, as in MongoDB.
const MOST_BYTES: usize = 100 << 20;

/// A parsed `$group`.
#[derive(Debug)]
pub(crate) struct Group {
    id: Expression,
    fields: Vec<(String, Operator, Expression)>,
}

#[derive(Clone, Copy, Debug)]
enum Operator {
    Sum,
    Average,
    Min,
    Max,
    First,
    Last,
    Push,
    AddToSet,
    MergeObjects,
}

/// What is known of one field of one group.
#[derive(Clone, Debug)]
enum State {
    Value(Option<Bson>),
    Average(f64, u32),
    Items(Vec<Bson>),
    Set(HashMap<Vec<u8>, usize>, Vec<Bson>),
    Object(Document),
}

impl Group {
    pub(super) fn parse(form: &Document) -> Outcome<Self> {
        let mut id = None;
        let mut fields = Vec::new();
        for (name, value) in form {
            if name == "_id" {
                id = Some(Expression::parse(value)?);
                continue;
            }
            if name.contains('.') {
                return Err(Failure::new(
                    40235,
                    format!("The field name '{name}' cannot contain '.'"),
                ));
            }
            if name.starts_with('$') {
                return Err(Failure::new(
                    40236,
                    format!("The field name '{name}' cannot be an operator name"),
                ));
            }
            let operator = value
                .as_document()
                .filter(|form| form.keys().next().is_some_and(|name| name.starts_with('$')));
            let Some(operator) = operator else {
                return Err(Failure::new(
                    40234,
                    format!("The field '{name}' must be an accumulator object"),
                ));
            };
            let (Some((operator, argument)), 1) = (operator.iter().next(), operator.len()) else {
                return Err(Failure::new(
                    40238,
                    format!("The field '{name}' must specify one accumulator"),
                ));
            };
            let argument = Expression::parse(argument);
            let (operator, argument) = match operator.as_str() {
                "$sum" => (Operator::Sum, argument?),
                "$avg" => (Operator::Average, argument?),
                "$min" => (Operator::Min, argument?),
                "$max" => (Operator::Max, argument?),
                "$first" => (Operator::First, argument?),
                "$last" => (Operator::Last, argument?),
                "$push" => (Operator::Push, argument?),
                "$addToSet" => (Operator::AddToSet, argument?),
                "$mergeObjects" => (Operator::MergeObjects, argument?),
                "$count" => (Operator::Sum, Expression::Literal(Bson::Int32(1))),
                "$stdDevPop" | "$stdDevSamp" | "$accumulator" | "$top" | "$bottom" | "$topN"
                | "$bottomN" | "$firstN" | "$lastN" | "$minN" | "$maxN" => {
                    return Err(Failure::unsupported(&format!(
                        "the group operator {operator}"
                    )));
                }
                _ => {
                    return Err(Failure::new(
                        15952,
                        format!("unknown group operator '{operator}'"),
                    ));
                }
            };
            fields.push((name.clone(), operator, argument));
        }
        let id =
            id.ok_or_else(|| Failure::new(15955, "a group specification must include an _id"))?;
        Ok(Self { id, fields })
    }

    /// Whether the answer depends on nothing but how many documents come: so drivers count.
    pub(super) fn only_counts(&self) -> bool {
        let counts = |(_, operator, argument): &(String, Operator, Expression)| {
            matches!(
                (operator, argument),
                (Operator::Sum, Expression::Literal(Bson::Int32(1)))
            )
        };
        matches!(self.id, Expression::Literal(_)) && self.fields.iter().all(counts)
    }

    /// The one group of so many documents, if the group [only counts](Self::only_counts).
    pub(super) fn of_count(&self, count: usize) -> Option<Document> {
        let Expression::Literal(id) = &self.id else {
            return None;
        };
        let mut answer = doc! { "_id": id.clone() };
        for (name, ..) in &self.fields {
            answer.insert(name, number::count(count));
        }
        (count > 0).then_some(answer)
    }

    /// Groups, in the order in which they were first seen.
    pub(super) fn run(self, flow: Flow) -> Outcome<Vec<Document>> {
        let mut positions: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut groups: Vec<(Option<Bson>, Vec<State>)> = Vec::new();
        let mut bytes = 0;
        for item in flow {
            let document = item?;
            let id = self.id.evaluate_root(&document)?.0;
            // A missing id is a group of its own, told as null together with the nulls.
            let id = id.or(Some(Bson::Null));
            let encoded = id.as_ref().map(key::encoded).unwrap_or_default();
            let at = if let Some(at) = positions.get(&encoded) {
                *at
            } else {
                bytes += 2 * encoded.len() + 64;
                positions.insert(encoded, groups.len());
                groups.push((
                    id,
                    self.fields
                        .iter()
                        .map(|(_, operator, _)| operator.start())
                        .collect(),
                ));
                groups.len() - 1
            };
            for ((_, operator, argument), state) in self.fields.iter().zip(&mut groups[at].1) {
                let value = argument.evaluate_root(&document)?.0;
                bytes += operator.add(state, value)?;
            }
            if bytes > MOST_BYTES {
                return Err(Failure::new(
                    292,
                    format!(
                        "Exceeded memory limit for $group of {MOST_BYTES} bytes, and the built-in store does not group on disk"
                    ),
                ));
            }
        }
        let finish = |(id, states): (Option<Bson>, Vec<State>)| {
            let mut document = Document::new();
            document.insert("_id", id.unwrap_or(Bson::Null));
            for ((name, ..), state) in self.fields.iter().zip(states) {
                document.insert(name, state.finish());
            }
            document
        };
        Ok(groups.into_iter().map(finish).collect())
    }
}

impl Operator {
    fn start(self) -> State {
        match self {
            Self::Sum => State::Value(Some(Bson::Int32(0))),
            Self::Min | Self::Max | Self::First | Self::Last => State::Value(None),
            Self::Average => State::Average(0.0, 0),
            Self::Push => State::Items(Vec::new()),
            Self::AddToSet => State::Set(HashMap::new(), Vec::new()),
            Self::MergeObjects => State::Object(Document::new()),
        }
    }

    /// Adds a value and says about how many bytes more are held.
    fn add(self, state: &mut State, value: Option<Bson>) -> Outcome<usize> {
        match (self, state, value) {
            (Self::Sum, State::Value(Some(total)), Some(value)) => {
                *total = number::sum(total, &value);
            }
            (Self::Average, State::Average(total, count), Some(value)) => {
                if let Some(value) = number::double(&value) {
                    *total += value;
                    *count += 1;
                }
            }
            (Self::Min | Self::Max, State::Value(best), Some(value)) if value != Bson::Null => {
                let better = best.as_ref().is_none_or(|best| {
                    let order = key::compare(&value, best);
                    if matches!(self, Self::Min) {
                        order.is_lt()
                    } else {
                        order.is_gt()
                    }
                });
                if better {
                    *best = Some(value);
                }
            }
            (Self::First, State::Value(first), value) if first.is_none() => {
                *first = Some(value.unwrap_or(Bson::Null));
            }
            (Self::Last, State::Value(last), value) => *last = Some(value.unwrap_or(Bson::Null)),
            (Self::Push, State::Items(items), Some(value)) => {
                let size = key::encoded(&value).len() + 32;
                items.push(value);
                return Ok(size);
            }
            (Self::AddToSet, State::Set(known, items), Some(value)) => {
                let encoded = key::encoded(&value);
                let size = 2 * encoded.len() + 64;
                if let std::collections::hash_map::Entry::Vacant(place) = known.entry(encoded) {
                    place.insert(items.len());
                    items.push(value);
                    return Ok(size);
                }
            }
            (Self::MergeObjects, State::Object(merged), Some(value)) => match value {
                Bson::Document(fields) => merged.extend(fields),
                Bson::Null => {}
                other => {
                    return Err(Failure::new(
                        40400,
                        format!(
                            "$mergeObjects requires object inputs, but input {} is of type {}",
                            show::value(&other),
                            show::type_name(Some(&other))
                        ),
                    ));
                }
            },
            _ => {}
        }
        Ok(0)
    }
}

impl State {
    fn finish(self) -> Bson {
        match self {
            Self::Value(value) => value.unwrap_or(Bson::Null),
            Self::Average(_, 0) => Bson::Null,
            Self::Average(total, count) => Bson::Double(total / f64::from(count)),
            Self::Items(items) | Self::Set(_, items) => Bson::Array(items),
            Self::Object(merged) => Bson::Document(merged),
        }
    }
}
