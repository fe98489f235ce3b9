//! Queries on follow-ups. Each query for a caller starts at `Caller::sees`.

use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::{Body, parameters};
use jiff::SignedDuration;
use platform::{Change, Conn, Error, Fault, List, Result, Timestamp, Tx};
use schema::follow_ups;
use uuid::Uuid;

use super::{
    FollowUp, FollowUpFilter, FollowUpPage, FollowUpSort, FollowUpStatus, MineFilter, NewFollowUp,
    Source,
};

/// Statuses in which the assignee still has something to do.
const OPEN: [FollowUpStatus; 4] = [
    FollowUpStatus::Assigned,
    FollowUpStatus::Accepted,
    FollowUpStatus::InProgress,
    FollowUpStatus::Returned,
];

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a FollowUpFilter,
    now: Timestamp,
) -> follow_ups::BoxedQuery<'a, Pg> {
    let mut query = follow_ups::table.filter(caller.sees::<FollowUp>()).into_boxed();
    platform::filter_by!(
        query,
        follow_ups::customer_id.eq(filter.customer_id),
        follow_ups::assignee_id.eq(filter.assignee_id),
        follow_ups::assigned_by.eq(filter.assigned_by_id),
        follow_ups::status.eq_any(&filter.status),
        follow_ups::source.eq_any(&filter.source),
    );

    let late = follow_ups::due_at.lt(now).and(follow_ups::status.eq_any(OPEN));
    query = match filter.overdue {
        Some(true) => query.filter(late),
        Some(false) => query.filter(diesel::dsl::not(late)),
        None => query,
    };
    platform::filter_by!(
        query,
        follow_ups::due_at.ge(filter.due_from),
        follow_ups::due_at.lt(filter.due_to),
    );
    query
}

/// A follow-up that the service itself opens.
#[derive(Debug, Clone)]
pub struct Opened {
    pub customer_id: Uuid,
    pub assignee_id: Uuid,
    pub instruction: String,
    pub due_at: Timestamp,
    pub source: Source,
    /// The visit, survey response or complaint that it comes from
    pub source_id: Option<Uuid>,
}

impl FollowUp {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<FollowUpFilter>,
        now: Timestamp,
    ) -> Result<FollowUpPage> {
        use follow_ups::{due_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter, now).filter(list.rows(id, follow_ups::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let key = |follow_up: &Self| (follow_up.due_at, follow_up.id);
        match filter.sort.unwrap_or(FollowUpSort::EarliestDue) {
            FollowUpSort::EarliestDue => {
                let rows = query.filter(list.after::<Timestamp, _, _>(due_at, id)?);
                let rows = rows.order((due_at, id)).select(Self::as_select());
                list.page(rows.load(conn).await?, total, key)
            }
            FollowUpSort::LatestDue => {
                let rows = query.filter(list.before::<Timestamp, _, _>(due_at, id)?);
                let rows = rows.order((due_at.desc(), id.desc())).select(Self::as_select());
                list.page(rows.load(conn).await?, total, key)
            }
        }
    }

    /// Lists the follow-ups that the caller has to carry out, or whose result the caller waits for.
    pub async fn list_mine(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<MineFilter>,
    ) -> Result<FollowUpPage> {
        use follow_ups::{assigned_by, assignee_id, due_at, id, status};
        let query = || {
            let rows = follow_ups::table.filter(caller.sees::<FollowUp>()).into_boxed();
            let rows = rows.filter(list.rows(id, follow_ups::updated_at));
            if list.as_sent().assigned == Some(true) {
                let waiting = OPEN.into_iter().chain([FollowUpStatus::Submitted]);
                let others = assigned_by.eq(caller.id()).and(assignee_id.ne(caller.id()));
                rows.filter(others.and(status.eq_any(waiting)))
            } else {
                rows.filter(assignee_id.eq(caller.id()).and(status.eq_any(OPEN)))
            }
        };

        let total = if list.counted { Some(query().count().get_result(conn).await?) } else { None };
        let following =
            query().filter(list.after::<Timestamp, _, _>(due_at, id)?).limit(list.fetch());
        let rows = following.order((due_at, id)).select(Self::as_select()).load(conn).await?;
        list.page(rows, total, |follow_up: &Self| (follow_up.due_at, follow_up.id))
    }

    access::rows! { follow_ups: pub fn find, pub(super) fn find_for_update, pub(super) fn save }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewFollowUp>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        if new.due_at < tx.now {
            let why = "must be in the future";
            return Err(Error::invalid(vec![Fault::new("/due_at", "range", why)]));
        }

        let assignee_id = new.assignee_id.unwrap_or(caller.id());
        if caller.reach().is_some_and(|reach| !reach.contains(&assignee_id)) {
            let detail = "You can assign follow-ups only to yourself and to people whom you lead.";
            return Err(Error::forbidden_because("not_your_person", detail));
        }

        let opened = Opened {
            customer_id: new.customer_id,
            assignee_id,
            instruction: new.instruction,
            due_at: new.due_at,
            source: Source::Office,
            source_id: None,
        };
        Self::open(tx, opened).await
    }

    /// Opens a follow-up, assigned by the actor of the transaction.
    pub async fn open(tx: &mut Tx, new: Opened) -> Result<Self> {
        let follow_up = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: new.customer_id,
            assignee_id: new.assignee_id,
            assigned_by: tx.actor,
            source: new.source,
            source_id: new.source_id,
            instruction: new.instruction,
            status: FollowUpStatus::Assigned,
            due_at: new.due_at,
            extended_from: None,
            result: None,
            submitted_at: None,
            ended_at: None,
            reason: None,
            escalated_at: None,
            attachment_ids: vec![],
            created_at: tx.now,
            updated_at: tx.now,
        };
        let insert = diesel::insert_into(follow_ups::table).values(&follow_up);
        insert.execute(tx.conn()).await?;
        tx.record(Change::created(&follow_up)).await?;
        Ok(follow_up)
    }

    /// Locks and returns the open follow-ups of a source that were not extended. For internal use
    /// only.
    pub async fn undone(tx: &mut Tx, source: Source) -> Result<Vec<Self>> {
        let rows = follow_ups::table
            .filter(follow_ups::source.eq(source).and(follow_ups::status.eq_any(OPEN)))
            .filter(follow_ups::extended_from.is_null())
            .order(follow_ups::id)
            .select(Self::as_select())
            .for_update();
        Ok(rows.load(tx.conn()).await?)
    }

    /// Changes the due time after a change of the calendar.
    pub async fn due_again(&self, tx: &mut Tx, due_at: Timestamp) -> Result<Self> {
        self.save(tx, Self { due_at, ..self.clone() }).await
    }
}

/// Job: escalates follow-ups that are a day late to the leaders, once each and at most 1000 at a
/// time.
pub async fn escalate_late(tx: &mut Tx) -> Result<u64> {
    let since = Timestamp(tx.now.0 - SignedDuration::from_hours(24));
    let late = follow_ups::due_at.lt(since).and(follow_ups::status.eq_any(OPEN));
    let due = follow_ups::table.filter(late.and(follow_ups::escalated_at.is_null()));
    let lock = due.order(follow_ups::id).limit(1000).select(FollowUp::as_select());
    let rows: Vec<FollowUp> = lock.for_update().skip_locked().load(tx.conn()).await?;
    for before in &rows {
        let after = FollowUp { escalated_at: Some(tx.now), ..before.clone() };
        before.save(tx, after).await?;
    }
    Ok(rows.len() as u64)
}

customers::merged! {
    follow_ups: FollowUp, |row, to| FollowUp { customer_id: to.id, ..row }
}
