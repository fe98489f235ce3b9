//! Queries on invoices. Each query on behalf of a caller starts at `Caller::sees`.

use access::Caller;
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Numeric, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use intake::parameters;
use orders::order::Billing;
use platform::{Change, Conn, Date, Error, Fault, List, Money, Result, Tx};
use schema::invoices;
use uuid::Uuid;

use super::rules::{Corrected, InvoiceContext};
use super::{Invoice, InvoiceFilter, InvoiceKind, InvoicePage, InvoiceSort, Moved};
use crate::collection_task::CollectionTask;

/// Maximum number of invoices in a dunning letter.
const MOST_DUE: i64 = 500;

intake::names! {
    /// Returns the numbers of visible invoices.
    name_invoices in invoices, sees Invoice, number
}

intake::find! {
    /// Finds references to visible invoices.
    find_invoices in invoices, sees Invoice
}

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a InvoiceFilter,
    today: Date,
) -> invoices::BoxedQuery<'a, Pg> {
    let mut query = invoices::table.filter(caller.sees::<Invoice>()).into_boxed();
    platform::filter_by!(
        query,
        invoices::customer_id.eq(filter.customer_id),
        invoices::order_id.eq(filter.order_id),
        invoices::salesperson_id.eq(filter.salesperson_id),
        invoices::corrects_invoice_id.eq(filter.corrects_invoice_id),
        invoices::kind.eq(filter.kind),
        invoices::status.eq_any(&filter.status),
        invoices::number.eq(&filter.number),
    );
    query = match filter.open {
        Some(true) => query.filter(invoices::open_amount.ne(Money::ZERO)),
        Some(false) => query.filter(invoices::open_amount.eq(Money::ZERO)),
        None => query,
    };

    let late = invoices::next_due_on.lt(today).assume_not_null();
    query = match filter.overdue {
        Some(true) => query.filter(late),
        Some(false) => query.filter(invoices::next_due_on.is_null().or(diesel::dsl::not(late))),
        None => query,
    };
    if let Some(disputed) = filter.disputed {
        query = query.filter(invoices::disputed.eq(disputed));
    }

    platform::filter_by!(
        query,
        invoices::invoice_date.ge(filter.invoice_date_from),
        invoices::invoice_date.lt(filter.invoice_date_to),
        invoices::due_date.ge(filter.due_date_from),
        invoices::due_date.lt(filter.due_date_to),
    );
    query
}

impl Invoice {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<InvoiceFilter>,
        today: Date,
    ) -> Result<InvoicePage> {
        use invoices::{due_date, id, invoice_date};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter, today).filter(list.rows(id, invoices::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let by_day = |invoice: &Self| (invoice.invoice_date, invoice.id);
        match filter.sort.unwrap_or(InvoiceSort::LatestFirst) {
            InvoiceSort::LatestFirst => {
                let rows = query
                    .filter(list.before::<Date, _, _>(invoice_date, id)?)
                    .order((invoice_date.desc(), id.desc()));
                list.page(rows.select(Self::as_select()).load(conn).await?, total, by_day)
            }
            InvoiceSort::OldestFirst => {
                let rows = query.filter(list.after::<Date, _, _>(invoice_date, id)?);
                let rows = rows.order((invoice_date, id));
                list.page(rows.select(Self::as_select()).load(conn).await?, total, by_day)
            }
            InvoiceSort::EarliestDue => {
                let rows = query.filter(list.after::<Date, _, _>(due_date, id)?);
                let rows = rows.order((due_date, id)).select(Self::as_select());
                list.page(rows.load(conn).await?, total, |invoice: &Self| {
                    (invoice.due_date, invoice.id)
                })
            }
        }
    }

    access::rows! { invoices: pub fn find, pub(super) fn save(refused) }

    /// Stores a new invoice.
    pub(super) async fn insert(&self, tx: &mut Tx) -> Result<()> {
        let insert = diesel::insert_into(invoices::table).values(self);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(self)).await
    }
}

/// Returns these invoices, in the order of their ids, without a check of visibility. The ids must
/// come from stored rows or from references that the caller may see.
pub async fn load(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Invoice>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let rows = Invoice::query().filter(invoices::id.eq_any(ids)).order(invoices::id);
    Ok(rows.load(conn).await?)
}

