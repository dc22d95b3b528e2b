//! What each update operator does.

use std::cmp::Ordering;

use bson::{Bson, Document};

use super::super::failure::{Failure, Outcome};
use super::super::filter::{Filter, Test};
use super::super::path::Pattern;
use super::super::{key, number, path, show};
use super::{Change, Modifier, place, pulls};

/// `$push` with its modifiers.
#[derive(Debug)]
pub(super) struct Push {
    pub(super) values: Vec<Bson>,
    pub(super) position: Option<i64>,
    pub(super) slice: Option<i64>,
    pub(super) sort: Option<Order>,
}

/// How `$push` sorts: whole values, or by fields of documents.
#[derive(Debug)]
pub(super) enum Order {
    Whole(bool),
    Fields(Pattern),
}

/// What `$pull` removes.
#[derive(Debug)]
pub(super) enum Pull {
    /// Items that are documents for which this holds.
    Documents(Filter),
    /// Items that pass.
    Items(Test),
}

impl Change {
    /// Does it.
    pub(super) fn apply(&self, document: &mut Document, inserting: bool) -> Outcome<()> {
        let current = place::get(document, &self.path);
        let value = match &self.modifier {
            Modifier::Set(value) => value.clone(),
            Modifier::SetOnInsert(value) if inserting => value.clone(),
            Modifier::SetOnInsert(_) => return Ok(()),
            Modifier::Unset => {
                place::unset(document, &self.path);
                return Ok(());
            }
            Modifier::Increase(by) => self.calculate(current, by, false, document)?,
            Modifier::Multiply(by) => self.calculate(current, by, true, document)?,
            Modifier::Min(value) => match current {
                Some(now) if key::compare(now, value) != Ordering::Greater => return Ok(()),
                _ => value.clone(),
            },
            Modifier::Max(value) => match current {
                Some(now) if key::compare(now, value) != Ordering::Less => return Ok(()),
                _ => value.clone(),
            },
            Modifier::CurrentDate(false) => Bson::DateTime(bson::DateTime::now()),
            Modifier::CurrentDate(true) => {
                let seconds = bson::DateTime::now().timestamp_millis() / 1000;
                Bson::Timestamp(bson::Timestamp {
                    time: u32::try_from(seconds).unwrap_or(0),
                    increment: 1,
                })
            }
            // The half that only holds the old path against conflicts.
            Modifier::RenameFrom(from) if from.is_empty() => return Ok(()),
            Modifier::RenameFrom(from) => {
                let Some(value) = place::get(document, from).cloned() else {
                    return Ok(());
                };
                place::unset(document, from);
                value
            }
            Modifier::Push(push) => match current {
                None => push.onto(Vec::new())?,
                Some(Bson::Array(items)) => push.onto(items.clone())?,
                Some(other) => return Err(self.no_array(document, other)),
            },
            Modifier::AddToSet(values) => match current {
                None => add_to_set(Vec::new(), values),
                Some(Bson::Array(items)) => add_to_set(items.clone(), values),
                Some(other) => {
                    return Err(Failure::bad_value(format!(
                        "Cannot apply $addToSet to non-array field. Field named '{}' has non-array type {}",
                        self.last(),
                        show::type_name(Some(other))
                    )));
                }
            },
            Modifier::Pull(pull) => match current {
                None => return Ok(()),
                Some(Bson::Array(items)) => pull.from(items)?,
                Some(_) => {
                    return Err(Failure::bad_value(
                        "Cannot apply $pull to a non-array value",
                    ));
                }
            },
            Modifier::PullAll(values) => match current {
                None => return Ok(()),
                Some(Bson::Array(items)) => Bson::Array(
                    items
                        .iter()
                        .filter(|item| !values.iter().any(|value| key::equal(item, value)))
                        .cloned()
                        .collect(),
                ),
                Some(_) => {
                    return Err(Failure::bad_value(
                        "Cannot apply $pull to a non-array value",
                    ));
                }
            },
            Modifier::Pop(last) => match current {
                None => return Ok(()),
                Some(Bson::Array(items)) if items.is_empty() => return Ok(()),
                Some(Bson::Array(items)) => {
                    let (first, end) = if *last {
                        (0, items.len() - 1)
                    } else {
                        (1, items.len())
                    };
                    Bson::Array(items[first..end].to_vec())
                }
                Some(other) => {
                    return Err(Failure::type_mismatch(format!(
                        "Path '{}' contains an element of non-array type '{}'",
                        self.path.join("."),
                        show::type_name(Some(other))
                    )));
                }
            },
        };
        place::set(document, &self.path, value)
    }

