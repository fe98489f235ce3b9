//! Amounts of money, quantities and percentages: exact decimals, which are strings in JSON and
//! `numeric` in the database.

use std::borrow::Cow;
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, Output, ToSql};
use diesel::sql_types::Numeric;
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::error::Fault;

const MOST_DIGITS: u32 = 6;

thread_local! {
    /// The minimum decimal places of amounts in the value that this thread is serializing. Serde
    /// passes no context down, so that an amount does not know the currency beside it. See
    /// [`in_currency`].
    static LEAST_DIGITS: Cell<u32> = const { Cell::new(2) };
}

/// Runs a serialization whose amounts have the decimal places of this currency (KWD `"2.000"`, JPY
/// `"2"`). `None` leaves the surrounding currency in effect, see [`with_currency`].
pub fn in_currency<T>(currency: Option<&str>, serialize: impl FnOnce() -> T) -> T {
    struct Restore(u32);
    impl Drop for Restore {
        fn drop(&mut self) {
            LEAST_DIGITS.set(self.0);
        }
    }

    let Some(currency) = currency else { return serialize() };
    let _restore = Restore(LEAST_DIGITS.replace(minor_digits(currency)));
    serialize()
}

/// Runs a future in which amounts without a currency of their own, such as credit limits, are in
/// this currency: the company's.
pub async fn with_currency<F: Future>(currency: String, work: F) -> F::Output {
    let mut work = pin!(work);
    // Set for each poll, because other work runs on this thread in between.
    poll_fn(|cx| in_currency(Some(currency.as_str()), || work.as_mut().poll(cx))).await
}

/// Serializes a type so that its amounts are in its currency. The type must derive `Serialize` with
/// `#[serde(remote = "Self")]`, which generates the function that this implementation wraps.
///
/// `in_currency! { Order: |order| Some(order.currency.as_str()) }`
#[macro_export]
macro_rules! in_currency {
    ($name:ty: |$it:ident| $currency:expr) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                let $it = self;
                let currency: Option<&str> = $currency;
                $crate::money::in_currency(currency, || Self::serialize(self, serializer))
            }
        }
    };
}

/// The pattern of all amounts, quantities and percentages.
pub const DECIMAL: &str = r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$";

macro_rules! decimal {
    ($(#[$meta:meta])* $name:ident as $schema:literal, $least:expr, $what:literal, $example:literal) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, AsExpression, FromSqlRow,
        )]
        #[diesel(sql_type = Numeric)]
        pub struct $name(pub Decimal);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut value = self.0.normalize();
                value.rescale(value.scale().max($least));
                value.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                match Decimal::from_str_exact(&text) {
                    Ok(value) if value.normalize().scale() <= MOST_DIGITS => Ok(Self(value)),
                    _ => Err(de::Error::custom("not a decimal string such as \"12.50\"")),
                }
            }
        }

        impl ToSql<Numeric, Pg> for $name {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                <Decimal as ToSql<Numeric, Pg>>::to_sql(&self.0, out)
            }
        }

        impl FromSql<Numeric, Pg> for $name {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                <Decimal as FromSql<Numeric, Pg>>::from_sql(value).map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some(DECIMAL))
                    .description(Some($what))
                    .examples([$example])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> Cow<'static, str> {
                $schema.into()
            }
        }
    };
}

decimal! {
    /// An amount of money such as `"12.50"`, never a JSON number. It has at least the decimal
    /// places of its currency, and up to six if they are significant.
    Money as "Money", LEAST_DIGITS.get(), "Amount of money, a decimal string", "12.50"
}
decimal! {
    /// A quantity, a percentage or a rate such as `"3"` or `"12.5"`, never a JSON number. It has up
    /// to six decimal places.
    Number as "DecimalNumber", 0, "Quantity or percentage, a decimal string", "12.5"
}

