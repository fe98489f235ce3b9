//! What carries the change feed from below: its partitions, its newest position, and which life of
//! the database its positions belong to.

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

/// (xid, seq): where a change stands in the feed. The first is the number of its transaction, or
/// that of the latest one which had ended when it was recorded if that is greater: so changes of
/// one row, which wait for each other, stand in the order in which they were made.
pub type Position = (i64, i64);

/// Makes the partitions of last, this and the next month. Runs at start-up and then as a job.
pub async fn ensure_partitions(tx: &mut Tx) -> Result<()> {
    ensure_partitions_of(tx, 1).await
}

/// The same for so many months before, for who tells the past as if it were now.
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

/// Drops the partitions whose last day lies before this one. Answers how many.
pub async fn drop_partitions(tx: &mut Tx, before: Date) -> Result<u64> {
    let names = "select c.relname::text as name from pg_inherits i \
        join pg_class c on c.oid = i.inhrelid where i.inhparent = 'changes'::regclass";
    let names: Vec<Partition> = diesel::sql_query(names).load(tx.conn()).await?;
    let mut dropped = 0;
    for name in names.iter().map(|it| it.name.as_str()).filter(|it| is_before(it, before)) {
        tx.conn().batch_execute(&format!("drop table {name}")).await?;
        dropped += 1;
    }
    Ok(dropped)
}

/// `changes_2026_11`, and all of that month has passed.
fn is_before(partition: &str, day: Date) -> bool {
    let month = partition.strip_prefix("changes_").map(|it| format!("{}-01", it.replace('_', "-")));
    let first: Option<civil::Date> = month.and_then(|it| it.parse().ok());
    first.is_some_and(|first| first + jiff::Span::new().months(1) <= day.0)
}

#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Below this number no change can appear any more: a transaction that is still running may yet
/// commit one below any that is visible now, but not below the oldest running one. To be asked for
/// before the changes themselves.
pub async fn horizon(conn: &mut Conn) -> Result<i64> {
    let oldest = sql::<BigInt>("pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
    Ok(diesel::select(oldest).get_result(conn).await?)
}

/// The newest change that a reader can be given, as an expression on `$1`, [`recent`]: a part of
/// what the poller of an instance reads.
pub const NEWEST: &str = "(select array[xid, seq] from changes \
    where xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint and at >= $1 \
    order by xid desc, seq desc limit 1)";

/// Since when the newest change is looked for: the beginning of last month, so that a partition
/// is read as a whole or not at all.
pub fn recent(today: Date) -> Timestamp {
    let month = today.0.first_of_month() - jiff::Span::new().months(1);
    Timestamp(month.to_zoned(jiff::tz::TimeZone::UTC).map(|it| it.timestamp()).unwrap_or_default())
}

/// Which life of the database this is. After a restore the numbers of transactions are given out
/// again, so that a position from before it would skip or repeat changes without a word.
#[derive(Debug, Clone, Copy)]
pub struct Epoch(pub Uuid);

impl Epoch {
    /// Runs at start-up: another server, timeline or database of it, or a number lower than one seen
    /// before, means another life.
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
        let same = stored.filter(|it| it.1 == now.server && it.2 <= now.xid).map(|it| it.0);
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
