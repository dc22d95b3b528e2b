//! Arithmetic with MongoDB's rules of types, and dates as text.

use bson::Bson;

use super::failure::{Failure, Outcome};
use super::{key, show};

/// A length as the number that MongoDB answers.
pub(crate) fn count(length: usize) -> Bson {
    match i32::try_from(length) {
        Ok(length) => Bson::Int32(length),
        Err(_) => Bson::Int64(i64::try_from(length).unwrap_or(i64::MAX)),
    }
}

/// A number that is an integer by value.
pub(crate) fn exact(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "an integer in range")]
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 9.2e18 => {
            Some(*number as i64)
        }
        _ => None,
    }
}

/// Zero of the same type.
pub(crate) fn zero_like(value: &Bson) -> Bson {
    match value {
        Bson::Double(_) => Bson::Double(0.0),
        Bson::Int64(_) => Bson::Int64(0),
        _ => Bson::Int32(0),
    }
}

/// Any number as a double.
#[expect(
    clippy::cast_precision_loss,
    reason = "MongoDB widens to double the same way"
)]
pub(crate) fn double(value: &Bson) -> Option<f64> {
    match value {
        Bson::Int32(number) => Some(f64::from(*number)),
        Bson::Int64(number) => Some(*number as f64),
        Bson::Double(number) => Some(*number),
        _ => None,
    }
}

/// Adds or multiplies: int, else long, else double. `None` when a long overflows.
pub(crate) fn combine(left: &Bson, right: &Bson, multiply: bool) -> Option<Bson> {
    if let (Bson::Double(_), _) | (_, Bson::Double(_)) = (left, right) {
        let (left, right) = (double(left)?, double(right)?);
        return Some(Bson::Double(if multiply {
            left * right
        } else {
            left + right
        }));
    }
    let (a, b) = (exact(left)?, exact(right)?);
    let result = if multiply {
        a.checked_mul(b)
    } else {
        a.checked_add(b)
    }?;
    let small = matches!((left, right), (Bson::Int32(_), Bson::Int32(_)));
    Some(match i32::try_from(result) {
        Ok(result) if small => Bson::Int32(result),
        _ => Bson::Int64(result),
    })
}

/// `$add`, `$multiply`, `$subtract`, `$divide` over values that are there.
pub(crate) fn arithmetic(name: &str, values: &[&Bson]) -> Outcome<Option<Bson>> {
    let overflow = || Failure::new(15, format!("{name} overflowed a 64-bit integer"));
    match name {
        "$subtract" => return subtract(values[0], values[1]).map(Some),
        "$divide" => {
            return match (double(values[0]), double(values[1])) {
                (Some(_), Some(0.0)) => Err(Failure::bad_value("can't $divide by zero")),
                (Some(a), Some(b)) => Ok(Some(Bson::Double(a / b))),
                _ => Err(Failure::type_mismatch(format!(
                    "$divide only supports numeric types, not {} and {}",
                    show::type_name(Some(values[0])),
                    show::type_name(Some(values[1]))
                ))),
            };
        }
        _ => {}
    }
    let multiply = name == "$multiply";
    let mut total = Bson::Int32(i32::from(multiply));
    let mut date = false;
    for value in values {
        let operand = match value {
            Bson::DateTime(at) if !multiply && !date => {
                date = true;
                &Bson::Int64(at.timestamp_millis())
            }
            Bson::DateTime(_) if !multiply => {
                return Err(Failure::new(
                    16612,
                    "only one date allowed in an $add expression",
                ));
            }
            value => value,
        };
        if double(operand).is_none() {
            return Err(Failure::new(
                if multiply { 14 } else { 16554 },
                format!(
                    "{name} only supports numeric{} types, not {}",
                    if multiply { "" } else { " or date" },
                    show::type_name(Some(operand))
                ),
            ));
        }
        total = match combine(&total, operand, multiply) {
            Some(total) => total,
            None => Bson::Double(
                combine(
                    &Bson::Double(double(&total).unwrap_or(0.0)),
                    operand,
                    multiply,
                )
                .as_ref()
                .and_then(double)
                .unwrap_or(0.0),
            ),
        };
    }
    if date {
        let millis = super::filter::whole(&total).ok_or_else(overflow)?;
        return Ok(Some(Bson::DateTime(bson::DateTime::from_millis(millis))));
    }
    Ok(Some(total))
}