impl Money {
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Rounds half away from zero to the minor unit of the currency, as for all amounts that the
    /// service computes itself.
    #[must_use]
    pub fn rounded(self, currency: &str) -> Self {
        let digits = minor_digits(currency);
        Self(self.0.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero))
    }

    /// Returns a fault if the amount has more decimal places than its currency. Default currency:
    /// the company's. Only for amounts that people enter: those of an ERP are stored as sent.
    #[must_use]
    pub fn digits_fault(self, pointer: &str, currency: Option<&str>) -> Option<Fault> {
        let digits = in_currency(currency, || LEAST_DIGITS.get());
        let why = "must not have more decimal places than the currency";
        (self.0.normalize().scale() > digits).then(|| Fault::new(pointer, "range", why))
    }

    /// Formats the amount with the decimal places of its currency, for texts.
    #[must_use]
    pub fn shown_in(self, currency: &str) -> String {
        in_currency(Some(currency), || self.to_string())
    }

    /// Returns quantity × unit price × (1 − discount), rounded half away from zero to the minor
    /// unit of the currency.
    ///
    /// Calculates with integers: the exact product has up to 38 digits, a decimal only 28, and
    /// rounding twice may be a cent off. `None` if the result is too large.
    pub fn of_line(
        quantity: Number,
        unit_price: Self,
        discount_percent: Number,
        currency: &str,
    ) -> Option<Self> {
        let millionths = |value: Decimal| {
            let mut value = value.normalize();
            value.rescale(MOST_DIGITS);
            (value.scale() == MOST_DIGITS).then(|| value.mantissa())
        };
        let rest = millionths(Decimal::ONE_HUNDRED - discount_percent.0)?;
        let product = millionths(quantity.0)?.checked_mul(millionths(unit_price.0)?)?;
        let product = product.checked_mul(rest)?;

        let digits = minor_digits(currency);
        // The product has three times six decimal places, and two more of the percentage.
        let unit = 10_i128.pow(3 * MOST_DIGITS + 2 - digits);
        let (whole, left) = (product / unit, product % unit);
        let up = if left.abs() >= unit - left.abs() { product.signum() } else { 0 };
        Decimal::try_from_i128_with_scale(whole + up, digits).ok().map(Self)
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

/// Returns the number of decimal places of a currency (ISO 4217).
pub fn minor_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Splits an amount by weights so that the parts add up exactly, by the largest-remainder method:
/// the parts are rounded down, then those with the largest remainders get one unit of `10^-digits`
/// each. If the weights add up to zero, the first part gets everything.
pub fn split(amount: Decimal, weights: &[Decimal], digits: u32) -> Vec<Decimal> {
    let whole: Decimal = weights.iter().sum();
    if weights.is_empty() {
        return vec![];
    }

    let digits = digits.max(amount.normalize().scale());
    let unit = Decimal::new(1, digits);
    let part =
        |weight: &Decimal| if whole.is_zero() { Decimal::ZERO } else { amount * weight / whole };
    let exact = weights.iter().map(part);
    let exact: Vec<Decimal> = exact.collect();
    let floor =
        |part: &Decimal| part.round_dp_with_strategy(digits, RoundingStrategy::ToNegativeInfinity);
    let mut parts: Vec<Decimal> = exact.iter().map(floor).collect();

    // The largest remainders first; of equal ones the part that comes first.
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|at| (parts[*at] - exact[*at], *at));

    let mut left = amount - parts.iter().sum::<Decimal>();
    for at in order.into_iter().cycle() {
        if whole.is_zero() {
            parts[0] += left;
            break;
        }
        if left < unit {
            break;
        }
        parts[at] += unit;
        left -= unit;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_a_canonical_string() {
        let canonical = |text: &str| {
            serde_json::from_str::<Money>(text).map(|m| serde_json::to_string(&m).unwrap()).ok()
        };
        assert_eq!(canonical(r#""12.5""#).as_deref(), Some(r#""12.50""#));
        assert_eq!(canonical(r#""0.1234560""#).as_deref(), Some(r#""0.123456""#));
        assert_eq!(canonical(r#""0.1234567""#), None);
        assert_eq!(canonical("12.5"), None);
    }

    #[derive(Serialize)]
    #[serde(remote = "Self")]
    struct Bill {
        amount: Money,
        quantity: Number,
        parts: Vec<Money>,
        currency: Option<&'static str>,
    }
    in_currency! { Bill: |it| it.currency }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        let shown = |text: &str, currency| {
            let amount = Money(text.parse().unwrap());
            let quantity = Number(Decimal::from(3));
            let bill = Bill { amount, quantity, parts: vec![amount], currency };
            let json = serde_json::to_value(&bill).unwrap();
            assert_eq!((&json["quantity"], &json["parts"][0]), (&"3".into(), &json["amount"]));
            json["amount"].as_str().unwrap().to_owned()
        };

        assert_eq!(shown("2", Some("KWD")), "2.000");
        assert_eq!(shown("2.000000", Some("JPY")), "2");
        assert_eq!(shown("2", Some("CNY")), "2.00");
        assert_eq!(shown("2", None), "2.00");
        assert_eq!(shown("2.0005", Some("KWD")), "2.0005", "an ERP may send more");
        assert_eq!(shown("2.5", Some("JPY")), "2.5");
        assert_eq!(Money(Decimal::from(2)).shown_in("KWD"), "2.000");
        assert_eq!(Money(Decimal::from(2)).to_string(), "2.00", "nothing is left behind");
    }

    #[test]
    fn parts_add_up_to_the_cent() {
        let parts = |amount: &str, weights: &[i64], digits| {
            let weights: Vec<_> = weights.iter().map(|weight| Decimal::from(*weight)).collect();
            split(amount.parse().unwrap(), &weights, digits)
        };
        let text = |parts: Vec<Decimal>| {
            parts.iter().map(Decimal::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(parts("100.00", &[1, 1, 1], 2)), "33.34 33.33 33.33");
        assert_eq!(text(parts("-0.05", &[50, 50], 2)), "-0.02 -0.03");
        for amount in ["0", "0.01", "99.99", "-12345.678901", "1000000.1"] {
            for weights in [&[1, 2, 3][..], &[7], &[0, 0], &[33, 33, 34, 1, 1]] {
                let sum: Decimal = parts(amount, weights, 2).iter().sum();
                assert_eq!(sum, amount.parse::<Decimal>().unwrap(), "{amount} by {weights:?}");
            }
        }
    }

    #[test]
    fn an_amount_has_no_more_digits_than_its_currency() {
        let refused = |text: &str, currency| {
            Money(text.parse().unwrap()).digits_fault("/amount", currency).is_some()
        };

        assert!(refused("10.005", Some("CNY")) && refused("1.5", Some("JPY")));
        assert!(!refused("10.0050", Some("KWD")) && refused("10.0005", Some("KWD")));
        assert!(!refused("10.0500", Some("CNY")) && !refused("-1.000000", Some("JPY")));
        assert!(!refused("10.05", None) && refused("10.005", None));
    }

    #[test]
    fn half_a_cent_goes_away_from_zero() {
        let rounded =
            |text: &str, currency| Money(text.parse().unwrap()).rounded(currency).0.to_string();
        assert_eq!(rounded("1.005", "CNY"), "1.01");
        assert_eq!(rounded("-1.005", "CNY"), "-1.01");
        assert_eq!(rounded("1.5", "JPY"), "2");
    }

    #[test]
    fn a_line_is_rounded_once() {
        let line = |quantity: &str, price: &str, discount: &str, currency| {
            let of = |text: &str| text.parse::<Decimal>().unwrap();
            let (quantity, price) = (Number(of(quantity)), Money(of(price)));
            Money::of_line(quantity, price, Number(of(discount)), currency)
                .map(|it| it.0.to_string())
        };
        assert_eq!(line("3", "12.34", "10", "CNY").as_deref(), Some("33.32"));
        assert_eq!(line("-1", "0.005", "0", "CNY").as_deref(), Some("-0.01"));
        assert_eq!(line("0.5", "1", "0", "JPY").as_deref(), Some("1"));
        // 680005464014.8149999…, which 28 digits would make …815 first.
        let hair = line("628382533.458698", "1234.567891", "12.345681", "CNY");
        assert_eq!(hair.as_deref(), Some("680005464014.81"));
        assert_eq!(line("9999999999999", "9999999999999", "0", "CNY"), None);
    }
}
