//! Queries on payments. Each query on behalf of a caller starts at `Caller::sees`.

use ::customers::hooks::Move;
use access::Caller;
use company::exchange_rate::converted;
use credit::open_item::{OpenItem, OpenKind, OpenPart};
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::{Conn, Date, Error, List, Money, Result, Tx};
use schema::payments;
use uuid::Uuid;

use super::{Difference, Payment, PaymentFilter, PaymentPage, PaymentSort};

intake::find! {
    /// Finds references to visible payments.
    find_payments in payments, sees Payment
}

fn matching<'a>(caller: &'a Caller, filter: &'a PaymentFilter) -> payments::BoxedQuery<'a, Pg> {
    let mut query = payments::table.filter(caller.sees::<Payment>()).into_boxed();
    if let Some(customer) = filter.customer_id {
        query = query.filter(payments::customer_id.eq(customer));
    }
    if let Some(invoice) = filter.invoice_id {
        let used =
            sql::<Bool>("payments.id in (select payment_id from allocations where invoice_id = ")
                .bind::<diesel::sql_types::Uuid, _>(invoice)
                .sql(")");
        query = query.filter(used);
    }
    platform::filter_by!(
        query,
        payments::number.eq(&filter.number),
        payments::method.eq_any(&filter.method),
    );
    query = match filter.unapplied {
        Some(true) => query.filter(payments::unapplied_amount.gt(Money::ZERO)),
        Some(false) => query.filter(payments::unapplied_amount.eq(Money::ZERO)),
        None => query,
    };
    query = match filter.reversed {
        Some(true) => query.filter(payments::reversed_on.is_not_null()),
        Some(false) => query.filter(payments::reversed_on.is_null()),
        None => query,
    };

    platform::filter_by!(
        query,
        payments::received_on.ge(filter.received_from),
        payments::received_on.lt(filter.received_to),
    );
    query
}

impl Payment {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<PaymentFilter>,
    ) -> Result<PaymentPage> {
        use payments::{id, received_on};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, payments::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let by_day = |payment: &Self| (payment.received_on, payment.id);
        match filter.sort.unwrap_or(PaymentSort::LatestFirst) {
            PaymentSort::LatestFirst => {
                let rows = query
                    .filter(list.before::<Date, _, _>(received_on, id)?)
                    .order((received_on.desc(), id.desc()));
                list.page(rows.select(Self::as_select()).load(conn).await?, total, by_day)
            }
            PaymentSort::OldestFirst => {
                let rows = query.filter(list.after::<Date, _, _>(received_on, id)?);
                let rows = rows.order((received_on, id)).select(Self::as_select());
                list.page(rows.load(conn).await?, total, by_day)
            }
        }
    }

    access::rows! { payments: pub fn find, pub(super) fn save(refused) }

    /// Stores a new payment, without its allocations.
    pub(super) async fn insert(&self, tx: &mut Tx) -> Result<()> {
        let insert = diesel::insert_into(payments::table).values(self);
        insert.execute(tx.conn()).await.map_err(refused)?;
        Ok(())
    }
}

/// Returns the visible rows with these keys.
pub(super) async fn known(
    conn: &mut Conn,
    caller: &Caller,
    keys: &intake::Keys<'_>,
) -> Result<Vec<Payment>> {
    let known = payments::source_system.eq(keys.source_system).assume_not_null();
    let known = known.and(payments::external_id.eq_any(&keys.external_ids).assume_not_null());
    let rows = Payment::query().filter(caller.sees::<Payment>()).order(payments::id);
    if keys.ids.is_empty() {
        return Ok(rows.filter(known).load(conn).await?);
    }
    Ok(rows.filter(known.or(payments::id.eq_any(&keys.ids))).load(conn).await?)
}