fn subtract(left: &Bson, right: &Bson) -> Outcome<Bson> {
    let failure = || {
        Failure::type_mismatch(format!(
            "can't $subtract {} from {}",
            show::type_name(Some(right)),
            show::type_name(Some(left))
        ))
    };
    match (left, right) {
        (Bson::DateTime(a), Bson::DateTime(b)) => {
            Ok(Bson::Int64(a.timestamp_millis() - b.timestamp_millis()))
        }
        (Bson::DateTime(a), number) => {
            let millis = super::filter::whole(number).ok_or_else(failure)?;
            Ok(Bson::DateTime(bson::DateTime::from_millis(
                a.timestamp_millis().saturating_sub(millis),
            )))
        }
        (Bson::Double(_), _) | (_, Bson::Double(_)) => {
            let (a, b) = (
                double(left).ok_or_else(failure)?,
                double(right).ok_or_else(failure)?,
            );
            Ok(Bson::Double(a - b))
        }
        _ => {
            let (a, b) = (
                exact(left).ok_or_else(failure)?,
                exact(right).ok_or_else(failure)?,
            );
            let small = matches!((left, right), (Bson::Int32(_), Bson::Int32(_)));
            Ok(match (a.checked_sub(b), a.wrapping_sub(b)) {
                (Some(result), _) if small && i32::try_from(result).is_ok() => {
                    Bson::Int32(i32::try_from(result).unwrap_or(0))
                }
                (_, result) => Bson::Int64(result),
            })
        }
    }
}

/// `$sum`, `$min`, `$max` over operands.
pub(crate) fn accumulate(name: &str, operands: &[&Bson]) -> Bson {
    if name == "$sum" {
        return operands
            .iter()
            .fold(Bson::Int32(0), |total, operand| sum(&total, operand));
    }
    let values = operands
        .iter()
        .filter(|value| !matches!(value, Bson::Null | Bson::Undefined));
    let best = if name == "$min" {
        values.min_by(|a, b| key::compare(a, b))
    } else {
        values.max_by(|a, b| key::compare(a, b))
    };
    best.map_or(Bson::Null, |value| (*value).clone())
}

/// Adds what is a number and leaves out what is not.
pub(crate) fn sum(total: &Bson, operand: &Bson) -> Bson {
    if double(operand).is_none() {
        return total.clone();
    }
    combine(total, operand, false)
        .or_else(|| combine(&Bson::Double(double(total)?), operand, false))
        .unwrap_or_else(|| total.clone())
}

/// A date in UTC under a format of `$dateToString`.
pub(crate) fn date(at: bson::DateTime, format: &str) -> Outcome<String> {
    let nanos = i128::from(at.timestamp_millis()) * 1_000_000;
    let Ok(at) = time::OffsetDateTime::from_unix_timestamp_nanos(nanos) else {
        return Err(Failure::new(
            18537,
            "could not convert date to string: date component was outside the supported range of 0-9999",
        ));
    };
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let part = match letters.next() {
            Some('Y') => format!("{:04}", at.year()),
            Some('m') => format!("{:02}", u8::from(at.month())),
            Some('d') => format!("{:02}", at.day()),
            Some('H') => format!("{:02}", at.hour()),
            Some('M') => format!("{:02}", at.minute()),
            Some('S') => format!("{:02}", at.second()),
            Some('L') => format!("{:03}", at.millisecond()),
            Some('j') => format!("{:03}", at.ordinal()),
            Some('z') => "+0000".to_owned(),
            Some('Z') => "0".to_owned(),
            Some('%') => "%".to_owned(),
            other => {
                return Err(Failure::new(
                    18536,
                    format!(
                        "Invalid format character '%{}' in format string",
                        other.map_or(String::new(), |letter| letter.to_string())
                    ),
                ));
            }
        };
        text.push_str(&part);
    }
    Ok(text)
}
