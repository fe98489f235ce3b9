//! The queries on promises. Each that answers a caller starts at `visible_to`.

use std::collections::HashMap;

use auth::{Body, Caller, reference};
use company::Company;
use customers::customer::Customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Numeric, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Change, Conn, Date, Error, Fault, IfSent, List, Money, Resource, Result, Tx};
use schema::promises;
use uuid::Uuid;

use super::{NewPromise, Promise, PromiseFilter, PromisePage, PromiseStatus, Promised};
use crate::invoice;
use crate::reach::ByAccount;

/// How many days after it was broken a payment that was told late still keeps a promise.
const GRACE: i64 = 7;

/// Who was told so or the customer's owner in reach; all of them for finance.
pub fn visible_to(caller: &Caller) -> ByAccount<'_> {
    ByAccount::of(
        caller,
        &[
            "(promises.made_by = any(",
            ") or promises.customer_id in (select id from customers where owner_id = any(",
            ")))",
        ],
    )
}

fn matching<'a>(caller: &'a Caller, filter: &'a PromiseFilter) -> promises::BoxedQuery<'a, Pg> {
    let mut query = promises::table.filter(visible_to(caller)).into_boxed();
    if let Some(customer) = filter.customer_id {
        query = query.filter(promises::customer_id.eq(customer));
    }
    if let Some(invoice) = filter.invoice_id {
        query = query.filter(promises::invoice_id.eq(invoice));
    }
    if let Some(person) = filter.made_by_id {
        query = query.filter(promises::made_by.eq(person));
    }
    if let Some(statuses) = &filter.status {
        query = query.filter(promises::status.eq_any(statuses));
    }
    if let Some(day) = filter.due_from {
        query = query.filter(promises::due_on.ge(day));
    }
    if let Some(day) = filter.due_to {
        query = query.filter(promises::due_on.lt(day));
    }
    query
}

impl Promise {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<PromiseFilter>,
    ) -> Result<PromisePage> {
        use promises::{due_on, id};
        let filter = reference::filter(conn, caller, list).await?;
        let total = if list.counted {
            Some(matching(caller, &filter).count().get_result(conn).await?)
        } else {
            None
        };
        let rows = matching(caller, &filter).filter(list.after::<Date, _, _>(due_on, id)?);
        let rows = rows.order((due_on, id)).select(Self::as_select()).limit(list.fetch());
        list.page(rows.load(conn).await?, total, |it: &Self| (it.due_on, it.id))
    }

    pub async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = Self::query().filter(visible_to(caller)).filter(promises::id.eq(id));
        Ok(row.first(conn).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewPromise>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let invoice = invoice::load(tx.conn(), new.invoice_id.as_slice()).await?;
        let mut faults = vec![];
        if let [invoice] = invoice.as_slice() {
            if invoice.customer_id != new.customer_id {
                let why = "the invoice is another customer's";
                faults.push(Fault::new("/invoice_id", "another_customer", why));
            }
            if new.currency.as_ref().is_some_and(|it| *it != invoice.currency) {
                let why = "the invoice is in another currency";
                faults.push(Fault::new("/currency", "another_currency", why));
            }
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        let of_invoice = invoice.as_slice().first().map(|it| it.currency.clone());
        let currency = match new.currency.or(of_invoice) {
            Some(currency) => currency,
            None => Company::load(tx.conn()).await?.currency,
        };
        let promised = Promised {
            customer_id: new.customer_id,
            invoice_id: new.invoice_id,
            due_on: new.due_on,
            currency,
            amount: new.amount,
            note: new.note,
        };
        Self::make(tx, caller, promised, "").await
    }

    /// Writes a promise down; `at` is where it stands in the body.
    pub(crate) async fn make(
        tx: &mut Tx,
        caller: &Caller,
        new: Promised,
        at: &str,
    ) -> Result<Self> {
        let mut faults = vec![];
        if new.due_on < tx.today {
            faults.push(Fault::new(format!("{at}/due_on"), "range", "not in the past"));
        }
        if new.amount <= Money::ZERO {
            faults.push(Fault::new(format!("{at}/amount"), "range", "more than zero"));
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        let owners = customers::customer::owners(tx.conn(), [new.customer_id]).await?;
        let it = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: new.customer_id,
            invoice_id: new.invoice_id,
            made_by: caller.id(),
            promised_on: tx.today,
            due_on: new.due_on,
            currency: new.currency,
            amount: new.amount,
            status: PromiseStatus::Open,
            received_amount: Money::ZERO,
            decided_on: None,
            note: new.note,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: owners.get(&new.customer_id).copied().flatten(),
        };
        diesel::insert_into(promises::table).values(&it).execute(tx.conn()).await?;
        tx.record(Change::created(&it)).await?;
        Ok(it)
    }

    pub(super) async fn withdraw(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
    ) -> Result<Self> {
        let row = promises::table.filter(visible_to(caller)).filter(promises::id.eq(id));
        let before: Self = row.select(Self::as_select()).for_update().first(tx.conn()).await?;
        based_on.check(&before)?;
        if before.status != PromiseStatus::Open {
            let status = before.status.as_str();
            let error = Error::conflict("wrong_status", format!("the promise is {status}"));
            return Err(error.member("current_status", status));
        }
        let (status, decided_on) = (PromiseStatus::Withdrawn, Some(tx.today));
        before.save(tx, Self { status, decided_on, ..before.clone() }).await
    }

    async fn save(&self, tx: &mut Tx, after: Self) -> Result<Self> {
        let after = self.next(after, tx.now);
        if after != *self {
            diesel::update(promises::table.find(self.id)).set(&after).execute(tx.conn()).await?;
            tx.record(Change::updated(self, &after)).await?;
        }
        Ok(after)
    }
}

