//! Queries on customers' credit. Each query on behalf of a caller loads the visible customer first.

use std::collections::HashMap;

use access::Caller;
use company::Company;
use customers::customer::Customer;
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use platform::{
    Change, Conn, Date, Error, IfMatch, IfSent, Money, Patch, Reason, Resource, Result, Timestamp,
    Tx,
};
use schema::customer_credits;
use uuid::Uuid;

use super::{CreditAccount, CreditChanges, CustomerCredit};
use crate::check::breakdown;
use crate::credit_investigation;

/// Creates rows that exist only to be locked. They have version 0 and leave no history.
const MAKE: &str = "
    insert into customer_credits (id, version, tolerance_percent, hold, created_at, updated_at)
    select id, 0, 0, false, created_at, created_at from customers where id = any($1) order by id
    on conflict do nothing";

pub(crate) async fn lock(tx: &mut Tx, customers: &[Uuid]) -> Result<()> {
    lock_rows(tx.conn(), customers).await
}

pub(crate) async fn lock_rows(conn: &mut Conn, customers: &[Uuid]) -> Result<()> {
    let mut ids = customers.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }

    diesel::sql_query(MAKE).bind::<Array<SqlUuid>, _>(&ids).execute(&mut *conn).await?;
    let rows = customer_credits::table.filter(customer_credits::id.eq_any(&ids));
    let rows = rows.order(customer_credits::id).select(customer_credits::id).for_update();
    let _: Vec<Uuid> = rows.load(conn).await?;
    Ok(())
}

/// Returns the stored credits of these customers. Customers without a row are left out.
pub(crate) async fn load(
    conn: &mut Conn,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, CustomerCredit>> {
    let rows = CustomerCredit::query().filter(customer_credits::id.eq_any(customers));
    let rows: Vec<CustomerCredit> = rows.load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Sets the limit of a customer to that of its approved terms, valid as long as the investigation
/// behind them.
pub(crate) async fn grant(
    tx: &mut Tx,
    customer: Uuid,
    limit: Money,
    valid_until: Option<Date>,
) -> Result<()> {
    let before = CustomerCredit::locked(tx, customer).await?;
    let after = CustomerCredit { credit_limit: Some(limit), valid_until, ..before.clone() };
    before.save(tx, after).await.map(drop)
}

/// Puts a customer's credit on hold, 冻结, unless it already is. The caller has checked the
/// permission, as a measure in a risk case. Only users release a hold.
pub async fn stop(tx: &mut Tx, customer: Uuid, reason: &str) -> Result<()> {
    let before = CustomerCredit::locked(tx, customer).await?;
    if before.hold {
        return Ok(());
    }
    let reason = Some(reason.to_owned());
    let after = CustomerCredit { hold: true, hold_reason: reason, ..before.clone() };
    before.save(tx, after).await.map(drop)
}

impl CustomerCredit {
    pub(super) async fn find(conn: &mut Conn, caller: &Caller, customer: Uuid) -> Result<Self> {
        let customer = Customer::find(conn, caller, customer).await?;
        let stored = load(conn, &[customer.id]).await?.remove(&customer.id);
        Ok(stored.unwrap_or_else(|| Self::blank(&customer)))
    }

    /// Locks the row and returns it, creating it first if it is missing.
    async fn locked(tx: &mut Tx, customer: Uuid) -> Result<Self> {
        lock(tx, &[customer]).await?;
        let row = Self::query().filter(customer_credits::id.eq(customer));
        Ok(row.first(tx.conn()).await?)
    }

    async fn find_for_update(tx: &mut Tx, caller: &Caller, customer: Uuid) -> Result<Self> {
        let customer = Customer::find(tx.conn(), caller, customer).await?;
        customer.check_open()?;
        if customer.owner_id == Some(caller.id()) {
            let detail =
                "You cannot change the credit of your own customer. Another user must change it.";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        Self::locked(tx, customer.id).await
    }

    async fn save(&self, tx: &mut Tx, after: Self) -> Result<Self> {
        let after = self.next(after, tx.now);
        if after != *self {
            let update = diesel::update(customer_credits::table.find(self.id)).set(&after);
            update.execute(tx.conn()).await?;
            let first = self.version == 0;
            let change =
                if first { Change::created(&after) } else { Change::updated(self, &after) };
            tx.record(change).await?;
        }
        Ok(after)
    }

    /// Returns the credit together with the exposure.
    async fn account(self, conn: &mut Conn, at: (Date, Timestamp)) -> Result<CreditAccount> {
        let exposure = breakdown(conn, self.id, at).await?;
        Ok(CreditAccount { credit: self, exposure })
    }

    /// Checks that only a director raises a limit beyond the recommendation of an investigation.
    async fn check_recommended(&self, tx: &mut Tx, caller: &Caller, after: &Self) -> Result<()> {
        let settings = Company::load(tx.conn()).await?.settings.0;
        match after.new_limit(self, &settings) {
            Some(limit) => credit_investigation::check_limit(tx, caller, self.id, limit).await,
            None => Ok(()),
        }
    }
}

impl CreditAccount {
    pub async fn find(
        conn: &mut Conn,
        caller: &Caller,
        customer: Uuid,
        at: (Date, Timestamp),
    ) -> Result<Self> {
        let credit = CustomerCredit::find(conn, caller, customer).await?;
        credit.account(conn, at).await
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        customer: Uuid,
        based_on: IfMatch,
        changes: &Patch<CreditChanges>,
    ) -> Result<Self> {
        let before = CustomerCredit::find_for_update(tx, caller, customer).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let after = before.changed(changes)?;
        before.check_recommended(tx, caller, &after).await?;
        Self::saved(tx, &before, after).await
    }

    pub async fn hold(
        tx: &mut Tx,
        caller: &Caller,
        customer: Uuid,
        based_on: IfSent,
        why: &Reason,
    ) -> Result<Self> {
        let before = CustomerCredit::find_for_update(tx, caller, customer).await?;
        based_on.check(tx, &before).await?;
        Self::saved(tx, &before, before.held(why)?).await
    }

    pub async fn release(
        tx: &mut Tx,
        caller: &Caller,
        customer: Uuid,
        based_on: IfSent,
    ) -> Result<Self> {
        let before = CustomerCredit::find_for_update(tx, caller, customer).await?;
        based_on.check(tx, &before).await?;
        Self::saved(tx, &before, before.released()?).await
    }

    async fn saved(tx: &mut Tx, before: &CustomerCredit, after: CustomerCredit) -> Result<Self> {
        let (saved, at) = (before.save(tx, after).await?, (tx.today, tx.now));
        saved.account(tx.conn(), at).await
    }
}

/// Returns whether there are credit limits, which are in the company's currency. A hook of the
/// company.
pub fn uses_currency(tx: &mut Tx) -> BoxFuture<'_, Result<bool>> {
    Box::pin(async {
        let limits = customer_credits::table.filter(customer_credits::credit_limit.is_not_null());
        Ok(diesel::select(diesel::dsl::exists(limits)).get_result(tx.conn()).await?)
    })
}
