//! The update operators: reading their arguments, and what each does.

use std::cmp::Ordering;

use bson::{Bson, Document};

use super::super::failure::{Failure, Outcome};
use super::super::filter::{Filter, Test};
use super::super::path::Pattern;
use super::super::{catalog, key, number, path, show};
use super::{Change, Modifier, place, pulls};

const KNOWN: [&str; 16] = [
    "$set",
    "$setOnInsert",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$currentDate",
    "$rename",
    "$push",
    "$addToSet",
    "$pull",
    "$pullAll",
    "$pop",
    "$bit",
    "$pushAll",
];

/// `$push` with its modifiers.
#[derive(Debug)]
pub(super) struct Push {
    values: Vec<Bson>,
    position: Option<i64>,
    slice: Option<i64>,
    sort: Option<Order>,
}

#[derive(Debug)]
enum Order {
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

/// Whether the name is an operator at all.
pub(super) fn is_known(operator: &str) -> bool {
    KNOWN.contains(&operator) && operator != "$pushAll"
}

/// One field of an operator; a rename is two changes.
pub(super) fn parse(
    operator: &str,
    name: &str,
    value: &Bson,
) -> Outcome<Vec<(Vec<String>, Modifier)>> {
    let path = field_path(name)?;
    let number = |word: &str| match value {
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) => Ok(value.clone()),
        _ => Err(Failure::type_mismatch(format!(
            "Cannot {word} with non-numeric argument: {{{name}: {}}}",
            show::value(value)
        ))),
    };
    let modifier = match operator {
        "$set" => Modifier::Set(value.clone()),
        "$setOnInsert" => Modifier::SetOnInsert(value.clone()),
        "$unset" => Modifier::Unset,
        "$inc" => Modifier::Increase(number("increment")?),
        "$mul" => Modifier::Multiply(number("multiply")?),
        "$min" => Modifier::Min(value.clone()),
        "$max" => Modifier::Max(value.clone()),
        "$currentDate" => Modifier::CurrentDate(current_date(value)?),
        "$rename" => return rename(name, path, value),
        "$push" => Modifier::Push(Box::new(push(value)?)),
        "$addToSet" => Modifier::AddToSet(match each(value) {
            Some(values) => values?,
            None => vec![value.clone()],
        }),
        "$pull" => Modifier::Pull(Box::new(match value {
            Bson::Document(condition)
                if !condition
                    .keys()
                    .next()
                    .is_some_and(|name| name.starts_with('$')) =>
            {
                Pull::Documents(Filter::parse(condition)?)
            }
            condition => Pull::Items(Filter::parse_test(condition)?),
        })),
        "$pullAll" => match value {
            Bson::Array(values) => Modifier::PullAll(values.clone()),
            _ => {
                return Err(Failure::bad_value(format!(
                    "$pullAll requires an array argument but was given a {}",
                    show::type_name(Some(value))
                )));
            }
        },
        "$pop" => match number::exact(value) {
            Some(1) => Modifier::Pop(true),
            Some(-1) => Modifier::Pop(false),
            Some(other) => {
                return Err(Failure::parse(format!(
                    "$pop expects 1 or -1, found: {other}"
                )));
            }
            None => {
                return Err(Failure::parse(format!(
                    "Expected a number in: {name}: {}",
                    show::value(value)
                )));
            }
        },
        _ => {
            return Err(Failure::unsupported(&format!(
                "the update operator {operator}"
            )));
        }
    };
    Ok(vec![(path, modifier)])
}

