//! Queries on collection tasks. Each query on behalf of a caller starts at `Caller::sees`.

use std::collections::HashSet;

use ::customers::hooks::Move;
use access::Caller;
use company::Company;
use company::setting::{self, Key};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{
    Array, Date as SqlDate, Integer, Nullable, Numeric, Text, Uuid as SqlUuid,
};
use diesel_async::RunQueryDsl;
use intake::parameters;
use platform::{Change, Conn, Date, Error, Fault, IfSent, List, Money, NoFilter, Result, Tx};
use schema::collection_tasks;
use uuid::Uuid;

use super::{
    CollectionOutcome, CollectionResult, CollectionStatus, CollectionTask, CollectionTaskFilter,
    CollectionTaskPage, DunningStep,
};
use crate::invoice;
use crate::promise::{Promise, Promised};

/// Maximum number of tasks created in one run. The next run creates the rest.
const MOST: i32 = 1000;

/// The dunning steps with their settings, and the sign that turns a setting into days after the due
/// date.
const STEPS: [(DunningStep, Key, i64); 5] = [
    (DunningStep::BeforeDue, setting::DUNNING_DAYS_BEFORE_DUE, -1),
    (DunningStep::First, setting::DUNNING_DAYS_FIRST, 1),
    (DunningStep::Second, setting::DUNNING_DAYS_SECOND, 1),
    (DunningStep::Third, setting::DUNNING_DAYS_THIRD, 1),
    (DunningStep::Last, setting::DUNNING_DAYS_LAST, 1),
];

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a CollectionTaskFilter,
) -> collection_tasks::BoxedQuery<'a, Pg> {
    let mut query = collection_tasks::table.filter(caller.sees::<CollectionTask>()).into_boxed();
    platform::filter_by!(
        query,
        collection_tasks::customer_id.eq(filter.customer_id),
        collection_tasks::invoice_id.eq(filter.invoice_id),
        collection_tasks::assignee_id.eq(filter.assignee_id),
        collection_tasks::status.eq_any(&filter.status),
        collection_tasks::step.eq_any(&filter.step),
        collection_tasks::due_on.ge(filter.due_from),
        collection_tasks::due_on.lt(filter.due_to),
    );
    query
}

