//! Lists and records that are part of a row and stored in it as `jsonb`.

use std::fmt::Debug;
use std::io::Write;
use std::ops::Deref;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Jsonb;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A part of a row: `prices: Embedded<Vec<Price>>`. Its JSON is that of the inner value.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow,
)]
#[diesel(sql_type = Jsonb)]
#[serde(transparent)]
pub struct Embedded<T: Debug>(pub T);

impl<T: Debug> From<T> for Embedded<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Debug> Deref for Embedded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Serialize + Debug> ToSql<Jsonb, Pg> for Embedded<T> {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        // The binary format of `jsonb`: the version 1, then the text.
        out.write_all(&[1])?;
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}

impl<T: DeserializeOwned + Debug> FromSql<Jsonb, Pg> for Embedded<T> {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let text = value.as_bytes().get(1..).unwrap_or_default();
        Ok(Self(serde_json::from_slice(text)?))
    }
}
