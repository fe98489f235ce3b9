//! What time alone makes of complaints: they become late, and escalate to those who can help.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Change, Resource, Result, Tx};
use schema::{complaint_clocks, complaints};
use uuid::Uuid;

use super::Complaint;
use super::clock::ComplaintClock;
use super::db::hours;

/// Most complaints of one run; the rest follows with the next.
const MOST: i64 = 500;

/// A job: looks at every complaint whose time has come. Each flag and each level is recorded once.
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
        let clock = before.clock.looked_at(&hours, before.severity, tx.now);
        let next_check_at = clock.next_check_at;
        let quiet = ComplaintClock { next_check_at: before.clock.next_check_at, ..clock.clone() };
        if quiet == before.clock {
            let row = complaint_clocks::table.find(before.id);
            let set = complaint_clocks::next_check_at.eq(next_check_at);
            diesel::update(row).set(set).execute(tx.conn()).await?;
        } else {
            before.record_time(tx, clock).await?;
            effects += 1;
        }
    }
    Ok(effects)
}

impl Complaint {
    async fn record_time(&self, tx: &mut Tx, clock: ComplaintClock) -> Result<()> {
        let after = self.next(Self { clock, ..self.clone() }, tx.now);
        let columns =
            (complaints::version.eq(after.version), complaints::updated_at.eq(after.updated_at));
        diesel::update(complaints::table.find(self.id)).set(columns).execute(tx.conn()).await?;
        let row = complaint_clocks::table.find(self.id);
        diesel::update(row).set(&after.clock).execute(tx.conn()).await?;
        tx.record(Change::updated(self, &after)).await
    }
}

/// A hook of the company: other holidays or working hours make other due times. The job looks at
/// all that is open at its next run.
pub fn calendar_changed(tx: &mut Tx) -> LocalBoxFuture<'_, Result<()>> {
    async move {
        let open = complaint_clocks::table.filter(complaint_clocks::ended_at.is_null());
        let set = complaint_clocks::next_check_at.eq(Some(tx.now));
        diesel::update(open).set(set).execute(tx.conn()).await?;
        Ok(())
    }
    .boxed_local()
}