impl CollectionTask {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<CollectionTaskFilter>,
    ) -> Result<CollectionTaskPage> {
        use collection_tasks::{due_on, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter).filter(list.rows(id, collection_tasks::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed().filter(list.after::<Date, _, _>(due_on, id)?);
        let rows = rows.order((due_on, id)).select(Self::as_select()).limit(list.fetch());
        list.page(rows.load(conn).await?, total, |task: &Self| (task.due_on, task.id))
    }

    /// Returns the caller's open tasks.
    pub async fn list_mine(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
    ) -> Result<CollectionTaskPage> {
        use collection_tasks::{assignee_id, due_on, id, status};
        let mine = || {
            let rows = collection_tasks::table.filter(caller.sees::<CollectionTask>());
            let rows = rows.filter(list.rows(id, collection_tasks::updated_at));
            rows.filter(assignee_id.eq(caller.id()).and(status.eq(CollectionStatus::Open)))
        };
        let total = if list.counted { Some(mine().count().get_result(conn).await?) } else { None };
        let rows = mine().filter(list.after::<Date, _, _>(due_on, id)?).order((due_on, id));
        let rows = rows.select(Self::as_select()).limit(list.fetch());
        list.page(rows.load(conn).await?, total, |task: &Self| (task.due_on, task.id))
    }

    access::rows! { collection_tasks: pub fn find, fn find_for_update, fn save }

    /// Completes a task with its result.
    pub async fn report(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        outcome: &CollectionOutcome,
    ) -> Result<Self> {
        // The invoice and the customer's credit must be locked before the task.
        if outcome.result == CollectionResult::Disputed {
            let seen = Self::find(tx.conn(), caller, id).await?;
            invoice::dispute(tx, &seen).await?;
        }

        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        if before.status != CollectionStatus::Open {
            let status = before.status.as_str();
            let detail = "The collection task is `{}`. Only an open task can be completed.";
            return Err(Error::wrong_status(status, detail));
        }
        if outcome.promise.is_some() != (outcome.result == CollectionResult::Promised) {
            let why = "required when the result is `promised`, otherwise not allowed";
            return Err(Error::invalid(vec![Fault::new("/promise", "contradiction", why)]));
        }

        if let Some(promise) = &outcome.promise {
            let open = invoice::load(tx.conn(), &[before.invoice_id]).await?;
            let open = open.as_slice().first().map_or(before.amount, |invoice| invoice.open_amount);
            // The open amount itself may come from an ERP with more digits than users may enter.
            let part = promise.amount.filter(|amount| *amount != open);
            let (at, currency) = ("/promise/amount", Some(before.currency.as_str()));
            if let Some(fault) = part.and_then(|amount| amount.digits_fault(at, currency)) {
                return Err(Error::invalid(vec![fault]));
            }
            let new = Promised {
                customer_id: before.customer_id,
                invoice_id: Some(before.invoice_id),
                due_on: promise.due_on,
                currency: before.currency.clone(),
                amount: promise.amount.unwrap_or(open),
                note: outcome.note.clone(),
            };
            Promise::make(tx, caller, new, "/promise").await?;
        }

        let after = Self {
            status: CollectionStatus::Done,
            channel: Some(outcome.channel),
            result: Some(outcome.result),
            note: outcome.note.clone(),
            done_by: Some(caller.id()),
            ended_at: Some(tx.now),
            ..before.clone()
        };
        before.save(tx, after).await
    }
}

/// Reassigns open tasks to the current owner of their customer.
async fn hand_on(tx: &mut Tx) -> Result<()> {
    let others = diesel::sql_query(
        "select t.id from collection_tasks t join customers c on c.id = t.customer_id
        where t.status = 'open' and c.owner_id is not null
            and c.owner_id is distinct from t.assignee_id
        order by t.id limit 1000",
    );
    let others: Vec<Found> = others.load(tx.conn()).await?;
    for before in open(tx, others.into_iter().map(|row| row.id)).await? {
        let assignee_id = before.customer_owner_id.or(before.assignee_id);
        before.save(tx, CollectionTask { assignee_id, ..before.clone() }).await?;
    }
    Ok(())
}

/// An invoice that is due for a dunning step.
#[derive(QueryableByName)]
struct Due {
    #[diesel(sql_type = SqlUuid)]
    invoice_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    customer_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    owner_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    salesperson_id: Option<Uuid>,
    #[diesel(sql_type = SqlDate)]
    next_due_on: Date,
    #[diesel(sql_type = Text)]
    currency: String,
    #[diesel(sql_type = Numeric)]
    amount: Money,
    #[diesel(sql_type = Text)]
    step: DunningStep,
    #[diesel(sql_type = Integer)]
    days: i32,
}

/// Selects the latest due step for the next unpaid part of each invoice, if there is no task for
/// it. Disputed invoices are skipped, so that customers are not dunned for them.
const DUE: &str = "
    select i.id as invoice_id, i.customer_id, c.owner_id, i.salesperson_id, i.next_due_on,
        i.currency, s.step, s.days,
        -- Of an invoice in instalments the part that is due by then.
        case when i.instalments = '[]' then i.open_amount
            else (select sum((it->>'amount')::numeric) from jsonb_array_elements(i.instalments) it
                where (it->>'due_date')::date <= i.next_due_on) - (i.total_amount - i.open_amount)
        end as amount
    from invoices i join customers c on c.id = i.customer_id
    cross join lateral (
        select step, days from unnest($1, $2) as it (step, days)
        where i.next_due_on + days <= $3 order by days desc limit 1
    ) as s
    where i.next_due_on <= $4 and not i.disputed and not exists (
        select from collection_tasks t where t.invoice_id = i.id
            and t.invoice_due_on = i.next_due_on and t.step = s.step
    )
    order by i.next_due_on, i.id limit $5";

/// Cancels tasks whose invoice or instalment is paid or disputed, reassigns the others to the
/// current owner of the customer, and creates the tasks that are due. A later step replaces an
/// earlier one. Returns the number of created tasks.
pub(crate) async fn make_due(tx: &mut Tx) -> Result<u64> {
    end_needless(tx).await?;
    hand_on(tx).await?;

    let settings = Company::load(tx.conn()).await?.settings;
    let days = STEPS
        .map(|(_, setting, sign)| i32::try_from(sign * settings.get(setting)).unwrap_or_default());
    let first = days.iter().copied().min().unwrap_or_default();
    // The earliest step bounds the invoices to look at: for those due later, none has come.
    let until = Date(tx.today.0 - jiff::Span::new().days(first));
    let due = diesel::sql_query(DUE)
        .bind::<Array<Text>, _>(STEPS.map(|step| step.0.as_str()).to_vec())
        .bind::<Array<Integer>, _>(days.to_vec())
        .bind::<SqlDate, _>(tx.today)
        .bind::<SqlDate, _>(until)
        .bind::<Integer, _>(MOST);
    let due: Vec<Due> = due.load(tx.conn()).await?;

    let made: Vec<CollectionTask> = due.into_iter().map(|due| task(due, tx)).collect();
    let invoices: Vec<Uuid> = made.iter().map(|task| task.invoice_id).collect();
    end_earlier(tx, &invoices).await?;
    if made.is_empty() {
        return Ok(0);
    }

    // A concurrent run may have created some of them meanwhile.
    let insert = diesel::insert_into(collection_tasks::table).values(&made);
    let insert = insert.on_conflict_do_nothing().returning(collection_tasks::id);
    let ours: HashSet<Uuid> = insert.get_results(tx.conn()).await?.into_iter().collect();
    let made = made.iter().filter(|task| ours.contains(&task.id));
    let records = made.map(Change::created).collect::<Result<Vec<_>>>()?;
    tx.record_all(&records).await?;
    Ok(records.len() as u64)
}

fn task(due: Due, tx: &Tx) -> CollectionTask {
    CollectionTask {
        id: Uuid::now_v7(),
        version: 1,
        invoice_id: due.invoice_id,
        customer_id: due.customer_id,
        assignee_id: due.owner_id.or(due.salesperson_id),
        step: due.step,
        due_on: Date(due.next_due_on.0 + jiff::Span::new().days(due.days)),
        invoice_due_on: due.next_due_on,
        currency: due.currency,
        amount: due.amount,
        status: CollectionStatus::Open,
        channel: None,
        result: None,
        note: None,
        done_by: None,
        ended_at: None,
        created_at: tx.now,
        updated_at: tx.now,
        customer_owner_id: due.owner_id,
    }
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Cancels tasks whose invoice or instalment is paid, has a new due date, or is disputed.
async fn end_needless(tx: &mut Tx) -> Result<()> {
    let rows: Vec<Found> = diesel::sql_query(
        "select t.id from collection_tasks t join invoices i on i.id = t.invoice_id
        where t.status = 'open'
            and (i.next_due_on is distinct from t.invoice_due_on or i.disputed)
        order by t.id limit 1000",
    )
    .load(tx.conn())
    .await?;
    end(tx, rows.into_iter().map(|row| row.id)).await
}

/// Cancels the open tasks of these invoices, which a later step replaces.
async fn end_earlier(tx: &mut Tx, invoices: &[Uuid]) -> Result<()> {
    let rows = collection_tasks::table.filter(collection_tasks::invoice_id.eq_any(invoices));
    let rows = rows.filter(collection_tasks::status.eq(CollectionStatus::Open));
    let ids: Vec<Uuid> = rows.select(collection_tasks::id).load(tx.conn()).await?;
    end(tx, ids).await
}

/// Locks the tasks and returns those that are still open. A user may have completed one meanwhile.
async fn open(tx: &mut Tx, ids: impl IntoIterator<Item = Uuid>) -> Result<Vec<CollectionTask>> {
    let open = collection_tasks::table
        .filter(collection_tasks::id.eq_any(ids))
        .filter(collection_tasks::status.eq(CollectionStatus::Open))
        .order(collection_tasks::id)
        .select(CollectionTask::as_select())
        .for_update();
    Ok(open.load(tx.conn()).await?)
}

async fn end(tx: &mut Tx, ids: impl IntoIterator<Item = Uuid>) -> Result<()> {
    for before in open(tx, ids).await? {
        let (status, ended_at) = (CollectionStatus::Cancelled, Some(tx.now));
        before.save(tx, CollectionTask { status, ended_at, ..before.clone() }).await?;
    }
    Ok(())
}

/// Moves the tasks of a merged customer to the remaining one.
pub(crate) async fn follow(tx: &mut Tx, moving: &Move<'_>) -> Result<Vec<Uuid>> {
    let winner = moving.to;
    let rows = collection_tasks::table.filter(collection_tasks::customer_id.eq(moving.from.id));
    let rows = rows.order(collection_tasks::id).select(CollectionTask::as_select()).for_update();
    let rows: Vec<CollectionTask> = rows.load(tx.conn()).await?;
    let rows = moving.taken(rows, |row| row.id);
    let ids = rows.iter().map(|row| row.id).collect();
    for before in rows {
        let (customer_id, customer_owner_id) = (winner.id, winner.owner_id);
        let after = CollectionTask { customer_id, customer_owner_id, ..before.clone() };
        before.save(tx, after).await?;
    }
    Ok(ids)
}
