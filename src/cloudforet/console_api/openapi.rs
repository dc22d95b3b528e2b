//! The API as an OpenAPI 3.1 document, made from what the backends describe.
//!
//! Streaming methods have no path, so they are not in it either.

use prost_reflect::MethodDescriptor;
use serde_json::{Map, Value, json};

use super::Version;
use super::app::OPEN_PATHS;
use super::openapi_schema::Schemas;

/// The document for these methods, each with its path. The paths that are no gRPC method are in it
/// unless it is about one backend only.
pub(super) fn document(
    version: Version,
    service: Option<&str>,
    methods: &[(String, MethodDescriptor)],
) -> Value {
    let mut schemas = Schemas::default();
    let mut paths = Map::new();
    for (path, method) in methods {
        let item = json!({ "post": operation(version, path, method, &mut schemas) });
        paths.insert(path.clone(), item);
    }
    if service.is_none() {
        own_paths(version, &mut paths);
    }
    let name = match version {
        Version::V1 => "console-api",
        Version::V2 => "console-api-v2",
    };
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": service.map_or_else(|| name.to_owned(), |service| format!("{name}: {service}")),
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Each path is a gRPC method of a service, by convention: \
                POST /{service}/{resource}/{verb}, with the request message as JSON in proto field \
                names. Fields with their default value are left out of answers.",
        },
        "servers": [{"url": "/"}],
        "security": security(version),
        "tags": tags(methods),
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "responses": {"Error": {
                "description": "What went wrong.",
                "content": {"application/json": {"schema": error(version)}},
            }},
            "schemas": schemas.into_value(),
        },
    })
}

fn operation(
    version: Version,
    path: &str,
    method: &MethodDescriptor,
    schemas: &mut Schemas,
) -> Value {
    let service = method.parent_service();
    let mut operation = json!({
        "operationId": format!("{}.{}", service.full_name(), method.name()),
        "summary": format!("{} of {}", method.name(), service.name()),
        "tags": [service.full_name()],
        "requestBody": {
            "content": content(&schemas.message(&method.input())),
        },
        "responses": {
            "200": {
                "description": "The answer.",
                "content": content(&schemas.message(&method.output())),
            },
            "default": {"$ref": "#/components/responses/Error"},
        },
    });
    if version == Version::V1 && OPEN_PATHS.contains(&path) {
        operation["security"] = json!([]);
    }
    operation
}

/// A client needs a token for v1; for v2 the backends decide.
fn security(version: Version) -> Value {
    match version {
        Version::V1 => json!([{"bearer": []}]),
        Version::V2 => json!([{"bearer": []}, {}]),
    }
}

/// One tag for each gRPC service, in the order of the paths.
fn tags(methods: &[(String, MethodDescriptor)]) -> Vec<Value> {
    let mut names: Vec<String> = Vec::new();
    for (_, method) in methods {
        let name = method.parent_service().full_name().to_owned();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.iter().map(|name| json!({"name": name})).collect()
}

/// The paths that this API answers on its own.
fn own_paths(version: Version, paths: &mut Map<String, Value>) {
    let answer = |id: &str, summary: &str| {
        json!({
            "operationId": id,
            "summary": summary,
            "tags": ["console-api"],
            "security": [],
            "responses": {"200": {
                "description": "The answer.",
                "content": content(&json!({"type": "object"})),
            }},
        })
    };
    let with_body = |id: &str, summary: &str| {
        let mut operation = answer(id, summary);
        operation["requestBody"] = json!({ "content": content(&json!({"type": "object"})) });
        operation["security"] = security(version);
        operation["responses"]["default"] = json!({"$ref": "#/components/responses/Error"});
        operation
    };
    let check = answer("check", "Whether this API serves");
    paths.insert("/check".to_owned(), json!({ "get": check }));
    let reflection = answer("reflection", "Every path that there is");
    match version {
        Version::V1 => {
            let schema = with_body("page_schema", "The columns of a table of resources");
            let distinct = with_body("distinct", "The values that a field has");
            paths.insert("/api/reflection".to_owned(), json!({ "post": reflection }));
            paths.insert(
                "/add-ons/page-schema/get".to_owned(),
                json!({ "post": schema }),
            );
            paths.insert(
                "/add-ons/autocomplete/distinct".to_owned(),
                json!({ "post": distinct }),
            );
        }
        Version::V2 => {
            paths.insert(
                "/console-api/api/reflection".to_owned(),
                json!({ "get": reflection }),
            );
        }
    }
}

fn content(schema: &Value) -> Value {
    json!({"application/json": {"schema": schema}})
}

/// The form of [`ApiError::respond`](super::error::ApiError::respond).
fn error(version: Version) -> Value {
    let text = json!({"type": "string"});
    let mut detail = json!({
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string", "pattern": "^ERROR_[A-Z0-9_]+$"},
            "message": text,
        },
    });
    if version == Version::V1 {
        detail["properties"]["fail_items"] = json!({"type": "object"});
        detail["required"] = json!(["code", "message", "fail_items"]);
    }
    json!({"type": "object", "required": ["detail"], "properties": {"detail": detail}})
}
