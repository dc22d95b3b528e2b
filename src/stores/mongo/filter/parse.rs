//! Query documents into [`Filter`]s, and MongoDB's errors for those that are not queries.

use bson::{Bson, Document};

use super::super::expression::Expression;
use super::super::failure::{Failure, Outcome};
use super::{Comparison, Filter, Test, path, regex, whole};

/// A whole query document.
pub(super) fn conjunction(query: &Document) -> Outcome<Filter> {
    let mut parts = Vec::with_capacity(query.len());
    for (name, value) in query {
        if let Some(operator) = name.strip_prefix('$') {
            parts.extend(top_level(operator, value)?);
        } else {
            let test = field(value)?;
            parts.push(Filter::Field(path::split(name), test));
        }
    }
    Ok(match parts.len() {
        1 => parts.remove(0),
        _ => Filter::And(parts),
    })
}

fn top_level(operator: &str, value: &Bson) -> Outcome<Option<Filter>> {
    Ok(Some(match operator {
        "and" => Filter::And(branches(operator, value)?),
        "or" => Filter::Or(branches(operator, value)?),
        "nor" => Filter::Nor(branches(operator, value)?),
        "expr" => Filter::Expression(Box::new(Expression::parse(value)?)),
        "comment" => return Ok(None),
        "alwaysTrue" => Filter::Always(true),
        "alwaysFalse" => Filter::Always(false),
        "where" | "text" | "jsonSchema" | "sampleRate" => {
            return Err(Failure::unsupported(&format!(
                "the query operator ${operator}"
            )));
        }
        _ => {
            return Err(Failure::bad_value(format!(
                "unknown top level operator: ${operator}. If you have a field name that starts with a '$' symbol, consider using $getField or $setField."
            )));
        }
    }))
}

fn branches(operator: &str, value: &Bson) -> Outcome<Vec<Filter>> {
    let Bson::Array(items) = value else {
        return Err(Failure::bad_value(format!("${operator} must be an array")));
    };
    if items.is_empty() {
        return Err(Failure::bad_value("$and/$or/$nor must be a nonempty array"));
    }
    items
        .iter()
        .map(|item| match item {
            Bson::Document(query) => conjunction(query),
            _ => Err(Failure::bad_value(
                "$or/$and/$nor entries need to be full objects",
            )),
        })
        .collect()
}

/// What stands at a field's name: a value, a regular expression, or operators.
pub(super) fn field(value: &Bson) -> Outcome<Test> {
    match value {
        Bson::Document(operators) if is_operators(operators) => {
            let mut tests = self::operators(operators)?;
            Ok(match tests.len() {
                1 => tests.remove(0),
                _ => Test::All(tests),
            })
        }
        Bson::RegularExpression(pattern) => Ok(Test::Matches(
            Box::new(regex(pattern.pattern.as_str(), pattern.options.as_str())?),
            value.clone(),
        )),
        Bson::Undefined => Err(Failure::bad_value("cannot compare to undefined")),
        _ => Ok(Test::Compare(Comparison::Equal, value.clone())),
    }
}

/// Whether a document is made of operators; a reference (`$ref`) is a value.
pub(super) fn is_operators(document: &Document) -> bool {
    document.keys().next().is_some_and(|name| {
        name.starts_with('$') && !matches!(name.as_str(), "$ref" | "$id" | "$db")
    })
}

fn operators(document: &Document) -> Outcome<Vec<Test>> {
    let mut tests = Vec::with_capacity(document.len());
    for (name, value) in document {
        let test = match name.as_str() {
            "$eq" => comparison(Comparison::Equal, value, name)?,
            "$ne" => {
                if let Bson::RegularExpression(_) = value {
                    return Err(Failure::bad_value("Can't have regex as arg to $ne."));
                }
                Test::Not(Box::new(comparison(Comparison::Equal, value, name)?))
            }
            "$gt" => comparison(Comparison::Greater, value, name)?,
            "$gte" => comparison(Comparison::GreaterOrEqual, value, name)?,
            "$lt" => comparison(Comparison::Less, value, name)?,
            "$lte" => comparison(Comparison::LessOrEqual, value, name)?,
            "$in" => membership(value, "$in")?,
            "$nin" => Test::Not(Box::new(membership(value, "$nin")?)),
            "$exists" => {
                if truthy(value) {
                    Test::Exists
                } else {
                    Test::Not(Box::new(Test::Exists))
                }
            }
            "$type" => types(value)?,
            "$size" => size(value)?,
            "$mod" => modulo(value)?,
            "$not" => negation(value)?,
            "$regex" => expression(value, document.get("$options"))?,
            "$options" => {
                if !document.contains_key("$regex") {
                    return Err(Failure::bad_value("$options needs a $regex"));
                }
                continue;
            }
            "$all" => all(value)?,
            "$elemMatch" => element(value)?,
            "$comment" => continue,
            "$geoWithin" | "$geoIntersects" | "$near" | "$nearSphere" | "$bitsAllSet"
            | "$bitsAllClear" | "$bitsAnySet" | "$bitsAnyClear" => {
                return Err(Failure::unsupported(&format!("the query operator {name}")));
            }
            _ => return Err(Failure::bad_value(format!("unknown operator: {name}"))),
        };
        tests.push(test);
    }
    Ok(tests)
}

