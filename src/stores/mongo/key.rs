//! Bytes whose order is the order of BSON values, and that order itself.
//!
//! Invariants: of two encoded values neither is a prefix of the other, so values can be written one
//! after the other and a value can be inverted for a descending field; equal values (1, 1.0) have
//! equal bytes.

use std::cmp::Ordering;

use bson::{Bson, Document};

/// Sorts before every value: the place of an empty array in an index.
pub(crate) const EMPTY_ARRAY: u8 = 2;

/// Compares two values of any types in MongoDB's order.
pub(crate) fn compare(left: &Bson, right: &Bson) -> Ordering {
    match (left, right) {
        (Bson::String(a), Bson::String(b)) => a.cmp(b),
        (Bson::Int32(a), Bson::Int32(b)) => a.cmp(b),
        (Bson::ObjectId(a), Bson::ObjectId(b)) => a.bytes().cmp(&b.bytes()),
        (Bson::DateTime(a), Bson::DateTime(b)) => a.cmp(b),
        _ => class(left)
            .cmp(&class(right))
            .then_with(|| encoded(left).cmp(&encoded(right))),
    }
}

/// Equality as MongoDB sees it: numbers by value.
pub(crate) fn equal(left: &Bson, right: &Bson) -> bool {
    compare(left, right) == Ordering::Equal
}

/// The bytes of one value.
pub(crate) fn encoded(value: &Bson) -> Vec<u8> {
    let mut out = Vec::with_capacity(16);
    encode(value, &mut out);
    out
}

/// The type bracket of a value; comparisons of a query stay inside one.
pub(crate) fn class(value: &Bson) -> u8 {
    match value {
        Bson::MinKey => 1,
        Bson::Undefined => EMPTY_ARRAY,
        Bson::Null => 5,
        Bson::Double(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Decimal128(_) => 10,
        Bson::String(_) | Bson::Symbol(_) => 15,
        Bson::Document(_) => 20,
        Bson::Array(_) => 25,
        Bson::Binary(_) => 30,
        Bson::ObjectId(_) => 35,
        Bson::Boolean(_) => 40,
        Bson::DateTime(_) => 45,
        Bson::Timestamp(_) => 47,
        Bson::RegularExpression(_) => 50,
        Bson::DbPointer(_) => 55,
        Bson::JavaScriptCode(_) => 60,
        Bson::JavaScriptCodeWithScope(_) => 65,
        Bson::MaxKey => 127,
    }
}

/// Appends the bytes of one value.
pub(crate) fn encode(value: &Bson, out: &mut Vec<u8>) {
    out.push(class(value));
    encode_content(value, out);
}

/// Appends the bytes of one value so that greater values come first.
pub(crate) fn encode_descending(value: &Bson, out: &mut Vec<u8>) {
    let start = out.len();
    encode(value, out);
    for byte in &mut out[start..] {
        *byte = !*byte;
    }
}

fn encode_content(value: &Bson, out: &mut Vec<u8>) {
    match value {
        Bson::Double(number) => encode_double(*number, out),
        Bson::Int32(number) => encode_double(f64::from(*number), out),
        Bson::Int64(number) => encode_integer(*number, out),
        Bson::String(text) | Bson::Symbol(text) | Bson::JavaScriptCode(text) => {
            encode_text(text, out);
        }
        Bson::Document(document) => encode_document(document, out),
        Bson::Array(items) => {
            for item in items {
                encode(item, out);
            }
            out.push(0);
        }
        Bson::Binary(binary) => {
            let length = u32::try_from(binary.bytes.len()).unwrap_or(u32::MAX);
            out.extend(length.to_be_bytes());
            out.push(binary.subtype.into());
            out.extend(&binary.bytes);
        }
        Bson::ObjectId(id) => out.extend(id.bytes()),
        Bson::Boolean(truth) => out.push(u8::from(*truth)),
        Bson::DateTime(at) => out.extend(ordered(at.timestamp_millis())),
        Bson::Timestamp(at) => {
            out.extend(at.time.to_be_bytes());
            out.extend(at.increment.to_be_bytes());
        }
        Bson::RegularExpression(regex) => {
            encode_text(regex.pattern.as_str(), out);
            encode_text(regex.options.as_str(), out);
        }
        // Values without content; decimals, pointers and scoped code are refused at the door.
        _ => {}
    }
}

fn encode_document(document: &Document, out: &mut Vec<u8>) {
    // MongoDB compares the type first, then the name, then the content.
    for (name, value) in document {
        out.push(class(value));
        encode_text(name, out);
        encode_content(value, out);
    }
    out.push(0);
}

/// Ends with two zero bytes; a zero inside is followed by 255, which sorts after the end.
fn encode_text(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        out.push(byte);
        if byte == 0 {
            out.push(0xff);
        }
    }
    out.extend([0, 0]);
}

fn encode_double(number: f64, out: &mut Vec<u8>) {
    let bits = match number {
        nan if nan.is_nan() => 0,
        // Both zeros are one number.
        0.0 => 1 << 63,
        positive if positive > 0.0 => positive.to_bits() | (1 << 63),
        negative => !negative.to_bits(),
    };
    out.extend(bits.to_be_bytes());
    out.extend(0x8000_u16.to_be_bytes());
}

/// The nearest double and what is missing to the integer, which is at most 512 either way.
fn encode_integer(number: i64, out: &mut Vec<u8>) {
    #[expect(
        clippy::cast_precision_loss,
        reason = "what is lost is encoded after it"
    )]
    let near = number as f64;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a double near an i64 fits an i128"
    )]
    let missing = i128::from(number) - near as i128;
    encode_double(near, out);
    let end = out.len() - 2;
    out.truncate(end);
    let biased = u16::try_from(missing + 0x8000).unwrap_or(u16::MAX);
    out.extend(biased.to_be_bytes());
}

