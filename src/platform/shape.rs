//! Validation of incoming JSON against the schemas of the OpenAPI document.
//!
//! Serde stops at the first fault and does not check lengths. The document contains every
//! constraint already, so it serves as the validator: the rules that clients read are those that
//! apply, and one answer lists all faults.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{LazyLock, RwLock};

use jiff::ToSpan;
use jsonschema::Validator;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};

use super::error::{Error, Fault, Result};
use super::explain::explain;
use super::time::{Date, Timestamp};

static KNOWN: LazyLock<RwLock<HashMap<TypeId, &'static Validator>>> =
    LazyLock::new(RwLock::default);

/// Returns the validator of a request body. It is compiled at its first use and kept.
pub fn of_body<T: ToSchema + 'static>() -> &'static Validator {
    compiled(TypeId::of::<T>(), Date::LAST, &|| {
        let mut schemas = vec![];
        T::schemas(&mut schemas);
        body_schema(&T::schema(), schemas)
    })
}

/// The shape of a query string, as an object of its parameters.
pub struct QueryShape {
    schema: Value,
    pub validator: &'static Validator,
}

impl QueryShape {
    /// Checks whether there is a parameter of this name.
    pub fn has(&self, name: &str) -> bool {
        self.schema["properties"].get(name).is_some()
    }

    /// Returns the schema of a parameter, `null` if there is none.
    pub fn parameter(&self, name: &str) -> &Value {
        &self.schema["properties"][name]
    }
}

/// Returns the shape of a query string. It is compiled at its first use and kept, because
/// `parameters` copies the descriptions of all.
pub fn of_query<T: 'static>(parameters: fn() -> Vec<Parameter>) -> &'static QueryShape {
    query_shape(TypeId::of::<T>(), parameters)
}

fn query_shape(id: TypeId, parameters: fn() -> Vec<Parameter>) -> &'static QueryShape {
    static KNOWN: LazyLock<RwLock<HashMap<TypeId, &'static QueryShape>>> =
        LazyLock::new(RwLock::default);
    if let Some(known) = KNOWN.read().expect("no panic under the lock").get(&id) {
        return known;
    }
    // An exclusive end may be the day after the last valid date.
    let last = Date(Date::LAST.0.saturating_add(1.day()));
    let schema = query_schema(&parameters());
    let validator = compiled(id, last, &|| schema.clone());
    let shape: &'static QueryShape = Box::leak(Box::new(QueryShape { schema, validator }));
    KNOWN.write().expect("no panic under the lock").entry(id).or_insert(shape)
}

fn body_schema(root: &RefOr<Schema>, schemas: Vec<(String, RefOr<Schema>)>) -> Value {
    let schemas = schemas.into_iter().map(|(name, schema)| (name, json!(schema)));
    strict(json!(root), schemas.collect())
}

fn query_schema(parameters: &[Parameter]) -> Value {
    let properties: Map<String, Value> =
        parameters.iter().map(|p| (p.name.clone(), json!(p.schema))).collect();
    let mut schema = json!({ "type": "object", "properties": properties });
    allow_external_ids(&mut schema);
    schema["additionalProperties"] = false.into();
    schema
}

/// Returns the validator of a type, or compiles it. Not generic: each type would get a copy of this
/// function and of the sorting in its callees.
fn compiled(id: TypeId, last: Date, schema: &dyn Fn() -> Value) -> &'static Validator {
    if let Some(known) = KNOWN.read().expect("no panic under the lock").get(&id) {
        return known;
    }
    let check = built(&schema(), last).expect("utoipa makes valid schemas");
    let check: &'static Validator = Box::leak(Box::new(check));
    KNOWN.write().expect("no panic under the lock").entry(id).or_insert(check)
}

/// Compiles the schema of an object that is not derived from a type, with the rules of bodies:
/// unknown fields are refused, and a reference may be sent by its external id.
pub fn of_object(mut schema: Value) -> Result<Validator> {
    tighten(&mut schema);
    built(&schema, Date::LAST)
}

/// One valid range applies to all business dates and instants, so that no figure is outside of all
/// reports.
fn built(schema: &Value, last: Date) -> Result<Validator> {
    let is_date =
        move |text: &str| Date::read(text).is_some_and(|day| (Date::FIRST..=last).contains(&day));
    let is_instant = |text: &str| Timestamp::read(text).is_some_and(Timestamp::is_valid);
    let options = jsonschema::options().should_validate_formats(true);
    let options = options.with_format("date", is_date).with_format("date-time", is_instant);
    options.build(schema).map_err(|error| Error::internal(error.to_string()))
}

