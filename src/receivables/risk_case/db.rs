//! Queries on risk cases. Each query on behalf of a caller starts at `Caller::sees`.

use ::customers::hooks::Move;
use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::{BoxFuture, Found, Wanted};
use intake::{Body, parameters};
use platform::{Change, Conn, Date, Error, Fault, IfSent, List, Money, Result, Tx};
use schema::risk_cases;
use uuid::Uuid;

use super::{NewRiskCase, RiskCase, RiskCaseFilter, RiskCasePage, RiskMeasure, RiskStatus, Step};
use crate::{risk, write_off};

fn matching<'a>(caller: &'a Caller, filter: &'a RiskCaseFilter) -> risk_cases::BoxedQuery<'a, Pg> {
    let mut query = risk_cases::table.filter(caller.sees::<RiskCase>()).into_boxed();
    platform::filter_by!(
        query,
        risk_cases::customer_id.eq(filter.customer_id),
        risk_cases::owner_id.eq(filter.owner_id),
        risk_cases::status.eq_any(&filter.status),
        risk_cases::trigger.eq_any(&filter.trigger),
    );
    query
}

impl RiskCase {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<RiskCaseFilter>,
    ) -> Result<RiskCasePage> {
        use risk_cases::{id, opened_on};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, risk_cases::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed().filter(list.before::<Date, _, _>(opened_on, id)?);
        let rows = rows.order((opened_on.desc(), id.desc())).select(Self::as_select());
        let rows = rows.limit(list.fetch()).load(conn).await?;
        list.page(rows, total, |case: &Self| (case.opened_on, case.id))
    }

    access::rows! { risk_cases: pub fn find, fn find_for_update, fn save }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewRiskCase>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        credit::check::lock(tx, &[new.customer_id]).await?;

        // Without this lock, two concurrent requests would both find no open case.
        tx.lock(&format!("risk case {}", new.customer_id)).await?;
        let open = risk_cases::table.filter(risk_cases::customer_id.eq(new.customer_id));
        let open = open.filter(risk_cases::closed_on.is_null()).select(risk_cases::id);
        if let Some(id) = open.first::<Uuid>(tx.conn()).await.optional()? {
            let detail = "The customer already has an open risk case.";
            return Err(Error::conflict("case_open", detail).member("id", id.to_string()));
        }

        let amount = match new.amount {
            Some(amount) => checked(amount)?,
            None => risk::owed(tx.conn(), new.customer_id).await?,
        };
        let owners = customers::customer::owners(tx.conn(), [new.customer_id]).await?;
        let case = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: new.customer_id,
            owner_id: new.owner_id.unwrap_or(caller.id()),
            trigger: new.trigger,
            amount,
            status: RiskStatus::Open,
            merged_into_id: None,
            measure: None,
            measures: vec![].into(),
            note: new.note,
            recovered_amount: Money::ZERO,
            opened_on: tx.today,
            closed_on: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: owners.get(&new.customer_id).copied().flatten(),
        };
        diesel::insert_into(risk_cases::table).values(&case).execute(tx.conn()).await?;
        tx.record(Change::created(&case)).await?;
        Ok(case)
    }

    pub(super) async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        step: Step<'_>,
    ) -> Result<Self> {
        let seen = Self::find(tx.conn(), caller, id).await?;
        // A hold changes the customer's credit, which must be locked before the case.
        credit::check::lock(tx, &[seen.customer_id]).await?;
        let before = Self::find_for_update(tx, caller, id).await?;
        if before.customer_id != seen.customer_id {
            return Err(Error::unavailable("busy"));
        }
        based_on.check(tx, &before).await?;

        // A case can be closed only after a measure was taken.
        let early = before.status == RiskStatus::Open && !matches!(step, Step::Measure(_));
        if before.closed_on.is_some() || early {
            let status = before.status.as_str();
            let detail = "The risk case is `{}`. A case needs a measure before it can be closed, \
                and a closed case cannot be changed.";
            return Err(Error::wrong_status(status, detail));
        }

        let mut after = before.clone();
        match step {
            Step::Measure(new) => {
                after.measured(new, tx.today, caller.id())?;
                if new.measure == RiskMeasure::Hold {
                    let reason = new.note.as_deref().unwrap_or("risk case 坏账风险");
                    let reason: String = reason.chars().take(500).collect();
                    credit::customer_credit::stop(tx, before.customer_id, &reason).await?;
                }
            }
            Step::Recover(recovery) => {
                after.recovered_amount = checked(recovery.amount)?;
                after.note = recovery.note.clone().or(after.note);
                (after.status, after.closed_on) = (RiskStatus::Recovered, Some(tx.today));
            }
            Step::WriteOff => {
                if !write_off::is_approved_for(tx.conn(), id).await? {
                    let detail = "No write-off has been approved for this case.";
                    return Err(Error::conflict("no_write_off", detail));
                }
                (after.status, after.closed_on) = (RiskStatus::WrittenOff, Some(tx.today));
            }
        }
        before.save(tx, after).await
    }
}

