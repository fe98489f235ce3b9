//! The recorded data of a row as JSON text. It is passed on unparsed, because building the trees of
//! thousands of rows dominates the cost of reading the feed. It is only parsed for readers who may
//! not see all of it.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::sql_types::{Json, Text};
use platform::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

/// The state of a row as JSON.
#[derive(Debug, Clone, Serialize, FromSqlRow)]
#[serde(transparent)]
pub struct Data(Box<RawValue>);

impl Data {
    pub fn of(row: &impl Serialize) -> Result<Self> {
        to_raw_value(row).map(Self).map_err(Error::internal)
    }

    /// `None` for null: rows that were deleted or handed over have no recorded state.
    pub fn known(self) -> Option<Self> {
        Some(self).filter(|data| data.0.get() != "null")
    }

    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(self.0.get()).map_err(Error::internal)
    }
}

impl FromSql<Json, Pg> for Data {
    fn from_sql(bytes: PgValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Pg>>::from_sql(bytes)?;
        Ok(Self(RawValue::from_string(text)?))
    }
}
