//! Changes of orders that follow from changes of their customers or people.

use std::collections::{HashMap, HashSet};

use ::credit::{check, open_item};
use customers::hooks::Move;
use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::RunQueryDsl;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use platform::changes::{self, Handed};
use platform::{Conn, Date, Money, Resource, Result, Tx};
use schema::orders;
use uuid::Uuid;

use super::Order;
use super::db::together;
use super::progress::{locked, save_all};
use crate::sales_entry;
use crate::shipment::Shipment;

/// Hook of the customers domain: moves the loser's orders and sales to the winner of a merge, or
/// back when the merge is undone. The exposure of both together stays the same, so that nothing is
/// refused, but orders that come to a customer beyond its limit are flagged.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    Box::pin(async move {
        let (winner, loser) = (rows.to, rows.from);
        let theirs = orders::table.filter(orders::customer_id.eq(loser.id)).order(orders::id);
        let theirs: Vec<Uuid> = theirs.select(orders::id).load(tx.conn()).await?;

        let moving = rows.taken(theirs, |id| *id);

        // Lock order: the orders first, then the credit of both customers.
        let before = locked(tx, &moving).await?;
        check::lock(tx, &[winner.id, loser.id]).await?;
        open_item::moved(tx, rows).await?;

        let beyond = check::over_limit(tx, &[winner.id]).await?.contains(&winner.id);
        let taken_over = |order: &Order| {
            let mut after = order.clone();
            (after.customer_id, after.customer_owner_id) = (winner.id, winner.owner_id);
            after.progress.credit_exceeded |= beyond && order.open_amount() > Money::ZERO;
            after
        };

        let after = before.iter().map(taken_over).collect();
        save_all(tx, before, after).await?;
        sales_entry::follow(tx, rows).await?;
        Ok(moving)
    })
}

/// Hook of the user directory: people who join a team for the first time bring their orders along.
pub fn first_membership<'a>(tx: &'a mut Tx, people: &'a [Uuid]) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        sales_entry::fill_paths(tx, people).await?;

        let theirs = orders::credited.overlaps_with(people.to_vec());
        let open = orders::table.filter(theirs);
        let open =
            open.select((orders::id, orders::credited, orders::order_date, orders::team_path));
        let open: Vec<(Uuid, Vec<Uuid>, Date, Vec<Uuid>)> = open.load(tx.conn()).await?;

        let wanted: HashSet<(Uuid, Date)> =
            open.iter().flat_map(|order| order.1.iter().map(|id| (*id, order.2))).collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let paths: HashMap<_, _> = auth::team_paths(tx.conn(), &wanted).await?;

        let mut handed = vec![];
        for (id, credited, day, before) in open {
            let of_people =
                credited.iter().filter_map(|person| paths.get(&(*person, day)).cloned());
            let path = together(of_people);
            if path != before {
                diesel::sql_query("update orders set team_path = $1 where id = $2")
                    .bind::<diesel::sql_types::Array<SqlUuid>, _>(&path)
                    .bind::<SqlUuid, _>(id)
                    .execute(tx.conn())
                    .await?;
                handed.push(Handed { id, before, after: path });
            }
        }
        // Leaders of the added teams see the orders and their shipments from now on.
        changes::hand_over(tx, (Order::TYPE, changes::TYPE), ORDERS, &handed).await?;
        changes::hand_over(tx, (Shipment::TYPE, changes::TYPE), SHIPMENTS, &handed).await
    })
}

/// Selects orders and the other people who see them, for [`changes::hand_over`].
const ORDERS: &str = "select o.id, o.version, o.id, \
    o.credited || array_remove(array[c.owner_id], null) \
    from orders o join customers c on c.id = o.customer_id";

/// Selects the shipments of orders in the same form.
const SHIPMENTS: &str = "select s.id, s.version, o.id, \
    o.credited || array_remove(array[c.owner_id], null) \
    from shipments s join orders o on o.id = s.order_id join customers c on c.id = o.customer_id";

/// Returns the customers of these orders by order id. No visibility check: the ids come from
/// references that were checked.
pub async fn customers_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = orders::table.filter(orders::id.eq_any(ids));
    let rows = rows.select((orders::id, orders::customer_id));
    Ok(rows.load(conn).await?.into_iter().collect())
}
