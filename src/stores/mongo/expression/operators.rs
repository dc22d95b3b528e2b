//! What the operators of expressions compute.

use std::cmp::Ordering;
use std::collections::HashMap;

use bson::{Bson, Document, doc};

use super::super::failure::{Failure, Outcome};
use super::super::{key, number, show};
use super::{Computed, Expression, Scope};

#[expect(clippy::unnecessary_wraps, reason = "what operators return")]
fn boolean(truth: bool) -> Option<Bson> {
    Some(Bson::Boolean(truth))
}

/// Compares with a missing value before everything.
fn order(left: Option<&Bson>, right: Option<&Bson>) -> Ordering {
    match (left, right) {
        (Some(left), Some(right)) => key::compare(left, right),
        _ => left.is_some().cmp(&right.is_some()),
    }
}

pub(super) fn call(
    name: &str,
    arguments: &[Expression],
    scope: &mut Scope<'_>,
) -> Outcome<Option<Bson>> {
    // These look at no more arguments than they need.
    match name {
        "$and" | "$or" => {
            let stop = name == "$or";
            for argument in arguments {
                if Computed(argument.evaluate(scope)?).is_true() == stop {
                    return Ok(boolean(stop));
                }
            }
            return Ok(boolean(!stop));
        }
        "$cond" => {
            let truth = Computed(arguments[0].evaluate(scope)?).is_true();
            return arguments[if truth { 1 } else { 2 }].evaluate(scope);
        }
        "$ifNull" => {
            let mut value = None;
            for argument in arguments {
                value = argument.evaluate(scope)?;
                if !is_null(value.as_ref()) {
                    break;
                }
            }
            return Ok(value);
        }
        _ => {}
    }
    let values: Vec<Option<Bson>> = arguments
        .iter()
        .map(|argument| argument.evaluate(scope))
        .collect::<Outcome<_>>()?;
    apply(name, &values)
}

fn is_null(value: Option<&Bson>) -> bool {
    matches!(value, None | Some(Bson::Null | Bson::Undefined))
}

fn apply(name: &str, values: &[Option<Bson>]) -> Outcome<Option<Bson>> {
    let first = values.first().and_then(Option::as_ref);
    let second = values.get(1).and_then(Option::as_ref);
    let order = || order(first, second);
    Ok(match name {
        "$eq" => boolean(order().is_eq()),
        "$ne" => boolean(order().is_ne()),
        "$gt" => boolean(order().is_gt()),
        "$gte" => boolean(order().is_ge()),
        "$lt" => boolean(order().is_lt()),
        "$lte" => boolean(order().is_le()),
        "$cmp" => Some(Bson::Int32(order() as i32)),
        "$not" => boolean(!Computed(first.cloned()).is_true()),
        "$isArray" => boolean(matches!(first, Some(Bson::Array(_)))),
        "$type" => Some(Bson::String(show::type_name(first).to_owned())),
        "$in" => match second {
            Some(Bson::Array(items)) => {
                boolean(first.is_some_and(|value| items.iter().any(|item| key::equal(item, value))))
            }
            other => {
                return Err(Failure::new(
                    40081,
                    format!(
                        "$in requires an array as a second argument, found: {}",
                        show::type_name(other)
                    ),
                ));
            }
        },
        "$concat" => concat(values)?,
        "$toLower" => Some(Bson::String(text(first)?.to_ascii_lowercase())),
        "$toUpper" => Some(Bson::String(text(first)?.to_ascii_uppercase())),
        "$add" | "$multiply" | "$subtract" | "$divide" => {
            if values.iter().any(|value| is_null(value.as_ref())) {
                return Ok(Some(Bson::Null));
            }
            number::arithmetic(name, &values.iter().flatten().collect::<Vec<_>>())?
        }
        "$size" => match first {
            Some(Bson::Array(items)) => Some(number::count(items.len())),
            other => {
                return Err(Failure::new(
                    17124,
                    format!(
                        "The argument to $size must be an array, but was of type: {}",
                        show::type_name(other)
                    ),
                ));
            }
        },
        "$first" => element(first, Some(&Bson::Int32(0)), name)?,
        "$last" => element(first, Some(&Bson::Int32(-1)), name)?,
        "$arrayElemAt" => element(first, second, name)?,
        "$objectToArray" => match first {
            _ if is_null(first) => Some(Bson::Null),
            Some(Bson::Document(fields)) => Some(Bson::Array(
                fields
                    .iter()
                    .map(|(name, value)| Bson::Document(doc! { "k": name, "v": value }))
                    .collect(),
            )),
            other => {
                return Err(Failure::new(
                    40390,
                    format!(
                        "$objectToArray requires a document input, found: {}",
                        show::type_name(other)
                    ),
                ));
            }
        },
        "$arrayToObject" => from_pairs(first)?,
        "$mergeObjects" => merge(values)?,
        "$concatArrays" => concat_arrays(values)?,
        "$setUnion" => union(values)?,
        "$sum" | "$min" | "$max" => {
            // With a single argument that is an array, its items are the operands.
            let operands: Vec<&Bson> = match values {
                [Some(Bson::Array(items))] => items.iter().collect(),
                _ => values.iter().flatten().collect(),
            };
            Some(number::accumulate(name, &operands))
        }
        _ => {
            return Err(Failure::new(
                168,
                format!("Unrecognized expression '{name}'"),
            ));
        }
    })
}