    fn last(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    fn no_array(&self, document: &Document, found: &Bson) -> Failure {
        let id = document
            .get("_id")
            .map_or_else(String::new, |id| format!("_id: {}", show::value(id)));
        Failure::bad_value(format!(
            "The field '{}' must be an array but is of type {} in document {{{id}}}",
            self.path.join("."),
            show::type_name(Some(found))
        ))
    }

    fn calculate(
        &self,
        current: Option<&Bson>,
        by: &Bson,
        multiply: bool,
        document: &Document,
    ) -> Outcome<Bson> {
        let (operator, start) = if multiply {
            ("$mul", number::zero_like(by))
        } else {
            ("$inc", by.clone())
        };
        let Some(current) = current else {
            return Ok(start);
        };
        let id = document
            .get("_id")
            .map_or_else(String::new, |id| format!("_id: {}", show::value(id)));
        if number::double(current).is_none() {
            return Err(Failure::type_mismatch(format!(
                "Cannot apply {operator} to a value of non-numeric type. {{{id}}} has the field '{}' of non-numeric type {}",
                self.last(),
                show::type_name(Some(current))
            )));
        }
        number::combine(current, by, multiply).ok_or_else(|| {
            Failure::bad_value(format!(
                "Failed to apply {operator} operations to current value ({}) for document {{{id}}}",
                show::value(current)
            ))
        })
    }
}

impl Push {
    fn onto(&self, mut items: Vec<Bson>) -> Outcome<Bson> {
        let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let at = match self.position {
            Some(position) if position < 0 => (length + position).max(0),
            Some(position) => position.min(length),
            None => length,
        };
        let at = usize::try_from(at).unwrap_or(0);
        items.splice(at..at, self.values.iter().cloned());
        match &self.sort {
            Some(Order::Whole(descending)) => items.sort_by(|a, b| {
                let order = key::compare(a, b);
                if *descending { order.reverse() } else { order }
            }),
            Some(Order::Fields(pattern)) => {
                let mut keyed = Vec::with_capacity(items.len());
                for item in items {
                    let empty = Document::new();
                    let fields = item.as_document().unwrap_or(&empty);
                    let key = path::keys(fields, pattern)?.0.into_iter().next();
                    keyed.push((key, item));
                }
                keyed.sort_by(|a, b| a.0.cmp(&b.0));
                items = keyed.into_iter().map(|(_, item)| item).collect();
            }
            None => {}
        }
        if let Some(slice) = self.slice {
            let keep = usize::try_from(slice.unsigned_abs()).unwrap_or(usize::MAX);
            if slice >= 0 {
                items.truncate(keep);
            } else {
                items.drain(..items.len().saturating_sub(keep));
            }
        }
        Ok(Bson::Array(items))
    }
}

impl Pull {
    fn from(&self, items: &[Bson]) -> Outcome<Bson> {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let gone = match self {
                Self::Documents(filter) => pulls(filter, item)?,
                Self::Items(test) => test.holds_for_item(item)?,
            };
            if !gone {
                kept.push(item.clone());
            }
        }
        Ok(Bson::Array(kept))
    }
}

fn add_to_set(mut items: Vec<Bson>, values: &[Bson]) -> Bson {
    for value in values {
        if !items.iter().any(|item| key::equal(item, value)) {
            items.push(value.clone());
        }
    }
    Bson::Array(items)
}
