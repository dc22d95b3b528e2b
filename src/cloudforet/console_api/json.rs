//! JSON bodies to messages and back, with proto field names on both sides.
//!
//! Fields with their default value are left out of answers, as upstream does; whoever reads them
//! must not tell an empty list from a missing one.

use prost_reflect::{
    DeserializeOptions, DynamicMessage, Kind, MessageDescriptor, SerializeOptions,
};
use serde_json::Value;

use super::error::ApiError;

/// Reads a request body. An empty body is an empty message.
pub(super) fn read(body: &[u8], of: &MessageDescriptor) -> Result<DynamicMessage, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(DynamicMessage::new(of.clone()));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let options = DeserializeOptions::new();
    let failure = match DynamicMessage::deserialize_with_options(of.clone(), &mut reader, &options)
        .and_then(|message| reader.end().map(|()| message))
    {
        Ok(message) => return Ok(message),
        Err(error) => error.to_string(),
    };
    // Once more and slowly, to say which field it was.
    let value: Value =
        serde_json::from_slice(body).map_err(|error| ApiError::bad_json(&error.to_string()))?;
    if !value.is_object() {
        return Err(ApiError::bad_json("expected an object"));
    }
    let (field, reason) = blame(&value, of, "").unwrap_or_else(|| ("body".into(), failure));
    Err(ApiError::invalid(&field, &reason))
}

/// As [`read`], from a value at hand.
pub(super) fn read_value(
    value: &Value,
    of: &MessageDescriptor,
) -> Result<DynamicMessage, ApiError> {
    DynamicMessage::deserialize_with_options(of.clone(), value, &DeserializeOptions::new()).map_err(
        |error| {
            let fallback = || ("body".to_owned(), error.to_string());
            let (field, reason) = blame(value, of, "").unwrap_or_else(fallback);
            ApiError::invalid(&field, &reason)
        },
    )
}

/// Writes an answer.
pub(super) fn write(message: &DynamicMessage) -> Result<Vec<u8>, serde_json::Error> {
    let mut body = Vec::with_capacity(1024);
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut body), &options())?;
    Ok(body)
}

/// As [`write()`], as a value.
pub(super) fn write_value(message: &DynamicMessage) -> Result<Value, serde_json::Error> {
    message.serialize_with_options(serde_json::value::Serializer, &options())
}

fn options() -> SerializeOptions {
    SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(true)
}

/// The innermost field that does not fit, and why.
fn blame(value: &Value, of: &MessageDescriptor, path: &str) -> Option<(String, String)> {
    value.as_object()?.iter().find_map(|(name, value)| {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let Some(field) = of
            .get_field_by_name(name)
            .or_else(|| of.get_field_by_json_name(name))
        else {
            return Some((path, "unknown field".to_owned()));
        };
        let alone = serde_json::json!({ name: value });
        let options = DeserializeOptions::new();
        let error = DynamicMessage::deserialize_with_options(of.clone(), &alone, &options).err()?;
        let inside = match field.kind() {
            Kind::Message(inner) if !field.is_map() && !is_well_known(&inner) => match value {
                Value::Array(items) => items
                    .iter()
                    .enumerate()
                    .find_map(|(index, item)| blame(item, &inner, &format!("{path}.{index}"))),
                object => blame(object, &inner, &path),
            },
            _ => None,
        };
        inside.or_else(|| Some((path, error.to_string())))
    })
}

/// Messages with a JSON form of their own, such as `Struct`.
fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::cloudforet::proto::DESCRIPTORS;

    fn message(name: &str) -> MessageDescriptor {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        pool.get_message_by_name(name).unwrap()
    }

    #[test]
    fn a_query_survives_the_round_trip() {
        let of = message("spaceone.api.inventory.v1.CloudServiceQuery");
        let body = br#"{"query":{"filter":[{"k":"provider","v":["aws"],"o":"in"}],
            "sort":[{"key":"name","desc":true}],"page":{"start":1,"limit":10}}}"#;
        let written = write_value(&read(body, &of).unwrap()).unwrap();
        let expected: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(written, expected);
    }

    #[test]
    fn defaults_are_left_out_and_structs_are_plain() {
        let of = message("spaceone.api.inventory.v1.CloudServiceInfo");
        let body = br#"{"name":"","data":{"a":1,"b":[true,null,"x"]},"instance_size":0}"#;
        let written = write(&read(body, &of).unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            r#"{"data":{"a":1.0,"b":[true,null,"x"]}}"#
        );
    }

    #[test]
    fn a_wrong_body_names_the_field() {
        let of = message("spaceone.api.inventory.v1.CloudServiceQuery");
        for (body, expected) in [
            (
                &br#"{"query":{"page":{"limit":"many"}}}"#[..],
                "query.page.limit",
            ),
            (
                br#"{"query":{"filter":[{"k":"a"},{"kk":"b"}]}}"#,
                "query.filter.1.kk",
            ),
            (br#"{"name":7}"#, "name"),
            (br#"{"nonsense":7}"#, "nonsense"),
            (br#"{"name":"#, "JSON"),
            (b"[]", "object"),
        ] {
            let error = read(body, &of).unwrap_err();
            assert_eq!(error.status, http::StatusCode::BAD_REQUEST);
            assert!(
                error.message.contains(expected),
                "{expected}: {}",
                error.message
            );
        }
        assert!(read(b" ", &of).is_ok());
    }
}
