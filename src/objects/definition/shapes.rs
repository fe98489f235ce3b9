//! The JSON schemas of a definition: those that check requests, compiled once for each version, and
//! those of the API document.

use std::collections::HashMap;

use jsonschema::Validator;
use platform::money::DECIMAL;
use platform::{Fault, Result, shape};
use serde_json::{Map, Value, json};

use super::{Definition, Field, FieldType, Transition};

/// Greatest integer that JSON numbers hold exactly everywhere
const GREATEST: i64 = 9_007_199_254_740_991;

/// The checks of the requests of a definition.
#[derive(Debug)]
pub struct Shapes {
    create: Validator,
    change: Validator,
    actions: HashMap<String, Validator>,
}

impl Shapes {
    /// Compiles the checks.
    pub fn of(definition: &Definition) -> Result<Self> {
        let action = |transition: &Transition| {
            let check = shape::of_object(action_schema(definition, transition))?;
            Ok((transition.action.clone(), check))
        };
        Ok(Self {
            create: shape::of_object(create_schema(definition))?,
            change: shape::of_object(change_schema(definition))?,
            actions: definition.transitions.iter().map(action).collect::<Result<_>>()?,
        })
    }

    /// Returns the faults of a new object.
    pub fn faults_of_new(&self, body: &Value) -> Vec<Fault> {
        shape::faults(&self.create, body)
    }

    /// Returns the faults of a merge patch.
    pub fn faults_of_change(&self, body: &Value) -> Vec<Fault> {
        shape::faults(&self.change, body)
    }

    /// Returns the faults of the request of an action.
    pub fn faults_of_action(&self, action: &str, body: &Value) -> Vec<Fault> {
        self.actions.get(action).map(|check| shape::faults(check, body)).unwrap_or_default()
    }
}

/// Returns the schema of a new object.
pub fn create_schema(definition: &Definition) -> Value {
    let settable = definition.fields.iter().filter(|field| !field.by_action);
    let mut properties: Map<String, Value> =
        settable.map(|field| (field.key.clone(), schema(field, !field.required))).collect();
    properties.insert("owner_id".into(), json!({ "type": ["string", "null"], "format": "uuid" }));
    let required = definition.fields.iter().filter(|field| field.required);
    let required: Vec<&String> = required.map(|field| &field.key).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// Returns the schema of a merge patch. The customer stays, because what the object recorded about it
/// would become wrong.
pub fn change_schema(definition: &Definition) -> Value {
    let settable = definition.fields.iter().filter(|field| !field.by_action);
    let mut properties: Map<String, Value> = settable
        .filter(|field| field.key != "customer_id")
        .map(|field| (field.key.clone(), schema(field, !field.required)))
        .collect();
    properties.insert("owner_id".into(), json!({ "type": "string", "format": "uuid" }));
    json!({ "type": "object", "properties": properties })
}

/// Returns the schema of the request of an action.
pub fn action_schema(definition: &Definition, transition: &Transition) -> Value {
    let named = transition.requires.iter().chain(&transition.takes);
    let fields = named.filter_map(|key| definition.field(key));
    let properties: Map<String, Value> =
        fields.map(|field| (field.key.clone(), schema(field, !field.required))).collect();
    json!({ "type": "object", "properties": properties })
}

/// Returns the schema of a field's values.
fn schema(field: &Field, nullable: bool) -> Value {
    let options = || -> Vec<Value> {
        field.options.iter().map(|option| option.key.as_str().into()).collect()
    };
    let text = |most: u32| json!({ "type": "string", "minLength": 1, "maxLength": field.max_length.unwrap_or(most) });
    let mut schema = match field.type_ {
        FieldType::Text => text(200),
        FieldType::LongText => text(5000),
        FieldType::Phone => json!({ "type": "string", "minLength": 1, "maxLength": 40 }),
        FieldType::Email => {
            json!({ "type": "string", "maxLength": 254, "pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$" })
        }
        FieldType::Url => {
            json!({ "type": "string", "maxLength": 2000, "pattern": r"^https?://[^\s]+$" })
        }
        FieldType::Integer => json!({
            "type": "integer",
            "minimum": field.minimum.unwrap_or(-GREATEST),
            "maximum": field.maximum.unwrap_or(GREATEST),
        }),
        FieldType::Decimal | FieldType::Money => json!({ "type": "string", "pattern": DECIMAL }),
        FieldType::Date => json!({ "type": "string", "format": "date" }),
        FieldType::Instant => json!({ "type": "string", "format": "date-time" }),
        FieldType::Boolean => json!({ "type": "boolean" }),
        FieldType::Reference => json!({ "type": "string", "format": "uuid" }),
        FieldType::Choice => json!({ "type": "string", "enum": options() }),
        FieldType::Choices => json!({
            "type": "array",
            "maxItems": options().len(),
            "uniqueItems": true,
            "items": { "type": "string", "enum": options() },
        }),
    };
    if nullable {
        schema["type"] = json!([schema["type"], "null"]);
        if let Some(Value::Array(options)) = schema.get_mut("enum") {
            options.push(Value::Null);
        }
    }
    schema
}
