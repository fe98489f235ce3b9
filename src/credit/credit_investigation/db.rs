//! Queries on investigations. Each query on behalf of a caller starts at `Caller::sees`.

use std::collections::HashMap;

use ::customers::hooks::Move;
use access::Caller;
use customers::customer::Customer;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::{Change, Conn, Date, IfSent, List, Money, Result, Timestamp, Tx};
use schema::credit_investigations;
use uuid::Uuid;

use super::InvestigationAction::Expire;
use super::steps::Step;
use super::{
    CreditInvestigation, CreditInvestigationFilter, CreditInvestigationPage, InvestigationStatus,
    NewCreditInvestigation, check_recommended,
};

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a CreditInvestigationFilter,
) -> credit_investigations::BoxedQuery<'a, Pg> {
    let mut query =
        credit_investigations::table.filter(caller.sees::<CreditInvestigation>()).into_boxed();
    platform::filter_by!(
        query,
        credit_investigations::customer_id.eq(filter.customer_id),
        credit_investigations::status.eq_any(&filter.status),
    );
    if let Some(day) = filter.expiring_before {
        let concluded = credit_investigations::status.eq(InvestigationStatus::Concluded);
        query = query.filter(concluded);
        query = query.filter(credit_investigations::valid_until.lt(day).assume_not_null());
    }
    query
}

impl CreditInvestigation {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<CreditInvestigationFilter>,
    ) -> Result<CreditInvestigationPage> {
        use credit_investigations::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter).filter(list.rows(id, credit_investigations::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed()
            .filter(list.before::<Timestamp, _, _>(created_at, id)?)
            .order((created_at.desc(), id.desc()))
            .select(Self::as_select())
            .limit(list.fetch());
        list.page(rows.load(conn).await?, total, |investigation: &Self| {
            (investigation.created_at, investigation.id)
        })
    }

    access::rows! { credit_investigations: pub fn find, fn find_for_update, fn save }

    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        customer: Uuid,
        new: &NewCreditInvestigation,
    ) -> Result<Self> {
        let customer = Customer::find(tx.conn(), caller, customer).await?;
        customer.check_open()?;
        let investigation = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: customer.id,
            status: InvestigationStatus::Requested,
            reason: new.reason.clone(),
            requested_by: tx.actor,
            investigator_id: None,
            sources: vec![],
            registered_capital: None,
            lawsuits: None,
            payment_history: None,
            score: None,
            recommended_limit: None,
            concluded_on: None,
            valid_until: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: customer.owner_id,
        };

        let insert = diesel::insert_into(credit_investigations::table).values(&investigation);
        insert.execute(tx.conn()).await?;
        tx.record(Change::created(&investigation)).await?;
        Ok(investigation)
    }

    /// Takes an action of a person on an investigation.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        step: Step<'_>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller, step.action())?;
        let status = before.status.after(step.action())?;
        let mut after = Self { status, ..before.clone() };
        match step {
            Step::Start => after.investigator_id = Some(tx.actor),
            Step::Conclude(found) => after.conclude(found, tx.today)?,
        }
        before.save(tx, after).await
    }
}

/// Returns the latest concluded investigation of a customer that is still valid on a day, for the
/// rules on limits.
pub(crate) async fn in_force(
    conn: &mut Conn,
    customer: Uuid,
    today: Date,
) -> Result<Option<CreditInvestigation>> {
    use credit_investigations::{concluded_on, customer_id, id, status, valid_until};
    let row = CreditInvestigation::query()
        .filter(customer_id.eq(customer))
        .filter(status.eq(InvestigationStatus::Concluded))
        .filter(valid_until.ge(today))
        .order((concluded_on.desc(), id.desc()));
    Ok(row.first(conn).await.optional()?)
}

/// Returns the limits recommended by the latest investigations that are still valid on a day, by
/// customer.
pub(crate) async fn recommended(
    conn: &mut Conn,
    customers: &[Uuid],
    today: Date,
) -> Result<HashMap<Uuid, Money>> {
    use credit_investigations::{
        concluded_on, customer_id, id, recommended_limit, status, valid_until,
    };
    let rows = credit_investigations::table
        .filter(customer_id.eq_any(customers))
        .filter(status.eq(InvestigationStatus::Concluded))
        .filter(valid_until.ge(today))
        .order((customer_id, concluded_on.desc(), id.desc()))
        .distinct_on(customer_id)
        .select((customer_id, recommended_limit));
    let rows: Vec<(Uuid, Option<Money>)> = rows.load(conn).await?;
    Ok(rows.into_iter().filter_map(|(customer, limit)| Some((customer, limit?))).collect())
}

/// Returns the last day on which an investigation is valid.
pub(crate) async fn valid_until(conn: &mut Conn, id: Uuid) -> Result<Option<Date>> {
    let row = credit_investigations::table.find(id).select(credit_investigations::valid_until);
    Ok(row.first(conn).await?)
}

/// Checks that the caller may give the customer this limit. Without a valid investigation, any
/// limit is allowed.
pub(crate) async fn check_limit(
    tx: &mut Tx,
    caller: &Caller,
    customer: Uuid,
    limit: Option<Money>,
) -> Result<()> {
    let today = tx.today;
    let investigation = in_force(tx.conn(), customer, today).await?;
    match investigation.and_then(|investigation| investigation.recommended_limit) {
        Some(recommended) => check_recommended(caller, limit, recommended),
        None => Ok(()),
    }
}

/// Expires concluded investigations whose last day has passed. A job.
pub async fn expire(tx: &mut Tx) -> Result<u64> {
    let due = credit_investigations::table
        .filter(credit_investigations::status.eq(InvestigationStatus::Concluded))
        .filter(credit_investigations::valid_until.lt(tx.today))
        .order(credit_investigations::id)
        .limit(1000)
        .select(CreditInvestigation::as_select())
        .for_update()
        .skip_locked();
    let due: Vec<CreditInvestigation> = due.load(tx.conn()).await?;
    for before in &due {
        let status = before.status.after(Expire)?;
        before.save(tx, CreditInvestigation { status, ..before.clone() }).await?;
    }
    Ok(due.len() as u64)
}

/// Moves the investigations of a merged customer to the remaining one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let rows = credit_investigations::table;
    let rows = rows.filter(credit_investigations::customer_id.eq(moving.from.id));
    let rows = rows.order(credit_investigations::id).select(CreditInvestigation::as_select());
    let rows: Vec<CreditInvestigation> = rows.for_update().load(tx.conn()).await?;
    let rows = moving.taken(rows, |row| row.id);
    for before in &rows {
        let after = CreditInvestigation { customer_id: moving.to.id, ..before.clone() };
        before.save(tx, after).await?;
    }
    Ok(rows.iter().map(|row| row.id).collect())
}
