//! Generates requests that violate the schemas of the document.

use serde_json::{Map, Value, json};

use crate::api::openapi::DOCUMENT;

/// Invalid bodies for an operation: empty, with wrong types, beyond each limit, or with an unknown
/// field.
pub fn bad_bodies(operation: &Value) -> Vec<Value> {
    let schema = &operation["requestBody"]["content"];
    let kinds = ["application/json", "application/merge-patch+json"];
    let Some(schema) = kinds.iter().find_map(|kind| schema[kind].get("schema")) else {
        return vec![];
    };
    let properties = properties(schema);
    let with = |change: &dyn Fn(&Value) -> Value| {
        let fields = properties.iter().map(|(name, field)| (name.clone(), change(field)));
        Value::Object(fields.collect())
    };
    vec![
        json!({}),
        json!([]),
        with(&mistyped),
        with(&|field| beyond(field, true)),
        with(&|field| beyond(field, false)),
        json!({ "no_such_field": 1 }),
    ]
}

/// Invalid query parameters for an operation.
pub fn bad_queries(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let mut queries = vec!["no_such_parameter=1".to_owned()];
    for parameter in parameters.filter(|it| it["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        for value in ["", "x", "-1", "99999999999", "%00"] {
            queries.push(format!("{name}={value}"));
        }
    }
    queries
}

fn resolved(schema: &Value) -> &Value {
    match schema["$ref"].as_str() {
        Some(name) => resolved(DOCUMENT.pointer(&name[1..]).unwrap()),
        None => schema,
    }
}

/// The fields of a type, including a type that is composed of several.
fn properties(schema: &Value) -> Map<String, Value> {
    let schema = resolved(schema);
    let mut all = schema["properties"].as_object().cloned().unwrap_or_default();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        all.extend(properties(part));
    }
    all
}

/// The schema of a nullable type without null.
fn kind(schema: &Value) -> &Value {
    let schema = resolved(schema);
    let several = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
    let real = several.and_then(|all| all.iter().find(|it| it["type"] != "null"));
    real.map_or(schema, kind)
}

fn mistyped(schema: &Value) -> Value {
    let is = |name: &str| match &kind(schema)["type"] {
        Value::Array(names) => names.iter().any(|it| it == name),
        one => one == name,
    };
    if is("string") { json!(7) } else { json!("x") }
}

/// A value of the right type that is too large, too small or malformed.
fn beyond(schema: &Value, above: bool) -> Value {
    let kind = kind(schema);
    if let Some(most) = kind["maxLength"].as_u64().filter(|most| above && *most <= 5_000) {
        return "a".repeat(usize::try_from(most).unwrap() + 1).into();
    }
    let limit = if above { &kind["maximum"] } else { &kind["minimum"] };
    if let Some(limit) = limit.as_i64() {
        return json!(if above { limit + 1 } else { limit - 1 });
    }
    let most = kind["maxItems"].as_u64().filter(|most| above && *most <= 300);
    match &kind["items"] {
        Value::Null => json!("§ 1"),
        items if above => {
            vec![beyond(items, above); most.map_or(1, |it| usize::try_from(it).unwrap() + 1)].into()
        }
        _ => json!([]),
    }
}
