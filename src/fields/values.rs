//! The values of fields: in one spelling, whatever was sent, so that they can be compared.

use platform::{Fault, Money, Number, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Field, FieldType};

/// Writes checked values in the spelling of the API: amounts with the decimal places of the currency,
/// instants in UTC. Returns the faults of amounts with too many decimal places.
pub fn respell(fields: &[Field], values: &mut Map<String, Value>) -> Vec<Fault> {
    let mut faults = vec![];
    for field in fields {
        let Some(value) = values.get_mut(&field.key).filter(|value| !value.is_null()) else {
            continue;
        };
        match field.type_ {
            FieldType::Instant => rewrite::<Timestamp>(value),
            FieldType::Decimal => rewrite::<Number>(value),
            FieldType::Money => {
                let amount = serde_json::from_value::<Money>(value.clone()).ok();
                let pointer = format!("/{}", field.key);
                faults.extend(amount.and_then(|amount| amount.digits_fault(&pointer, None)));
                rewrite::<Money>(value);
            }
            _ => {}
        }
    }
    faults
}

/// Reads a value as a type and writes it again.
fn rewrite<T: DeserializeOwned + Serialize>(value: &mut Value) {
    let read = serde_json::from_value::<T>(value.clone());
    if let Some(written) = read.ok().and_then(|read| serde_json::to_value(read).ok()) {
        *value = written;
    }
}
