//! Changes of complaints that time alone causes: breaches and escalations.

use diesel::prelude::*;
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Change, Resource, Result, Timestamp, Tx};
use schema::{complaint_clocks, complaint_settlements, complaints};
use uuid::Uuid;

use super::db::hours;
use super::{Complaint, ComplaintAction};
use crate::sla::Hours;

/// Maximum number of complaints per run. The next run continues.
const MOST: i64 = 500;

/// Job: updates every complaint whose next check is due. Each breach and each escalation level is
/// recorded once.
pub async fn check_deadlines(tx: &mut Tx) -> Result<u64> {
    let due = complaints::table
        .inner_join(complaint_clocks::table)
        .filter(complaint_clocks::next_check_at.le(tx.now))
        .order((complaint_clocks::next_check_at, complaints::id))
        .limit(MOST)
        .select(complaints::id)
        .for_update()
        .skip_locked();
    let due: Vec<Uuid> = due.load(tx.conn()).await?;
    if due.is_empty() {
        return Ok(0);
    }

    let due = Complaint::locked(tx.conn(), &due).await?;
    let (_, hours) = hours(tx.conn()).await?;
    let mut effects = 0;

    for before in due {
        let after = before.looked_at(&hours, tx.now);
        let next_check_at = after.clock.next_check_at;

        // A new time of the next check alone is no change that the history should record.
        let mut quiet = after.clone();
        quiet.clock.next_check_at = before.clock.next_check_at;
        if quiet == before {
            let row = complaint_clocks::table.find(before.id);
            let set = complaint_clocks::next_check_at.eq(next_check_at);
            diesel::update(row).set(set).execute(tx.conn()).await?;
        } else {
            before.record_time(tx, after).await?;
            effects += 1;
        }
    }
    Ok(effects)
}

impl Complaint {
    /// Returns the complaint with due times by the current calendar, breaches and escalation level.
    fn looked_at(&self, hours: &Hours, now: Timestamp) -> Self {
        let clock = self.clock.looked_at(hours, self.severity, now);
        let mut after = Self { clock, ..self.clone() };
        let files = self.status.after(ComplaintAction::File).is_ok();
        if files && self.settlement.filed_at.is_none() {
            let due = hours.end_of_next_working_day(self.clock.received_at);
            after.settlement.filing_due = due;
            after.clock.proposal_due_at = self.clock.proposal_due_at.map(|_| due);
        }
        after
    }

    async fn record_time(&self, tx: &mut Tx, after: Self) -> Result<()> {
        let after = self.next(after, tx.now);
        let columns =
            (complaints::version.eq(after.version), complaints::updated_at.eq(after.updated_at));
        diesel::update(complaints::table.find(self.id)).set(columns).execute(tx.conn()).await?;
        let row = complaint_clocks::table.find(self.id);
        diesel::update(row).set(&after.clock).execute(tx.conn()).await?;
        if after.settlement != self.settlement {
            let row = complaint_settlements::table.find(self.id);
            diesel::update(row).set(&after.settlement).execute(tx.conn()).await?;
        }
        tx.record(Change::updated(self, &after)).await
    }
}

/// Makes the next check due for all complaints that are open or still to be filed.
const DUE: &str = "
    update complaint_clocks set next_check_at = $1
    where ended_at is null or complaint_id in (
        select c.id from complaints c join complaint_settlements s on s.complaint_id = c.id
        where c.status = 'resolved' and s.filed_at is null
    )";

/// Hook of the company: other holidays or working hours change due times, so the next run of the
/// job checks all complaints that are open or still to be filed.
pub fn calendar_changed(tx: &mut Tx) -> LocalBoxFuture<'_, Result<()>> {
    async move {
        let update = diesel::sql_query(DUE).bind::<Timestamptz, _>(tx.now);
        update.execute(tx.conn()).await?;
        Ok(())
    }
    .boxed_local()
}
