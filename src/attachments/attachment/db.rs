//! Queries on attachments. The rows that have a file decide who sees it.

use access::Caller;
use actix_web::http::StatusCode;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{Change, Conn, Db, Embedded, Error, Fault, IfMatch, Result, Timestamp, Tx};
use schema::{attachment_links, attachments};
use uuid::Uuid;

use super::intake::Kept;
use super::{AttachedTo, Attachment, MOST, UNATTACHED_HOURS, blob};
use crate::download::Download;
use crate::hooks::Owners;
use crate::store::{Part, Store};

impl Attachment {
    /// Finds a file for its uploader, or for a caller who sees a row that has it.
    pub async fn find(db: &Db, caller: &Caller, id: Uuid) -> Result<Self> {
        let owners: Owners = db.extensions().get()?;
        Self::find_among(&mut *db.conn().await?, owners, caller, id).await
    }

    async fn find_among(
        conn: &mut Conn,
        owners: Owners,
        caller: &Caller,
        id: Uuid,
    ) -> Result<Self> {
        let row = Self::query().filter(attachments::id.eq(id));
        let mut attachment: Self = row.first(conn).await?;

        let links = attachment_links::table.filter(attachment_links::attachment_id.eq(id));
        let ordered = links.order((attachment_links::type_, attachment_links::resource_id));
        let rows = ordered.select((attachment_links::type_, attachment_links::resource_id));
        let attached: Vec<(String, Uuid)> = rows.load(conn).await?;
        for (type_, id) in attached {
            if owners.is_visible(conn, caller, &type_, id).await? {
                attachment.attached_to.0.push(AttachedTo { type_, id });
            }
        }

        if attachment.uploaded_by == caller.id() || !attachment.attached_to.is_empty() {
            return Ok(attachment);
        }
        Err(Error::not_found())
    }

    pub async fn create(tx: &mut Tx, kept: &Kept) -> Result<Self> {
        blob::claim(tx, kept.blob).await?;
        let attachment = Self {
            id: Uuid::now_v7(),
            version: 1,
            name: kept.name.clone(),
            content_type: kept.content_type,
            size: kept.size,
            sha256: kept.sha256.clone(),
            width: kept.width,
            height: kept.height,
            thumbnail: kept.thumbnail,
            uploaded_by: tx.actor,
            expires_at: Some(expiry(tx.now)),
            attached_to: Embedded::default(),
            created_at: tx.now,
            updated_at: tx.now,
            blob_id: kept.blob,
        };

        let insert = diesel::insert_into(attachments::table).values(&attachment);
        insert.execute(tx.conn()).await?;
        tx.record(Change::created(&attachment)).await?;
        Ok(attachment)
    }

    pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfMatch) -> Result<()> {
        let owners: Owners = tx.extension()?;
        let seen = Self::find_among(tx.conn(), owners, caller, id).await?;
        based_on.check(tx, &seen, &[]).await?;
        let row = attachments::table.find(id).select(Self::as_select()).for_update();
        let attachment: Self = row.first(tx.conn()).await?;
        if attachment.uploaded_by != caller.id() || attachment.expires_at.is_none() {
            return Err(Error::conflict("attachment_in_use", "The file is in use."));
        }
        Self::remove(tx, &[attachment]).await
    }

    async fn remove(tx: &mut Tx, gone: &[Self]) -> Result<()> {
        let ids: Vec<Uuid> = gone.iter().map(|attachment| attachment.id).collect();
        let rows = attachments::table.filter(attachments::id.eq_any(ids));
        diesel::delete(rows).execute(tx.conn()).await?;
        let changes: Result<Vec<Change>> = gone.iter().map(Change::deleted).collect();
        tx.record_all(&changes?).await?;
        blob::release(tx, gone.iter().map(|attachment| attachment.blob_id).collect()).await
    }

    pub async fn thumbnail(self, store: &Store) -> Result<Download> {
        if !self.thumbnail {
            return Err(Error::new(StatusCode::NOT_FOUND, "no_thumbnail"));
        }
        let size = store.size(self.blob_id, Part::Thumbnail).await?;
        Ok(self.small(size))
    }
}

fn expiry(now: Timestamp) -> Timestamp {
    Timestamp(now.0 + SignedDuration::from_hours(UNATTACHED_HOURS))
}

