//! Values as MongoDB writes them in its messages.

use bson::{Bson, Document};

/// One value.
pub(crate) fn value(value: &Bson) -> String {
    match value {
        Bson::Null => "null".to_owned(),
        Bson::String(text) => format!("\"{text}\""),
        Bson::Boolean(truth) => truth.to_string(),
        Bson::Int32(number) => number.to_string(),
        Bson::Int64(number) => number.to_string(),
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.1}")
        }
        Bson::Double(number) => number.to_string(),
        Bson::ObjectId(id) => format!("ObjectId('{id}')"),
        Bson::DateTime(at) => format!("new Date({})", at.timestamp_millis()),
        Bson::Document(inner) => document(inner),
        Bson::Array(items) if items.is_empty() => "[]".to_owned(),
        Bson::Array(items) => {
            let items: Vec<_> = items.iter().map(self::value).collect();
            format!("[ {} ]", items.join(", "))
        }
        Bson::RegularExpression(regex) => {
            format!("/{}/{}", regex.pattern.as_str(), regex.options.as_str())
        }
        Bson::MinKey => "MinKey".to_owned(),
        Bson::MaxKey => "MaxKey".to_owned(),
        other => other.to_string(),
    }
}

/// A document.
pub(crate) fn document(document: &Document) -> String {
    if document.is_empty() {
        return "{}".to_owned();
    }
    let fields: Vec<_> = document
        .iter()
        .map(|(name, value)| format!("{name}: {}", self::value(value)))
        .collect();
    format!("{{ {} }}", fields.join(", "))
}

/// The name of a value's type.
pub(crate) fn type_name(value: Option<&Bson>) -> &'static str {
    match value {
        None => "missing",
        Some(Bson::Double(_)) => "double",
        Some(Bson::String(_)) => "string",
        Some(Bson::Document(_)) => "object",
        Some(Bson::Array(_)) => "array",
        Some(Bson::Binary(_)) => "binData",
        Some(Bson::Undefined) => "undefined",
        Some(Bson::ObjectId(_)) => "objectId",
        Some(Bson::Boolean(_)) => "bool",
        Some(Bson::DateTime(_)) => "date",
        Some(Bson::Null) => "null",
        Some(Bson::RegularExpression(_)) => "regex",
        Some(Bson::DbPointer(_)) => "dbPointer",
        Some(Bson::JavaScriptCode(_)) => "javascript",
        Some(Bson::Symbol(_)) => "symbol",
        Some(Bson::JavaScriptCodeWithScope(_)) => "javascriptWithScope",
        Some(Bson::Int32(_)) => "int",
        Some(Bson::Timestamp(_)) => "timestamp",
        Some(Bson::Int64(_)) => "long",
        Some(Bson::Decimal128(_)) => "decimal",
        Some(Bson::MinKey) => "minKey",
        Some(Bson::MaxKey) => "maxKey",
    }
}
