//! The description of `expand`, `fields` and external ids in the API document, with the allowed
//! values of each resource.

use std::collections::BTreeSet;
use sync::find_in;

use serde_json::{Value, json};

use crate::expand::Place;
use crate::related::Referent;
use crate::view::{View, Views, name_of};

/// The pattern of an id or an external id.
const ANY_ID: &str = "^([0-9a-fA-F-]{36}|external:[^:]+:.+)$";

impl Views {
    /// Adds the parameters, and the members of expansions, to the document. `requests` are the
    /// schemas of request bodies, which get no such members.
    pub fn describe(&self, document: &mut Value, requests: &BTreeSet<String>) {
        let items = document["paths"].as_object_mut().into_iter().flatten();
        for (path, item) in items {
            for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
                allow_external_ids(path, operation);
            }
            if let Some(view) = self.get(path) {
                view.describe(path, &mut item["get"]);
            }
        }

        let schemas = &mut document["components"]["schemas"];
        schemas["RelatedRow"] = related_row();
        for view in self.0.values() {
            for expansion in &view.expansions {
                for place in &expansion.places {
                    add_member(schemas, &view.schema, place, &expansion.name, requests);
                }
            }
        }
    }
}

impl View {
    fn describe(&self, path: &str, operation: &mut Value) {
        let names: Vec<&str> = self.expansions.iter().map(|known| known.name.as_str()).collect();
        let Some(parameters) = list_of(operation, "parameters") else { return };

        // All lists share one set of parameters. Those that do not apply here are removed.
        if self.is_list {
            parameters.retain(|parameter| match parameter["name"].as_str() {
                Some("id") => parameter["in"] != "query" || self.has("id"),
                Some("updated_from") => self.has("updated_at"),
                Some("expand") => !names.is_empty(),
                _ => true,
            });
        } else {
            if !names.is_empty() {
                let what = "Related rows whose names and codes are added, separated by commas";
                parameters.push(parameter("expand", what));
            }
            let what = "Fields to return, separated by commas. Default: all. `id` and \
                `masked_fields` are always returned";
            parameters.push(parameter("fields", what));
        }

        for parameter in parameters {
            match parameter["name"].as_str() {
                Some("expand") => parameter["schema"]["items"]["enum"] = json!(names),
                Some("fields") => {
                    parameter["schema"]["items"]["enum"] = json!(self.fields);
                    // Kotlin enums already have a property `name`, so the variants get a suffix.
                    let variants = self.fields.iter().map(|field| format!("{field}_field"));
                    parameter["schema"]["items"]["x-enum-varnames"] = variants.collect();
                }
                Some("id") if parameter["in"] == "query" && is_external(path) => {
                    parameter["schema"]["items"] = json!({ "type": "string", "pattern": ANY_ID });
                }
                _ => {}
            }
        }

        if self.is_list {
            operation["responses"]["200"]["content"]["text/csv"] =
                json!({ "schema": { "type": "string" } });
        }
    }
}

fn list_of<'a>(object: &'a mut Value, name: &str) -> Option<&'a mut Vec<Value>> {
    if object[name].is_null() {
        object[name] = json!([]);
    }
    object[name].as_array_mut()
}

fn parameter(name: &str, what: &str) -> Value {
    json!({ "name": name, "in": "query", "required": false, "description": what,
        "style": "form", "explode": false,
        "schema": { "type": "array", "items": { "type": "string" } } })
}

/// Checks whether the rows of a collection can have external ids.
fn is_external(collection: &str) -> bool {
    collection.rsplit('/').next().is_some_and(|name| find_in(name).is_some())
}

/// Documents that ids in the path may be external ids, for collections whose rows can have them.
fn allow_external_ids(path: &str, operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let parameters = parameters.into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "path") {
        let name = parameter["name"].as_str().unwrap_or_default();
        let before = path.split_once(&format!("/{{{name}}}")).map(|parts| parts.0);
        if before.is_some_and(is_external) {
            parameter["schema"] = json!({ "type": "string", "pattern": ANY_ID });
            parameter["description"] =
                "The id, or `external:<source>:<id>` with both parts percent-encoded".into();
        }
    }
}

fn related_row() -> Value {
    let text = || json!({ "type": ["string", "null"] });
    json!({
        "type": "object",
        "description": "A related row: its id, and its code, number or name if it has them",
        "required": ["id"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "code": text(), "number": text(), "name": text(),
        },
    })
}

/// Adds the member of an expansion to the schema of an item, or to that of the rows in a list of
/// the item.
fn add_member(
    schemas: &mut Value,
    schema: &str,
    place: &Place,
    expansion: &str,
    requests: &BTreeSet<String>,
) {
    let schema = match &place.list {
        Some(list) => {
            let list = property(&schemas[schema], list).map(|list| list["items"].clone());
            list.as_ref().and_then(name_of).unwrap_or_default().to_owned()
        }
        None => schema.to_owned(),
    };
    let Some(schema) = schemas.get_mut(&schema).filter(|_| !requests.contains(&schema)) else {
        return;
    };

    let row =
        json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/RelatedRow" }] });
    let kinds = match place.of {
        Referent::One(target) => target.of.to_owned(),
        Referent::By(..) => "row".to_owned(),
    };
    let what = format!("Only with `expand={expansion}`. Null for a {kinds} that you cannot see");
    let member = if place.field.ends_with("_ids") {
        json!({ "type": "array", "items": row, "description": what })
    } else {
        json!({ "oneOf": row["oneOf"], "description": what })
    };

    if let Some(properties) = holder(schema, &place.field) {
        properties.insert(place.member.clone(), member);
    }
}

fn property<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let own = schema["properties"].get(name);
    own.or_else(|| schema["allOf"].as_array()?.iter().find_map(|part| property(part, name)))
}

/// Returns the properties that contain this one, in a schema or in one of its parts.
fn holder<'a>(schema: &'a mut Value, name: &str) -> Option<&'a mut serde_json::Map<String, Value>> {
    if schema["properties"].get(name).is_some() {
        return schema["properties"].as_object_mut();
    }
    let parts = schema.get_mut("allOf")?.as_array_mut()?;
    parts.iter_mut().find_map(|part| holder(part, name))
}