/// Refuses unknown fields everywhere, including types composed with `#[serde(flatten)]`.
fn strict(mut root: Value, mut schemas: Map<String, Value>) -> Value {
    for schema in schemas.values_mut().chain([&mut root]) {
        everywhere(schema, &one_of_all);
    }
    let parts = schemas.clone();
    merge(&mut root, &parts);
    tighten(&mut root);
    for schema in schemas.values_mut() {
        merge(schema, &parts);
        tighten(schema);
    }
    root["components"] = json!({ "schemas": schemas });
    root
}

/// Applies a change to a schema and then to all its parts.
pub fn everywhere(schema: &mut Value, change: &impl Fn(&mut Value)) {
    change(schema);
    match schema {
        Value::Object(object) => object.values_mut().for_each(|part| everywhere(part, change)),
        Value::Array(items) => items.iter_mut().for_each(|part| everywhere(part, change)),
        _ => {}
    }
}

/// Undoes the `allOf` in which utoipa wraps an inline enum with a description or a default. It
/// consists of the enum and of an object that holds only these, which no string would match. The
/// description moves into the enum, and the object is dropped.
pub fn one_of_all(schema: &mut Value) {
    let Some(Value::Array(all)) = schema.get("allOf") else { return };
    let bare = |part: &&Value| part["properties"].is_null() && part["$ref"].is_null();
    let (notes, rest): (Vec<&Value>, Vec<&Value>) =
        all.iter().partition(|part| part["type"] == "object" && bare(part));
    if let ([note], [Value::Object(one)]) = (notes.as_slice(), rest.as_slice()) {
        let mut one = one.clone();
        if let Some(what) = note.get("description") {
            one.insert("description".into(), what.clone());
        }
        *schema = Value::Object(one);
    }
}

/// Moves the description of a nullable field from its type to the field itself. utoipa puts it on
/// the type inside `oneOf`, where code generators do not look for it.
pub fn describe_field(schema: &mut Value) {
    let (Some(field), Some(_)) = (schema.as_object(), schema.get("oneOf")) else { return };
    if field.contains_key("description") {
        return;
    }
    let parts = schema["oneOf"].as_array_mut().into_iter().flatten();
    let mut texts = parts
        .filter(|part| part.get("$ref").is_some())
        .filter_map(|part| part.as_object_mut().and_then(|part| part.remove("description")));
    if let Some(text) = texts.next() {
        schema["description"] = text;
    }
}

/// Merges the parts of a flattened type into one object. `unevaluatedProperties` would avoid this,
/// but after one fault in a part it reports all other fields of the part as unknown, too.
fn merge(schema: &mut Value, parts: &Map<String, Value>) {
    let Some(Value::Array(all)) = schema.get("allOf").cloned() else { return };
    let (mut properties, mut required) = (Map::new(), vec![]);
    for mut part in all {
        if let Some(name) = part["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            part = parts.get(name).cloned().unwrap_or_default();
        }
        merge(&mut part, parts);
        let Some(Value::Object(more)) = part.get("properties").cloned() else { return };
        properties.extend(more);
        required.extend(part["required"].as_array().cloned().unwrap_or_default());
    }
    *schema = json!({ "type": "object", "properties": properties, "required": required });
}

/// Adds `x_external_id` and `x_source_system` to each reference `x_id`, which they may replace.
/// This rule is implemented once, for bodies, queries and the document.
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
        let external = text(200, &format!("Instead of `{id}`: the id in another system"));
        let source =
            text(40, &format!("The source system of `{name}_external_id`. Default: your own"));
        properties.insert(format!("{name}_external_id"), external);
        properties.insert(format!("{name}_source_system"), source);
    }

    // Either form may be sent, so neither is required.
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|field| {
            !names.iter().any(|name| field.as_str().is_some_and(|it| it == format!("{name}_id")))
        });
    }
}

/// Refuses unknown fields in a schema that has been merged, and in all its parts.
fn tighten(schema: &mut Value) {
    allow_external_ids(schema);
    match schema {
        Value::Object(object) => {
            if object.contains_key("properties") && !object.contains_key("additionalProperties") {
                object.insert("additionalProperties".into(), false.into());
            }
            if let Some(Value::Array(all)) = object.get_mut("allOf") {
                // utoipa adds the description or default of an inline enum as an object without
                // properties, which no string would match.
                all.retain(|part| part["type"] != "object" || part["properties"].is_object());
            }
            object.values_mut().for_each(tighten);
        }
        Value::Array(items) => items.iter_mut().for_each(tighten),
        _ => {}
    }
}

/// Maximum number of faults in an answer for one body or batch item. Otherwise a megabyte of braces
/// would be answered with forty megabytes of faults.
pub(crate) const MOST: usize = 100;

/// Maximum number of list elements in a value that is small enough to search for all its faults.
const FEW: usize = 2_000;

