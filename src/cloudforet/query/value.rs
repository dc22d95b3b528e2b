//! Values of the API (`google.protobuf.Struct` and its parts) as BSON, and back.
//!
//! The API has one kind of number. A whole one becomes an integer, so that it equals what other
//! clients store; dates become RFC 3339 text on the way out.

use bson::{Bson, Document};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

/// Beyond this a double cannot tell neighbouring integers apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

pub(crate) fn to_bson(value: &Value) -> Bson {
    match &value.kind {
        None | Some(Kind::NullValue(_)) => Bson::Null,
        Some(Kind::BoolValue(truth)) => Bson::Boolean(*truth),
        Some(Kind::NumberValue(number)) => number_to_bson(*number),
        Some(Kind::StringValue(text)) => Bson::String(text.clone()),
        Some(Kind::ListValue(list)) => Bson::Array(list_to_bson(list)),
        Some(Kind::StructValue(fields)) => Bson::Document(to_document(fields)),
    }
}

pub(crate) fn to_document(fields: &Struct) -> Document {
    let fields = fields.fields.iter();
    fields
        .map(|(key, value)| (key.clone(), to_bson(value)))
        .collect()
}

pub(crate) fn list_to_bson(list: &ListValue) -> Vec<Bson> {
    list.values.iter().map(to_bson).collect()
}

fn number_to_bson(number: f64) -> Bson {
    if number.fract() != 0.0 || number.abs() > EXACT {
        return Bson::Double(number);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole and within the exact range"
    )]
    let whole = number as i64;
    i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32)
}

pub(crate) fn from_bson(value: &Bson) -> Value {
    let kind = match value {
        Bson::Boolean(truth) => Kind::BoolValue(*truth),
        Bson::Int32(number) => Kind::NumberValue(f64::from(*number)),
        #[expect(clippy::cast_precision_loss, reason = "the API has no other number")]
        Bson::Int64(number) => Kind::NumberValue(*number as f64),
        Bson::Double(number) => Kind::NumberValue(*number),
        Bson::Decimal128(number) => Kind::StringValue(number.to_string()),
        Bson::String(text) => Kind::StringValue(text.clone()),
        Bson::DateTime(date) => Kind::StringValue(crate::cloudforet::mongo::rfc3339(*date)),
        Bson::ObjectId(id) => Kind::StringValue(id.to_hex()),
        Bson::Array(values) => Kind::ListValue(list_from_bson(values)),
        Bson::Document(fields) => Kind::StructValue(from_document(fields)),
        _ => Kind::NullValue(0),
    };
    Value { kind: Some(kind) }
}

pub(crate) fn from_document(document: &Document) -> Struct {
    let fields = document.iter();
    Struct {
        fields: fields
            .map(|(key, value)| (key.clone(), from_bson(value)))
            .collect(),
    }
}

pub(crate) fn list_from_bson(values: &[Bson]) -> ListValue {
    ListValue {
        values: values.iter().map(from_bson).collect(),
    }
}

/// The text of a field, if it is one.
pub(crate) fn text_of<'a>(fields: &'a Struct, key: &str) -> Option<&'a str> {
    match &fields.fields.get(key)?.kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn whole_numbers_become_integers() {
        assert_eq!(number_to_bson(4.0), Bson::Int32(4));
        assert_eq!(number_to_bson(-5e9), Bson::Int64(-5_000_000_000));
        assert_eq!(number_to_bson(0.5), Bson::Double(0.5));
        assert_eq!(number_to_bson(1e300), Bson::Double(1e300));
    }

    #[test]
    fn a_document_survives_the_round_trip() {
        let document = doc! { "a": [1, "x", null, true], "b": { "c": 1.5 } };
        assert_eq!(to_document(&from_document(&document)), document);
    }
}
