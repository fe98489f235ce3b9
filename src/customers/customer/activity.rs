//! Status changes that follow from purchases and their absence, 活跃与休眠. Called by the crate that
//! owns the orders, which knows which customers have bought.

use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;
use platform::{Change, Resource, Result, Tx, fixed_sql};
use schema::customers;
use uuid::Uuid;

use super::{Customer, CustomerStatus};

/// Makes the active ones of these customers dormant. Returns their number.
pub async fn made_dormant(tx: &mut Tx, ids: &[Uuid]) -> Result<u64> {
    become_all(tx, ids, &[CustomerStatus::Active], CustomerStatus::Dormant).await
}

/// Makes the dormant and lost ones of these customers active. Returns their number. Customers in
/// the pool stay as they are, because an active customer must have an owner.
pub async fn reactivated(tx: &mut Tx, ids: &[Uuid]) -> Result<u64> {
    let from = [CustomerStatus::Dormant, CustomerStatus::Lost];
    become_all(tx, ids, &from, CustomerStatus::Active).await
}

async fn become_all(
    tx: &mut Tx,
    ids: &[Uuid],
    from: &[CustomerStatus],
    to: CustomerStatus,
) -> Result<u64> {
    if ids.is_empty() {
        return Ok(0);
    }
    let owned = if to == CustomerStatus::Active { "owner_id is not null" } else { "true" };
    // Not `for update`: two batches that have inserted orders of the same customer both hold a
    // shared lock on its key and would deadlock.
    let rows = customers::table
        .filter(customers::id.eq_any(ids.to_vec()))
        .filter(customers::status.eq_any(from.to_vec()))
        .filter(fixed_sql::<Bool>(owned))
        .filter(customers::merged_into_id.is_null())
        .order(customers::id)
        .select(Customer::as_select())
        .for_no_key_update();
    let before: Vec<Customer> = rows.load(tx.conn()).await?;
    if before.is_empty() {
        return Ok(0);
    }

    let now = tx.now;
    let moved = |customer: &Customer| {
        let after = Customer { status: to, status_reason: None, ..customer.clone() };
        customer.next(after, now)
    };
    let after: Vec<Customer> = before.iter().map(moved).collect();
    let found: Vec<Uuid> = after.iter().map(|customer| customer.id).collect();
    diesel::update(customers::table.filter(customers::id.eq_any(found)))
        .set((
            customers::status.eq(to),
            customers::status_reason.eq(None::<String>),
            customers::version.eq(customers::version + 1),
            customers::updated_at.eq(now),
        ))
        .execute(tx.conn())
        .await?;

    let records = before.iter().zip(&after).map(|(before, after)| Change::updated(before, after));
    let records: Result<Vec<Change>> = records.collect();
    tx.record_all(&records?).await?;
    Ok(u64::try_from(after.len()).unwrap_or(u64::MAX))
}