/// Returns the open invoices of a customer in a currency, without a check of visibility.
pub(crate) async fn open_of(conn: &mut Conn, customer: Uuid, currency: &str) -> Result<Vec<Uuid>> {
    let open = invoices::table
        .filter(invoices::customer_id.eq(customer))
        .filter(invoices::posted_on.is_not_null().and(invoices::closed_on.is_null()))
        .filter(invoices::currency.eq(currency).and(invoices::open_amount.gt(Money::ZERO)));
    Ok(open.select(invoices::id).load(conn).await?)
}

/// Returns the visible invoices of the task's customer and currency that are unpaid, undisputed,
/// and due. The invoice of the task is included even if it is not due yet.
pub(crate) async fn due_of(
    conn: &mut Conn,
    caller: &Caller,
    task: &CollectionTask,
    today: Date,
) -> Result<Vec<Invoice>> {
    let due = invoices::next_due_on.le(today).assume_not_null();
    let rows = Invoice::query()
        .filter(caller.sees::<Invoice>())
        .filter(invoices::customer_id.eq(task.customer_id))
        .filter(invoices::currency.eq(&task.currency))
        .filter(invoices::next_due_on.is_not_null().and(invoices::disputed.eq(false)))
        .filter(due.or(invoices::id.eq(task.invoice_id)))
        .limit(MOST_DUE + 1);
    let rows: Vec<Invoice> = rows.load(conn).await?;
    if i64::try_from(rows.len()).is_ok_and(|rows| rows <= MOST_DUE) {
        return Ok(rows);
    }
    let detail = "More than 500 invoices are due. Send the customer's statement instead.";
    Err(Error::invalid_as("too_many_rows", vec![]).detail(detail))
}

/// Returns the ids of all documents of a customer, in order.
pub(super) async fn ids_of(conn: &mut Conn, customer: Uuid) -> Result<Vec<Uuid>> {
    let rows = invoices::table.filter(invoices::customer_id.eq(customer)).order(invoices::id);
    Ok(rows.select(invoices::id).load(conn).await?)
}

/// Returns the visible rows with these keys.
pub(super) async fn known(
    conn: &mut Conn,
    caller: &Caller,
    keys: &intake::Keys<'_>,
) -> Result<Vec<Invoice>> {
    let known = invoices::source_system.eq(keys.source_system).assume_not_null();
    let known = known.and(invoices::external_id.eq_any(&keys.external_ids).assume_not_null());
    let rows = Invoice::query().filter(caller.sees::<Invoice>()).order(invoices::id);
    if keys.ids.is_empty() {
        return Ok(rows.filter(known).load(conn).await?);
    }
    Ok(rows.filter(known.or(invoices::id.eq_any(&keys.ids))).load(conn).await?)
}

/// Locks these rows, in the order of their ids.
pub(super) async fn lock(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    if !ids.is_empty() {
        let rows = invoices::table.filter(invoices::id.eq_any(ids)).order(invoices::id);
        rows.select(invoices::id).for_update().load::<Uuid>(tx.conn()).await?;
    }
    Ok(())
}

/// Returns the orders and corrected invoices that these invoices refer to.
pub(super) async fn context(conn: &mut Conn, invoices: &[&Invoice]) -> Result<InvoiceContext> {
    let orders = invoices.iter().filter_map(|invoice| invoice.order_id);
    let orders = orders::order::facts_of(conn, orders).await?;
    let corrected: Vec<Uuid> =
        invoices.iter().filter_map(|invoice| invoice.corrects_invoice_id).collect();
    let corrected = load(conn, &corrected).await?;
    let corrected =
        corrected.iter().map(|invoice| (invoice.id, Corrected::from(invoice))).collect();
    Ok(InvoiceContext { orders, invoices: corrected })
}

