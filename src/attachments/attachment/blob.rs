//! Stored bytes of files, identified by their digest. A row is written before its object and
//! deleted after it, so that no object is ever without a row. Whether a row is still needed is
//! decided under its lock.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{Conn, Db, Error, Result, Timestamp, Tx};
use schema::{attachment_blobs, attachments};
use uuid::Uuid;

use crate::store::Store;

/// Hours for which an unused blob is kept: uploads in progress may take it up again, and a backup
/// of the store may be made after that of the database.
const UNUSED_HOURS: i64 = 24;

/// Interval between two cleanings of the store.
const PAUSE: Duration = Duration::from_mins(1);
/// Blobs per cleaning.
const AT_ONCE: i64 = 100;

#[derive(Debug, QueryableByName)]
pub struct Reserved {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// The object is in the store already
    #[diesel(sql_type = Bool)]
    pub stored: bool,
}

const RESERVE: &str = "
    insert into attachment_blobs (id, sha256, stored, unused_since) values ($1, $2, false, $3)
    on conflict (sha256) where doomed_at is null do update set unused_since =
        case when attachment_blobs.unused_since is not null then excluded.unused_since end
    returning id, stored";

/// Returns the blob of these bytes, which is kept for at least a day.
pub async fn reserve(conn: &mut Conn, sha256: &str, now: Timestamp) -> Result<Reserved> {
    let reserve = diesel::sql_query(RESERVE).bind::<SqlUuid, _>(Uuid::now_v7());
    let reserve = reserve.bind::<Text, _>(sha256).bind::<Timestamptz, _>(now);
    Ok(reserve.get_result(conn).await?)
}

/// Marks a blob as stored and used, before an attachment refers to it.
pub async fn claim(tx: &mut Tx, id: Uuid) -> Result<()> {
    let free = attachment_blobs::table.find(id).filter(attachment_blobs::doomed_at.is_null());
    let claimed =
        (attachment_blobs::stored.eq(true), attachment_blobs::unused_since.eq(None::<Timestamp>));
    match diesel::update(free).set(claimed).execute(tx.conn()).await? {
        // The upload took longer than a day, and the blob is about to be deleted. A new upload gets
        // a new blob.
        0 => Err(Error::unavailable("busy")),
        _ => Ok(()),
    }
}

/// Marks the blobs that no attachment needs any more, after some of their attachments were deleted.
pub async fn release(tx: &mut Tx, mut ids: Vec<Uuid>) -> Result<()> {
    ids.sort_unstable();
    ids.dedup();
    // Locked before the check, so that two attachments deleted at the same moment do not each count
    // as a use for the other.
    let rows = attachment_blobs::table
        .filter(attachment_blobs::id.eq_any(&ids))
        .order(attachment_blobs::id)
        .select(attachment_blobs::id);
    let locked: Vec<Uuid> = rows.for_update().load(tx.conn()).await?;

    let users = attachments::table.filter(attachments::blob_id.eq_any(&ids));
    let used: Vec<Uuid> = users.select(attachments::blob_id).distinct().load(tx.conn()).await?;
    let unused: Vec<Uuid> = locked.into_iter().filter(|id| !used.contains(id)).collect();
    let update =
        diesel::update(attachment_blobs::table.filter(attachment_blobs::id.eq_any(&unused)));
    update.set(attachment_blobs::unused_since.eq(Some(tx.now))).execute(tx.conn()).await?;
    Ok(())
}

/// Dooms the blobs that have been unused for long, so that no upload takes them up again.
pub async fn doom(tx: &mut Tx) -> Result<u64> {
    let until = Timestamp(tx.now.0 - SignedDuration::from_hours(UNUSED_HOURS));
    let unused = attachment_blobs::table.filter(attachment_blobs::doomed_at.is_null());
    let unused = unused.filter(attachment_blobs::unused_since.lt(until).assume_not_null());
    let update = diesel::update(unused).set(attachment_blobs::doomed_at.eq(Some(tx.now)));
    Ok(update.execute(tx.conn()).await? as u64)
}

/// Deletes the objects of doomed blobs, then their rows. Safe at any time and from any instance,
/// because names of objects are never used again. Failed deletions are repeated the next time.
pub async fn delete_doomed(db: &Db, store: &Store) -> Result<usize> {
    let all = attachment_blobs::table.filter(attachment_blobs::doomed_at.is_not_null());
    let next = all.order(attachment_blobs::doomed_at).limit(AT_ONCE).select(attachment_blobs::id);
    let doomed: Vec<Uuid> = next.load(&mut *db.conn().await?).await?;
    for id in &doomed {
        store.remove(*id).await?;
        let row = diesel::delete(attachment_blobs::table.find(id));
        row.execute(&mut *db.conn().await?).await?;
    }
    Ok(doomed.len())
}

/// Cleans the store for as long as the service runs.
pub async fn watch(db: Db, store: Store) {
    loop {
        match delete_doomed(&db, &store).await {
            Ok(deleted) if deleted > 0 => tracing::debug!(deleted, "files deleted"),
            Ok(_) => {}
            Err(error) => {
                let cause = error.cause_text();
                tracing::warn!(%error, cause, "files could not be deleted");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
