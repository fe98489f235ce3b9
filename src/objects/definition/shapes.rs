//! The JSON schemas that check the requests of a definition, compiled once for each version.

use fields::values_schema;
use intake::as_id;
use jsonschema::Validator;
use platform::{Fault, Result, shape};
use serde_json::{Map, Value, json};

use super::{Definition, Transition};

/// Unknown fields that an answer names.
const MOST: usize = 100;

/// The checks of the requests of a definition. Actions share one, because a definition may have many
/// actions with many fields.
#[derive(Debug)]
pub struct Shapes {
    create: Validator,
    change: Validator,
    action: Validator,
}

impl Shapes {
    /// Compiles the checks.
    pub fn of(definition: &Definition) -> Result<Self> {
        Ok(Self {
            create: shape::of_object(create_schema(definition))?,
            change: shape::of_object(change_schema(definition))?,
            action: shape::of_object(values_schema(definition.fields.iter()))?,
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
    pub fn faults_of_action(&self, transition: &Transition, body: &Value) -> Vec<Fault> {
        let mut faults = shape::faults(&self.action, body);
        let unknown = |name: &&String| {
            let field = as_id(name);
            let is_taken =
                transition.requires.contains(&field) || transition.takes.contains(&field);
            !is_taken && !faults.iter().any(|fault| fault.pointer == format!("/{name}"))
        };
        let unknown: Vec<&String> =
            body.as_object().into_iter().flat_map(Map::keys).filter(unknown).take(MOST).collect();
        let fault = |name| Fault::new(format!("/{name}"), "unknown_field", "no such field");
        faults.extend(unknown.into_iter().map(fault));
        faults
    }
}

/// Returns the schema of a new object.
fn create_schema(definition: &Definition) -> Value {
    let mut schema = values_schema(definition.fields.iter().filter(|field| !field.by_action));
    schema["properties"]["owner_id"] = json!({ "type": ["string", "null"], "format": "uuid" });
    let required = definition.fields.iter().filter(|field| field.required);
    schema["required"] = required.map(|field| field.key.as_str()).collect();
    schema
}

/// Returns the schema of a merge patch. The customer stays, because what the object recorded about it
/// would become wrong.
fn change_schema(definition: &Definition) -> Value {
    let settable = |field: &&fields::Field| !field.by_action && field.key != "customer_id";
    let mut schema = values_schema(definition.fields.iter().filter(settable));
    schema["properties"]["owner_id"] = json!({ "type": "string", "format": "uuid" });
    schema
}