#[expect(
    clippy::cast_sign_loss,
    reason = "flipping the sign bit keeps the order"
)]
fn ordered(number: i64) -> [u8; 8] {
    ((number as u64) ^ (1 << 63)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bson::{doc, oid::ObjectId};

    fn random_value(random: &mut fastrand::Rng, depth: u8) -> Bson {
        let integers = [
            0,
            1,
            -1,
            42,
            i64::MAX,
            i64::MIN,
            (1 << 53) + 1,
            (1 << 53) - 1,
        ];
        match random.u8(..if depth == 0 { 10 } else { 12 }) {
            0 => Bson::Null,
            1 => Bson::Int32(random.i32(-3..3)),
            2 => Bson::Int64(integers[random.usize(..integers.len())]),
            3 => Bson::Int64(random.i64(..)),
            4 => Bson::Double(random.f64() * 10.0 - 5.0),
            5 => Bson::Double(
                [
                    f64::NAN,
                    f64::INFINITY,
                    -0.0,
                    9_007_199_254_740_993.0,
                    1e300,
                ][random.usize(..5)],
            ),
            6 => Bson::String(
                (0..random.u8(..4))
                    .map(|_| random.choice(['a', 'b', '\0', 'é']).unwrap())
                    .collect(),
            ),
            7 => Bson::Boolean(random.bool()),
            8 => Bson::DateTime(bson::DateTime::from_millis(random.i64(-5..5))),
            9 => Bson::ObjectId(ObjectId::from_bytes([random.u8(..); 12])),
            10 => Bson::Array(
                (0..random.u8(..3))
                    .map(|_| random_value(random, depth - 1))
                    .collect(),
            ),
            _ => {
                let mut document = Document::new();
                for _ in 0..random.u8(..3) {
                    document.insert(
                        random.choice(["a", "b"]).unwrap(),
                        random_value(random, depth - 1),
                    );
                }
                Bson::Document(document)
            }
        }
    }

    /// The order, written down a second time and without bytes.
    fn reference(left: &Bson, right: &Bson) -> Ordering {
        class(left)
            .cmp(&class(right))
            .then_with(|| match (left, right) {
                (Bson::String(a), Bson::String(b)) => a.as_bytes().cmp(b.as_bytes()),
                (Bson::Boolean(a), Bson::Boolean(b)) => a.cmp(b),
                (Bson::DateTime(a), Bson::DateTime(b)) => a.cmp(b),
                (Bson::ObjectId(a), Bson::ObjectId(b)) => a.bytes().cmp(&b.bytes()),
                (Bson::Array(a), Bson::Array(b)) => a
                    .iter()
                    .zip(b)
                    .map(|(a, b)| reference(a, b))
                    .find(|order| order.is_ne())
                    .unwrap_or_else(|| a.len().cmp(&b.len())),
                (Bson::Document(a), Bson::Document(b)) => a
                    .iter()
                    .zip(b)
                    .map(|((x, a), (y, b))| {
                        class(a)
                            .cmp(&class(b))
                            .then(x.cmp(y))
                            .then_with(|| reference(a, b))
                    })
                    .find(|order| order.is_ne())
                    .unwrap_or_else(|| a.len().cmp(&b.len())),
                (Bson::Null, Bson::Null) => Ordering::Equal,
                _ => numbers(left, right),
            })
    }

    fn numbers(left: &Bson, right: &Bson) -> Ordering {
        let integer = |value: &Bson| match value {
            Bson::Int32(number) => Some(i64::from(*number)),
            Bson::Int64(number) => Some(*number),
            _ => None,
        };
        match (integer(left), integer(right)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(a), None) => numbers_mixed(a, right.as_f64().unwrap()),
            (None, Some(b)) => numbers_mixed(b, left.as_f64().unwrap()).reverse(),
            (None, None) => {
                let (a, b) = (left.as_f64().unwrap(), right.as_f64().unwrap());
                match (a.is_nan(), b.is_nan()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    _ => a.partial_cmp(&b).unwrap(),
                }
            }
        }
    }

    fn numbers_mixed(integer: i64, double: f64) -> Ordering {
        if double.is_nan() || double == f64::NEG_INFINITY || double < -1e19 {
            return Ordering::Greater;
        }
        if double > 1e19 {
            return Ordering::Less;
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        let whole = double.trunc() as i128;
        i128::from(integer)
            .cmp(&whole)
            .then_with(|| 0.0_f64.partial_cmp(&double.fract()).unwrap())
    }

    #[test]
    fn encoded_order_is_bson_order() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..50_000 {
            let (a, b) = (random_value(&mut random, 2), random_value(&mut random, 2));
            assert_eq!(
                encoded(&a).cmp(&encoded(&b)),
                reference(&a, &b),
                "{a:?} {b:?}"
            );
            assert_eq!(compare(&a, &b), reference(&a, &b), "{a:?} {b:?}");
            let (mut x, mut y) = (Vec::new(), Vec::new());
            encode_descending(&a, &mut x);
            encode_descending(&b, &mut y);
            assert_eq!(x.cmp(&y), reference(&b, &a), "{a:?} {b:?} descending");
        }
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(equal(&Bson::Int32(1), &Bson::Double(1.0)));
        assert!(equal(&Bson::Int64(1), &Bson::Int32(1)));
        assert!(!equal(
            &Bson::Int64((1 << 53) + 1),
            &Bson::Double(9_007_199_254_740_992.0)
        ));
        assert!(!equal(
            &Bson::from(doc! {"a": 1, "b": 1}),
            &Bson::from(doc! {"b": 1, "a": 1})
        ));
    }
}