/// Attaches files to a row. Each file must be the caller's own, unless the row has it already.
/// `pointer` is the field for faults: a list if its name ends in `_ids`, otherwise a single file.
pub async fn attach(
    tx: &mut Tx,
    caller: &Caller,
    ids: &[Uuid],
    to: (&'static str, Uuid),
    pointer: &str,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    // Locked in the order of ids, so that a file that expires at this moment is either kept or
    // gone.
    let named = attachments::table.filter(attachments::id.eq_any(ids)).order(attachments::id);
    let lock = named.filter(attachments::uploaded_by.eq(caller.id())).select(attachments::id);
    let own: Vec<Uuid> = lock.for_update().load(tx.conn()).await?;

    let links = attachment_links::table
        .filter(attachment_links::type_.eq(to.0).and(attachment_links::resource_id.eq(to.1)));
    let had: Vec<Uuid> = links.select(attachment_links::attachment_id).load(tx.conn()).await?;

    let unknown = ids.iter().enumerate().filter(|(_, id)| !own.contains(id) && !had.contains(id));
    let listed = pointer.ends_with("_ids");
    let at = |index| if listed { format!("{pointer}/{index}") } else { pointer.to_owned() };
    let places = unknown.map(|(index, _)| at(index));
    let mut faults: Vec<Fault> = places.map(|place| Fault::unknown_reference(&place)).collect();

    let mut new: Vec<Uuid> = ids.iter().filter(|id| !had.contains(id)).copied().collect();
    new.sort_unstable();
    new.dedup();
    if had.len() + new.len() > MOST {
        faults.push(Fault::new(pointer, "too_many", format!("at most {MOST} files")));
    }
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }

    let row = |id: &Uuid| {
        (
            attachment_links::attachment_id.eq(*id),
            attachment_links::type_.eq(to.0),
            attachment_links::resource_id.eq(to.1),
        )
    };
    let rows: Vec<_> = new.iter().map(row).collect();
    let insert = diesel::insert_into(attachment_links::table).values(rows).on_conflict_do_nothing();
    insert.execute(tx.conn()).await?;

    let attached = diesel::update(attachments::table.filter(attachments::id.eq_any(new)));
    attached.set(attachments::expires_at.eq(None::<Timestamp>)).execute(tx.conn()).await?;
    Ok(())
}

/// Detaches all files from the row except those to keep. A detached file expires unless another row
/// has it.
pub async fn detach(tx: &mut Tx, from: (&'static str, Uuid), keep: &[Uuid]) -> Result<()> {
    let links = attachment_links::table
        .filter(attachment_links::type_.eq(from.0).and(attachment_links::resource_id.eq(from.1)));
    let delete = diesel::delete(links.filter(attachment_links::attachment_id.ne_all(keep)));
    let deleted = delete.returning(attachment_links::attachment_id);
    let detached: Vec<Uuid> = deleted.get_results(tx.conn()).await?;

    // Locked as in `attach`, because another row may take up one of them at this moment.
    let files = attachments::table.filter(attachments::id.eq_any(detached)).order(attachments::id);
    let locked: Vec<Uuid> = files.select(attachments::id).for_update().load(tx.conn()).await?;
    let others = attachment_links::table.filter(attachment_links::attachment_id.eq_any(&locked));
    let used: Vec<Uuid> = others.select(attachment_links::attachment_id).load(tx.conn()).await?;
    let free = locked.into_iter().filter(|id| !used.contains(id));
    let unused = attachments::table.filter(attachments::id.eq_any(free.collect::<Vec<_>>()));

    let expires = attachments::expires_at.eq(Some(expiry(tx.now)));
    diesel::update(unused).set(expires).execute(tx.conn()).await?;
    Ok(())
}

/// Job: deletes the files that no row named in time, at most 1000 at a time, and dooms unused
/// blobs, whose objects are deleted after the commit.
pub async fn expire(tx: &mut Tx) -> Result<u64> {
    let expired = attachments::table.filter(attachments::expires_at.le(tx.now).assume_not_null());
    let lock = expired.order(attachments::expires_at).limit(1000).select(Attachment::as_select());
    let due: Vec<Attachment> = lock.for_update().skip_locked().load(tx.conn()).await?;
    if !due.is_empty() {
        Attachment::remove(tx, &due).await?;
    }
    Ok(due.len() as u64 + blob::doom(tx).await?)
}
