//! What each webhook is still to be told: read from the feed once, kept until it is taken. Whoever
//! writes here holds the webhook's lease; a holder that was paused beyond it finds another fence.

use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Int4, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::feed::Position;
use platform::{Conn, Result, Timestamp, Tx};
use schema::{webhook_deliveries, webhook_positions};
use uuid::Uuid;

use super::db::start;
use super::delivery::DeliveryStatus;
use super::send::Answer;
use crate::cursor::DAYS;
use crate::feed::{self, Row};
use crate::scope::Scope;

/// How long somebody may look after a webhook without a sign of life.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// How much is read from the feed at a time, and how much of it may wait to be sent.
const READ: i64 = 500;
const BACKLOG: i64 = 10_000;

/// How long it may go without noting that the feed was read and had nothing.
const NOTED: SignedDuration = SignedDuration::from_hours(1);

/// How long an event is tried.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);

/// The first pause after a failure, which doubles, and the longest.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_hours(6);

/// The right to tell a webhook its events.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub webhook: Uuid,
    fence: i64,
}

impl Lease {
    pub async fn take(
        conn: &mut Conn,
        webhook: Uuid,
        holder: Uuid,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let free = webhook_positions::lease_until.is_null();
        let free = free.or(webhook_positions::lease_until.lt(now).assume_not_null());
        let free = free.or(webhook_positions::holder.eq(holder).assume_not_null());
        let row = diesel::update(webhook_positions::table.find(webhook).filter(free)).set((
            webhook_positions::fence.eq(webhook_positions::fence + 1),
            webhook_positions::holder.eq(Some(holder)),
            webhook_positions::lease_until.eq(Some(Timestamp(now.0 + LEASE))),
        ));
        let fence = row.returning(webhook_positions::fence).get_result(conn).await.optional()?;
        Ok(fence.map(|fence| Self { webhook, fence }))
    }

    /// Is it still ours? Then it is for a while longer.
    pub async fn renew(self, conn: &mut Conn, now: Timestamp) -> Result<bool> {
        let ours = webhook_positions::table
            .find(self.webhook)
            .filter(webhook_positions::fence.eq(self.fence));
        let until = webhook_positions::lease_until.eq(Some(Timestamp(now.0 + LEASE)));
        Ok(diesel::update(ours).set(until).execute(conn).await? == 1)
    }

    pub async fn give_back(self, conn: &mut Conn) -> Result<()> {
        let ours = webhook_positions::table
            .find(self.webhook)
            .filter(webhook_positions::fence.eq(self.fence));
        let nobody = (
            webhook_positions::holder.eq(None::<Uuid>),
            webhook_positions::lease_until.eq(None::<Timestamp>),
        );
        diesel::update(ours).set(nobody).execute(conn).await?;
        Ok(())
    }