/// Checks that all credit notes on an invoice together do not exceed it.
pub(super) async fn check_given_back(tx: &mut Tx, corrected: &[Uuid]) -> Result<()> {
    if corrected.is_empty() {
        return Ok(());
    }
    let above = diesel::sql_query(
        "select i.id from invoices i join invoices n on n.corrects_invoice_id = i.id
        where i.id = any($1) and n.kind = 'credit_note' and n.status = 'posted'
        group by i.id, i.total_amount having sum(n.total_amount) > i.total_amount",
    );
    let above: Vec<Id> = above.bind::<Array<SqlUuid>, _>(corrected).load(tx.conn()).await?;
    if above.is_empty() {
        return Ok(());
    }
    let why = "all credit notes on the invoice together must not exceed its total";
    let fault = Fault::new("/corrects_invoice_id", "above_invoice", why);
    Err(Error::invalid(vec![fault]).as_constraint("invoices_given_back_check"))
}

#[derive(QueryableByName)]
struct Id {
    #[diesel(sql_type = SqlUuid)]
    #[allow(dead_code)]
    id: Uuid,
}

/// Returns the orders of these invoices.
pub(super) async fn orders_of(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Uuid>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let rows = invoices::table.filter(invoices::id.eq_any(ids));
    let rows = rows.select(invoices::order_id.assume_not_null());
    Ok(rows.filter(invoices::order_id.is_not_null()).distinct().load(conn).await?)
}

/// Selects the invoiced amount of these orders, net of credit notes, and the paid amount. The paid
/// amount is null if no payment was ever allocated, unless `$2` says that payments are known.
const BILLINGS: &str = "
    select id, (
            select coalesce(sum(case kind when 'invoice' then total_amount else -total_amount end)
                filter (where status = 'posted'), 0)
            from invoices where order_id = it.id
        ) as invoiced, case when $2 or paid.count > 0 then paid.amount end as paid
    from unnest($1) as it (id) cross join lateral (
        select count(*) as count, coalesce(sum(a.amount)
            filter (where a.reversed_on is null and i.status = 'posted'), 0) as amount
        from invoices i join allocations a on a.invoice_id = i.id
        where i.order_id = it.id and a.payment_id is not null
    ) as paid";

/// Reports the invoiced and paid amounts to the orders.
pub(super) async fn bill(tx: &mut Tx, orders: &[Uuid], moved: Moved) -> Result<()> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Numeric)]
        invoiced: Money,
        #[diesel(sql_type = Nullable<Numeric>)]
        paid: Option<Money>,
    }
    let mut orders = orders.to_vec();
    orders.sort_unstable();
    orders.dedup();
    if orders.is_empty() {
        return Ok(());
    }

    let rows = diesel::sql_query(BILLINGS);
    let rows = rows.bind::<Array<SqlUuid>, _>(orders).bind::<Bool, _>(moved == Moved::Money);
    let rows: Vec<Row> = rows.load(tx.conn()).await?;
    let billing = |row: Row| Billing { order_id: row.id, invoiced: row.invoiced, paid: row.paid };
    orders::order::billed(tx, &rows.into_iter().map(billing).collect::<Vec<_>>()).await
}

/// Draws the next numbers for so many invoices, which `named` formats. Gaps are allowed.
pub(super) async fn next_numbers(tx: &mut Tx, count: usize) -> Result<Vec<i64>> {
    if count == 0 {
        return Ok(vec![]);
    }
    let next = sql::<BigInt>("nextval('invoices_number_seq') from generate_series(1, ")
        .bind::<BigInt, _>(i64::try_from(count).map_err(Error::internal)?)
        .sql(")");
    Ok(diesel::select(next).load(tx.conn()).await?)
}

/// Formats a number: `IN-2026-000123` for invoices, `CN-2026-000124` for credit notes.
pub(super) fn named(kind: InvoiceKind, today: Date, number: i64) -> String {
    let prefix = match kind {
        InvoiceKind::Invoice => "IN",
        InvoiceKind::CreditNote => "CN",
    };
    format!("{prefix}-{}-{number:06}", today.0.year())
}

/// Turns a violated constraint into a fault. Only the database can see concurrent requests.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("invoices_number_key", "/number", "duplicate")
        .on_constraint("invoices_external_id_key", "/external_id", "duplicate")
        .on_constraint("invoices_customer_id_fkey", "/customer_id", "unknown_reference")
        .on_constraint("invoices_order_id_fkey", "/order_id", "unknown_reference")
        .on_constraint(
            "invoices_corrects_invoice_id_fkey",
            "/corrects_invoice_id",
            "unknown_reference",
        )
        .on_constraint("invoices_open_amount_check", "/total_amount", "above_open_amount")
}
