//! Queries on webhooks. All queries for a caller start at `visible_to`.

use access::{Caller, Role};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::feed::{self, Position};
use platform::{
    Change, Conn, Error, IfMatch, IfSent, List, NoFilter, Patch, Resource, Result, Timestamp, Tx,
};
use schema::{webhook_deliveries, webhook_positions, webhooks};
use uuid::Uuid;

use super::secret::Secret;
use super::{MOST, NewWebhook, Outbound, Webhook, WebhookChanges, WebhookPage, WebhookSecret};

/// Time after a rotation during which the old secret signs as well.
const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// Selects the caller's own webhooks, or all of them for admins.
fn visible_to(caller: &Caller) -> webhooks::BoxedQuery<'_, Pg> {
    let query = webhooks::table.into_boxed();
    if caller.is(Role::Admin) { query } else { query.filter(webhooks::owner_id.eq(caller.id())) }
}

impl Webhook {
    pub(super) async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
    ) -> Result<WebhookPage> {
        use webhooks::{created_at, id};
        let listed = || visible_to(caller).filter(list.rows(id, webhooks::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed().filter(list.after::<Timestamp, _, _>(created_at, id)?);
        let rows = rows.order((created_at, id)).limit(list.fetch()).select(Self::as_select());
        list.page(rows.load(conn).await?, total, |row: &Self| (row.created_at, row.id))
    }

    pub(super) async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = visible_to(caller).filter(webhooks::id.eq(id)).select(Self::as_select());
        Ok(row.first(conn).await?)
    }

    pub(super) async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let seen = Self::find(tx.conn(), caller, id).await?;
        let row = webhooks::table.find(seen.id).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    /// Creates a webhook that receives the events from now on.
    pub(super) async fn create(
        tx: &mut Tx,
        caller: &Caller,
        new: &NewWebhook,
        out: &Outbound,
        epoch: Uuid,
    ) -> Result<WebhookSecret> {
        let webhook = Self {
            id: Uuid::now_v7(),
            version: 1,
            url: new.url.clone(),
            description: new.description.clone(),
            types: new.types.clone(),
            active: true,
            owner_id: caller.id(),
            created_at: tx.now,
            updated_at: tx.now,
            missed_until: None,
        };
        webhook.check(out)?;

        tx.lock("webhooks").await?;
        if webhooks::table.count().get_result::<i64>(tx.conn()).await? >= MOST {
            let detail = format!("At most {MOST} webhooks are allowed.");
            return Err(Error::conflict("too_many_webhooks", detail));
        }

        let secret = Secret::random()?;
        let row = (&webhook, webhooks::secret.eq(secret.stored(out, webhook.id)?));
        diesel::insert_into(webhooks::table).values(row).execute(tx.conn()).await?;

        let (xid, seq) = start(tx.conn()).await?;
        let position = (
            webhook_positions::webhook_id.eq(webhook.id),
            webhook_positions::epoch.eq(epoch),
            webhook_positions::xid.eq(xid),
            webhook_positions::seq.eq(seq),
            webhook_positions::read_at.eq(tx.now),
        );
        diesel::insert_into(webhook_positions::table).values(position).execute(tx.conn()).await?;
        tx.record(Change::created(&webhook)).await?;
        Ok(WebhookSecret { webhook, secret: secret.text() })
    }

    pub(super) async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        (changes, out): (&Patch<WebhookChanges>, &Outbound),
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let after = before.next(before.with(changes), tx.now);
        if after != before {
            after.check(out)?;
            before.save(tx, &after).await?;
        }
        Ok(after)
    }

    async fn save(&self, tx: &mut Tx, after: &Self) -> Result<()> {
        let update = diesel::update(webhooks::table.find(self.id)).set(after);
        update.execute(tx.conn()).await?;
        tx.record(Change::updated(self, after)).await
    }

    pub(super) async fn delete(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
    ) -> Result<()> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, &[]).await?;
        // The position is deleted first: the sender of its events locks that row, and finds it
        // gone.
        diesel::delete(webhook_positions::table.find(id)).execute(tx.conn()).await?;
        let log = webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(id));
        diesel::delete(log).execute(tx.conn()).await?;
        diesel::delete(webhooks::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await
    }

    /// Replaces the secret. The webhook gets a new version, so that the history shows who did it.
    pub(super) async fn rotate(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        out: &Outbound,
    ) -> Result<WebhookSecret> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let mut webhook = before.clone();
        webhook.stamp(before.version + 1, tx.now);
        before.save(tx, &webhook).await?;

        let secret = Secret::random()?;
        let columns = (
            webhooks::previous_secret.eq(webhooks::secret.nullable()),
            webhooks::previous_until.eq(Some(Timestamp(tx.now.0 + OVERLAP))),
            webhooks::secret.eq(secret.stored(out, id)?),
        );
        diesel::update(webhooks::table.find(id)).set(columns).execute(tx.conn()).await?;
        Ok(WebhookSecret { webhook, secret: secret.text() })
    }
}

/// Returns the position in the feed from which on all changes are new.
pub(super) async fn start(conn: &mut Conn) -> Result<Position> {
    Ok((feed::horizon(conn).await? - 1, i64::MAX))
}

/// The stored secret, the previous one, and the time until which the previous one signs as well.
type Stored = (Vec<u8>, Option<Vec<u8>>, Option<Timestamp>);

/// Returns a webhook with the secrets that sign its events now.
pub(super) async fn with_secrets(
    conn: &mut Conn,
    out: &Outbound,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<(Webhook, Vec<Secret>)>> {
    let columns = (webhooks::secret, webhooks::previous_secret, webhooks::previous_until);
    let row = webhooks::table.find(id).select((Webhook::as_select(), columns));
    let row: Option<(Webhook, Stored)> = row.first(conn).await.optional()?;
    let Some((webhook, (secret, previous, until))) = row else { return Ok(None) };
    let previous = previous.filter(|_| until.is_some_and(|until| until > now));
    let stored = [Some(secret), previous].into_iter().flatten();
    let secrets = stored.map(|secret| Secret::open(out, id, secret)).collect::<Result<_>>()?;
    Ok(Some((webhook, secrets)))
}

/// Returns the active webhooks that no other holder serves.
pub(super) async fn unattended(conn: &mut Conn, me: Uuid, now: Timestamp) -> Result<Vec<Uuid>> {
    use webhook_positions::{holder, lease_until, webhook_id};
    let free = lease_until.is_null().or(lease_until.lt(now).assume_not_null());
    let free = free.or(holder.eq(me).assume_not_null());
    let rows = webhook_positions::table.inner_join(webhooks::table);
    let rows = rows.filter(webhooks::active).filter(free).order(webhook_id).select(webhook_id);
    Ok(rows.load(conn).await?)
}
