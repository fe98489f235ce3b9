//! Filters by fields: `kind=van,car`, `seats=ge:4`, `day=lt:2026-12-01`.

use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::sql_types::{Array, Bool, Jsonb, Text};
use platform::{Date, Embedded, Fault, Number, Result, Timestamp, query};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Field, FieldType};

/// Conditions of one request. Each is evaluated for every object of the type.
const MOST: usize = 20;

/// A condition on rows of the table `T`.
pub type Condition<T> = Box<dyn diesel::BoxableExpression<T, Pg, SqlType = Bool>>;

/// The place of the values in a table.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The column in SQL, such as `objects.fields`
    pub column: &'static str,
    /// What precedes the names of the fields in parameters
    pub prefix: &'static str,
    /// The column and the text of the rows that have these fields. Other rows may have values of
    /// other types under the same names
    pub only: Option<(&'static str, &'a str)>,
}

/// Comparisons of numbers and times, as they precede the value, and in SQL.
const SIGNS: &[(&str, &str)] = &[("gt:", ">"), ("ge:", ">="), ("lt:", "<"), ("le:", "<=")];

/// A field with the comparison and the value that was sent.
struct Filter<'a> {
    place: Place<'a>,
    field: &'a Field,
    sign: &'static str,
    text: &'a str,
}

/// Returns the conditions of parameters that are named by fields of the type. Unknown names and
/// values of the wrong type are 400 `invalid_query`.
pub fn conditions<T: 'static>(
    fields: &[Field],
    place: Place<'_>,
    parameters: &[(String, String)],
) -> Result<Vec<Condition<T>>> {
    let (mut found, mut faults) = (vec![], vec![]);
    for (name, text) in parameters {
        let key = name.strip_prefix(place.prefix);
        let Some(field) = key.and_then(|key| fields.iter().find(|field| field.key == key)) else {
            let why = "not a parameter of this operation or a field of the type";
            faults.push(Fault::new(format!("/{name}"), "unknown_field", why));
            continue;
        };
        match condition(field, place, text) {
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

fn condition<T: 'static>(
    field: &Field,
    place: Place<'_>,
    text: &str,
) -> Result<Condition<T>, Fault> {
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
    let filter = Filter { place, field, sign, text };
    match field.type_ {
        FieldType::Integer | FieldType::Decimal | FieldType::Money => {
            filter.compares::<Number, _>("numeric")
        }
        FieldType::Date => filter.compares::<Date, _>("date"),
        FieldType::Instant => filter.compares::<Timestamp, _>("timestamptz"),
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
        Fault::new(format!("/{}{}", self.place.prefix, self.field.key), code, why)
    }

    /// The field has exactly this value.
    fn holds<T: 'static>(&self, value: &Value) -> Condition<T> {
        let part = Map::from_iter([(self.field.key.clone(), value.clone())]);
        let fields = sql::<Bool>(self.place.column).sql(" @> ");
        Box::new(fields.bind::<Jsonb, _>(Embedded(part)))
    }

    /// Compares the field with a value of the type `V`, which SQL calls `name`.
    fn compares<V: DeserializeOwned + Serialize, T: 'static>(
        &self,
        name: &str,
    ) -> Result<Condition<T>, Fault> {
        let value = serde_json::from_value::<V>(self.text.into()).and_then(serde_json::to_value);
        let value = value.map_err(|_| self.wrong("type", "not a value of the field's type"))?;
        // PostgreSQL does not read every spelling that the API accepts.
        let text = value.as_str().unwrap_or_default().to_owned();
        // Conditions come in any order, so that one on the type would not spare the values of others.
        let (column, only) = self.place.only.unwrap_or(("''", ""));
        let value =
            sql::<Bool>("case when ").sql(column).sql(" = ").bind::<Text, _>(only.to_owned());
        let value = value.sql(" then (").sql(self.place.column).sql(" ->> ");
        let value = value.bind::<Text, _>(self.field.key.clone());
        let value = value.sql(&format!(")::{name} end {} (", self.sign));
        Ok(Box::new(value.bind::<Text, _>(text).sql(&format!(")::{name}"))))
    }

    fn of_options<T: 'static>(&self) -> Result<Condition<T>, Fault> {
        let options: Vec<String> = self.text.split(',').map(str::to_owned).collect();
        let known = |key: &String| self.field.options.iter().any(|option| option.key == *key);
        if !options.iter().all(known) {
            return Err(self.wrong("unknown_value", "not an option of the field"));
        }
        let value =
            sql::<Bool>(self.place.column).sql(" -> ").bind::<Text, _>(self.field.key.clone());
        Ok(Box::new(value.sql(" ?| ").bind::<Array<Text>, _>(options)))
    }
}
