//! Customers who stop buying (休眠, dormant) and customers who buy again. The setting
//! `dormant_after_days` draws the line.

use std::collections::HashSet;

use company::Company;
use company::setting;
use customers::customer::{self, Customer};
use diesel::prelude::*;
use diesel::sql_types::{Date as SqlDate, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use jiff::SignedDuration;
use platform::{Conn, Date, Result, Timestamp, Tx};
use uuid::Uuid;

use crate::order::Order;
use crate::sales_entry;

/// Job: marks active customers as dormant when they have had no order for `dormant_after_days`. The
/// term starts with the last recognised order, for customers without one with their creation, and
/// again when somebody activates them manually.
pub fn make_dormant(tx: &mut Tx) -> LocalBoxFuture<'_, Result<u64>> {
    Box::pin(async move {
        let term = term(tx.conn()).await?;
        let silent = diesel::sql_query(SILENT)
            .bind::<SqlDate, _>(Date(tx.today.0 - term))
            .bind::<Timestamptz, _>(Timestamp(tx.now.0 - term));
        let silent: Vec<QuietCustomer> = silent.load(tx.conn()).await?;

        let ids: Vec<Uuid> = silent.into_iter().map(|customer| customer.id).collect();
        customer::made_dormant(tx, &ids).await
    })
}

/// Hook of the customers domain: returns `true` if an order of this customer was ever recognised.
pub fn ever_bought<'a>(tx: &'a mut Tx, customer: &'a Customer) -> LocalBoxFuture<'a, Result<bool>> {
    Box::pin(sales_entry::ever_bought(tx.conn(), customer.id))
}

/// Reactivates the customers of orders that have just been recognised. Orders older than the term
/// do not count: an ERP also sends its history.
pub(crate) async fn bought(tx: &mut Tx, orders: &[&Order]) -> Result<()> {
    if orders.is_empty() {
        return Ok(());
    }

    let since = Date(tx.today.0 - term(tx.conn()).await?);
    let recent = orders.iter().filter(|order| order.order_date > since);
    let customers: HashSet<Uuid> = recent.map(|order| order.customer_id).collect();
    let customers: Vec<Uuid> = customers.into_iter().collect();

    customer::reactivated(tx, &customers).await.map(drop)
}

async fn term(conn: &mut Conn) -> Result<SignedDuration> {
    let days = Company::load(conn).await?.settings.get(setting::DORMANT_AFTER_DAYS);
    Ok(SignedDuration::from_hours(24 * days))
}

#[derive(QueryableByName)]
struct QuietCustomer {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Active customers without an order after `$1` that were not activated after `$2` either. Raw SQL,
/// because it reads tables of three domains. The limit keeps one transaction small; the next run
/// continues.
const SILENT: &str = "
    select c.id from customers c
    where c.status = 'active' and c.merged_into_id is null
        and not exists (
            select from orders o where o.customer_id = c.id
                and o.status in ('confirmed', 'closed') and o.order_date > $1
        )
        and (c.created_at <= $2 or exists (
            select from orders o where o.customer_id = c.id and o.status in ('confirmed', 'closed')
        ))
        and not exists (
            select from changes h where h.type = 'customer' and h.id = c.id and h.at > $2
                and h.diff -> 'status' ->> 'to' = 'active' and h.op = 'updated'
        )
    order by c.id limit 5000";
