//! Operators of expressions, from documents.

use std::collections::HashMap;

use bson::{Bson, Document};

use super::super::failure::{Failure, Outcome};
use super::Expression;

/// Operators with positional arguments, and how many they take (`usize::MAX`: any number).
const POSITIONAL: &[(&str, usize, usize)] = &[
    ("$eq", 2, 2),
    ("$ne", 2, 2),
    ("$gt", 2, 2),
    ("$gte", 2, 2),
    ("$lt", 2, 2),
    ("$lte", 2, 2),
    ("$cmp", 2, 2),
    ("$and", 0, usize::MAX),
    ("$or", 0, usize::MAX),
    ("$not", 1, 1),
    ("$in", 2, 2),
    ("$ifNull", 2, usize::MAX),
    ("$concat", 0, usize::MAX),
    ("$toLower", 1, 1),
    ("$toUpper", 1, 1),
    ("$add", 0, usize::MAX),
    ("$multiply", 0, usize::MAX),
    ("$subtract", 2, 2),
    ("$divide", 2, 2),
    ("$size", 1, 1),
    ("$arrayElemAt", 2, 2),
    ("$objectToArray", 1, 1),
    ("$arrayToObject", 1, 1),
    ("$mergeObjects", 0, usize::MAX),
    ("$isArray", 1, 1),
    ("$type", 1, 1),
    ("$first", 1, 1),
    ("$last", 1, 1),
    ("$concatArrays", 0, usize::MAX),
    ("$setUnion", 0, usize::MAX),
    ("$sum", 0, usize::MAX),
    ("$min", 0, usize::MAX),
    ("$max", 0, usize::MAX),
];

/// Whether there is an operator of this name.
pub(crate) fn is_known(name: &str) -> bool {
    matches!(
        name,
        "$literal" | "$cond" | "$filter" | "$map" | "$dateToString"
    ) || POSITIONAL.iter().any(|(known, ..)| *known == name)
}

pub(super) fn parse(name: &str, value: &Bson) -> Outcome<Expression> {
    match name {
        "$literal" => return Ok(Expression::Literal(value.clone())),
        "$cond" => return conditional(value),
        "$filter" | "$map" => return each(name == "$filter", value),
        "$dateToString" => {
            let Bson::Document(fields) = value else {
                return Err(Failure::new(
                    18629,
                    "$dateToString only supports an object as its argument",
                ));
            };
            return named(
                "$dateToString",
                fields,
                &["date", "format", "onNull"],
                &["date"],
            );
        }
        _ => {}
    }
    let Some((name, least, most)) = POSITIONAL.iter().find(|(known, ..)| *known == name) else {
        return Err(Failure::new(
            168,
            format!("Unrecognized expression '{name}'"),
        ));
    };
    let arguments = match value {
        Bson::Array(items) => items
            .iter()
            .map(Expression::read)
            .collect::<Outcome<Vec<_>>>()?,
        single => vec![Expression::read(single)?],
    };
    if arguments.len() < *least || arguments.len() > *most {
        let (code, wanted) = match (*least, *most) {
            (_, usize::MAX) => {
                return Err(Failure::new(
                    1_257_300,
                    format!(
                        "{name} needs at least two arguments, had: {}",
                        arguments.len()
                    ),
                ));
            }
            (least, _) => (16020, least),
        };
        return Err(Failure::new(
            code,
            format!(
                "Expression {name} takes exactly {wanted} arguments. {} were passed in.",
                arguments.len()
            ),
        ));
    }
    Ok(Expression::Call(name, arguments))
}

fn named(
    name: &'static str,
    fields: &Document,
    known: &[&'static str],
    needed: &[&str],
) -> Outcome<Expression> {
    let mut arguments = HashMap::new();
    for (field, value) in fields {
        let Some(field) = known.iter().find(|known| *known == field) else {
            return Err(Failure::new(
                18534,
                format!("Unrecognized argument to {name}: {field}"),
            ));
        };
        arguments.insert(*field, Expression::read(value)?);
    }
    if let Some(missing) = needed.iter().find(|field| !arguments.contains_key(**field)) {
        return Err(Failure::new(
            18628,
            format!("Missing '{missing}' parameter to {name}"),
        ));
    }
    Ok(Expression::Named(name, arguments))
}

fn conditional(value: &Bson) -> Outcome<Expression> {
    let arguments = match value {
        Bson::Array(items) if items.len() == 3 => {
            items.iter().map(Expression::read).collect::<Outcome<_>>()?
        }
        Bson::Document(fields) => {
            if let Some(name) = fields
                .keys()
                .find(|name| !matches!(name.as_str(), "if" | "then" | "else"))
            {
                return Err(Failure::new(
                    17083,
                    format!("Unrecognized parameter to $cond: {name}"),
                ));
            }
            let field = |name: &str, code| match fields.get(name) {
                Some(value) => Expression::read(value),
                None => Err(Failure::new(
                    code,
                    format!("Missing '{name}' parameter to $cond"),
                )),
            };
            vec![
                field("if", 17080)?,
                field("then", 17081)?,
                field("else", 17082)?,
            ]
        }
        other => {
            let count = other.as_array().map_or(1, Vec::len);
            return Err(Failure::new(
                16020,
                format!("Expression $cond takes exactly 3 arguments. {count} were passed in."),
            ));
        }
    };
    Ok(Expression::Call("$cond", arguments))
}

fn each(keep: bool, value: &Bson) -> Outcome<Expression> {
    let body = if keep { "cond" } else { "in" };
    let Bson::Document(fields) = value else {
        return Err(Failure::new(
            if keep { 28646 } else { 16878 },
            "only an object is supported as the argument of $filter and $map",
        ));
    };
    if let Some(name) = fields
        .keys()
        .find(|name| !["input", "as", body].contains(&name.as_str()))
    {
        return Err(Failure::new(
            if keep { 28647 } else { 16879 },
            format!("Unrecognized parameter: {name}"),
        ));
    }
    let field = |name: &str, code: i32| match fields.get(name) {
        Some(value) => Expression::read(value).map(Box::new),
        None => Err(Failure::new(code, format!("Missing '{name}' parameter"))),
    };
    let name = fields.get_str("as").unwrap_or("this").to_owned();
    Ok(Expression::Each(
        keep,
        field("input", if keep { 28648 } else { 16880 })?,
        name,
        field(body, if keep { 28650 } else { 16882 })?,
    ))
}
