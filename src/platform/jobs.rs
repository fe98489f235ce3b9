//! Work that no request asks for: a job is a function from a transaction to what it did. Of all
//! instances on a database one at a time runs a job, for as long as its lease lasts.

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

/// How long a job may run before another instance may take it over.
const LEASE: Duration = Duration::from_mins(2);

/// How often the runner looks for work that is due.
const TICK: Duration = Duration::from_secs(1);

/// One job: its name, how often it runs, and what it does in one transaction.
#[derive(Clone, Copy)]
pub struct Job {
    pub name: &'static str,
    pub every: Duration,
    pub run: for<'a> fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<u64>>,
}

/// How a job is doing
#[derive(Debug, Serialize, ToSchema, HasQuery)]
#[diesel(table_name = jobs)]
pub struct JobState {
    #[schema(example = "customer_transfers")]
    pub name: String,
    pub next_run_at: Timestamp,
    pub last_started_at: Option<Timestamp>,
    pub last_finished_at: Option<Timestamp>,
    /// What the last run did, in things done
    pub last_effects: Option<i64>,
    /// Why the last run failed
    pub last_error: Option<String>,
    pub runs: i64,
    pub failures: i64,
}

impl JobState {
    /// All jobs that have been registered, by name.
    pub async fn list(conn: &mut Conn) -> Result<Vec<Self>> {
        Ok(Self::query().order(jobs::name).load(conn).await?)
    }
}

/// Who holds a job, and the number that only the latest holder has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub holder: Uuid,
    pub fence: i64,
}

/// Runs the jobs of this instance for as long as it lives.
pub async fn run(db: Db, clock: Clock, jobs: &'static [Job]) {
    let me = Uuid::now_v7();
    loop {
        let mut idle = true;
        for job in jobs {
            match attempt(&db, &clock, *job, me).await {
                Ok(ran) => idle &= !ran,
                Err(error) => tracing::warn!(job = job.name, %error, "the job could not be run"),
            }
        }
        // A job with more to do goes on at once, when every other one has had its turn.
        if idle {
            tokio::time::sleep(TICK).await;
        }
    }
}

/// Runs the job if it is due and nobody else has it. Answers whether it ran.
pub async fn attempt(db: &Db, clock: &Clock, job: Job, me: Uuid) -> Result<bool> {
    let Some(lease) = take(&mut *db.conn().await?, clock.now(), job, me).await? else {
        return Ok(false);
    };
    let done = Tx::run(db, clock, Uuid::nil(), async |tx| {
        let effects = (job.run)(tx).await?;
        let job = if tx.goes_on { Job { every: Duration::ZERO, ..job } } else { job };
        // In the transaction of the effects: whoever was paused beyond the lease finds another
        // fence, and all that it did is undone.
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

/// Takes the lease of a job that is due.
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

/// Gives the lease back and says how it went; refused when somebody else has it by now.
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
        0 => Err(Error::conflict("lease_lost", "another instance has taken the job over")),
        _ => Ok(()),
    }
}

/// Lets a job run as soon as this transaction has ended.
pub async fn hasten(tx: &mut Tx, name: &str) -> Result<()> {
    let now = tx.now;
    // One that is being written by somebody else runs soon anyway, and nobody waits for that.
    let due = jobs::table.filter(jobs::name.eq(name)).filter(jobs::next_run_at.gt(now));
    let due = due.select(jobs::name).for_update().skip_locked();
    let due: Vec<String> = due.load(tx.conn()).await?;
    if !due.is_empty() {
        let update = diesel::update(jobs::table.find(name)).set(jobs::next_run_at.eq(now));
        update.execute(tx.conn()).await?;
    }
    Ok(())
}
