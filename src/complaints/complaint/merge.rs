//! Complaints of merged customers.

use customers::hooks::Move;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Change, Resource, Result, Tx};
use schema::complaints;
use uuid::Uuid;

use super::Complaint;

/// Hook of the customers domain: moves the loser's complaints to the winner of a merge, or back
/// when the merge is undone.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    async move {
        let winner = rows.to;
        let theirs = complaints::table.filter(complaints::customer_id.eq(rows.from.id));
        let theirs = theirs.order(complaints::id).select(complaints::id).for_update();
        let moving = rows.taken(theirs.load::<Uuid>(tx.conn()).await?, |id| *id);
        let moving = Complaint::locked(tx.conn(), &moving).await?;

        let mut records = vec![];
        for before in &moving {
            let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
            let after = Complaint { customer_id, customer_owner_id, ..before.clone() };
            let after = before.next(after, tx.now);
            let columns = (
                complaints::customer_id.eq(winner.id),
                complaints::version.eq(after.version),
                complaints::updated_at.eq(after.updated_at),
            );
            let row = complaints::table.find(before.id);
            diesel::update(row).set(columns).execute(tx.conn()).await?;
            records.push(Change::updated(before, &after)?);
        }

        tx.record_all(&records).await?;
        Ok(moving.iter().map(Complaint::id).collect())
    }
    .boxed_local()
}
