//! SQL that is composed of readable parts, with its values beside it.

use diesel::pg::Pg;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{self, Array, Text};
use platform::{Date, Timestamp};
use uuid::Uuid;

/// The values of one statement. A part of the text asks for a placeholder and leaves its value
/// here.
#[derive(Debug, Clone, Default)]
pub struct Binds(Vec<Value>);

/// One value of a statement.
#[derive(Debug, Clone)]
enum Value {
    Date(Date),
    Instant(Timestamp),
    Id(Uuid),
    Ids(Vec<Uuid>),
    Text(String),
}

impl Binds {
    /// Adds a day and returns its placeholder: `$3::date`.
    pub fn date(&mut self, day: Date) -> String {
        self.keep(Value::Date(day))
    }

    /// Adds an instant and returns its placeholder.
    pub fn instant(&mut self, at: Timestamp) -> String {
        self.keep(Value::Instant(at))
    }

    /// Adds an id and returns its placeholder.
    pub fn id(&mut self, id: Uuid) -> String {
        self.keep(Value::Id(id))
    }

    /// Adds an array of ids and returns its placeholder.
    pub fn ids(&mut self, ids: &[Uuid]) -> String {
        self.keep(Value::Ids(ids.to_vec()))
    }

    /// Adds a text and returns its placeholder.
    pub fn text(&mut self, text: &str) -> String {
        self.keep(Value::Text(text.to_owned()))
    }

    fn keep(&mut self, value: Value) -> String {
        let kind = value.kind();
        self.0.push(value);
        format!("${}::{kind}", self.0.len())
    }

    /// Returns the statement of this text with all values. Each value has a type, so that the text
    /// need not use all of them.
    pub fn query(&self, text: &str) -> BoxedSqlQuery<'static, Pg, SqlQuery> {
        let query = diesel::sql_query(text).into_boxed();
        self.0.iter().cloned().fold(query, |query, value| match value {
            Value::Date(day) => query.bind::<sql_types::Date, _>(day),
            Value::Instant(at) => query.bind::<sql_types::Timestamptz, _>(at),
            Value::Id(id) => query.bind::<sql_types::Uuid, _>(id),
            Value::Ids(ids) => query.bind::<Array<sql_types::Uuid>, _>(ids),
            Value::Text(text) => query.bind::<Text, _>(text),
        })
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Date(_) => "date",
            Self::Instant(_) => "timestamptz",
            Self::Id(_) => "uuid",
            Self::Ids(_) => "uuid[]",
            Self::Text(_) => "text",
        }
    }
}
