//! Fields of a document as the API's messages want them: what is missing has the default value.

use bson::{Bson, Document};
use prost_types::{ListValue, Struct};

use crate::cloudforet::query::value::{from_document, list_from_bson};

/// A string.
pub(crate) fn text(document: &Document, key: &str) -> String {
    document.get_str(key).unwrap_or_default().to_owned()
}

/// A list of strings.
pub(crate) fn texts(document: &Document, key: &str) -> Vec<String> {
    let values = document
        .get_array(key)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let texts = values.iter().filter_map(Bson::as_str);
    texts.map(str::to_owned).collect()
}

/// A truth value.
pub(crate) fn truth(document: &Document, key: &str) -> bool {
    document.get_bool(key).unwrap_or_default()
}

/// A whole number.
pub(crate) fn number(document: &Document, key: &str) -> i32 {
    match document.get(key) {
        Some(Bson::Int32(number)) => *number,
        Some(Bson::Int64(number)) => i32::try_from(*number).unwrap_or(i32::MAX),
        _ => 0,
    }
}

/// A number.
pub(crate) fn float(document: &Document, key: &str) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "the API's type is float")]
    match document.get(key) {
        Some(Bson::Double(number)) => *number as f32,
        _ => 0.0,
    }
}

/// A document within.
pub(crate) fn structure(document: &Document, key: &str) -> Option<Struct> {
    document.get_document(key).ok().map(from_document)
}

/// A list within.
pub(crate) fn list(document: &Document, key: &str) -> Option<ListValue> {
    document
        .get_array(key)
        .ok()
        .map(|values| list_from_bson(values))
}

/// A date, in the API's spelling.
pub(crate) fn date(document: &Document, key: &str) -> String {
    document
        .get_datetime(key)
        .map(|date| rfc3339(*date))
        .unwrap_or_default()
}

/// A date in the API's spelling: RFC 3339 with milliseconds, in UTC.
pub(crate) fn rfc3339(date: bson::DateTime) -> String {
    date.try_to_rfc3339_string().unwrap_or_default()
}