fn field_path(name: &str) -> Outcome<Vec<String>> {
    if name.is_empty() {
        return Err(Failure::new(56, "An empty update path is not valid."));
    }
    let path = path::split(name);
    if path.iter().any(String::is_empty) {
        return Err(Failure::new(
            56,
            format!("The update path '{name}' contains an empty field name, which is not allowed."),
        ));
    }
    if path
        .iter()
        .any(|part| part == "$" || part.starts_with("$["))
    {
        return Err(Failure::unsupported(
            "a positional operator in an update path",
        ));
    }
    if let Some(part) = path.iter().find(|part| part.starts_with('$')) {
        return Err(Failure::new(
            52,
            format!("The dollar ($) prefixed field '{part}' in '{name}' is not valid for storage."),
        ));
    }
    Ok(path)
}

fn rename(name: &str, from: Vec<String>, value: &Bson) -> Outcome<Vec<(Vec<String>, Modifier)>> {
    let Bson::String(to) = value else {
        return Err(Failure::bad_value(format!(
            "The 'to' field for $rename must be a string: {name}: {}",
            show::value(value)
        )));
    };
    let to_path = field_path(to)?;
    if from == to_path {
        return Err(Failure::bad_value(format!(
            "The source and target field for $rename must differ: {name}: \"{to}\""
        )));
    }
    let renamed = Modifier::RenameFrom(from.clone());
    Ok(vec![
        (from, Modifier::RenameFrom(Vec::new())),
        (to_path, renamed),
    ])
}

/// Whether a timestamp is wanted.
fn current_date(value: &Bson) -> Outcome<bool> {
    match value {
        Bson::Boolean(_) => Ok(false),
        Bson::Document(form) => match form.get_str("$type") {
            Ok("date") => Ok(false),
            Ok("timestamp") => Ok(true),
            _ => Err(Failure::bad_value(
                "The '$type' string field is required to be 'date' or 'timestamp': {$currentDate: {field : {$type: 'date'}}}",
            )),
        },
        _ => Err(Failure::bad_value(format!(
            "{} is not valid type for $currentDate. Please use a boolean ('true') or a $type expression ({{$type: 'timestamp/date'}}).",
            show::type_name(Some(value))
        ))),
    }
}

fn each(value: &Bson) -> Option<Outcome<Vec<Bson>>> {
    let Bson::Document(form) = value else {
        return None;
    };
    Some(match form.get("$each")? {
        Bson::Array(values) => Ok(values.clone()),
        other => Err(Failure::type_mismatch(format!(
            "The argument to $each in $addToSet must be an array but it was of type {}",
            show::type_name(Some(other))
        ))),
    })
}

fn push(value: &Bson) -> Outcome<Push> {
    let plain = Push {
        values: vec![value.clone()],
        position: None,
        slice: None,
        sort: None,
    };
    let Bson::Document(form) = value else {
        return Ok(plain);
    };
    let Some(values) = form.get("$each") else {
        return Ok(plain);
    };
    let Bson::Array(values) = values else {
        return Err(Failure::bad_value(format!(
            "The argument to $each in $push must be an array but it was of type: {}",
            show::type_name(Some(values))
        )));
    };
    let mut push = Push {
        values: values.clone(),
        ..plain
    };
    for (name, value) in form {
        let integer = || {
            number::exact(value).ok_or_else(|| {
                Failure::bad_value(format!(
                    "The value for {name} must be an integer value but was given type: {}",
                    show::type_name(Some(value))
                ))
            })
        };
        match name.as_str() {
            "$each" => {}
            "$position" => push.position = Some(integer()?),
            "$slice" => push.slice = Some(integer()?),
            "$sort" => {
                push.sort = Some(match value {
                    Bson::Document(fields) if !fields.is_empty() => {
                        Order::Fields(catalog::pattern(fields))
                    }
                    _ => match number::exact(value) {
                        Some(direction @ (1 | -1)) => Order::Whole(direction < 0),
                        _ => {
                            return Err(Failure::bad_value(
                                "The $sort element value must be either 1 or -1",
                            ));
                        }
                    },
                })
            }
            _ => {
                return Err(Failure::bad_value(format!(
                    "Unrecognized clause in $push: {name}"
                )));
            }
        }
    }
    Ok(push)
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
