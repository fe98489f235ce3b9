//! Schemas of the document that no single type describes: problem codes and problem members, change
//! events, and defaults.

use platform::shape::everywhere;
use serde_json::{Map, Value, json};

use crate::problems::MEANINGS;

/// Completes the schemas of the document.
pub fn complete(schemas: &mut Map<String, Value>) {
    for schema in schemas.values_mut() {
        everywhere(schema, &describe_defaults);
        everywhere(schema, &open_objects);
    }
    problems(schemas);
    events(schemas);
}

/// Moves defaults into the descriptions. Some generators treat a property with `default` as
/// required.
fn describe_defaults(schema: &mut Value) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        // Skips a property that is itself named `default`.
        let typed =
            ["type", "$ref", "oneOf", "allOf"].iter().any(|key| property.contains_key(*key));
        let Some(default) = property.get("default").filter(|_| typed).cloned() else { continue };
        property.remove("default");
        if default.is_null() {
            continue;
        }
        let before = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{before}\n\nDefault: `{default}`.").trim_start().to_owned();
        property.insert("description".into(), text.into());
    }
}

/// Marks objects with arbitrary fields, which some generators would take for objects without
/// fields.
fn open_objects(schema: &mut Value) {
    let is_object = match &schema["type"] {
        Value::Array(types) => types.iter().any(|name| name == "object"),
        one => one == "object",
    };
    let bare =
        ["properties", "additionalProperties", "enum"].iter().all(|key| schema[key].is_null());
    if is_object && bare {
        schema["additionalProperties"] = true.into();
    }
}

/// Adds the codes as an enumeration, and the members that only some problems have.
fn problems(schemas: &mut Map<String, Value>) {
    let codes: Vec<&str> = MEANINGS.iter().map(|meaning| meaning.0).collect();
    schemas.insert("ProblemCode".into(), json!({
        "type": "string",
        "enum": codes,
        "description": "Codes of problems and of their `errors`. `GET /problems/{code}` explains \
            each of them. New codes may be added: treat codes that you do not know by their status.",
    }));

    for name in ["Problem", "Fault"] {
        schemas[name]["properties"]["code"] = json!({ "$ref": "#/components/schemas/ProblemCode" });
    }

    // A credit refusal contains the whole breakdown.
    let members = [schemas.remove("ProblemMembers"), schemas.get("CreditBreakdown").cloned()];
    for mut member in members.into_iter().flatten() {
        let Some(more) = member["properties"].as_object_mut() else { continue };
        if let Some(known) = schemas["Problem"]["properties"].as_object_mut() {
            for (name, schema) in more {
                known.entry(name).or_insert(schema.take());
            }
        }
    }
}

/// Adds an event schema for each type of the change feed, with the state of that resource.
fn events(schemas: &mut Map<String, Value>) {
    let Some(whole) = schemas.get("ChangeEvent").cloned() else { return };
    let (mut variants, mut mapping) = (vec![], Map::new());
    for (kind, resource) in sync::feed_schemas() {
        let name = format!("{resource}Event");
        let mut event = whole.clone();
        event["properties"]["type"] = match kind {
            "object" => json!({ "type": "string", "pattern": "^object\\." }),
            _ => json!({ "type": "string", "enum": [kind] }),
        };
        event["properties"]["data"] = json!({
            "description": whole["properties"]["data"]["description"],
            "oneOf": [{ "type": "null" }, { "$ref": format!("#/components/schemas/{resource}") }],
        });
        let reference = format!("#/components/schemas/{name}");
        variants.push(json!({ "$ref": reference }));
        mapping.insert(kind.into(), reference.into());

        schemas.insert(name, event);
    }
    schemas.insert(
        "ChangeEvent".into(),
        json!({
            "description": "A change, by the `type` of what has changed",
            "oneOf": variants,
            "discriminator": { "propertyName": "type", "mapping": mapping },
        }),
    );
}
