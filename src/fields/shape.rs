//! The JSON schemas of values.

use platform::money::DECIMAL;
use serde_json::{Map, Value, json};

use crate::{Field, FieldType};

/// Greatest integer that JSON numbers hold exactly everywhere
const GREATEST: i64 = 9_007_199_254_740_991;

/// Returns the schema of an object with these fields.
pub fn values_schema<'a>(fields: impl Iterator<Item = &'a Field>) -> Value {
    let properties: Map<String, Value> =
        fields.map(|field| (field.key.clone(), schema(field, !field.required))).collect();
    json!({ "type": "object", "properties": properties })
}

/// Returns the schema of a field's values.
pub fn schema(field: &Field, nullable: bool) -> Value {
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