    /// Notes what has happened since. Answers how many events that are.
    pub async fn read(self, tx: &mut Tx, scope: &Scope<'_>, epoch: Uuid) -> Result<usize> {
        use webhook_positions::{missed_until, read_at};
        let ours = webhook_positions::table
            .find(self.webhook)
            .filter(webhook_positions::fence.eq(self.fence));
        let columns =
            (webhook_positions::epoch, webhook_positions::xid, webhook_positions::seq, read_at);
        let row = ours.select(columns).for_update();
        let (then, xid, seq, last): (Uuid, i64, i64, Timestamp) = row.first(tx.conn()).await?;
        let waiting =
            webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(self.webhook));
        let waiting =
            waiting.filter(webhook_deliveries::status.eq(DeliveryStatus::Pending)).count();
        if waiting.get_result::<i64>(tx.conn()).await? >= BACKLOG {
            return Ok(0);
        }
        // After a restore the numbers begin anew, and what it has slept through is no longer kept:
        // what lies between is for a snapshot.
        let now = tx.now;
        let rested = now.0.duration_since(last.0);
        let mut missed = then != epoch || rested > SignedDuration::from_hours(24 * DAYS);
        let after = if missed { start(tx.conn()).await? } else { (xid, seq) };
        let page = match feed::after(tx.conn(), scope, after, now, READ).await {
            Err(error) if error.code() == "epoch_changed" => {
                missed = true;
                let after = start(tx.conn()).await?;
                feed::after(tx.conn(), scope, after, now, READ).await?
            }
            page => page?,
        };
        let ours = || diesel::update(webhook_positions::table.find(self.webhook));
        if page.rows.is_empty() && page.next.0 - xid < READ && !missed {
            if rested > NOTED {
                ours().set(read_at.eq(now)).execute(tx.conn()).await?;
            }
            return Ok(0);
        }
        let rows: Vec<_> = page.rows.iter().map(|row| self.noted(row, now)).collect();
        let insert = diesel::insert_into(webhook_deliveries::table).values(rows);
        insert.on_conflict_do_nothing().execute(tx.conn()).await?;
        let (xid, seq) = page.next;
        let position = (
            webhook_positions::epoch.eq(epoch),
            webhook_positions::xid.eq(xid),
            webhook_positions::seq.eq(seq),
            read_at.eq(now),
        );
        ours().set(position).execute(tx.conn()).await?;
        if missed {
            tracing::warn!(webhook = %self.webhook, "a webhook has missed events");
            ours().set(missed_until.eq(Some(now))).execute(tx.conn()).await?;
        }
        Ok(page.rows.len())
    }

    fn noted(self, row: &Row, now: Timestamp) -> Noted {
        let (xid, seq) = row.position();
        Noted {
            id: Uuid::now_v7(),
            webhook_id: self.webhook,
            event_id: row.event_id,
            type_: row.kind.clone(),
            resource_id: row.id,
            xid,
            seq,
            at: row.at,
            status: DeliveryStatus::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            created_at: now,
        }
    }

    /// What can be sent now: of each resource the first event, if its time has come.
    pub async fn due(self, conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<Due>> {
        let due = diesel::sql_query(DUE).bind::<SqlUuid, _>(self.webhook);
        let due = due.bind::<Timestamptz, _>(now).bind::<BigInt, _>(most);
        Ok(due.load(conn).await?)
    }

    /// When there will be something to send again, as far as is known.
    pub async fn next(self, conn: &mut Conn) -> Result<Option<Timestamp>> {
        let next = diesel::sql_query(NEXT).bind::<SqlUuid, _>(self.webhook);
        let next: Next = next.get_result(conn).await?;
        Ok(next.at)
    }

    /// Notes what became of an attempt, from when until when it was. The next one is later than its
    /// end by the pause, however long the receiver was silent.
    pub async fn mark(
        self,
        conn: &mut Conn,
        due: &Due,
        answer: &Answer,
        (begun, now): (Timestamp, Timestamp),
    ) -> Result<()> {
        let first = due.first_attempt_at.unwrap_or(begun);
        let taken = answer.error.is_none();
        let again = if taken { None } else { next_attempt(first, due.attempts, now) };
        let status = match (taken, again) {
            (true, _) => DeliveryStatus::Delivered,
            (false, Some(_)) => DeliveryStatus::Pending,
            (false, None) => DeliveryStatus::Dead,
        };
        let columns = (
            webhook_deliveries::status.eq(status),
            webhook_deliveries::attempts.eq(due.attempts + 1),
            webhook_deliveries::first_attempt_at.eq(Some(first)),
            webhook_deliveries::last_attempt_at.eq(Some(begun)),
            webhook_deliveries::next_attempt_at.eq(again),
            webhook_deliveries::delivered_at.eq(Some(now).filter(|_| taken)),
            webhook_deliveries::response_status.eq(answer.code()),
            webhook_deliveries::duration_ms.eq(answer.milliseconds()),
            webhook_deliveries::error.eq(answer.error.as_deref()),
        );
        let ours = webhook_positions::table
            .find(self.webhook)
            .filter(webhook_positions::fence.eq(self.fence));
        let row = webhook_deliveries::table.find(due.id).filter(exists(ours));
        diesel::update(row).set(columns).execute(conn).await?;
        Ok(())
    }

    /// The owner may not see these any more.
    pub async fn withhold(self, conn: &mut Conn, ids: &[Uuid]) -> Result<()> {
        let columns = (
            webhook_deliveries::status.eq(DeliveryStatus::Withheld),
            webhook_deliveries::next_attempt_at.eq(None::<Timestamp>),
        );
        let ours = webhook_positions::table
            .find(self.webhook)
            .filter(webhook_positions::fence.eq(self.fence));
        let rows = webhook_deliveries::table
            .filter(webhook_deliveries::id.eq_any(ids))
            .filter(exists(ours));
        diesel::update(rows).set(columns).execute(conn).await?;
        Ok(())
    }
}

