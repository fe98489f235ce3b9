//! Filters by the fields of a type: `kind=van,car`, `seats=ge:4`, `day=lt:2026-12-01`.

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::sql_types::{Array, Bool, Jsonb, Text};
use platform::{Date, Embedded, Fault, Number, Result, Timestamp, query};
use schema::objects;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::definition::{Definition, Field, FieldType};

/// Conditions of one request. Each is evaluated for every object of the type.
const MOST: usize = 20;

pub type Condition = Box<dyn diesel::BoxableExpression<objects::table, Pg, SqlType = Bool>>;

/// Comparisons of numbers and times, as they precede the value, and in SQL.
const SIGNS: &[(&str, &str)] = &[("gt:", ">"), ("ge:", ">="), ("lt:", "<"), ("le:", "<=")];

/// A field with the comparison and the value that was sent.
struct Filter<'a> {
    field: &'a Field,
    sign: &'static str,
    text: &'a str,
}

/// Returns the conditions of parameters that are named by fields of the type. Unknown names and
/// values of the wrong type are 400 `invalid_query`.
pub fn conditions(
    definition: &Definition,
    parameters: &[(String, String)],
) -> Result<Vec<Condition>> {
    let (mut found, mut faults) = (vec![], vec![]);
    for (name, text) in parameters {
        let field = definition.field(name).filter(|_| name != "customer_id");
        let Some(field) = field else {
            let why = "not a parameter of this operation or a field of the type";
            faults.push(Fault::new(format!("/{name}"), "unknown_field", why));
            continue;
        };
        match condition(definition, field, text) {
            Ok(condition) => found.push(condition),
            Err(fault) => faults.push(fault),
        }
    }
    if found.len() > MOST {
        faults.push(Fault::new("", "too_many", "at most 20 filters by fields"));
    }
    if faults.is_empty() {
        return Ok(found);
    }
    Err(query::invalid_query(faults))
}

fn condition(definition: &Definition, field: &Field, text: &str) -> Result<Condition, Fault> {
    let ordered = matches!(
        field.type_,
        FieldType::Integer
            | FieldType::Decimal
            | FieldType::Money
            | FieldType::Date
            | FieldType::Instant
    );
    let sent = SIGNS
        .iter()
        .filter(|_| ordered)
        .find_map(|(name, sign)| Some((*sign, text.strip_prefix(name)?)));
    let (sign, text) = sent.unwrap_or(("=", text));
    let filter = Filter { field, sign, text };
    match field.type_ {
        FieldType::Integer | FieldType::Decimal | FieldType::Money => {
            filter.compares::<Number>(definition, "numeric")
        }
        FieldType::Date => filter.compares::<Date>(definition, "date"),
        FieldType::Instant => filter.compares::<Timestamp>(definition, "timestamptz"),
        FieldType::Boolean => match text {
            "true" | "false" => Ok(filter.holds(&Value::Bool(text == "true"))),
            _ => Err(filter.wrong("type", "must be true or false")),
        },
        FieldType::Choice | FieldType::Choices => filter.of_options(),
        _ => Ok(filter.holds(&Value::from(text))),
    }
}

impl Filter<'_> {
    fn wrong(&self, code: &'static str, why: &str) -> Fault {
        Fault::new(format!("/{}", self.field.key), code, why)
    }

    /// The field has exactly this value.
    fn holds(&self, value: &Value) -> Condition {
        let part = Map::from_iter([(self.field.key.clone(), value.clone())]);
        let fields = sql::<Bool>("objects.fields @> ");
        Box::new(fields.bind::<Jsonb, _>(Embedded(part)))
    }

    /// Compares the field with a value of the type `T`, which SQL calls `name`.
    fn compares<T: DeserializeOwned + Serialize>(
        &self,
        definition: &Definition,
        name: &str,
    ) -> Result<Condition, Fault> {
        let value = serde_json::from_value::<T>(self.text.into()).and_then(serde_json::to_value);
        let value = value.map_err(|_| self.wrong("type", "not a value of the field's type"))?;
        // PostgreSQL does not read every spelling that the API accepts.
        let text = value.as_str().unwrap_or_default().to_owned();
        // Another type may have a text in a field of this name, and conditions come in any order.
        let value = sql::<Bool>("case when objects.type = ")
            .bind::<Text, _>(definition.key.clone())
            .sql(" then (objects.fields ->> ")
            .bind::<Text, _>(self.field.key.clone());
        let value = value.sql(&format!(")::{name} end {} (", self.sign));
        Ok(Box::new(value.bind::<Text, _>(text).sql(&format!(")::{name}"))))
    }

    fn of_options(&self) -> Result<Condition, Fault> {
        let options: Vec<String> = self.text.split(',').map(str::to_owned).collect();
        let known = |key: &String| self.field.options.iter().any(|option| option.key == *key);
        if !options.iter().all(known) {
            return Err(self.wrong("unknown_value", "not an option of the field"));
        }
        let value = sql::<Bool>("objects.fields -> ").bind::<Text, _>(self.field.key.clone());
        Ok(Box::new(value.sql(" ?| ").bind::<Array<Text>, _>(options)))
    }
}
