//! References in the values of fields.

use access::Caller;
use intake::Reference;
use intake::reference::{Find, resolve_all};
use platform::{Conn, Error, Result};
use serde_json::{Map, Value};

use crate::{Field, Target, respell};

/// The lookups of what references point to, which the app passes, because their crates use this one.
#[derive(Clone, Copy)]
pub struct Finders(pub fn(Target) -> Find);

/// Returns checked values with ids in place of all references, in the spelling of the API. `others`
/// are references beside those of the fields.
pub async fn resolve(
    conn: &mut Conn,
    caller: &Caller,
    Finders(find): Finders,
    fields: &[Field],
    others: &[Reference<'static>],
    values: Value,
) -> Result<Map<String, Value>> {
    let mut references = vec![];
    for Reference { at, of, find } in others {
        references.push(Reference { at, of, find: *find });
    }
    for field in fields {
        if let (Some(to), Some(at)) = (field.to, field.key.strip_suffix("_id")) {
            references.push(Reference { at, of: to.as_str(), find: find(to) });
        }
    }
    let mut values = [values];
    let faults =
        resolve_all(conn, caller, caller.source_system(), &references, &mut values).await?;
    let faults = faults.into_iter().next().unwrap_or_default();
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    let [Value::Object(mut values)] = values else {
        return Err(Error::internal("checked values are an object"));
    };
    let faults = respell(fields, &mut values);
    if faults.is_empty() { Ok(values) } else { Err(Error::invalid(faults)) }
}
