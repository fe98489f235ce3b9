//! Open items, 未清项, from which a customer's exposure is computed: confirmed orders that are not
//! invoiced, unpaid invoices, and unallocated receipts. The crates that own the documents write
//! them only through this module, in the transaction of each change.

use std::collections::{BTreeMap, HashMap};

use ::customers::hooks::Move;
use diesel::prelude::*;
use diesel::sql_types::{Array, Date as SqlDate, Int4, Nullable, Numeric, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Conn, Date, Money, Result, Tx, text_enum};
use schema::open_items;
use uuid::Uuid;

text_enum! {
    /// The kind of document behind an open item
    pub enum OpenKind {
        /// 已确认未开票订单
        Order = "order",
        /// 应收; the unused amount of a credit note is a negative one
        Invoice = "invoice",
        /// 未核销收款
        Receipt = "receipt",
    }
}

/// The contribution of a document to the exposure of its customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    pub kind: OpenKind,
    /// The id of the order, invoice or payment
    pub source_id: Uuid,
    pub customer_id: Uuid,
    /// The open parts: for an invoice in instalments, each unpaid one. Parts of amount 0 are left
    /// out, and a document without parts has no open item
    pub parts: Vec<OpenPart>,
}

/// A part of a document with its own due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPart {
    /// The due date, for invoices
    pub due_on: Option<Date>,
    /// In the company's currency. Positive amounts raise the exposure; receipts and credit notes
    /// are negative
    pub amount: Money,
}

impl OpenPart {
    /// Returns a whole document as one part without a due date.
    pub fn whole(amount: Money) -> Vec<Self> {
        vec![Self { due_on: None, amount }]
    }
}

/// The sums of a customer's open items, in the company's currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub receivables: Money,
    pub orders: Money,
    /// As a positive amount
    pub receipts: Money,
    /// The overdue part of the receivables
    pub overdue: Money,
    pub oldest_due_on: Option<Date>,
}

