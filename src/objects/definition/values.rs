//! The values of fields: in one spelling, whatever was sent, so that they can be compared.

use platform::{Fault, Money, Number, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Definition, FieldType};

impl Definition {
    /// Writes checked values in the spelling of the API: amounts with the decimal places of the
    /// currency, instants in UTC. Returns the faults of amounts with too many decimal places.
    pub fn respell(&self, values: &mut Map<String, Value>) -> Vec<Fault> {
        let mut faults = vec![];
        for (key, value) in values {
            let Some(field) = self.field(key).filter(|_| !value.is_null()) else { continue };
            match field.type_ {
                FieldType::Instant => respell::<Timestamp>(value),
                FieldType::Decimal => respell::<Number>(value),
                FieldType::Money => {
                    let amount = serde_json::from_value::<Money>(value.clone()).ok();
                    let pointer = format!("/{key}");
                    faults.extend(amount.and_then(|amount| amount.digits_fault(&pointer, None)));
                    respell::<Money>(value);
                }
                _ => {}
            }
        }
        faults
    }
}

/// Reads a value as a type and writes it again.
fn respell<T: DeserializeOwned + Serialize>(value: &mut Value) {
    let read = serde_json::from_value::<T>(value.clone());
    if let Some(written) = read.ok().and_then(|read| serde_json::to_value(read).ok()) {
        *value = written;
    }
}
