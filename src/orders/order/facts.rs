//! What others need to know of orders that they refer to. For the service itself: ids come from
//! references that were visible, or from rows that are there.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{Conn, Result, Tx};
use schema::orders;
use uuid::Uuid;

/// Whose an order is, and in which currency.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct OrderAccount {
    pub customer_id: Uuid,
    pub currency: String,
}

/// These orders, by their ids.
pub async fn facts_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, OrderAccount>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = orders::table.filter(orders::id.eq_any(ids));
    let rows = rows.select((orders::id, (orders::customer_id, orders::currency)));
    let rows: Vec<(Uuid, OrderAccount)> = rows.load(conn).await?;
    Ok(rows.into_iter().collect())
}

/// Locks these orders, in the order of their ids: the first of all locks of what changes an order
/// and what it owes.
pub async fn lock(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    if !ids.is_empty() {
        let rows = orders::table.filter(orders::id.eq_any(ids)).order(orders::id);
        rows.select(orders::id).for_update().load::<Uuid>(tx.conn()).await?;
    }
    Ok(())
}
