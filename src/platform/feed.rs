//! The foundations of the change feed: its partitions, its newest position, and the epoch of the
//! database that its positions belong to.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::civil;
use schema::feed_epoch;
use uuid::Uuid;

use super::db::Conn;
use super::error::Result;
use super::time::{Date, Timestamp};
use super::write::Tx;

/// (xid, seq): the position of a change in the feed. The first is the id of its transaction, or
/// that of the latest transaction that had ended when the change was recorded, if that is greater.
/// So changes of one row, which wait for each other, are in the order in which they were made.
pub type Position = (i64, i64);

/// Creates the partitions of the previous, the current and the next month. Runs at start-up and
/// then as a job.
pub async fn ensure_partitions(tx: &mut Tx) -> Result<()> {
    ensure_partitions_of(tx, 1).await
}

/// Creates the partitions from `months` months ago to the next month, for programs that replay past
/// events with a clock set back.
pub async fn ensure_partitions_of(tx: &mut Tx, months: i32) -> Result<()> {
    let today = tx.today;
    for offset in -months..=1 {
        let start = today.0.first_of_month() + jiff::Span::new().months(offset);
        let (name, end) = (start.strftime("changes_%Y_%m"), start + jiff::Span::new().months(1));
        let sql = format!(
            "create table if not exists {name} partition of changes \
             for values from ('{start} 00:00Z') to ('{end} 00:00Z')"
        );
        tx.conn().batch_execute(&sql).await?;
    }
    Ok(())
}

/// Drops the partitions whose last day is before this day. Returns the number dropped.
pub async fn drop_partitions(tx: &mut Tx, before: Date) -> Result<u64> {
    let names = "select c.relname::text as name from pg_inherits i \
        join pg_class c on c.oid = i.inhrelid where i.inhparent = 'changes'::regclass";
    let names: Vec<Partition> = diesel::sql_query(names).load(tx.conn()).await?;
    let mut dropped = 0;
    let old = names.iter().map(|row| row.name.as_str()).filter(|name| is_before(name, before));
    for name in old {
        tx.conn().batch_execute(&format!("drop table {name}")).await?;
        dropped += 1;
    }
    Ok(dropped)
}

/// Checks whether a partition such as `changes_2026_11` ends before the day.
fn is_before(partition: &str, day: Date) -> bool {
    let month = partition.strip_prefix("changes_");
    let month = month.map(|month| format!("{}-01", month.replace('_', "-")));
    let first: Option<civil::Date> = month.and_then(|month| month.parse().ok());
    first.is_some_and(|first| first + jiff::Span::new().months(1) <= day.0)
}

#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Returns the transaction id below which no change can appear any more. A running transaction may
/// still commit a change below those that are visible now, but not below the oldest running one.
/// Must be read before the changes themselves.
pub async fn horizon(conn: &mut Conn) -> Result<i64> {
    let oldest = sql::<BigInt>("pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
    Ok(diesel::select(oldest).get_result(conn).await?)
}

/// SQL expression for the position of the newest change that readers can get. `$1` is [`recent`].
/// The poller of each instance reads it.
pub const NEWEST: &str = "(select array[xid, seq] from changes \
    where xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint and at >= $1 \
    order by xid desc, seq desc limit 1)";

/// Start of the period in which the newest change is searched: the beginning of the previous month,
/// so that a partition is read as a whole or not at all.
pub fn recent(today: Date) -> Timestamp {
    let month = today.0.first_of_month() - jiff::Span::new().months(1);
    Timestamp(month.to_zoned(jiff::tz::TimeZone::UTC).map(|at| at.timestamp()).unwrap_or_default())
}

/// The epoch of the database, which ends when it is restored. After a restore, transaction ids are
/// reused, so that a position from before it would silently skip or repeat changes.
#[derive(Debug, Clone, Copy)]
pub struct Epoch(pub Uuid);

impl Epoch {
    /// Loads the epoch at start-up. A new epoch begins if the server, its timeline or the database
    /// has changed, or if the transaction id is lower than the stored one.
    pub async fn load(conn: &mut Conn) -> Result<Self> {
        let now: Life = diesel::sql_query(
            "select concat_ws('/', system_identifier, timeline_id, d.oid) as server, \
             pg_current_xact_id()::text::bigint as xid \
             from pg_control_system(), pg_control_checkpoint(), pg_database d \
             where d.datname = current_database()",
        )
        .get_result(conn)
        .await?;

        let stored =
            feed_epoch::table.select((feed_epoch::epoch, feed_epoch::server, feed_epoch::xid));
        let stored: Option<(Uuid, String, i64)> = stored.first(conn).await.optional()?;
        let same = stored.filter(|row| row.1 == now.server && row.2 <= now.xid).map(|row| row.0);
        let epoch = same.unwrap_or_else(Uuid::now_v7);

        let columns = (
            feed_epoch::epoch.eq(epoch),
            feed_epoch::server.eq(&now.server),
            feed_epoch::xid.eq(now.xid),
        );
        let row = diesel::insert_into(feed_epoch::table).values(columns);
        row.on_conflict(feed_epoch::id).do_update().set(columns).execute(conn).await?;
        Ok(Self(epoch))
    }
}

#[derive(QueryableByName)]
struct Life {
    #[diesel(sql_type = diesel::sql_types::Text)]
    server: String,
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    xid: i64,
}