/// Locks these rows, in the order of their ids, and returns them as locked.
pub(super) async fn held(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Payment>> {
    if ids.is_empty() {
        return Ok(vec![]);
    }
    let rows = payments::table.filter(payments::id.eq_any(ids)).order(payments::id);
    rows.select(payments::id).for_update().load::<Uuid>(tx.conn()).await?;

    // A separate statement reads the rows as of the lock; the locking one sees them as of its
    // start.
    let rows = Payment::query().filter(payments::id.eq_any(ids)).order(payments::id);
    Ok(rows.load(tx.conn()).await?)
}

/// Recomputes the unallocated amounts of these payments, and records the changes.
pub(crate) async fn settle(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    let rows = held(tx, ids).await?;
    let mut all = vec![];
    for before in rows {
        all.push(before.save(tx, before.settled()).await?);
    }
    keep_all(tx, &all.iter().collect::<Vec<_>>()).await
}

/// Reports the unallocated amounts to credit, in the company's currency. Post-dated payments count
/// from their day.
pub(super) async fn keep_all(tx: &mut Tx, rows: &[&Payment]) -> Result<()> {
    let today = tx.today;
    let item = |payment: &&Payment| OpenItem {
        kind: OpenKind::Receipt,
        source_id: payment.id,
        customer_id: payment.customer_id,
        parts: OpenPart::whole(if payment.received_on > today {
            Money::ZERO
        } else {
            Money(-converted(payment.unapplied_amount, payment.exchange_rate).0)
        }),
    };
    credit::open_item::keep(tx, &rows.iter().map(item).collect::<Vec<_>>()).await
}

/// Reports post-dated payments to credit once their day has come. A job. It covers the last 31
/// days, in case it did not run.
pub async fn keep_due(tx: &mut Tx) -> Result<u64> {
    let since = Date(tx.today.0 - jiff::Span::new().days(31));
    let due = Payment::query()
        .filter(payments::received_on.between(since, tx.today))
        .filter(payments::recorded_on.lt(payments::received_on))
        .filter(payments::closed_on.is_null())
        .order(payments::id);
    let due: Vec<Payment> = due.load(tx.conn()).await?;
    let mut customers: Vec<Uuid> = due.iter().map(|payment| payment.customer_id).collect();
    customers.sort_unstable();
    customers.dedup();
    credit::check::lock(tx, &customers).await?;
    let due = held(tx, &due.iter().map(|payment| payment.id).collect::<Vec<_>>()).await?;
    keep_all(tx, &due.iter().collect::<Vec<_>>()).await?;
    Ok(due.len() as u64)
}

/// Moves the payments of a merged customer to the remaining one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let rows = payments::table.filter(payments::customer_id.eq(moving.from.id));
    let rows: Vec<Uuid> = rows.order(payments::id).select(payments::id).load(tx.conn()).await?;
    let rows = moving.taken(rows, |id| *id);
    let mut all = vec![];
    for before in held(tx, &rows).await? {
        let after = Payment {
            customer_id: winner.id,
            customer_owner_id: winner.owner_id,
            ..before.clone()
        };
        all.push(before.save(tx, after).await?);
    }
    keep_all(tx, &all.iter().collect::<Vec<_>>()).await?;
    Ok(rows)
}

/// Selects the open items that credit should have of payments received by the day `$2`: (id,
/// amount), in the company's currency.
pub(crate) const OPEN_DOCUMENTS: &str = "select id, -round(unapplied_amount * exchange_rate, 6)
    from payments where closed_on is null and received_on <= $2";

/// Recomputes the unallocated amounts of all payments and returns those that differ from the stored
/// ones.
pub async fn differences(conn: &mut Conn) -> Result<Vec<Difference>> {
    let query = diesel::sql_query(
        "with applied as (
            select payment_id, sum(amount) as amount from allocations
            where reversed_on is null and payment_id is not null group by payment_id
        ),
        computed as (
            select id, number, unapplied_amount as kept, case when reversed_on is not null then 0
                else p.amount - coalesce(a.amount, 0) end as computed
            from payments p left join applied a on a.payment_id = p.id
        )
        select id, number, kept, computed from computed where kept <> computed order by id",
    );
    Ok(query.load(conn).await?)
}

/// Returns the next numbers for so many payments, like `RC-2026-000123`. Gaps are allowed.
pub(super) async fn next_numbers(tx: &mut Tx, count: usize) -> Result<Vec<String>> {
    if count == 0 {
        return Ok(vec![]);
    }
    let next = sql::<BigInt>("nextval('payments_number_seq') from generate_series(1, ")
        .bind::<BigInt, _>(i64::try_from(count).map_err(Error::internal)?)
        .sql(")");
    let numbers: Vec<i64> = diesel::select(next).load(tx.conn()).await?;
    let year = tx.today.0.year();
    Ok(numbers.into_iter().map(|number| format!("RC-{year}-{number:06}")).collect())
}

/// Turns a violated constraint into a fault. Only the database can see concurrent requests.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("payments_number_key", "/number", "duplicate")
        .on_constraint("payments_external_id_key", "/external_id", "duplicate")
        .on_constraint("payments_customer_id_fkey", "/customer_id", "unknown_reference")
        .on_constraint("payments_unapplied_amount_check", "/allocations", "above_unapplied")
}
