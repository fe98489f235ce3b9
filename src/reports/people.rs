//! External ids of people in the rows of a report. Readers with a limited scope see only those of
//! their own people, as in `GET /users`.

use std::collections::HashMap;

use access::Caller;
use platform::{Error, Result};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::answer::Plan;

/// Returns the people whose external ids the reader may see; `None` for all of them.
pub fn known_to(caller: &Caller) -> Option<Vec<Uuid>> {
    let part = caller.reach_of_accounts().filter(|_| !caller.knows_everybody());
    part.map(<[Uuid]>::to_vec)
}

impl Plan {
    /// Returns a row, one JSON object as PostgreSQL wrote it, without the external ids that its
    /// reader may not see. The masking is here and not in the statements, so that no report can
    /// forget it.
    pub fn shown(&self, mut line: String) -> Result<String> {
        let Some(known) = &self.known else { return Ok(line) };
        for person in self.people {
            let name = format!("\"{person}_external_id\":");
            if line.contains(&name)
                && let Some(value) = hidden(&line, person, known)?
            {
                // The name cannot be part of a string value: there its quotes would have
                // backslashes.
                line = line.replacen(&[&*name, &value].concat(), &[&*name, "null"].concat(), 1);
            }
        }
        Ok(line)
    }
}

/// Returns the external id of this person as it is written in the row, unless the reader may see
/// it.
fn hidden(row: &str, person: &str, known: &[Uuid]) -> Result<Option<String>> {
    let row: HashMap<&str, &RawValue> = serde_json::from_str(row).map_err(Error::internal)?;
    let member = |name: &str| row.get(format!("{person}_{name}").as_str()).map(|value| value.get());
    let id: Option<Uuid> =
        serde_json::from_str(member("id").unwrap_or("null")).map_err(Error::internal)?;
    let external_id = member("external_id").map(str::to_owned);
    Ok(external_id.filter(|_| id.is_none_or(|id| !known.contains(&id))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Binds;

    fn plan(known: Option<Vec<Uuid>>) -> Plan {
        Plan { known, ..Plan::new("", Binds::default(), String::new(), String::new()) }
    }

    fn row(id: Uuid) -> String {
        format!(
            r#"{{"salesperson_id":"{id}","salesperson_external_id":"2\"7","name":"王芳","n":1.10}}"#
        )
    }

    #[test]
    fn only_external_ids_of_others_are_masked() {
        let (me, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let masked = row(other).replace(r#""2\"7""#, "null");

        assert_eq!(plan(Some(vec![me])).shown(row(me)).unwrap(), row(me));
        assert_eq!(plan(Some(vec![me])).shown(row(other)).unwrap(), masked);
        assert_eq!(plan(None).shown(row(other)).unwrap(), row(other));
    }

    #[test]
    fn names_and_values_are_no_members() {
        let odd = r#"{"owner_id":null,"owner_external_id":null,"name":"\"owner_external_id\":1"}"#;

        assert_eq!(plan(Some(vec![])).shown(odd.to_owned()).unwrap(), odd);
    }
}
