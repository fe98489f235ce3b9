//! Import of exchange rates from an ERP.

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, HasReferences, Imported, Keys, Unique};
use platform::batch::ItemKey;
use platform::{Conn, Date, Fault, Number, Result, Tx, batch, set};
use schema::exchange_rates;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ExchangeRate, refused};

/// An exchange rate as its ERP reports it. A new rate needs all fields.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ExchangeRateItem {
    #[serde(flatten)]
    key: ItemKey,
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    from: Option<String>,
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    to: Option<String>,
    #[schema(nullable = false)]
    valid_on: Option<Date>,
    #[schema(nullable = false)]
    rate: Option<Number>,
}

impl HasReferences for ExchangeRateItem {}

intake::find! {
    /// Lookup of exchange rates. Every user can see them.
    find_rates in exchange_rates, |_| exchange_rates::id.is_not_null()
}

batch! {
    /// Exchange rates of one source system, in any sequence
    ExchangeRateBatch of ExchangeRateItem
}

impl Imported for ExchangeRate {
    type Item = ExchangeRateItem;
    type Context = ();

    const FIND: Find = find_rates;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/valid_on",
        of: |rate| Some(format!("{} {} {}", rate.from, rate.to, rate.valid_on)),
        holders: "select id, value from exchange_rates, concat(from_currency, ' ', to_currency, \
            ' ', valid_on) as value where value = any($1)",
        release: "update exchange_rates set valid_on = date '9000-01-01' + place from \
            (select id, row_number() over ()::int as place from unnest($1::uuid[]) as it (id)) as it \
            where it.id = exchange_rates.id",
    }];
    const TOGETHER: &'static [&'static [&'static str]] = &[&["from", "to", "valid_on"]];

    async fn stored(conn: &mut Conn, _: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = exchange_rates::source_system.eq(keys.source_system).assume_not_null();
        let ids = exchange_rates::external_id.eq_any(&keys.external_ids).assume_not_null();
        let rows = exchange_rates::table
            .filter(known.and(ids).or(exchange_rates::id.eq_any(&keys.ids)))
            .order(exchange_rates::id)
            .select(Self::as_select());
        Ok(rows.for_update().load(conn).await?)
    }

    async fn context(_: &mut Tx, _: &Caller, _: &[Arrival<Self>]) -> Result<()> {
        Ok(())
    }

    fn drafted(arrival: &Arrival<Self>, (): &()) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, source_system, .. } = arrival;
        let mut after = match (before, &item.from, &item.to, item.valid_on, item.rate) {
            (Some(before), ..) => before.clone(),
            (None, Some(from), Some(to), Some(valid_on), Some(rate)) => Self {
                id: *id,
                version: 1,
                from: from.clone(),
                to: to.clone(),
                valid_on,
                rate,
                source_system: None,
                external_id: None,
                created_at: *now,
                updated_at: *now,
            },
            (None, from, to, valid_on, rate) => {
                let sent = [from.is_some(), to.is_some(), valid_on.is_some(), rate.is_some()];
                let missing = ["from", "to", "valid_on", "rate"].into_iter().zip(sent);
                let fault = |name| {
                    Fault::new(format!("/{name}"), "required", "required for a new exchange rate")
                };
                return Err(missing.filter(|field| !field.1).map(|field| fault(field.0)).collect());
            }
        };

        set(&mut after.from, item.from.as_ref());
        set(&mut after.to, item.to.as_ref());
        set(&mut after.valid_on, item.valid_on.as_ref());
        set(&mut after.rate, item.rate.as_ref());
        after.source_system = Some(source_system.clone());
        after.external_id = Some(item.key.external_id.clone());

        let faults = after.faults();
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, exchange_rates, drafts, |draft| &draft.after,
            keeping ["id", "created_at"], refused
        );
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}
