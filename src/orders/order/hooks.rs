//! What happens to orders when something happens to their customers or people.

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

/// A hook of customers: the loser's orders and sales are the winner's from now on, or go back. Neither owes more
/// than before, so that nothing is refused; but orders that come to a customer beyond its limit are
/// flagged.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    Box::pin(async move {
        let (winner, loser) = (rows.to, rows.from);
        let theirs = orders::table.filter(orders::customer_id.eq(loser.id)).order(orders::id);
        let theirs: Vec<Uuid> = theirs.select(orders::id).load(tx.conn()).await?;
        let moving = rows.taken(theirs, |id| *id);
        let before = locked(tx, &moving).await?;
        check::lock(tx, &[winner.id, loser.id]).await?;
        open_item::moved(tx, rows).await?;
        let beyond = check::over_limit(tx, &[winner.id]).await?.contains(&winner.id);
        let taken_over = |it: &Order| {
            let mut after = it.clone();
            (after.customer_id, after.customer_owner_id) = (winner.id, winner.owner_id);
            after.progress.credit_exceeded |= beyond && it.open_amount() > Money::ZERO;
            after
        };
        let after = before.iter().map(taken_over).collect();
        save_all(tx, before, after).await?;
        sales_entry::follow(tx, rows).await?;
        Ok(moving)
    })
}

/// A hook of the directory: people who are in a team for the first time bring their orders along.
pub fn first_membership<'a>(tx: &'a mut Tx, people: &'a [Uuid]) -> BoxFuture<'a, Result<()>> {
    Box::pin(async move {
        sales_entry::fill_paths(tx, people).await?;
        let theirs = orders::credited.overlaps_with(people.to_vec());
        let open = orders::table.filter(theirs);
        let open =
            open.select((orders::id, orders::credited, orders::order_date, orders::team_path));
        let open: Vec<(Uuid, Vec<Uuid>, Date, Vec<Uuid>)> = open.load(tx.conn()).await?;
        let wanted: HashSet<(Uuid, Date)> =
            open.iter().flat_map(|it| it.1.iter().map(|id| (*id, it.2))).collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let paths: HashMap<_, _> = auth::team_paths(tx.conn(), &wanted).await?;
        let mut handed = vec![];
        for (id, credited, day, before) in open {
            let of_people = credited.iter().filter_map(|it| paths.get(&(*it, day)).cloned());
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
        // Whoever leads such a team sees the orders now, with their shipments.
        changes::hand_over(tx, Order::TYPE, ORDERS, &handed).await?;
        changes::hand_over(tx, Shipment::TYPE, SHIPMENTS, &handed).await
    })
}

/// Orders and all others who see them, for [`changes::hand_over`].
const ORDERS: &str = "select o.id, o.version, o.id, \
    o.credited || array_remove(array[c.owner_id], null) \
    from orders o join customers c on c.id = o.customer_id";

/// The same of what was shipped of them.
const SHIPMENTS: &str = "select s.id, s.version, o.id, \
    o.credited || array_remove(array[c.owner_id], null) \
    from shipments s join orders o on o.id = s.order_id join customers c on c.id = o.customer_id";

/// Whose orders these are. For the service itself: ids come from references that were visible.
pub async fn customers_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = orders::table.filter(orders::id.eq_any(ids));
    let rows = rows.select((orders::id, orders::customer_id));
    Ok(rows.load(conn).await?.into_iter().collect())
}
