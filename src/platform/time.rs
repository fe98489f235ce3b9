//! Instants and days for the API, the database and the tests.
//!
//! They are newtypes over jiff, because a row type with `jiff_diesel` wrappers needs two attributes
//! on every field, and because jiff's own parsers accept more spellings than the API.

use std::fmt;
use std::sync::{Arc, RwLock};

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

macro_rules! temporal {
    ($(#[$meta:meta])* $name:ident, $jiff:ty, $via:ty, $sql:ty, $format:ident, $check:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, AsExpression, FromSqlRow)]
        #[diesel(sql_type = $sql)]
        pub struct $name(pub $jiff);

        impl ToSql<$sql, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                ToSql::<$sql, Pg>::to_sql(&<$via>::from(self.0), &mut out.reborrow())
            }
        }
        impl FromSql<$sql, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <$via as FromSql<$sql, Pg>>::from_sql(value).map(|value| Self(value.into()))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let strict: fn(&str) -> bool = $check;
                match text.parse() {
                    Ok(value) if strict(&text) => Ok(Self(value)),
                    _ => Err(de::Error::custom("not in the documented format")),
                }
            }
        }
        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let format = Some(SchemaFormat::KnownFormat(KnownFormat::$format));
                ObjectBuilder::new().schema_type(Type::String).format(format).into()
            }
        }
        impl utoipa::ToSchema for $name {}
    };
}

temporal! {
    /// An instant in UTC, formatted as in RFC 3339, with the microseconds of the database.
    Timestamp, jiff::Timestamp, jiff_diesel::Timestamp, sql_types::Timestamptz, DateTime,
    |text| Timestamp::read(text).is_some()
}
temporal! {
    /// A business date, `YYYY-MM-DD`.
    Date, jiff::civil::Date, jiff_diesel::Date, sql_types::Date, Date, |text| text.len() == 10 && text.as_bytes()[4] == b'-'
}

impl Date {
    /// The first business date that a request may name.
    pub const FIRST: Self = Self(jiff::civil::date(1900, 1, 1));
    /// The last business date that a request may name. Reports can cover all days in between.
    pub const LAST: Self = Self(jiff::civil::date(2199, 12, 31));

    /// Parses a date in the documented format, regardless of the valid range.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let strict = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
        text.parse().ok().filter(|_| strict).map(Self)
    }
}

impl Timestamp {
    /// Parses an instant in the documented format, regardless of the valid range. RFC 3339 allows
    /// fewer spellings than jiff.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let is_digit = |letter: char| letter.is_ascii_digit();
        let (whole, rest) = text.split_at_checked(19)?;
        let zone = match rest.strip_prefix('.') {
            Some(fraction) if fraction.starts_with(is_digit) => {
                fraction.trim_start_matches(is_digit)
            }
            _ => rest,
        };
        let strict = whole.replace(is_digit, "0").eq_ignore_ascii_case("0000-00-00T00:00:00")
            && matches!(zone.replace(is_digit, "0").as_str(), "Z" | "z" | "+00:00" | "-00:00");
        text.parse().ok().filter(|_| strict).map(Self)
    }

    /// Checks whether the day of the instant, in UTC, is a valid business date.
    pub(crate) fn is_valid(self) -> bool {
        (Date::FIRST..=Date::LAST).contains(&Date(self.0.to_zoned(TimeZone::UTC).date()))
    }
}

/// The current time, with the time zone and the currency of the company. It is passed in, so that
/// tests can set it to any instant.
#[derive(Debug, Clone)]
pub struct Clock(Arc<RwLock<Dial>>);

#[derive(Debug)]
struct Dial {
    fixed: Option<Timestamp>,
    zone: TimeZone,
    currency: String,
}

impl Default for Clock {
    /// The system clock, in UTC until the company's time zone is known.
    fn default() -> Self {
        let dial = Dial { fixed: None, zone: TimeZone::UTC, currency: String::new() };
        Self(Arc::new(RwLock::new(dial)))
    }
}

impl Clock {
    /// A clock that shows the same instant until it is set again.
    pub fn fixed(now: Timestamp) -> Self {
        let clock = Self::default();
        clock.set(now);
        clock
    }

    pub fn set(&self, now: Timestamp) {
        self.0.write().expect("no panic under the lock").fixed = Some(now);
    }

    /// Follows the system clock again.
    pub fn release(&self) {
        self.0.write().expect("no panic under the lock").fixed = None;
    }

    pub fn set_zone(&self, zone: TimeZone) {
        self.0.write().expect("no panic under the lock").zone = zone;
    }

    pub fn zone(&self) -> TimeZone {
        self.0.read().expect("no panic under the lock").zone.clone()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        let fixed = self.0.read().expect("no panic under the lock").fixed;
        fixed.unwrap_or_else(|| {
            let now = jiff::Timestamp::now().round(jiff::Unit::Microsecond);
            Timestamp(now.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
        })
    }

    pub fn set_currency(&self, currency: &str) {
        currency.clone_into(&mut self.0.write().expect("no panic under the lock").currency);
    }

    /// The currency of the company. It is kept here because it is needed wherever the time zone is.
    pub fn currency(&self) -> String {
        self.0.read().expect("no panic under the lock").currency.clone()
    }

    /// The business date: the current day in the company's time zone.
    pub fn today(&self) -> Date {
        self.day_of(self.now())
    }

    /// The business date of an instant.
    pub fn day_of(&self, now: Timestamp) -> Date {
        Date(now.0.to_zoned(self.zone()).date())
    }
}
