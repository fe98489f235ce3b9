//! Background jobs. A job is a function that works in a transaction and returns the number of its
//! effects. Of all instances on a database, only the holder of its lease runs a job.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use schema::jobs;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::db::{Conn, Db};
use super::error::{Error, Result};
use super::time::{Clock, Timestamp};
use super::write::Tx;

/// Time after which another instance may take a running job over.
const LEASE: Duration = Duration::from_mins(2);

/// Interval at which the runner looks for jobs that are due.
const TICK: Duration = Duration::from_secs(1);

/// A job: its name, its interval, and its work in one transaction.
#[derive(Clone, Copy)]
pub struct Job {
    pub name: &'static str,
    pub every: Duration,
    pub run: for<'a> fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<u64>>,
}

/// The state of a job
#[derive(Debug, Serialize, ToSchema, HasQuery)]
#[diesel(table_name = jobs)]
pub struct JobState {
    #[schema(example = "customer_transfers")]
    pub name: String,
    pub next_run_at: Timestamp,
    pub last_started_at: Option<Timestamp>,
    pub last_finished_at: Option<Timestamp>,
    /// Number of things that the last run did; null when it failed
    pub last_effects: Option<i64>,
    /// The error of the last run; null when it succeeded
    pub last_error: Option<String>,
    pub runs: i64,
    pub failures: i64,
}

impl JobState {
    /// Returns the states of all jobs, by name.
    pub async fn list(conn: &mut Conn) -> Result<Vec<Self>> {
        Ok(Self::query().order(jobs::name).load(conn).await?)
    }
}

/// The right to run a job: its holder, and a fencing token that only the latest holder knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub holder: Uuid,
    pub fence: i64,
}

/// Runs jobs for as long as this instance lives.
pub async fn run(db: Db, clock: Clock, jobs: &'static [Job]) {
    let me = Uuid::now_v7();
    loop {
        let mut idle = true;
        for job in jobs {
            match attempt(&db, &clock, *job, me).await {
                Ok(ran) => idle &= !ran,
                Err(error) => tracing::warn!(job = job.name, %error, "job failed"),
            }
        }
        // A job with more work continues at once, after all other jobs have had their turn.
        if idle {
            tokio::time::sleep(TICK).await;
        }
    }
}

/// Runs the job if it is due and no other instance has it. Returns whether it ran.
pub async fn attempt(db: &Db, clock: &Clock, job: Job, me: Uuid) -> Result<bool> {
    let Some(lease) = take(&mut *db.conn().await?, clock.now(), job, me).await? else {
        return Ok(false);
    };

    let done = Tx::run(db, clock, Uuid::nil(), async |tx| {
        let effects = (job.run)(tx).await?;
        let job = if tx.goes_on { Job { every: Duration::ZERO, ..job } } else { job };
        // In the same transaction as the effects: an instance that was paused beyond its lease
        // finds another fence, and its work is rolled back.
        finish(tx.conn(), clock.now(), job, lease, Ok(effects)).await
    });

    if let Err(error) = done.await {
        metrics::counter!("job_failures_total", "job" => job.name).increment(1);
        let conn = &mut *db.conn().await?;
        finish(conn, clock.now(), job, lease, Err(error.to_string())).await.ok();
        return Err(error);
    }
    Ok(true)
}

/// Takes the lease of a job. `None` if the job is not due or another instance holds it. A job that
/// is not known yet is registered and due at once.
pub async fn take(conn: &mut Conn, now: Timestamp, job: Job, me: Uuid) -> Result<Option<Lease>> {
    let row = (jobs::name.eq(job.name), jobs::next_run_at.eq(now));
    let known = jobs::table.find(job.name).select(jobs::next_run_at);
    match known.first::<Timestamp>(conn).await.optional()? {
        Some(due) if due > now => return Ok(None),
        Some(_) => {}
        None => {
            let insert = diesel::insert_into(jobs::table).values(row);
            insert.on_conflict_do_nothing().execute(conn).await?;
        }
    }

    let free = jobs::lease_until.is_null().or(jobs::lease_until.lt(now).assume_not_null());
    let due = jobs::table.find(job.name).filter(jobs::next_run_at.le(now)).filter(free);
    let until = Timestamp(now.0 + jiff::SignedDuration::try_from(LEASE).unwrap_or_default());

    let taken = diesel::update(due)
        .set((
            jobs::fence.eq(jobs::fence + 1),
            jobs::holder.eq(Some(me)),
            jobs::lease_until.eq(Some(until)),
            jobs::last_started_at.eq(Some(now)),
        ))
        .returning(jobs::fence)
        .get_result::<i64>(conn)
        .await
        .optional()?;
    Ok(taken.map(|fence| Lease { holder: me, fence }))
}

/// Releases the lease and stores the outcome. Fails with `lease_lost` if another instance has taken
/// the job over.
pub async fn finish(
    conn: &mut Conn,
    now: Timestamp,
    job: Job,
    lease: Lease,
    outcome: Result<u64, String>,
) -> Result<()> {
    let next = Timestamp(now.0 + jiff::SignedDuration::try_from(job.every).unwrap_or_default());
    let effects = outcome.as_ref().ok().and_then(|effects| i64::try_from(*effects).ok());

    let ours = jobs::table.find(job.name).filter(jobs::fence.eq(lease.fence));
    let update = diesel::update(ours).set((
        jobs::holder.eq(None::<Uuid>),
        jobs::lease_until.eq(None::<Timestamp>),
        jobs::next_run_at.eq(next),
        jobs::last_finished_at.eq(Some(now)),
        jobs::last_effects.eq(effects),
        jobs::last_error.eq(outcome.as_ref().err()),
        jobs::runs.eq(jobs::runs + 1),
        jobs::failures.eq(jobs::failures + i64::from(outcome.is_err())),
    ));

    match update.execute(conn).await? {
        0 => Err(Error::conflict("lease_lost", "Another instance has taken over the job.")),
        _ => Ok(()),
    }
}

/// Makes a job due as soon as this transaction is committed.
pub async fn hasten(tx: &mut Tx, name: &str) -> Result<()> {
    let now = tx.now;
    // A row that another transaction has locked is skipped: its job is being run or made due
    // anyway.
    let due = jobs::table.filter(jobs::name.eq(name)).filter(jobs::next_run_at.gt(now));
    let due = due.select(jobs::name).for_update().skip_locked();
    let due: Vec<String> = due.load(tx.conn()).await?;
    if !due.is_empty() {
        let update = diesel::update(jobs::table.find(name)).set(jobs::next_run_at.eq(now));
        update.execute(tx.conn()).await?;
    }
    Ok(())
}
