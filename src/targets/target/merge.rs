//! Targets of a customer that is merged into another.

use customers::customer::Customer;
use customers::hooks::Move;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Result, Tx};
use schema::targets;
use uuid::Uuid;

use super::db::lock_tree;
use super::{OwnerType, Target};

/// Moves the loser's targets to the winner; a hook of `customers`. Where the winner has a target
/// for the same subject already, the loser's stays where it is.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    async move {
        lock_tree(tx).await?;
        let of = |customer: &Customer| {
            let rows = targets::table.filter(targets::owner_type.eq(OwnerType::Customer));
            let rows = rows.filter(targets::owner_id.eq(customer.id)).order(targets::id);
            rows.select(Target::as_select()).for_update()
        };
        let theirs: Vec<Target> = of(rows.from).load(tx.conn()).await?;
        let ours: Vec<Target> = of(rows.to).load(tx.conn()).await?;
        let mut moved = vec![];
        for before in rows.taken(theirs, |row| row.id) {
            let after = Target { owner_id: Some(rows.to.id), ..before.clone() };
            if ours.iter().all(|kept| kept.subject() != after.subject()) {
                moved.push(before.id);
                before.save(tx, after).await?;
            }
        }
        Ok(moved)
    }
    .boxed_local()
}
