//! Exchange rates, 汇率: the value of a unit of one currency in another, by day.

mod batch;
pub mod http;

use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::HasReferences;
use platform::{
    Change, Conn, Date, Error, Fault, IfMatch, Json, List, Money, Number, Patch, Resource, Result,
    Timestamp, Tx, page, resource, set,
};
use schema::exchange_rates;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// An exchange rate, 汇率
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, HasQuery, Insertable, AsChangeset)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ExchangeRate {
    pub id: Uuid,
    pub version: i64,
    #[serde(rename = "from")]
    #[diesel(column_name = from_currency)]
    #[schema(example = "USD")]
    pub from: String,
    #[serde(rename = "to")]
    #[diesel(column_name = to_currency)]
    #[schema(example = "CNY")]
    pub to: String,
    /// First day of the rate. It applies until a later rate for the same pair
    pub valid_on: Date,
    /// Units of `to` for one unit of `from`
    pub rate: Number,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

resource! {
    ExchangeRate: "exchange_rate" at "/api/v1/exchange-rates",
    seen by everybody
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "from": "USD", "to": "CNY", "valid_on": "2026-11-02", "rate": "7.12" }))]
pub struct NewExchangeRate {
    #[schema(pattern = "^[A-Z]{3}$")]
    from: String,
    #[schema(pattern = "^[A-Z]{3}$")]
    to: String,
    valid_on: Date,
    rate: Number,
}

/// A merge patch. The pair and the day cannot be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({ "rate": "7.13" }))]
pub struct ExchangeRateChanges {
    #[schema(nullable = false)]
    rate: Option<Number>,
}

/// Filters for the list of exchange rates.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExchangeRateFilter {
    #[param(min_length = 3, max_length = 3)]
    from: Option<String>,
    #[param(min_length = 3, max_length = 3)]
    to: Option<String>,
    valid_from: Option<Date>,
    /// Exclusive
    valid_to: Option<Date>,
}

impl HasReferences for ExchangeRateFilter {}

page! {
    /// A page of exchange rates
    ExchangeRatePage of ExchangeRate
}

impl ExchangeRate {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        if self.rate <= Number::default() {
            faults.push(Fault::new("/rate", "range", "more than 0"));
        }
        if self.from == self.to {
            faults.push(Fault::new("/to", "same_currency", "must differ from `from`"));
        }
        faults
    }

    fn check(&self) -> Result<()> {
        let faults = self.faults();
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}

/// Selects the rates that match the filter. Every user can see all rates.
fn matching(filter: &ExchangeRateFilter) -> exchange_rates::BoxedQuery<'_, Pg> {
    let mut query = exchange_rates::table.into_boxed();
    platform::filter_by!(
        query,
        exchange_rates::from_currency.eq(&filter.from),
        exchange_rates::to_currency.eq(&filter.to),
        exchange_rates::valid_on.ge(filter.valid_from),
        exchange_rates::valid_on.lt(filter.valid_to),
    );
    query
}

impl ExchangeRate {
    async fn list(conn: &mut Conn, list: &List<ExchangeRateFilter>) -> Result<ExchangeRatePage> {
        use exchange_rates::{id, valid_on};
        let listed = || matching(list.as_sent()).filter(list.rows(id, exchange_rates::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed()
            .filter(list.before::<Date, _, _>(valid_on, id)?)
            .order((valid_on.desc(), id.desc()))
            .select(Self::as_select())
            .limit(list.fetch());
        list.page(rows.load(conn).await?, total, |rate: &Self| (rate.valid_on, rate.id))
    }

    async fn find(conn: &mut Conn, id: Uuid) -> Result<Self> {
        Ok(Self::query().filter(exchange_rates::id.eq(id)).first(conn).await?)
    }

    async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let row = exchange_rates::table.find(id).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    async fn create(tx: &mut Tx, _: &Caller, new: &Json<NewExchangeRate>) -> Result<Self> {
        let rate = Self {
            id: Uuid::now_v7(),
            version: 1,
            from: new.from.clone(),
            to: new.to.clone(),
            valid_on: new.valid_on,
            rate: new.rate,
            source_system: None,
            external_id: None,
            created_at: tx.now,
            updated_at: tx.now,
        };

        rate.check()?;
        let insert = diesel::insert_into(exchange_rates::table).values(&rate);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&rate)).await?;
        Ok(rate)
    }