/// Nobody holds any more what this one has held.
pub async fn leave(conn: &mut Conn, holder: Uuid) -> Result<()> {
    let held =
        webhook_positions::table.filter(webhook_positions::holder.eq(holder).assume_not_null());
    let nobodys = (
        webhook_positions::fence.eq(webhook_positions::fence + 1),
        webhook_positions::holder.eq(None::<Uuid>),
        webhook_positions::lease_until.eq(None::<Timestamp>),
    );
    diesel::update(held).set(nobodys).execute(conn).await?;
    Ok(())
}

/// Nothing when three days have been enough.
fn next_attempt(first: Timestamp, failures: i32, now: Timestamp) -> Option<Timestamp> {
    let end = first.0 + PATIENCE;
    let doubled = PAUSE * 2_i32.pow(failures.clamp(0, 13).unsigned_abs());
    (now.0 < end).then(|| Timestamp((now.0 + doubled.min(LONGEST)).min(end)))
}

/// A new row of the log.
#[derive(Insertable)]
#[diesel(table_name = webhook_deliveries, treat_none_as_default_value = false)]
struct Noted {
    id: Uuid,
    webhook_id: Uuid,
    event_id: Uuid,
    type_: String,
    resource_id: Uuid,
    xid: i64,
    seq: i64,
    at: Timestamp,
    status: DeliveryStatus,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    created_at: Timestamp,
}

/// An event to be sent.
#[derive(Debug, QueryableByName)]
pub struct Due {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    pub event_id: Uuid,
    #[diesel(sql_type = BigInt)]
    xid: i64,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Timestamptz)]
    at: Timestamp,
    #[diesel(sql_type = Int4)]
    attempts: i32,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    first_attempt_at: Option<Timestamp>,
}

impl Due {
    pub fn place(&self) -> (Position, Timestamp) {
        ((self.xid, self.seq), self.at)
    }
}

#[derive(QueryableByName)]
struct Next {
    #[diesel(sql_type = Nullable<Timestamptz>)]
    at: Option<Timestamp>,
}

const DUE: &str = "select id, event_id, xid, seq, at, attempts, first_attempt_at from ( \
        select distinct on (type, resource_id) * from webhook_deliveries \
        where webhook_id = $1 and status = 'pending' order by type, resource_id, xid, seq \
    ) first_of_each where next_attempt_at <= $2 order by xid, seq limit $3";

/// What waits for another of its resource is not due, whatever it says.
const NEXT: &str = "select min(next_attempt_at) as at from ( \
        select distinct on (type, resource_id) next_attempt_at from webhook_deliveries \
        where webhook_id = $1 and status = 'pending' order by type, resource_id, xid, seq \
    ) first_of_each";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_and_later_for_three_days() {
        let first = Timestamp::default();
        let (mut now, mut failures, mut pauses) = (first, 0, vec![]);
        while let Some(next) = next_attempt(first, failures, now) {
            pauses.push(next.0.duration_since(now.0).as_secs());
            (now, failures) = (next, failures + 1);
        }
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses.iter().max(), Some(&LONGEST.as_secs()));
        assert_eq!(now.0, first.0 + PATIENCE, "the last attempt is after three days");
        assert!(failures > 20 && failures < 40, "{failures}");
    }
}
