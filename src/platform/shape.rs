//! What the OpenAPI document says about a type, compiled into a check of incoming JSON.
//!
//! serde stops at the first fault and knows no lengths. The document knows every constraint
//! already, so it is the validator: what clients read is what they are held to, and one answer
//! names all the faults.

use std::any::TypeId;
use std::collections::{BTreeSet, HashMap};
use std::sync::{LazyLock, RwLock};

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as Kind};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;

use super::error::Fault;

static KNOWN: LazyLock<RwLock<HashMap<TypeId, &'static Validator>>> =
    LazyLock::new(RwLock::default);

/// The check of a request body, compiled at its first use and kept for ever.
pub fn of_body<T: ToSchema + 'static>() -> &'static Validator {
    of::<T>(|| {
        let mut schemas = vec![];
        T::schemas(&mut schemas);
        let schemas: Map<String, Value> =
            schemas.into_iter().map(|(name, schema)| (name, json!(schema))).collect();
        strict(json!(T::schema()), schemas)
    })
}

/// The check of a query string, given as an object of its parameters.
pub fn of_query<T: 'static>(parameters: &[Parameter]) -> &'static Validator {
    of::<T>(|| {
        let properties: Map<String, Value> =
            parameters.iter().map(|p| (p.name.clone(), json!(p.schema))).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        allow_external_ids(&mut schema);
        schema["additionalProperties"] = false.into();
        schema
    })
}

fn of<T: 'static>(schema: impl FnOnce() -> Value) -> &'static Validator {
    let id = TypeId::of::<T>();
    if let Some(known) = KNOWN.read().expect("no panic under the lock").get(&id) {
        return known;
    }
    let options = jsonschema::options().should_validate_formats(true);
    let check = options.build(&schema()).expect("utoipa makes valid schemas");
    let check: &'static Validator = Box::leak(Box::new(check));
    KNOWN.write().expect("no panic under the lock").entry(id).or_insert(check)
}

/// Refuses unknown fields everywhere, also in types made of several by `#[serde(flatten)]`.
fn strict(mut root: Value, mut schemas: Map<String, Value>) -> Value {
    let mut parts = BTreeSet::new();
    tighten(&mut root, &mut parts);
    for schema in schemas.values_mut() {
        tighten(schema, &mut parts);
    }
    for part in parts {
        if let Some(Value::Object(schema)) = schemas.get_mut(&part) {
            schema.remove("additionalProperties");
            schema.remove("unevaluatedProperties");
        }
    }
    root["components"] = json!({ "schemas": schemas });
    root
}

/// Any reference `x_id` may also be given as `x_external_id`, with the `x_source_system` that
/// knows it so: this rule of the API stands here once, for bodies, queries and the document.
pub fn allow_external_ids(schema: &mut Value) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    let names: Vec<String> = properties
        .iter()
        .filter(|(name, field)| name.ends_with("_id") && field["format"] == "uuid")
        .map(|(name, _)| name.trim_end_matches("_id").to_owned())
        .collect();
    for name in &names {
        let id = format!("{name}_id");
        let text = |most: u32, what: &str| {
            let kind = &properties[&id]["type"];
            json!({ "type": kind, "minLength": 1, "maxLength": most, "description": what })
        };
        let external = text(200, &format!("Instead of `{id}`: as another system knows it"));
        let source =
            text(40, &format!("Whose `{name}_external_id`; your own system's unless told"));
        properties.insert(format!("{name}_external_id"), external);
        properties.insert(format!("{name}_source_system"), source);
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|it| {
            !names.iter().any(|name| it.as_str().is_some_and(|it| it == format!("{name}_id")))
        });
    }
}

fn tighten(schema: &mut Value, parts: &mut BTreeSet<String>) {
    allow_external_ids(schema);
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(all)) = object.get("allOf") {
                let refs = all.iter().filter_map(|part| part["$ref"].as_str()?.rsplit('/').next());
                parts.extend(refs.map(str::to_owned));
                object.insert("unevaluatedProperties".into(), false.into());
            } else {
                if object.contains_key("properties") && !object.contains_key("additionalProperties")
                {
                    object.insert("additionalProperties".into(), false.into());
                }
                object.values_mut().for_each(|value| tighten(value, parts));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tighten(item, parts)),
        _ => {}
    }
}

pub fn faults(check: &Validator, value: &Value) -> Vec<Fault> {
    let mut faults = vec![];
    check.iter_errors(value).for_each(|error| explain(&error, &mut faults));
    faults
}

fn explain(error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
    let at = error.instance_path.as_str();
    let code = match &error.kind {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            return faults.extend(
                unexpected.iter().map(|name| {
                    Fault::new(format!("{at}/{name}"), "unknown_field", "no such field")
                }),
            );
        }
        Kind::Required { property } => {
            let pointer = format!("{at}/{}", property.as_str().unwrap_or_default());
            return faults.push(Fault::new(pointer, "required", "this field is required"));
        }
        // A nullable type is "null or that": what is wrong with "that" is what matters.
        Kind::OneOfNotValid { context } | Kind::AnyOf { context } => {
            return context.iter().flatten().for_each(|error| {
                if !is_null_branch(error) {
                    explain(error, faults);
                }
            });
        }
        Kind::Type { .. } => "type",
        Kind::MaxLength { .. } => "too_long",
        Kind::MinLength { .. } => "too_short",
        Kind::MaxItems { .. } => "too_many",
        Kind::MinItems { .. } => "too_few",
        Kind::Minimum { .. } | Kind::Maximum { .. } => "range",
        Kind::Enum { .. } => "unknown_value",
        Kind::Format { .. } | Kind::Pattern { .. } => "format",
        _ => "invalid",
    };
    // Masked: an answer never repeats what was sent, it may be a password.
    faults.push(Fault::new(at, code, error.masked().to_string()));
}

fn is_null_branch(error: &ValidationError<'_>) -> bool {
    use jsonschema::{JsonType, error::TypeKind};
    matches!(&error.kind, Kind::Type { kind: TypeKind::Single(JsonType::Null) })
}