fn concat(values: &[Option<Bson>]) -> Outcome<Option<Bson>> {
    let mut result = String::new();
    for value in values {
        match value {
            Some(Bson::String(text)) => result.push_str(text),
            value if is_null(value.as_ref()) => return Ok(Some(Bson::Null)),
            other => {
                return Err(Failure::new(
                    16702,
                    format!(
                        "$concat only supports strings, not {}",
                        show::type_name(other.as_ref())
                    ),
                ));
            }
        }
    }
    Ok(Some(Bson::String(result)))
}

fn text(value: Option<&Bson>) -> Outcome<String> {
    match value {
        Some(Bson::String(text)) => Ok(text.clone()),
        Some(Bson::Int32(number)) => Ok(number.to_string()),
        Some(Bson::Int64(number)) => Ok(number.to_string()),
        value if is_null(value) => Ok(String::new()),
        other => Err(Failure::new(
            16007,
            format!(
                "can't convert from BSON type {} to String",
                show::type_name(other)
            ),
        )),
    }
}

fn element(array: Option<&Bson>, index: Option<&Bson>, name: &str) -> Outcome<Option<Bson>> {
    let items = match array {
        _ if is_null(array) || is_null(index) => return Ok(Some(Bson::Null)),
        Some(Bson::Array(items)) => items,
        other => {
            return Err(Failure::new(
                28689,
                format!(
                    "{name}'s first argument must be an array, but is {}",
                    show::type_name(other)
                ),
            ));
        }
    };
    let Some(index) = index.and_then(number::exact) else {
        return Err(Failure::new(
            28690,
            format!(
                "{name}'s second argument must be a numeric value, but is {}",
                show::type_name(index)
            ),
        ));
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index + length } else { index };
    Ok(usize::try_from(index)
        .ok()
        .and_then(|index| items.get(index))
        .cloned())
}

fn from_pairs(value: Option<&Bson>) -> Outcome<Option<Bson>> {
    let items = match value {
        _ if is_null(value) => return Ok(Some(Bson::Null)),
        Some(Bson::Array(items)) => items,
        other => {
            return Err(Failure::new(
                40386,
                format!(
                    "$arrayToObject requires an array input, found: {}",
                    show::type_name(other)
                ),
            ));
        }
    };
    let mut result = Document::new();
    for item in items {
        let (name, value) = match item {
            Bson::Document(pair) if pair.len() == 2 => (pair.get("k"), pair.get("v")),
            Bson::Array(pair) if pair.len() == 2 => (pair.first(), pair.get(1)),
            _ => (None, None),
        };
        let (Some(Bson::String(name)), Some(value)) = (name, value) else {
            return Err(Failure::new(
                40392,
                "$arrayToObject requires an object with keys 'k' and 'v', where 'k' is a string",
            ));
        };
        result.insert(name, value.clone());
    }
    Ok(Some(Bson::Document(result)))
}

fn merge(values: &[Option<Bson>]) -> Outcome<Option<Bson>> {
    let mut result = Document::new();
    let items = match values {
        [Some(Bson::Array(items))] => items.iter().map(Some).collect(),
        _ => values.iter().map(Option::as_ref).collect::<Vec<_>>(),
    };
    for value in items {
        match value {
            Some(Bson::Document(fields)) => {
                for (name, value) in fields {
                    result.insert(name, value.clone());
                }
            }
            value if is_null(value) => {}
            other => {
                return Err(Failure::new(
                    40400,
                    format!(
                        "$mergeObjects requires object inputs, but input {} is of type {}",
                        other.map_or_else(String::new, show::value),
                        show::type_name(other)
                    ),
                ));
            }
        }
    }
    Ok(Some(Bson::Document(result)))
}

fn concat_arrays(values: &[Option<Bson>]) -> Outcome<Option<Bson>> {
    let mut result = Vec::new();
    for value in values {
        match value {
            Some(Bson::Array(items)) => result.extend(items.iter().cloned()),
            value if is_null(value.as_ref()) => return Ok(Some(Bson::Null)),
            other => {
                return Err(Failure::new(
                    28664,
                    format!(
                        "$concatArrays only supports arrays, not {}",
                        show::type_name(other.as_ref())
                    ),
                ));
            }
        }
    }
    Ok(Some(Bson::Array(result)))
}

fn union(values: &[Option<Bson>]) -> Outcome<Option<Bson>> {
    let Some(Bson::Array(mut items)) = concat_arrays(values)? else {
        return Ok(Some(Bson::Null));
    };
    items.sort_by(key::compare);
    items.dedup_by(|a, b| key::equal(a, b));
    Ok(Some(Bson::Array(items)))
}

pub(super) fn call_named(
    _name: &str,
    arguments: &HashMap<&'static str, Expression>,
    scope: &mut Scope<'_>,
) -> Outcome<Option<Bson>> {
    let mut argument = |name: &str| match arguments.get(name) {
        Some(argument) => argument.evaluate(scope),
        None => Ok(None),
    };
    let date = argument("date")?;
    if is_null(date.as_ref()) {
        let otherwise = argument("onNull")?;
        return Ok(if arguments.contains_key("onNull") {
            otherwise
        } else {
            Some(Bson::Null)
        });
    }
    let at = match date {
        Some(Bson::DateTime(at)) => at,
        Some(Bson::ObjectId(id)) => id.timestamp(),
        other => {
            return Err(Failure::new(
                16006,
                format!(
                    "can't convert from BSON type {} to Date",
                    show::type_name(other.as_ref())
                ),
            ));
        }
    };
    let format = match argument("format")? {
        Some(Bson::String(format)) => format,
        None => "%Y-%m-%dT%H:%M:%S.%LZ".to_owned(),
        _ => {
            return Err(Failure::new(
                18533,
                "$dateToString requires that 'format' be a string",
            ));
        }
    };
    super::super::number::date(at, &format).map(|text| Some(Bson::String(text)))
}