fn comparison(how: Comparison, value: &Bson, name: &str) -> Outcome<Test> {
    match value {
        Bson::RegularExpression(_) if how != Comparison::Equal => Err(Failure::bad_value(format!(
            "Can't have RegEx as arg to predicate over field '{}'.",
            name.trim_start_matches('$')
        ))),
        Bson::Undefined => Err(Failure::bad_value("cannot compare to undefined")),
        _ => Ok(Test::Compare(how, value.clone())),
    }
}

fn membership(value: &Bson, name: &str) -> Outcome<Test> {
    let Bson::Array(items) = value else {
        return Err(Failure::bad_value(format!("{name} needs an array")));
    };
    let (mut values, mut regexes) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        match item {
            Bson::RegularExpression(pattern) => {
                regexes.push(regex(pattern.pattern.as_str(), pattern.options.as_str())?);
                values.push(item.clone());
            }
            Bson::Document(inner) if is_operators(inner) => {
                return Err(Failure::bad_value(format!("cannot nest $ under {name}")));
            }
            _ => values.push(item.clone()),
        }
    }
    Ok(Test::In(values, regexes))
}

/// MongoDB's truth: everything but false, zero, null and what is missing.
pub(super) fn truthy(value: &Bson) -> bool {
    match value {
        Bson::Boolean(truth) => *truth,
        Bson::Int32(number) => *number != 0,
        Bson::Int64(number) => *number != 0,
        Bson::Double(number) => *number != 0.0,
        Bson::Null | Bson::Undefined => false,
        _ => true,
    }
}

fn types(value: &Bson) -> Outcome<Test> {
    let mut numbers = Vec::new();
    let mut add = |value: &Bson| -> Outcome<()> {
        match value {
            Bson::String(alias) => numbers.extend(type_alias(alias)?),
            _ => match whole(value).and_then(|number| i32::try_from(number).ok()) {
                Some(number @ (1..=19 | -1 | 127)) => numbers.push(number),
                Some(number) => {
                    return Err(Failure::bad_value(format!(
                        "Invalid numerical type code: {number}"
                    )));
                }
                None => {
                    return Err(Failure::type_mismatch(
                        "type must be represented as a number or a string",
                    ));
                }
            },
        }
        Ok(())
    };
    match value {
        Bson::Array(items) if items.is_empty() => {
            return Err(Failure::parse(" must match at least one type"));
        }
        Bson::Array(items) => items.iter().try_for_each(add)?,
        _ => add(value)?,
    }
    Ok(Test::Type(numbers))
}

fn type_alias(alias: &str) -> Outcome<Vec<i32>> {
    Ok(vec![match alias {
        "double" => 1,
        "string" => 2,
        "object" => 3,
        "array" => 4,
        "binData" => 5,
        "undefined" => 6,
        "objectId" => 7,
        "bool" => 8,
        "date" => 9,
        "null" => 10,
        "regex" => 11,
        "dbPointer" => 12,
        "javascript" => 13,
        "symbol" => 14,
        "javascriptWithScope" => 15,
        "int" => 16,
        "timestamp" => 17,
        "long" => 18,
        "decimal" => 19,
        "minKey" => -1,
        "maxKey" => 127,
        "number" => return Ok(vec![1, 16, 18, 19]),
        _ => {
            return Err(Failure::bad_value(format!(
                "Unknown type name alias: {alias}"
            )));
        }
    }])
}

