//! JSON Schema, as far as the OpenAPI documents of the console APIs use it. A keyword that is not
//! known here is a failure: nothing passes because nobody looked.

use serde_json::Value;

/// Why `value` does not fit `schema`, with the place; nothing if it does.
pub(crate) fn check(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(schema) = schema.as_object() else {
        return vec![format!("{at}: not a schema: {schema}")];
    };
    let mut wrong = Vec::new();
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$ref" => wrong.extend(check(document, resolve(document, rule), value, at)),
            "type" if !has_type(value, rule.as_str().unwrap()) => {
                wrong.push(format!("{at}: no {rule}: {value}"));
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                wrong.push(format!("{at}: not one of {rule}: {value}"));
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    wrong.extend(check(document, rule, item, &format!("{at}/{index}")));
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(rule) = rule.get(name) {
                        wrong.extend(check(document, rule, inner, &format!("{at}/{name}")));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => wrong.push(format!("{at}: {name} is too much")),
                        Value::Bool(true) => {}
                        rule => {
                            wrong.extend(check(document, rule, inner, &format!("{at}/{name}")));
                        }
                    }
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    if value.get(name.as_str().unwrap()).is_none() {
                        wrong.push(format!("{at}: {name} is missing"));
                    }
                }
            }
            "allOf" => {
                for rule in rule.as_array().unwrap() {
                    wrong.extend(check(document, rule, value, at));
                }
            }
            "oneOf" | "anyOf" => {
                let rules = rule.as_array().unwrap().iter();
                let fit = rules
                    .filter(|rule| check(document, rule, value, at).is_empty())
                    .count();
                if fit == 0 || keyword == "oneOf" && fit > 1 {
                    wrong.push(format!("{at}: {fit} of {keyword} fit"));
                }
            }
            "not" if check(document, rule, value, at).is_empty() => {
                wrong.push(format!("{at}: fits what it must not"));
            }
            "type" | "enum" | "not" | "format" | "description" | "pattern" | "minimum"
            | "contentEncoding" => {}
            _ => wrong.push(format!("{at}: unknown keyword {keyword}")),
        }
    }
    wrong
}

/// What a reference refers to.
pub(crate) fn resolve<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    document
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn has_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other} is no type"),
    }
}