/// Checks an entered amount in the company's currency.
fn checked(amount: Money) -> Result<Money> {
    let negative = amount < Money::ZERO;
    let fault = negative.then(|| Fault::new("/amount", "range", "zero or more"));
    match fault.or_else(|| amount.digits_fault("/amount", None)) {
        Some(fault) => Err(Error::invalid(vec![fault])),
        None => Ok(amount),
    }
}

/// Finds references to visible risk cases, which have no external ids.
pub fn find_risk_cases<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async move {
        let rows = risk_cases::table.filter(caller.sees::<RiskCase>());
        let rows = rows.filter(risk_cases::id.eq_any(&wanted.ids)).select(risk_cases::id);
        let rows: Vec<Uuid> = rows.load(conn).await?;
        let mut found = Found::default();
        found.extend(rows.into_iter().map(|id| (id, 0, None, None)));
        Ok(found)
    })
}

/// Returns whether the case belongs to the customer.
pub(crate) async fn is_of(conn: &mut Conn, case: Uuid, customer: Uuid) -> Result<bool> {
    let row = risk_cases::table.find(case).filter(risk_cases::customer_id.eq(customer));
    let row = row.select(risk_cases::id).first::<Uuid>(conn).await.optional()?;
    Ok(row.is_some())
}

/// Moves the cases of a merged customer to the remaining one. If both have an open case, that of
/// the remaining customer continues with the amounts of both. Undoing the merge reopens the other
/// one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let of = |customer: Uuid| {
        let rows = risk_cases::table.filter(risk_cases::customer_id.eq(customer));
        rows.order(risk_cases::id).select(RiskCase::as_select()).for_update()
    };
    let winner = moving.to;
    let theirs: Vec<RiskCase> = of(moving.from.id).load(tx.conn()).await?;
    let ours: Vec<RiskCase> = of(winner.id).load(tx.conn()).await?;
    let open = |row: &RiskCase| row.closed_on.is_none();
    let mut goes_on = ours.into_iter().find(open);
    let (rows, stay) = theirs.into_iter().partition::<Vec<_>, _>(|row| moving.takes(row.id));

    for before in &rows {
        let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
        let mut after = RiskCase { customer_id, customer_owner_id, ..before.clone() };
        if let Some(other) = goes_on.as_mut().filter(|_| open(before)) {
            after.status = RiskStatus::Merged;
            (after.closed_on, after.merged_into_id) = (Some(tx.today), Some(other.id));
            let amount = Money(other.amount.0 + before.amount.0);
            *other = other.save(tx, RiskCase { amount, ..other.clone() }).await?;
        } else if let Some(other) = stay.iter().find(|case| before.merged_into_id == Some(case.id))
        {
            let measured = before.measure.is_some();
            after.status = if measured { RiskStatus::Measures } else { RiskStatus::Open };
            (after.closed_on, after.merged_into_id) = (None, None);
            if open(other) {
                let amount = Money(other.amount.0 - before.amount.0);
                other.save(tx, RiskCase { amount, ..other.clone() }).await?;
            }
        }
        before.save(tx, after).await?;
    }
    Ok(rows.iter().map(|row| row.id).collect())
}
