//! The update operators, from documents.

use bson::Bson;

use super::super::failure::{Failure, Outcome};
use super::super::filter::Filter;
use super::super::{catalog, number, path, show};
use super::Modifier;
use super::modify::{Order, Pull, Push};

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
                });
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