/// Stores the open items of documents in bulk, and deletes those of amount zero. Of several items
/// for one document, the last one counts. Call it after [`check::lock`](crate::check::lock) of all
/// their customers, the previous ones included.
pub async fn keep(tx: &mut Tx, items: &[OpenItem]) -> Result<()> {
    let mut latest: BTreeMap<(&str, Uuid), &OpenItem> = BTreeMap::new();
    for item in items {
        latest.insert((item.kind.as_str(), item.source_id), item);
    }

    let (mut fewer, mut open) = (vec![], vec![]);
    for item in latest.into_values() {
        let parts = || item.parts.iter().filter(|part| part.amount != Money::ZERO);
        let count = i32::try_from(parts().count()).unwrap_or(i32::MAX);
        // Only invoices have several parts, so that stored parts can be left over.
        if count == 0 || item.kind == OpenKind::Invoice {
            fewer.push((item, count));
        }
        open.extend((0..).zip(parts()).map(|(place, part)| (item, place, part)));
    }

    if !fewer.is_empty() {
        diesel::sql_query(DELETE)
            .bind::<Array<Text>, _>(column(&fewer, |row| row.0.kind))
            .bind::<Array<SqlUuid>, _>(column(&fewer, |row| row.0.source_id))
            .bind::<Array<Int4>, _>(column(&fewer, |row| row.1))
            .execute(tx.conn())
            .await?;
    }
    if !open.is_empty() {
        diesel::sql_query(UPSERT)
            .bind::<Array<Text>, _>(column(&open, |row| row.0.kind))
            .bind::<Array<SqlUuid>, _>(column(&open, |row| row.0.source_id))
            .bind::<Array<Int4>, _>(column(&open, |row| row.1))
            .bind::<Array<SqlUuid>, _>(column(&open, |row| row.0.customer_id))
            .bind::<Array<Nullable<SqlDate>>, _>(column(&open, |row| row.2.due_on))
            .bind::<Array<Numeric>, _>(column(&open, |row| row.2.amount))
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}

/// Deletes the parts beyond the given number.
const DELETE: &str = "
    delete from open_items using unnest($1, $2, $3) as it (kind, source_id, parts)
    where open_items.kind = it.kind and open_items.source_id = it.source_id
        and open_items.part >= it.parts";

/// Inserts or updates parts. Unchanged rows are not written.
const UPSERT: &str = "
    insert into open_items (kind, source_id, part, customer_id, due_on, amount)
    select * from unnest($1, $2, $3, $4, $5, $6)
        as it (kind, source_id, part, customer_id, due_on, amount)
    on conflict (kind, source_id, part) do update set customer_id = excluded.customer_id,
        due_on = excluded.due_on, amount = excluded.amount
    where (open_items.customer_id, open_items.due_on, open_items.amount)
        is distinct from (excluded.customer_id, excluded.due_on, excluded.amount)";

/// Moves the open items of a merged customer to the remaining one. Call it after locking both.
pub async fn moved(tx: &mut Tx, rows: &Move<'_>) -> Result<()> {
    let items = open_items::table.filter(open_items::customer_id.eq(rows.from.id));
    let set = open_items::customer_id.eq(rows.to.id);
    match rows.only() {
        None => diesel::update(items).set(set).execute(tx.conn()).await?,
        Some(documents) => {
            let items = items.filter(open_items::source_id.eq_any(documents));
            diesel::update(items).set(set).execute(tx.conn()).await?
        }
    };
    Ok(())
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    customer_id: Uuid,
    #[diesel(sql_type = Numeric)]
    receivables: Money,
    #[diesel(sql_type = Numeric)]
    orders: Money,
    #[diesel(sql_type = Numeric)]
    receipts: Money,
    #[diesel(sql_type = Numeric)]
    overdue: Money,
    #[diesel(sql_type = Nullable<SqlDate>)]
    oldest_due_on: Option<Date>,
}

const SUMS: &str = "
    select customer_id,
        coalesce(sum(amount) filter (where kind = 'invoice'), 0) as receivables,
        coalesce(sum(amount) filter (where kind = 'order'), 0) as orders,
        coalesce(-sum(amount) filter (where kind = 'receipt'), 0) as receipts,
        coalesce(sum(amount) filter (where kind = 'invoice' and amount > 0 and due_on < $3), 0)
            as overdue,
        min(due_on) filter (where kind = 'invoice' and amount > 0 and due_on < $3)
            as oldest_due_on
    from open_items
    where customer_id = any($1) and source_id <> all($2)
    group by customer_id";

/// Returns the sums of these customers' open items on a day, leaving out those of one document.
pub(crate) async fn sums(
    conn: &mut Conn,
    customers: &[Uuid],
    without: Option<Uuid>,
    today: Date,
) -> Result<HashMap<Uuid, Sums>> {
    let rows = diesel::sql_query(SUMS)
        .bind::<Array<SqlUuid>, _>(customers)
        .bind::<Array<SqlUuid>, _>(without.as_slice())
        .bind::<SqlDate, _>(today);
    let rows: Vec<Row> = rows.load(conn).await?;
    let sums = |row: &Row| Sums {
        receivables: row.receivables,
        orders: row.orders,
        receipts: row.receipts,
        overdue: row.overdue,
        oldest_due_on: row.oldest_due_on,
    };
    Ok(rows.iter().map(|row| (row.customer_id, sums(row))).collect())
}

/// Returns the documents of a kind whose stored open item differs from a recomputed one, at most
/// 1,000. `documents` selects (id, amount in the company's currency) of all open documents; `$2` in
/// it is today.
pub async fn differences(
    tx: &mut Tx,
    kind: OpenKind,
    documents: &'static str,
) -> Result<Vec<Uuid>> {
    #[derive(QueryableByName)]
    struct Differing {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
    }
    let today = tx.today;
    // Parts are rounded so that they add up to the whole exactly, so that no tolerance is needed.
    let query = format!(
        "select coalesce(it.id, kept.source_id) as id from ({documents}) as it (id, amount)
        full join (
            select source_id, sum(amount) as amount from open_items where kind = $1
            group by source_id
        ) as kept on kept.source_id = it.id
        where coalesce(it.amount, 0) <> coalesce(kept.amount, 0) and $2::date is not null
        order by 1 limit 1000"
    );

    let rows: Vec<Differing> = diesel::sql_query(query)
        .bind::<Text, _>(kind)
        .bind::<SqlDate, _>(today)
        .load(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}
