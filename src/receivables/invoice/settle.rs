//! Open amounts of invoices, kept in sync with their allocations and with the customer's credit.

use std::collections::HashMap;

use ::customers::hooks::Move;
use credit::open_item::{OpenItem, OpenKind};
use diesel::prelude::*;
use diesel::sql_types::{
    Array, BigInt, Date as SqlDate, Nullable, Numeric, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use platform::{Change, Conn, Error, Money, Resource, Result, Tx};
use uuid::Uuid;

use super::{Invoice, InvoiceKind, db};
use crate::allocation::{self, Applied, DocumentKey};
use crate::collection_task::CollectionTask;

/// Locks these orders and those of the invoices, then the customers, their credit, and the
/// invoices, each in the order of their ids. Everything that changes receivables locks in this
/// order, with payments last. Returns the invoices as locked.
pub(crate) async fn hold(
    tx: &mut Tx,
    orders: &[Uuid],
    customers: &[Uuid],
    invoices: &[Uuid],
) -> Result<Vec<Invoice>> {
    let mut orders = orders.to_vec();
    orders.extend(db::orders_of(tx.conn(), invoices).await?);
    orders.sort_unstable();
    orders.dedup();
    orders::order::lock(tx, &orders).await?;

    let mut customers = customers.to_vec();
    customers.sort_unstable();
    customers.dedup();
    customers::customer::hold(tx, &customers).await?;
    credit::check::lock(tx, &customers).await?;

    db::lock(tx, invoices).await?;
    // A separate statement reads the rows as of the lock; the locking one sees them as of its
    // start.
    let rows = db::load(tx.conn(), invoices).await?;
    if rows
        .iter()
        .filter_map(|invoice| invoice.order_id)
        .any(|id| orders.binary_search(&id).is_err())
    {
        // A concurrent change moved an invoice to another order.
        return Err(Error::unavailable("busy"));
    }
    Ok(rows)
}

/// The kind of change, which decides what is reported to orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moved {
    Documents,
    /// The paid amount is known from now on, even if it is zero
    Money,
}

/// Recomputes the open amounts of these invoices, records the changes, and updates credit and
/// orders. The invoices must be locked.
pub(crate) async fn settle(tx: &mut Tx, ids: &[Uuid], moved: Moved) -> Result<()> {
    let rows = db::load(tx.conn(), ids).await?;
    let applied = applied_to(tx.conn(), &rows).await?;
    let (mut changed, mut records, mut all) = (vec![], vec![], vec![]);
    for before in rows {
        let after = before.next(before.settled(applied.get(&before.id)), tx.now);
        if after != before {
            records.push(Change::updated(&before, &after)?);
            changed.push(after.clone());
        }
        all.push(after);
    }

    write(tx, &changed).await?;
    tx.record_all(&records).await?;
    keep_all(tx, &all).await?;
    db::bill(tx, &all.iter().filter_map(|invoice| invoice.order_id).collect::<Vec<_>>(), moved)
        .await
}

/// Returns the amounts allocated to invoices and from credit notes.
async fn applied_to(conn: &mut Conn, rows: &[Invoice]) -> Result<HashMap<Uuid, Applied>> {
    let (notes, invoices): (Vec<&Invoice>, Vec<&Invoice>) =
        rows.iter().partition(|invoice| invoice.kind == InvoiceKind::CreditNote);
    let ids = |rows: Vec<&Invoice>| rows.iter().map(|invoice| invoice.id).collect::<Vec<_>>();
    let mut applied = allocation::applied(conn, DocumentKey::Invoice, &ids(invoices)).await?;
    applied.extend(allocation::applied(conn, DocumentKey::CreditNote, &ids(notes)).await?);
    Ok(applied)
}