/// Returns the faults of a value, up to `MOST`. In a large value only the beginnings of its lists
/// are searched, but at least one fault is found: the validator collects all faults of a list
/// before it returns the first one.
pub fn faults(check: &Validator, value: &Value) -> Vec<Fault> {
    let mut faults = vec![];
    if check.is_valid(value) {
        return faults;
    }

    if is_small(value, &mut 0) {
        check.iter_errors(value).take(MOST).for_each(|error| explain(&error, &mut faults));
    } else {
        let cut = cut(value);
        check.iter_errors(&cut).take(MOST).for_each(|error| explain(&error, &mut faults));
    }

    // All faults may be beyond the beginnings of the lists.
    if faults.is_empty()
        && let Err(error) = check.validate(value)
    {
        explain(&error, &mut faults);
    }
    faults.truncate(MOST);
    faults
}

/// Checks whether all lists of a value together have few elements.
fn is_small(value: &Value, elements: &mut usize) -> bool {
    match value {
        Value::Array(items) => {
            *elements += items.len();
            *elements <= FEW && items.iter().all(|item| is_small(item, elements))
        }
        Value::Object(object) => object.values().all(|field| is_small(field, elements)),
        _ => true,
    }
}

/// Returns the value with only the beginnings of its lists.
fn cut(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().take(MOST).map(cut).collect(),
        Value::Object(object) => {
            object.iter().map(|(name, field)| (name.clone(), cut(field))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(dead_code)]
    #[derive(ToSchema)]
    struct Whole {
        name: String,
        #[serde(flatten)]
        part: Part,
    }

    #[allow(dead_code)]
    #[derive(ToSchema)]
    struct Part {
        owner_id: uuid::Uuid,
        #[serde(flatten)]
        inner: Inner,
    }

    #[allow(dead_code)]
    #[derive(ToSchema)]
    struct Inner {
        number: i64,
        /// An enum with a description
        #[schema(inline, nullable = false)]
        kind: Option<crate::page::Total>,
        day: Option<Date>,
        at: Option<crate::Timestamp>,
    }

    #[test]
    fn all_that_is_wrong_and_nothing_else() {
        let faults = |value| {
            let faults = faults(of_body::<Whole>(), &value);
            let mut text: Vec<_> =
                faults.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect();
            text.sort();
            text.join(", ")
        };
        let id = uuid::Uuid::nil();
        let good = json!({ "name": "a", "owner_id": id, "number": 1, "kind": "exact" });
        assert_eq!(faults(good), "");
        let unknown = json!({ "name": "a", "owner_id": id, "number": 1, "kind": "round" });
        assert_eq!(faults(unknown), "/kind unknown_value");
        for (day, expected) in [
            ("1899-12-31", "/day range"),
            ("1900-01-01", ""),
            ("2199-12-31", ""),
            ("2200-01-01", "/day range"),
            ("9999-12-31", "/day range"),
            ("2026-02-29", "/day format"),
            ("20260228", "/day format"),
            ("-02026-1-1", "/day format"),
        ] {
            let dated = json!({ "name": "a", "owner_id": id, "number": 1, "day": day });
            assert_eq!(faults(dated), expected, "{day}");
        }
        for (at, expected) in [
            ("1899-12-31T23:59:59Z", "/at range"),
            ("1900-01-01T00:00:00Z", ""),
            ("2026-11-20t02:00:00.123456z", ""),
            ("2199-12-31T23:59:59.999+00:00", ""),
            ("2199-12-31T23:00:00-02:00", "/at range"),
            ("9999-12-30T00:00:00Z", "/at range"),
            ("2026-11-20 02:00:00Z", "/at format"),
            ("2026-11-20T02:00:00", "/at format"),
            ("2026-11-20T02:00:00.Z", "/at format"),
            ("2026-11-20T02:00:00+0800", "/at format"),
            ("2026-11-20T02:00:00+08:00[Asia/Shanghai]", "/at format"),
            ("2026-02-29T02:00:00Z", "/at format"),
            ("2026-11-20", "/at format"),
        ] {
            let timed = json!({ "name": "a", "owner_id": id, "number": 1, "at": at });
            assert_eq!(faults(timed), expected, "{at}");
        }
        assert_eq!(faults(json!({ "name": "a", "owner_external_id": "1", "number": 1 })), "");
        assert_eq!(faults(json!({ "name": 1, "owner_id": id, "number": 1 })), "/name type");
        assert_eq!(
            faults(json!({ "name": "a", "owner_id": "x", "number": "1", "colour": "red" })),
            "/colour unknown_field, /number type, /owner_id format"
        );
        assert_eq!(faults(json!({ "owner_id": id })), "/name required, /number required");
    }
}