fn size(value: &Bson) -> Outcome<Test> {
    let exact = match value {
        Bson::Double(number) if number.fract() != 0.0 => None,
        _ => whole(value),
    };
    match exact {
        Some(number) if number >= 0 => Ok(Test::Size(number)),
        Some(_) => Err(Failure::bad_value(format!(
            "Failed to parse $size. Expected a non-negative number in: $size: {}",
            super::super::show::value(value)
        ))),
        None => Err(Failure::bad_value(format!(
            "Failed to parse $size. Expected a number in: $size: {}",
            super::super::show::value(value)
        ))),
    }
}

fn modulo(value: &Bson) -> Outcome<Test> {
    let Bson::Array(items) = value else {
        return Err(Failure::bad_value("malformed mod, needs to be an array"));
    };
    match items.as_slice() {
        [] | [_] => Err(Failure::bad_value("malformed mod, not enough elements")),
        [divisor, remainder] => match (whole(divisor), whole(remainder)) {
            (Some(0), _) => Err(Failure::bad_value("divisor cannot be 0")),
            (Some(divisor), Some(remainder)) => Ok(Test::Mod(divisor, remainder)),
            (None, _) => Err(Failure::bad_value("malformed mod, divisor not a number")),
            _ => Err(Failure::bad_value("malformed mod, remainder not a number")),
        },
        _ => Err(Failure::bad_value("malformed mod, too many elements")),
    }
}

fn negation(value: &Bson) -> Outcome<Test> {
    match value {
        Bson::RegularExpression(_) => Ok(Test::Not(Box::new(field(value)?))),
        Bson::Document(inner) if inner.is_empty() => {
            Err(Failure::bad_value("$not cannot be empty"))
        }
        Bson::Document(inner) => match operators(inner) {
            Ok(tests) => Ok(Test::Not(Box::new(Test::All(tests)))),
            Err(failure) => Err(failure),
        },
        _ => Err(Failure::bad_value("$not needs a regex or a document")),
    }
}

fn expression(value: &Bson, options: Option<&Bson>) -> Outcome<Test> {
    let options = match options {
        None => None,
        Some(Bson::String(options)) => Some(options.as_str()),
        Some(_) => return Err(Failure::bad_value("$options has to be a string")),
    };
    let (pattern, flags) = match value {
        Bson::String(pattern) => (pattern.as_str(), options.unwrap_or("")),
        Bson::RegularExpression(regex) => {
            if options.is_some() && !regex.options.as_str().is_empty() {
                return Err(Failure::new(
                    51074,
                    "options set in both $regex and $options",
                ));
            }
            (
                regex.pattern.as_str(),
                options.unwrap_or(regex.options.as_str()),
            )
        }
        _ => return Err(Failure::bad_value("$regex has to be a string")),
    };
    let compiled = regex(pattern, flags)?;
    let itself = match (
        bson::raw::CString::try_from(pattern),
        bson::raw::CString::try_from(flags),
    ) {
        (Ok(pattern), Ok(options)) => Bson::RegularExpression(bson::Regex { pattern, options }),
        _ => {
            return Err(Failure::bad_value(
                "Regular expression cannot contain an embedded null byte",
            ));
        }
    };
    Ok(Test::Matches(Box::new(compiled), itself))
}

fn all(value: &Bson) -> Outcome<Test> {
    let Bson::Array(items) = value else {
        return Err(Failure::bad_value("$all needs an array"));
    };
    if items.is_empty() {
        return Ok(Test::Never);
    }
    let elements = matches!(&items[0], Bson::Document(inner) if inner.keys().next().is_some_and(|name| name == "$elemMatch"));
    let tests = items.iter().map(|item| match item {
        Bson::Document(inner) if elements => match inner.get("$elemMatch") {
            Some(condition) => element(condition),
            None => Err(Failure::bad_value("$all/$elemMatch has to be consistent")),
        },
        _ if elements => Err(Failure::bad_value("$all/$elemMatch has to be consistent")),
        Bson::Document(inner) if is_operators(inner) => {
            Err(Failure::bad_value("no $ expressions in $all"))
        }
        _ => field(item),
    });
    Ok(Test::All(tests.collect::<Outcome<_>>()?))
}

fn element(value: &Bson) -> Outcome<Test> {
    let Bson::Document(condition) = value else {
        return Err(Failure::bad_value("$elemMatch needs an Object"));
    };
    let plain = condition.keys().next().is_some_and(|name| {
        name.starts_with('$')
            && !matches!(name.as_str(), "$and" | "$or" | "$nor" | "$expr" | "$where")
    });
    if plain {
        return Ok(Test::ElementPasses(operators(condition)?));
    }
    Ok(Test::ElementMatches(Box::new(conjunction(condition)?)))
}