async fn write(tx: &mut Tx, rows: &[Invoice]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let update = diesel::sql_query(
        "update invoices set version = it.version, open_amount = it.open_amount,
            closed_on = it.closed_on, next_due_on = it.next_due_on, updated_at = $6
        from unnest($1, $2, $3, $4, $5) as it (id, version, open_amount, closed_on, next_due_on)
        where invoices.id = it.id",
    )
    .bind::<Array<SqlUuid>, _>(column(rows, |invoice| invoice.id))
    .bind::<Array<BigInt>, _>(column(rows, |invoice| invoice.version))
    .bind::<Array<Numeric>, _>(column(rows, |invoice| invoice.open_amount))
    .bind::<Array<Nullable<SqlDate>>, _>(column(rows, |invoice| invoice.closed_on))
    .bind::<Array<Nullable<SqlDate>>, _>(column(rows, |invoice| invoice.next_due_on))
    .bind::<Timestamptz, _>(tx.now);
    let refused = |error| {
        let error = Error::from(error);
        error.on_constraint("invoices_open_amount_check", "/allocations", "above_open_amount")
    };
    update.execute(tx.conn()).await.map_err(refused)?;
    Ok(())
}

fn column<T>(rows: &[Invoice], value: impl Fn(&Invoice) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// Reports the open amounts to credit, in the company's currency.
pub(crate) async fn keep_all(tx: &mut Tx, rows: &[Invoice]) -> Result<()> {
    let item = |invoice: &Invoice| OpenItem {
        kind: OpenKind::Invoice,
        source_id: invoice.id,
        customer_id: invoice.customer_id,
        parts: invoice.open_parts(),
    };
    credit::open_item::keep(tx, &rows.iter().map(item).collect::<Vec<_>>()).await
}

/// A document with a stored open amount that differs from the one computed from its allocations.
#[derive(Debug, QueryableByName)]
pub struct Difference {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Text)]
    pub number: String,
    #[diesel(sql_type = Numeric)]
    pub kept: Money,
    #[diesel(sql_type = Numeric)]
    pub computed: Money,
}

/// Recomputes the open amounts of all invoices and returns those that differ from the stored ones.
pub async fn differences(conn: &mut Conn) -> Result<Vec<Difference>> {
    let query = diesel::sql_query(
        "with applied as (
            select id, sum(amount) as amount from (
                select invoice_id as id, amount from allocations where reversed_on is null
                union all
                select credit_note_id, amount from allocations
                where reversed_on is null and credit_note_id is not null
            ) as parts group by id
        ),
        computed as (
            select i.id, number, open_amount as kept, closed_on, case
                when status <> 'posted' then 0
                when kind = 'invoice' then total_amount - coalesce(a.amount, 0)
                else coalesce(a.amount, 0) - total_amount
            end as computed, posted_on
            from invoices i left join applied a on a.id = i.id
        )
        select id, number, kept, computed from computed
        where kept <> computed or (posted_on is not null and (closed_on is null) <> (kept <> 0))
        order by id",
    );
    Ok(query.load(conn).await?)
}

/// Selects the open items that credit should have of invoices: (id, amount), in the company's
/// currency.
pub(crate) const OPEN_DOCUMENTS: &str = "select id, round(open_amount * exchange_rate, 6)
    from invoices where posted_on is not null and closed_on is null";

/// Marks the invoice of a collection task as disputed.
pub(crate) async fn dispute(tx: &mut Tx, task: &CollectionTask) -> Result<()> {
    let held = hold(tx, &[], &[task.customer_id], &[task.invoice_id]).await?;
    for before in held.iter().filter(|invoice| invoice.counts()) {
        before.save(tx, Invoice { disputed: true, ..before.clone() }).await?;
    }
    Ok(())
}

/// Moves the invoices of a merged customer to the remaining one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let ids = moving.taken(db::ids_of(tx.conn(), moving.from.id).await?, |id| *id);
    let mut all = vec![];
    for before in hold(tx, &[], &[winner.id, moving.from.id], &ids).await? {
        let after = Invoice {
            customer_id: winner.id,
            customer_owner_id: winner.owner_id,
            ..before.clone()
        };
        all.push(before.save(tx, after).await?);
    }
    keep_all(tx, &all).await?;
    Ok(ids)
}