    async fn update(
        tx: &mut Tx,
        id: Uuid,
        based_on: IfMatch,
        changes: &Patch<ExchangeRateChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;

        let mut after = before.clone();
        set(&mut after.rate, changes.rate.as_ref());
        let after = before.next(after, tx.now);

        if after != before {
            after.check()?;
            diesel::update(exchange_rates::table.find(id)).set(&after).execute(tx.conn()).await?;
            tx.record(Change::updated(&before, &after)).await?;
        }
        Ok(after)
    }

    async fn delete(tx: &mut Tx, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, &[]).await?;
        diesel::delete(exchange_rates::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await
    }

    /// Returns the rate of a pair on a day: the latest one valid on or before that day, otherwise
    /// the inverse of the opposite pair. `None` if neither exists.
    pub async fn on(conn: &mut Conn, from: &str, to: &str, day: Date) -> Result<Option<Number>> {
        if from == to {
            return Ok(Some(Number(1.into())));
        }
        let latest = |from: &str, to: &str| {
            exchange_rates::table
                .filter(exchange_rates::from_currency.eq(from.to_owned()))
                .filter(exchange_rates::to_currency.eq(to.to_owned()))
                .filter(exchange_rates::valid_on.le(day))
                .order(exchange_rates::valid_on.desc())
                .select(exchange_rates::rate)
        };

        let direct: Option<Number> = latest(from, to).first(conn).await.optional()?;
        if direct.is_some() {
            return Ok(direct);
        }

        let inverse: Option<Number> = latest(to, from).first(conn).await.optional()?;
        Ok(inverse.map(|rate| Number((rust_decimal::Decimal::ONE / rate.0).round_dp(10))))
    }

    /// Returns the rate like [`ExchangeRate::on`], or a fault at `pointer` if there is none.
    pub async fn required(
        conn: &mut Conn,
        (from, to): (&str, &str),
        day: Date,
        pointer: &str,
    ) -> Result<Number> {
        let missing = || {
            let why = format!("no exchange rate from {from} to {to} on or before {day}");
            Error::invalid_as(
                "no_exchange_rate",
                vec![Fault::new(pointer, "no_exchange_rate", why)],
            )
        };
        Self::on(conn, from, to, day).await?.ok_or_else(missing)
    }
}

/// Returns SQL for the value of one unit of a currency in the company's currency on a day, by the
/// rule of [`ExchangeRate::on`]. Null without a rate, 1 without a currency.
pub fn rate_on(currency: &str, day: &str) -> String {
    let company = "(select currency from company)";
    format!(
        "case when {currency} is null or {currency} = {company} then 1 else coalesce(
            (select rate from exchange_rates where from_currency = {currency}
                and to_currency = {company} and valid_on <= {day} order by valid_on desc limit 1),
            (select round(1 / rate, 10) from exchange_rates where from_currency = {company}
                and to_currency = {currency} and valid_on <= {day}
                order by valid_on desc limit 1)) end"
    )
}

/// Converts an amount at a rate, rounded to six decimals. This precision is stored; it is not meant
/// for display.
pub fn converted(amount: Money, rate: Number) -> Money {
    if rate.0 == rust_decimal::Decimal::ONE {
        return amount;
    }
    let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    Money((amount.0 * rate.0).round_dp_with_strategy(6, strategy))
}

fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("exchange_rates_pair_key", "/valid_on", "duplicate")
        .on_constraint("exchange_rates_external_id_key", "/external_id", "duplicate")
}
