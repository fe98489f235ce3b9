//! Search for customers near a place, 附近客户: within a circle, nearest first.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Double};
use platform::text_enum;
use schema::customers;
use serde::Deserialize;

text_enum! {
    pub enum CustomerSort {
        Name = "name",
        /// Alphabetical order of the names in pinyin
        Pinyin = "name_pinyin",
        NewestFirst = "-created_at",
        /// Only with `near`
        Distance = "distance",
    }
}

/// The maximum radius in metres.
const FARTHEST: u32 = 100_000;

/// The length of a degree of latitude in metres, rounded down so that the rectangle is never too
/// small.
const DEGREE: f64 = 111_000.0;

/// The highest latitude that a centre can have. A rectangle in degrees makes no sense beyond it.
const POLAR: f64 = 85.0;

/// A circle: `latitude,longitude,metres`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Near {
    latitude: f64,
    longitude: f64,
    metres: u32,
}

impl TryFrom<String> for Near {
    type Error = &'static str;

    fn try_from(text: String) -> std::result::Result<Self, Self::Error> {
        let why =
            "must be `latitude,longitude,metres`, with degrees of WGS 84 and 1 to 100000 metres";
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let [latitude, longitude, metres] = parts[..] else { return Err(why) };
        let degrees = |part: &str| part.parse::<f64>().map_err(|_| why);
        let (latitude, longitude) = (degrees(latitude)?, degrees(longitude)?);
        let metres: u32 = metres.parse().map_err(|_| why)?;

        let good = (-POLAR..=POLAR).contains(&latitude)
            && (-180.0..=180.0).contains(&longitude)
            && (1..=FARTHEST).contains(&metres);
        let near = Self { latitude, longitude, metres };
        good.then_some(near).ok_or(why)
    }
}

impl Near {
    /// Returns the rectangle around the circle, as (south, north) and (west, east), which an index
    /// can find. If it crosses the 180th meridian, it covers all longitudes.
    fn rectangle(&self) -> ((f64, f64), (f64, f64)) {
        let high = f64::from(self.metres) / DEGREE;
        let farthest = (self.latitude.abs() + high).min(89.0).to_radians();
        let wide = high / farthest.cos();
        let (west, east) = (self.longitude - wide, self.longitude + wide);
        let lines = if west < -180.0 || east > 180.0 { (-180.0, 180.0) } else { (west, east) };
        ((self.latitude - high, self.latitude + high), lines)
    }

    pub fn filter(self, query: customers::BoxedQuery<'_, Pg>) -> customers::BoxedQuery<'_, Pg> {
        let (latitudes, longitudes) = self.rectangle();
        query
            .filter(customers::latitude.between(latitudes.0, latitudes.1).assume_not_null())
            .filter(customers::longitude.between(longitudes.0, longitudes.1).assume_not_null())
            .filter(Distance(self).le(i64::from(self.metres)))
    }
}

/// The distance from the centre to the customer on a sphere, in whole metres, so that a cursor can
/// hold it exactly.
#[derive(Debug, Clone, Copy)]
pub struct Distance(pub Near);

impl Expression for Distance {
    type SqlType = BigInt;
}

impl<Q> AppearsOnTable<Q> for Distance where customers::latitude: AppearsOnTable<Q> {}

impl<Q> SelectableExpression<Q> for Distance where customers::latitude: SelectableExpression<Q> {}

impl ValidGrouping<()> for Distance {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for Distance {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for Distance {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        // The haversine formula. `least` keeps rounding errors from raising the root above 1.
        out.push_sql(
            "coalesce(round(12742016 * asin(least(1, sqrt(sin(radians(customers.latitude - ",
        );
        out.push_bind_param::<Double, _>(&self.0.latitude)?;
        out.push_sql(") / 2) ^ 2 + cos(radians(");
        out.push_bind_param::<Double, _>(&self.0.latitude)?;
        out.push_sql(")) * cos(radians(customers.latitude)) * sin(radians(customers.longitude - ");
        out.push_bind_param::<Double, _>(&self.0.longitude)?;
        out.push_sql(") / 2) ^ 2))))::bigint, 0)");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(text: &str) -> Option<Near> {
        Near::try_from(text.to_owned()).ok()
    }

    #[test]
    fn a_circle_has_a_centre_and_a_radius() {
        assert!(near("31.23,121.47,500").is_some());
        for wrong in [
            "",
            "31,121",
            "31,121,0",
            "31,121,100001",
            "91,0,5",
            "0,181,5",
            "a,b,c",
            "1,2,3,4",
            "NaN,0,5",
            "31,121,inf",
            "1,,2,3",
        ] {
            assert_eq!(near(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_rectangle_holds_the_circle() {
        let ((south, north), (west, east)) = near("60,10,10000").unwrap().rectangle();
        assert!(south < 59.911 && north > 60.089);
        assert!(west < 9.82 && east > 10.18);

        let (_, (west, east)) = near("-17,179.99,5000").unwrap().rectangle();
        assert_eq!((west, east), (-180.0, 180.0));
    }
}
