//! Import of shipments from an ERP. A batch reports what has happened: more may have been shipped
//! than was ordered.

use std::collections::{HashMap, HashSet};

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys, Reference, Unique};
use platform::batch::ItemKey;
use platform::{Conn, Date, Fault, Result, Tx, batch, sent};
use rust_decimal::Decimal;
use schema::shipments;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{OrderFacts, facts, refused};
use super::{Shipment, ShipmentLine, ShipmentStatus};
use crate::order::{self, find_orders};

/// A shipment as its ERP reports it. Absent fields keep their value, `null` clears, lines are
/// replaced as a whole. A new shipment needs `order_id`, `shipped_on` and `lines`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ShipmentItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    facts: ShipmentFacts,
}

/// The fields of a shipment that an ERP can report.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ShipmentFacts {
    /// Default: the external id, cut to 60 characters
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    number: Option<String>,
    #[schema(nullable = false)]
    order_id: Option<Uuid>,
    /// Default: `delivered` when `delivered_on` is sent, otherwise `shipped` for a new shipment and
    /// unchanged for a known one
    #[schema(inline, nullable = false)]
    status: Option<ShipmentStatus>,
    /// Cannot be in the future, except for a cancelled shipment
    #[schema(nullable = false)]
    shipped_on: Option<Date>,
    /// Not before `shipped_on`, and not in the future except for a cancelled shipment
    #[serde(deserialize_with = "sent")]
    delivered_on: Option<Option<Date>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 100)]
    carrier: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 100)]
    tracking_number: Option<Option<String>>,
    #[schema(min_items = 1, max_items = 1000, nullable = false)]
    lines: Option<Vec<ShipmentLine>>,
}

intake::references! {
    ShipmentItem: &[Reference { at: "order", of: "order", find: find_orders }];
}

intake::find! {
    /// Lookup of shipments visible to the caller.
    find_shipments in shipments, sees Shipment
}

batch! {
    /// Shipments of one source system, in any sequence
    ShipmentBatch of ShipmentItem
}

impl Imported for Shipment {
    type Item = ShipmentItem;
    /// The orders of the shipments
    type Context = HashMap<Uuid, OrderFacts>;

    const FIND: Find = find_shipments;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/number",
        of: |shipment| shipment.source_system.is_some().then(|| shipment.number.clone()),
        holders: "select id, number as value from shipments \
            where source_system = $2 and number = any($1)",
        release: "update shipments set number = id::text where id = any($1)",
    }];
    const TOGETHER: &'static [&'static [&'static str]] = &[&["status", "delivered_on"]];

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = shipments::source_system.eq(keys.source_system).assume_not_null();
        let known = known.and(shipments::external_id.eq_any(&keys.external_ids).assume_not_null());
        let rows = shipments::table.filter(caller.sees::<Shipment>());
        let rows = rows.order(shipments::id).select(Self::as_select()).for_no_key_update();
        if keys.ids.is_empty() {
            return Ok(rows.filter(known).load(conn).await?);
        }
        Ok(rows.filter(known.or(shipments::id.eq_any(&keys.ids))).load(conn).await?)
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Self::Context> {
        let ids = arrivals.iter().flat_map(|arrival| {
            arrival
                .item
                .facts
                .order_id
                .into_iter()
                .chain(arrival.before.as_ref().map(|row| row.order_id))
        });
        let ids: Vec<Uuid> = ids.collect::<HashSet<_>>().into_iter().collect();
        facts(tx.conn(), &ids).await
    }

    fn drafted(arrival: &Arrival<Self>, orders: &Self::Context) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, today, .. } = arrival;
        let facts = &item.facts;
        let mut shipment = match (before, facts.order_id, facts.shipped_on, &facts.lines) {
            (Some(before), ..) => before.clone(),
            (None, Some(order), Some(day), Some(_)) => Self::blank(arrival, order, day),
            (None, order, day, lines) => {
                let sent = [order.is_some(), day.is_some(), lines.is_some()];
                let missing = ["order_id", "shipped_on", "lines"].into_iter().zip(sent);
                let missing = missing.filter(|field| !field.1);
                let why = "required for a new shipment";
                return Err(missing
                    .map(|field| Fault::new(format!("/{}", field.0), "required", why))
                    .collect());
            }
        };

        shipment.source_system = Some(arrival.source_system.clone());
        shipment.external_id = Some(item.key.external_id.clone());
        shipment.apply(facts);

        let order = orders.get(&shipment.order_id);
        shipment.seen_by = order.map(|order| order.seen_by.clone()).unwrap_or_default();
        let faults = shipment.faults(order.map_or(&[], |order| &order.lines), *today);
        if faults.is_empty() { Ok(shipment) } else { Err(faults) }
    }

    /// Inserts new rows and updates known ones in one statement, told apart by their ids. The
    /// orders are then brought in sync.
    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        intake::upsert!(
            tx, shipments, drafts, |draft| &draft.after,
            keeping ["id", "created_at"], refused
        );

        // A shipment may have moved to another order; both orders must follow.
        let both = drafts.iter().flat_map(|draft| {
            draft.before.as_ref().map(|row| row.order_id).into_iter().chain([draft.after.order_id])
        });
        let orders: Vec<Uuid> = both.collect::<HashSet<_>>().into_iter().collect();
        order::shipped(tx, &orders).await
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

impl Shipment {
    fn blank(arrival: &Arrival<Self>, order_id: Uuid, shipped_on: Date) -> Self {
        Self {
            id: arrival.id,
            version: 1,
            number: arrival.item.key.external_id.chars().take(60).collect(),
            order_id,
            shipped_on,
            created_at: arrival.now,
            updated_at: arrival.now,
            ..Self::default()
        }
    }

    fn apply(&mut self, facts: &ShipmentFacts) {
        platform::patch!(self, facts => ShipmentFacts {
            number, order_id, shipped_on, delivered_on, carrier, tracking_number;
            status, lines
        });

        match (facts.status, facts.delivered_on) {
            (Some(status), _) => self.status = status,
            (None, Some(Some(_))) => self.status = ShipmentStatus::Delivered,
            (None, _) => {}
        }

        if let Some(lines) = &facts.lines {
            self.lines = lines.clone().into();
        }
    }

    /// Checks the rules that hold for every shipment. `ordered` are the line numbers of its order.
    fn faults(&self, ordered: &[i32], today: Date) -> Vec<Fault> {
        let mut faults = vec![];
        // A cancelled shipment keeps the day for which it was planned, which may be in the future.
        if self.status != ShipmentStatus::Cancelled {
            let days = [("shipped_on", Some(self.shipped_on)), ("delivered_on", self.delivered_on)];
            faults.extend(order::in_future(days, today));
        }

        for (index, line) in self.lines.iter().enumerate() {
            let mut wrong = |name: &str, code: &'static str, why: &str| {
                faults.push(Fault::new(format!("/lines/{index}/{name}"), code, why));
            };
            if !ordered.contains(&line.line_number) {
                wrong("line_number", "unknown_reference", "the order has no such line");
            }
            if self.lines[..index].iter().any(|other| other.line_number == line.line_number) {
                wrong("line_number", "duplicate", "each line may be listed only once");
            }
            if line.quantity.0 <= Decimal::ZERO {
                wrong("quantity", "range", "more than 0");
            }
        }

        if self.delivered_on.is_some_and(|day| day < self.shipped_on) {
            faults.push(Fault::new("/delivered_on", "range", "must not be before `shipped_on`"));
        }
        faults
    }
}
