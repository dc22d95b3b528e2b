//! Accumulators and expressions that `stat` and `analyze` share.

use bson::{Bson, Document, doc};

use crate::cloudforet::error::Failure;

/// The accumulator of a group field.
pub(super) fn accumulator(operator: &str, key: &str) -> Result<Document, Failure> {
    let path = || -> Result<String, Failure> { field(key) };
    Ok(match operator {
        "count" => doc! { "$sum": 1 },
        "sum" => doc! { "$sum": path()? },
        "average" => doc! { "$avg": path()? },
        "max" => doc! { "$max": path()? },
        "min" => doc! { "$min": path()? },
        "first" => doc! { "$first": path()? },
        "last" => doc! { "$last": path()? },
        "push" => doc! { "$push": path()? },
        "add_to_set" => doc! { "$addToSet": path()? },
        "merge_objects" => doc! { "$mergeObjects": path()? },
        "" => return Err(Failure::Query("group field without operator".to_owned())),
        _ => {
            return Err(Failure::Query(format!(
                "group operator is not supported: {operator}"
            )));
        }
    })
}

/// The expression of a projected field.
pub(super) fn expression(operator: &str, fields: &[String]) -> Result<Bson, Failure> {
    let paths = fields
        .iter()
        .map(|key| field(key))
        .collect::<Result<Vec<_>, _>>()?;
    let name = match operator {
        "size" => "$size",
        "sum" => "$sum",
        "array_to_object" => "$arrayToObject",
        "object_to_array" => "$objectToArray",
        "add" => "$add",
        "subtract" => "$subtract",
        "multiply" => "$multiply",
        "divide" => return divide(&paths),
        _ => {
            return Err(Failure::Query(format!(
                "project operator is not supported: {operator}"
            )));
        }
    };
    Ok(match paths.as_slice() {
        [] => return Err(Failure::Query(format!("operator {operator} needs a field"))),
        [one] => doc! { name: one }.into(),
        more => doc! { name: more }.into(),
    })
}

/// Nothing divided by zero is null rather than an error.
fn divide(paths: &[String]) -> Result<Bson, Failure> {
    let [dividend, divisor] = paths else {
        return Err(Failure::Query(
            "operator divide needs two fields".to_owned(),
        ));
    };
    Ok(
        doc! { "$cond": [{ "$eq": [divisor, 0] }, Bson::Null, { "$divide": [dividend, divisor] }] }
            .into(),
    )
}

/// The value of a field in an expression.
pub(super) fn field(key: &str) -> Result<String, Failure> {
    if key.is_empty() || key.starts_with('$') {
        return Err(Failure::Query(format!("not a field: {key:?}")));
    }
    Ok(format!("${key}"))
}

/// The name of an output field: the last part of a dotted key unless it is given.
pub(super) fn name_of<'a>(key: &'a str, given: &'a str) -> Result<&'a str, Failure> {
    let name = if given.is_empty() {
        key.rsplit('.').next().unwrap_or(key)
    } else {
        given
    };
    if name.is_empty() || name.contains(['.', '$']) {
        return Err(Failure::Query(format!("not a name: {name:?}")));
    }
    Ok(name)
}