/// What came in for each promise within its days: on its invoice, else from the customer.
const RECEIVED: &str = "
    select p.id, coalesce(case when p.invoice_id is not null then (
        select sum(a.amount) from allocations a
        where a.invoice_id = p.invoice_id and a.payment_id is not null and a.reversed_on is null
            and a.allocated_on between p.promised_on and p.due_on
    ) else (
        select sum(m.amount) from payments m
        where m.customer_id = p.customer_id and m.currency = p.currency
            and m.reversed_on is null and m.received_on between p.promised_on and p.due_on
    ) end, 0) as amount
    from promises p where p.id = any($1)";

/// Looks at the payments for every promise that is open, or was broken a short while ago. Answers
/// how many were decided.
pub(crate) async fn judge(tx: &mut Tx) -> Result<u64> {
    #[derive(QueryableByName)]
    struct Received {
        #[diesel(sql_type = SqlUuid)]
        id: Uuid,
        #[diesel(sql_type = Numeric)]
        amount: Money,
    }
    let since = Date(tx.today.0 - jiff::Span::new().days(GRACE));
    let broken = promises::status.eq(PromiseStatus::Broken);
    let broken = broken.and(promises::decided_on.ge(since).assume_not_null());
    let rows = promises::table.filter(promises::status.eq(PromiseStatus::Open).or(broken));
    let rows = rows.order(promises::id).select(Promise::as_select()).for_update().skip_locked();
    let rows: Vec<Promise> = rows.load(tx.conn()).await?;
    let ids: Vec<Uuid> = rows.iter().map(|it| it.id).collect();
    let received = diesel::sql_query(RECEIVED).bind::<Array<SqlUuid>, _>(ids);
    let received: Vec<Received> = received.load(tx.conn()).await?;
    let received: HashMap<Uuid, Money> =
        received.into_iter().map(|it| (it.id, it.amount)).collect();
    let mut decided = 0;
    for before in rows {
        let received_amount = received.get(&before.id).copied().unwrap_or_default();
        let missing = received_amount < before.amount;
        let status = before.status.judged(before.due_on, missing, tx.today);
        let turned = status != before.status;
        let decided_on = if turned { Some(tx.today) } else { before.decided_on };
        decided += u64::from(turned);
        before.save(tx, Promise { status, received_amount, decided_on, ..before.clone() }).await?;
    }
    Ok(decided)
}

/// The loser's promises are the winner's from now on.
pub(crate) async fn follow(tx: &mut Tx, winner: &Customer, loser: &Customer) -> Result<()> {
    let rows = promises::table.filter(promises::customer_id.eq(loser.id)).order(promises::id);
    let rows: Vec<Promise> = rows.select(Promise::as_select()).for_update().load(tx.conn()).await?;
    for before in rows {
        let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
        before.save(tx, Promise { customer_id, customer_owner_id, ..before.clone() }).await?;
    }
    Ok(())
}
