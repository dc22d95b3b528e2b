//! Messages as JSON Schema: what [`json`](super::json) reads and writes.
//!
//! Every message and enum is a schema of its own under its full name, so that messages which contain
//! themselves end somewhere. Fields have their proto names, and none is required: what is left out
//! has its default value.

use std::collections::BTreeMap;

use prost_reflect::{Cardinality, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

/// Schemas by full name, and those that they refer to.
#[derive(Debug, Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// A reference to a message, whose schema is made if it is not there yet.
    pub(super) fn message(&mut self, of: &MessageDescriptor) -> Value {
        let name = of.full_name();
        if !self.0.contains_key(name) {
            // The place is taken first: a message may contain itself.
            self.0.insert(name.to_owned(), Value::Null);
            let schema = well_known(name).unwrap_or_else(|| self.object(of));
            self.0.insert(name.to_owned(), schema);
        }
        reference(name)
    }

    /// All of them, for `components.schemas`.
    pub(super) fn into_value(self) -> Value {
        Value::Object(self.0.into_iter().collect())
    }

    fn object(&mut self, of: &MessageDescriptor) -> Value {
        let properties: Map<String, Value> = of
            .fields()
            .map(|field| (field.name().to_owned(), self.field(&field)))
            .collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            // A field that the message does not have is refused.
            "additionalProperties": false,
        });
        let alternatives: Vec<Value> = of
            .oneofs()
            .filter(|oneof| !oneof.is_synthetic())
            .map(|oneof| at_most_one(oneof.fields().map(|field| field.name().to_owned())))
            .collect();
        if !alternatives.is_empty() {
            schema["allOf"] = Value::Array(alternatives);
        }
        schema
    }

    fn field(&mut self, field: &FieldDescriptor) -> Value {
        let Kind::Message(entry) = field.kind() else {
            let one = self.kind(&field.kind());
            return if field.is_list() { list(&one) } else { one };
        };
        if field.is_map() {
            let values = self.field(&entry.map_entry_value_field());
            return json!({"type": "object", "additionalProperties": values});
        }
        let one = self.message(&entry);
        if field.cardinality() == Cardinality::Repeated {
            list(&one)
        } else {
            one
        }
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double => json!({"type": "number", "format": "double"}),
            Kind::Float => json!({"type": "number", "format": "float"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({"type": "integer", "format": "int32"})
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "format": "int64", "minimum": 0})
            }
            // JSON's numbers do not hold them; they travel as text.
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "pattern": "^-?[0-9]+$"})
            }
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Message(message) => self.message(message),
            Kind::Enum(values) => self.enumeration(values),
        }
    }

    fn enumeration(&mut self, of: &EnumDescriptor) -> Value {
        let names: Vec<String> = of.values().map(|value| value.name().to_owned()).collect();
        self.0
            .entry(of.full_name().to_owned())
            .or_insert_with(|| json!({"type": "string", "enum": names}));
        reference(of.full_name())
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn list(of: &Value) -> Value {
    json!({"type": "array", "items": of})
}

/// One of these fields, or none.
fn at_most_one(fields: impl Iterator<Item = String>) -> Value {
    let given: Vec<Value> = fields.map(|name| json!({"required": [name]})).collect();
    let mut choices = given.clone();
    choices.push(json!({"not": {"anyOf": given}}));
    json!({"oneOf": choices})
}

/// Messages with a JSON form of their own.
fn well_known(name: &str) -> Option<Value> {
    Some(match name.strip_prefix("google.protobuf.")? {
        "Struct" => json!({"type": "object", "description": "Any JSON object."}),
        "ListValue" => json!({"type": "array", "description": "Any JSON array."}),
        "Value" => json!({"description": "Any JSON value."}),
        "Empty" => json!({"type": "object", "additionalProperties": false}),
        "Timestamp" => json!({"type": "string", "format": "date-time"}),
        "Duration" => json!({"type": "string", "pattern": "^-?[0-9.]+s$"}),
        "FieldMask" | "StringValue" => json!({"type": "string"}),
        "BoolValue" => json!({"type": "boolean"}),
        "DoubleValue" | "FloatValue" => json!({"type": "number"}),
        "Int32Value" | "UInt32Value" => json!({"type": "integer"}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::cloudforet::proto::DESCRIPTORS;

    fn schemas_of(name: &str) -> Value {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        let mut schemas = Schemas::default();
        schemas.message(&pool.get_message_by_name(name).unwrap());
        schemas.into_value()
    }

    #[test]
    fn a_message_brings_along_what_it_contains() {
        let schemas = schemas_of("spaceone.api.inventory.v1.CollectorsInfo");
        let properties = |name: &str| schemas[name]["properties"].clone();
        let list = &properties("spaceone.api.inventory.v1.CollectorsInfo")["results"];
        let item = "#/components/schemas/spaceone.api.inventory.v1.CollectorInfo";
        assert_eq!(list, &json!({"type": "array", "items": {"$ref": item}}));
        let schedule = properties("spaceone.api.inventory.v1.Scheduled");
        assert_eq!(
            schedule["hours"],
            json!({"type": "array", "items": {"type": "integer", "format": "int32"}})
        );
        let state = &schemas["spaceone.api.inventory.v1.Scheduled.ScheduledState"];
        assert_eq!(state["enum"], json!(["NONE", "ENABLED", "DISABLED"]));
        assert_eq!(schemas["google.protobuf.Struct"]["type"], "object");
    }

    #[test]
    fn aliases_exclude_one_another() {
        let filter = schemas_of("spaceone.api.core.v2.Filter");
        let filter = &filter["spaceone.api.core.v2.Filter"];
        assert_eq!(filter["allOf"].as_array().unwrap().len(), 3);
        assert_eq!(
            filter["allOf"][0]["oneOf"],
            json!([
                {"required": ["key"]},
                {"required": ["k"]},
                {"not": {"anyOf": [{"required": ["key"]}, {"required": ["k"]}]}},
            ])
        );
        let value = &filter["properties"]["v"];
        assert_eq!(
            value,
            &json!({"$ref": "#/components/schemas/google.protobuf.Value"})
        );
    }
}
