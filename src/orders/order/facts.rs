//! Order data for other domains that refer to orders. No visibility check: the ids come from
//! references that were checked, or from stored rows.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::{Conn, Money, Result, Tx};
use schema::orders;
use uuid::Uuid;

use super::{OrderProgress, OrderStatus, credit};

/// Customer, currency and open amount of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAccount {
    pub customer_id: Uuid,
    pub currency: String,
    /// Amount not yet invoiced, in `currency`. Zero unless the order is confirmed
    pub open_amount: Money,
}

/// Returns the accounts of these orders by order id.
pub async fn facts_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, OrderAccount>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }

    let rows = orders::table.filter(orders::id.eq_any(ids)).select((
        orders::id,
        orders::customer_id,
        orders::currency,
        orders::status,
        orders::total_amount,
        OrderProgress::as_select(),
    ));
    let rows: Vec<(Uuid, Uuid, String, OrderStatus, Money, OrderProgress)> =
        rows.load(conn).await?;

    let account = |(id, customer_id, currency, status, total, progress)| {
        let open_amount = credit::open(status, total, &progress);
        (id, OrderAccount { customer_id, currency, open_amount })
    };
    Ok(rows.into_iter().map(account).collect())
}

/// Locks these orders in the sequence of their ids. Whatever changes an order and its open item
/// takes this lock first, before all others.
pub async fn lock(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    if !ids.is_empty() {
        let rows = orders::table.filter(orders::id.eq_any(ids)).order(orders::id);
        rows.select(orders::id).for_update().load::<Uuid>(tx.conn()).await?;
    }
    Ok(())
}
