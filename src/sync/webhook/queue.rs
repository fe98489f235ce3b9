//! The queue of events for each webhook. Events are read from the feed once and kept until they are
//! delivered. Only the holder of the webhook's lease writes to it. A holder that was paused beyond
//! its lease finds another fence.

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

/// Time after which a lease ends unless it is renewed.
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Maximum number of events read from the feed at a time, and number of pending events from which
/// on no more are read.
const READ: i64 = 500;
const BACKLOG: i64 = 10_000;

/// Interval for storing that the feed was read while it has no events for the webhook.
const NOTED: SignedDuration = SignedDuration::from_hours(1);

/// Time from the first attempt during which an event is retried.
const PATIENCE: SignedDuration = SignedDuration::from_hours(72);

/// The pause after the first failure, which doubles with each further one, and the longest pause.
const PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LONGEST: SignedDuration = SignedDuration::from_hours(6);

/// The right to send a webhook its events.
#[derive(Debug, Clone, Copy)]
pub struct Lease {
    pub webhook: Uuid,
    fence: i64,
}

impl Lease {
    /// Takes the lease of a webhook. `None` if another holder has it.
    pub async fn take(
        conn: &mut Conn,
        webhook: Uuid,
        holder: Uuid,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let free = webhook_positions::lease_until.is_null();
        let free = free.or(webhook_positions::lease_until.lt(now).assume_not_null());
        let free = free.or(webhook_positions::holder.eq(holder).assume_not_null());

        // The fence changes even if the holder stays the same, which ends its earlier lease.
        let row = diesel::update(webhook_positions::table.find(webhook).filter(free)).set((
            webhook_positions::fence.eq(webhook_positions::fence + 1),
            webhook_positions::holder.eq(Some(holder)),
            webhook_positions::lease_until.eq(Some(Timestamp(now.0 + LEASE))),
        ));
        let fence = row.returning(webhook_positions::fence).get_result(conn).await.optional()?;
        Ok(fence.map(|fence| Self { webhook, fence }))
    }

    /// Renews the lease. Returns false if another holder has taken it over.
    pub async fn renew(self, conn: &mut Conn, now: Timestamp) -> Result<bool> {
        let ours = webhook_positions::table
            .find(self.webhook)
            .filter(webhook_positions::fence.eq(self.fence));
        let until = webhook_positions::lease_until.eq(Some(Timestamp(now.0 + LEASE)));
        Ok(diesel::update(ours).set(until).execute(conn).await? == 1)
    }

    /// Releases the lease, if it is still ours.
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

    /// Reads new events from the feed into the queue. Returns their number.
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

        // After a restore of the database, positions are no longer valid. After a longer inactivity
        // than the feed is kept, changes are missing. In both cases the receiver needs a snapshot.
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

        // Without events the position is not stored each time, to save writes.
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
            tracing::warn!(webhook = %self.webhook, "webhook has missed events");
            ours().set(missed_until.eq(Some(now))).execute(tx.conn()).await?;
        }
        Ok(page.rows.len())
    }

    fn noted(self, row: &Row, now: Timestamp) -> NewLogEntry {
        let (xid, seq) = row.position();
        NewLogEntry {
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

    /// Returns the events to send now: the first pending one of each resource, if it is due.
    pub async fn due(self, conn: &mut Conn, now: Timestamp, most: i64) -> Result<Vec<Due>> {
        let due = diesel::sql_query(DUE).bind::<SqlUuid, _>(self.webhook);
        let due = due.bind::<Timestamptz, _>(now).bind::<BigInt, _>(most);
        Ok(due.load(conn).await?)
    }

    /// Returns the time at which the next pending event is due. `None` if there is none.
    pub async fn next(self, conn: &mut Conn) -> Result<Option<Timestamp>> {
        let next = diesel::sql_query(NEXT).bind::<SqlUuid, _>(self.webhook);
        let next: Next = next.get_result(conn).await?;
        Ok(next.at)
    }

    /// Stores the outcome of an attempt, which lasted from `begun` to `now`. The pause before the
    /// next attempt counts from its end, however long the receiver took.
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

    /// Withholds events that the owner of the webhook may no longer see.
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

/// Releases all leases of a holder.
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

/// Returns the time of the next attempt. `None` if the event has been tried for three days.
fn next_attempt(first: Timestamp, failures: i32, now: Timestamp) -> Option<Timestamp> {
    let end = first.0 + PATIENCE;
    let doubled = PAUSE * 2_i32.pow(failures.clamp(0, 13).unsigned_abs());
    (now.0 < end).then(|| Timestamp((now.0 + doubled.min(LONGEST)).min(end)))
}

/// A new row of the log.
#[derive(Insertable)]
#[diesel(table_name = webhook_deliveries, treat_none_as_default_value = false)]
struct NewLogEntry {
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

/// Later events of a resource wait until its first one is delivered, so that they arrive in order.
const DUE: &str = "select id, event_id, xid, seq, at, attempts, first_attempt_at from ( \
        select distinct on (type, resource_id) * from webhook_deliveries \
        where webhook_id = $1 and status = 'pending' order by type, resource_id, xid, seq \
    ) first_of_each where next_attempt_at <= $2 order by xid, seq limit $3";

/// An event that waits for an earlier one of its resource is not due, whatever its
/// `next_attempt_at`.
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
