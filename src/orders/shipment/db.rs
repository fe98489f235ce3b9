//! Queries on shipments. Every query that answers a caller starts at `Caller::sees`.

use std::collections::HashMap;

use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::{Conn, Date, Error, List, Result};
use rust_decimal::Decimal;
use schema::shipments;
use uuid::Uuid;

use super::{Shipment, ShipmentFilter, ShipmentPage, ShipmentStatus};

fn matching<'a>(caller: &'a Caller, filter: &'a ShipmentFilter) -> shipments::BoxedQuery<'a, Pg> {
    let mut query = shipments::table.filter(caller.sees::<Shipment>()).into_boxed();
    if let Some(order) = filter.order_id {
        query = query.filter(shipments::order_id.eq(order));
    }
    if let Some(customer) = filter.customer_id {
        let theirs = diesel::dsl::sql::<diesel::sql_types::Bool>(
            "exists (select from orders o where o.id = shipments.order_id and o.customer_id = ",
        );
        query = query.filter(theirs.bind::<SqlUuid, _>(customer).sql(")"));
    }

    platform::filter_by!(
        query,
        shipments::status.eq_any(&filter.status),
        shipments::number.eq(&filter.number),
        shipments::shipped_on.ge(filter.shipped_from),
        shipments::shipped_on.lt(filter.shipped_to),
    );
    query
}

impl Shipment {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<ShipmentFilter>,
    ) -> Result<ShipmentPage> {
        use shipments::{id, shipped_on};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, shipments::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let rows = listed()
            .filter(list.before::<Date, _, _>(shipped_on, id)?)
            .order((shipped_on.desc(), id.desc()))
            .select(Self::as_select())
            .limit(list.fetch());

        list.page(rows.load(conn).await?, total, |shipment: &Self| {
            (shipment.shipped_on, shipment.id)
        })
    }

    access::rows! { shipments: pub fn find }
}

/// Shipped and delivered quantities of an order per line number.
#[derive(Debug, Default)]
pub(crate) struct Shipped {
    pub sent: HashMap<i32, Decimal>,
    pub delivered: HashMap<i32, Decimal>,
    /// The day of the latest shipment
    pub last_on: Option<Date>,
}

/// Returns the shipped quantities of these orders. No visibility check: for computing the orders'
/// own status.
pub(crate) async fn quantities(conn: &mut Conn, orders: &[Uuid]) -> Result<HashMap<Uuid, Shipped>> {
    let rows = Shipment::query()
        .filter(shipments::order_id.eq_any(orders))
        .filter(shipments::status.ne(ShipmentStatus::Cancelled));
    let rows: Vec<Shipment> = rows.load(conn).await?;

    let mut shipped: HashMap<Uuid, Shipped> = HashMap::new();
    for row in rows {
        let of = shipped.entry(row.order_id).or_default();
        of.last_on = of.last_on.max(Some(row.shipped_on));
        for line in row.lines.iter() {
            *of.sent.entry(line.line_number).or_default() += line.quantity.0;
            if row.status == ShipmentStatus::Delivered {
                *of.delivered.entry(line.line_number).or_default() += line.quantity.0;
            }
        }
    }
    Ok(shipped)
}

/// Returns the line numbers of these orders and the people who see them. No visibility check: the
/// orders were checked as references.
pub(super) async fn facts(conn: &mut Conn, orders: &[Uuid]) -> Result<HashMap<Uuid, OrderFacts>> {
    let rows = diesel::sql_query(FACTS).bind::<Array<SqlUuid>, _>(orders);
    let rows: Vec<OrderFacts> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Data that a shipment needs of its order.
#[derive(Debug, QueryableByName)]
pub struct OrderFacts {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Array<SqlUuid>)]
    pub seen_by: Vec<Uuid>,
    #[diesel(sql_type = Array<diesel::sql_types::Int4>)]
    pub lines: Vec<i32>,
}

const FACTS: &str = "
    select o.id, o.credited || o.team_path || array_remove(array[c.owner_id], null) as seen_by,
        array(select line_number from order_lines l where l.order_id = o.id) as lines
    from orders o join customers c on c.id = o.customer_id where o.id = any($1)";

/// Maps constraint violations to faults. They occur when another request was faster.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("shipments_number_key", "/number", "duplicate")
        .on_constraint("shipments_external_id_key", "/external_id", "duplicate")
        .on_constraint("shipments_order_id_fkey", "/order_id", "unknown_reference")
}
