//! What only v1 has: page schemas and completion. Just what the console asks for.

use serde::Deserialize;
use serde_json::{Value, json};
use tonic::metadata::AsciiMetadataValue;

use super::backends::Backends;
use super::error::ApiError;
use super::{json, names};

/// Values offered when the request names no limit: more than anybody scrolls through.
const DEFAULT_LIMIT: u32 = 100;

/// Body of `/add-ons/page-schema/get`.
#[derive(Deserialize)]
struct PageSchema {
    schema: String,
    resource_type: String,
}

/// Body of `/add-ons/autocomplete/distinct`.
#[derive(Deserialize)]
struct Distinct {
    resource_type: String,
    #[serde(rename = "distinct_key")]
    key: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    options: DistinctOptions,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DistinctOptions {
    limit: Option<u32>,
    /// Conditions in the form of a query's `filter`.
    filter: Vec<Value>,
}

/// The columns of a table of resources.
pub(super) fn page_schema(body: &[u8]) -> Result<Value, ApiError> {
    let PageSchema {
        schema,
        resource_type,
    } = parse(body)?;
    if schema != "table" {
        return Err(ApiError::invalid("schema", "only `table` is there"));
    }
    let field = |key: &str, name: &str, kind: &str| json!({"key": key, "name": name, "type": kind});
    let unsorted = |key: &str, name: &str, kind: &str| json!({"key": key, "name": name, "type": kind, "sortable": false});
    let mut fields = vec![
        field("name", "Name", "text"),
        field("cloud_service_type", "Type", "text"),
        field("provider", "Provider", "text"),
        field("region_code", "Region", "text"),
        field("account", "Account", "text"),
    ];
    match resource_type.as_str() {
        "inventory.Server" => {
            fields.push(field("data.compute.instance_state", "State", "state"));
            fields.push(field("instance_type", "Instance type", "text"));
        }
        "inventory.CloudService" => fields.push(field("state", "State", "state")),
        _ => return Err(ApiError::invalid("resource_type", "no schema for it")),
    }
    fields.push(unsorted("ip_addresses", "IP address", "list"));
    fields.push(field("created_at", "Created", "datetime"));
    Ok(json!({"name": "Table", "type": "query-search-table", "options": {"fields": fields}}))
}

/// The values that a field has, for completing what somebody types. The second value is the pod
/// that knew.
pub(super) async fn distinct(
    backends: &Backends,
    body: &[u8],
    token: &AsciiMetadataValue,
) -> Result<(Value, Option<String>), ApiError> {
    let Distinct {
        resource_type,
        key,
        search,
        options,
    } = parse(body)?;
    let (service, resource) = resource_type
        .split_once('.')
        .ok_or_else(|| ApiError::invalid("resource_type", "expected service.Resource"))?;
    let path = format!(
        "/{}/{}/stat",
        names::kebab_of_snake(service),
        names::kebab_of_camel(resource)
    );
    let mut filter = options.filter;
    if !search.is_empty() {
        filter.push(json!({"k": key, "v": search, "o": "contain"}));
    }
    let limit = options.limit.unwrap_or(DEFAULT_LIMIT);
    let query = json!({
        "distinct": key,
        "filter": filter,
        "page": {"start": 1, "limit": limit},
    });
    let method = backends.find(&path).await?;
    let message = json::read_value(&json!({ "query": query }), &method.input())?;
    let (answer, pod) = method.call(message, Some(token)).await?;
    let answer = json::write_value(&answer).map_err(|error| ApiError::internal(&error))?;
    let results = answer["results"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let values: Vec<Value> = results.iter().filter_map(completion).collect();
    let total = answer["total_count"]
        .as_f64()
        .map_or_else(|| json!(values.len()), Value::from);
    Ok((json!({"results": values, "total_count": total}), pod))
}

/// A value as an item of a menu; empty ones cannot be chosen.
fn completion(value: &Value) -> Option<Value> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then(|| json!({"key": text, "name": text}))
}

fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            ApiError::invalid("body", &error.to_string())
        } else {
            ApiError::bad_json(&error.to_string())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_have_columns_of_their_own() {
        let columns = |resource_type: &str| {
            let body = json!({"schema": "table", "resource_type": resource_type, "options": {}});
            page_schema(body.to_string().as_bytes())
        };
        let servers = columns("inventory.Server").unwrap().to_string();
        assert!(servers.contains("instance_state"));
        assert!(
            !columns("inventory.CloudService")
                .unwrap()
                .to_string()
                .contains("instance_state")
        );
        assert!(columns("board.Post").is_err());
        assert!(page_schema(b"{").is_err());
    }

    #[test]
    fn only_what_can_be_chosen_is_offered() {
        assert_eq!(
            completion(&json!("aws")),
            Some(json!({"key": "aws", "name": "aws"}))
        );
        assert_eq!(completion(&json!("")), None);
        assert_eq!(completion(&Value::Null), None);
    }
}
