//! Queries on promises. Each query on behalf of a caller starts at `Caller::sees`.

use ::customers::hooks::Move;
use access::Caller;
use company::{Company, exchange_rate::ExchangeRate};
use customers::customer::Customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, parameters};
use platform::{Change, Conn, Date, Error, Fault, IfSent, List, Money, Result, Tx};
use schema::promises;
use uuid::Uuid;

use super::{NewPromise, Promise, PromiseFilter, PromisePage, PromiseStatus, Promised};
use crate::invoice::{self, InvoiceKind};

fn matching<'a>(caller: &'a Caller, filter: &'a PromiseFilter) -> promises::BoxedQuery<'a, Pg> {
    let mut query = promises::table.filter(caller.sees::<Promise>()).into_boxed();
    platform::filter_by!(
        query,
        promises::customer_id.eq(filter.customer_id),
        promises::invoice_id.eq(filter.invoice_id),
        promises::made_by.eq(filter.made_by_id),
        promises::status.eq_any(&filter.status),
        promises::due_on.ge(filter.due_from),
        promises::due_on.lt(filter.due_to),
    );
    query
}

impl Promise {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<PromiseFilter>,
    ) -> Result<PromisePage> {
        use promises::{due_on, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, promises::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed().filter(list.after::<Date, _, _>(due_on, id)?);
        let rows = rows.order((due_on, id)).select(Self::as_select()).limit(list.fetch());
        list.page(rows.load(conn).await?, total, |promise: &Self| (promise.due_on, promise.id))
    }

    access::rows! { promises: pub fn find, fn find_for_update, pub(super) fn save }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewPromise>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let unknown = || Error::invalid(vec![Fault::unknown_reference("/customer_id")]);
        let customer = Customer::find(tx.conn(), caller, new.customer_id).await;
        let customer = customer.map_err(|error| error.or(unknown))?;
        if customer.merged_into_id.is_some() {
            let why = "merged into another customer";
            let fault = Fault::new("/customer_id", "customer_merged", why);
            return Err(Error::invalid(vec![fault]));
        }

        let invoice = invoice::load(tx.conn(), new.invoice_id.as_slice()).await?;
        let mut faults = vec![];
        if let [invoice] = invoice.as_slice() {
            if invoice.kind == InvoiceKind::CreditNote || !invoice.counts() {
                let why = "must be a posted invoice";
                faults.push(Fault::new("/invoice_id", "not_posted", why));
            }
            if invoice.customer_id != new.customer_id {
                let why = "the invoice belongs to another customer";
                faults.push(Fault::new("/invoice_id", "another_customer", why));
            }
            if new.currency.as_ref().is_some_and(|currency| *currency != invoice.currency) {
                let why = "the invoice is in another currency";
                faults.push(Fault::new("/currency", "another_currency", why));
            }
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let of_invoice = invoice.as_slice().first().map(|invoice| invoice.currency.clone());
        let company = Company::load(tx.conn()).await?.currency;
        let currency = new.currency.or(of_invoice).unwrap_or_else(|| company.clone());
        // Reports convert the amount, so that a rate must exist.
        let (pair, today) = ((currency.as_str(), company.as_str()), tx.today);
        ExchangeRate::required(tx.conn(), pair, today, "/currency").await?;
        if let Some(fault) = new.amount.digits_fault("/amount", Some(&currency)) {
            return Err(Error::invalid(vec![fault]));
        }

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

    /// Records a promise; `at` is the JSON pointer to it in the request body.
    pub(crate) async fn make(
        tx: &mut Tx,
        caller: &Caller,
        new: Promised,
        at: &str,
    ) -> Result<Self> {
        let mut faults = vec![];
        if new.due_on < tx.today {
            faults.push(Fault::new(format!("{at}/due_on"), "range", "must be today or later"));
        }
        if new.amount <= Money::ZERO {
            faults.push(Fault::new(format!("{at}/amount"), "range", "more than zero"));
        }
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let owners = customers::customer::owners(tx.conn(), [new.customer_id]).await?;
        let promise = Self {
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
        diesel::insert_into(promises::table).values(&promise).execute(tx.conn()).await?;
        tx.record(Change::created(&promise)).await?;
        Ok(promise)
    }

    pub(super) async fn withdraw(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;

        // A promise whose day is over is broken, even if the job has not marked it yet.
        let missing = before.received_amount < before.amount;
        let status = match before.status {
            PromiseStatus::Open => before.status.judged(before.due_on, missing, tx.today),
            ended => ended,
        };
        if status != PromiseStatus::Open {
            let status = status.as_str();
            let detail = "The promise is `{}`. Only an open promise can be withdrawn.";
            return Err(Error::wrong_status(status, detail));
        }
        let (status, decided_on) = (PromiseStatus::Withdrawn, Some(tx.today));
        before.save(tx, Self { status, decided_on, ..before.clone() }).await
    }
}

/// Moves the promises of a merged customer to the remaining one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let rows = promises::table.filter(promises::customer_id.eq(moving.from.id)).order(promises::id);
    let rows: Vec<Promise> = rows.select(Promise::as_select()).for_update().load(tx.conn()).await?;
    let rows = moving.taken(rows, |row| row.id);
    let ids = rows.iter().map(|row| row.id).collect();
    for before in rows {
        let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
        before.save(tx, Promise { customer_id, customer_owner_id, ..before.clone() }).await?;
    }
    Ok(ids)
}
