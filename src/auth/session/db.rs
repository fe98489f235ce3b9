//! Queries on sessions and their refresh tokens, of which only the newest are valid.

use access::Caller;
use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel::sql_types::{Array, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{Conn, List, NoFilter, Result, Timestamp, Tx};
use schema::refresh_tokens::{self, dsl};
use schema::sessions;
use uuid::Uuid;

use super::{Session, SessionPage};
use crate::peer::Origin;
use crate::{login_address, password};

/// The time without use after which a session ends.
const IDLE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The time for which a used refresh token stays valid: a phone may lose the response with the
/// successor, and two tabs may refresh at the same time.
const GRACE: SignedDuration = SignedDuration::from_secs(60);
/// The maximum number of sessions per user. One more ends the least recently used one.
const MOST: i64 = 100;
/// The time for which ended sessions are kept. Longer than the lifetime of an access token, so that
/// a starting instance learns of all sessions whose tokens could still be used.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);

#[derive(HasQuery, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
struct RefreshToken {
    hash: Vec<u8>,
    family_id: Uuid,
    user_id: Uuid,
    issued_at: Timestamp,
    expires_at: Timestamp,
    /// The time at which the token was first exchanged
    rotated_at: Option<Timestamp>,
    /// The token that was exchanged for this one
    parent_hash: Option<Vec<u8>>,
}

/// A session with the refresh token that has just been issued for it.
pub struct Renewed {
    pub id: Uuid,
    pub user_id: Uuid,
    pub expires_at: Timestamp,
    pub refresh_token: String,
}

/// Returns the digest of a token. A slow password hash is not needed, because tokens have 256
/// random bits.
fn hash_of(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// Selects the sessions that have not ended or expired.
fn live(now: Timestamp) -> sessions::BoxedQuery<'static, diesel::pg::Pg> {
    let used = sessions::used_at.gt(Timestamp(now.0 - IDLE));
    let open = sessions::ended_no.is_null().and(sessions::expires_at.gt(now)).and(used);
    sessions::table.filter(open).into_boxed()
}

impl Session {
    pub(super) async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<NoFilter>,
        now: Timestamp,
    ) -> Result<SessionPage> {
        use sessions::{id, started_at, user_id};
        let own = || live(now).filter(user_id.eq(caller.id())).filter(list.ids(id));
        let total = if list.counted { Some(own().count().get_result(conn).await?) } else { None };
        let query = own().filter(list.before::<Timestamp, _, _>(started_at, id)?);
        let query = query.order((started_at.desc(), id.desc())).limit(list.fetch());
        let mut rows: Vec<Self> = query.select(Self::as_select()).load(conn).await?;
        for row in &mut rows {
            row.current = caller.session() == Some(row.id);
        }
        list.page(rows, total, |row: &Self| (row.started_at, row.id))
    }
}

/// Starts a session that ends after at most `days`.
pub async fn begin(tx: &mut Tx, user_id: Uuid, origin: &Origin, days: i64) -> Result<Renewed> {
    let now = tx.now;
    let most = live(now).filter(sessions::user_id.eq(user_id)).select(sessions::id);
    let most = most.order(sessions::used_at.desc()).offset(MOST - 1).limit(MOST);
    let surplus: Vec<Uuid> = most.load(tx.conn()).await?;
    end_these(tx, &surplus).await?;

    let id = Uuid::now_v7();
    let expires_at = Timestamp(now.0 + SignedDuration::from_hours(24 * days));
    let row = (
        sessions::id.eq(id),
        sessions::user_id.eq(user_id),
        sessions::address.eq(&origin.address),
        sessions::user_agent.eq(&origin.user_agent),
        sessions::started_at.eq(now),
        sessions::used_at.eq(now),
        sessions::expires_at.eq(expires_at),
    );
    diesel::insert_into(sessions::table).values(row).execute(tx.conn()).await?;
    login_address::remember(tx, user_id, &origin.address).await?;
    issue(tx, (id, user_id, expires_at), None).await
}

async fn issue(
    tx: &mut Tx,
    (id, user_id, expires_at): (Uuid, Uuid, Timestamp),
    parent_hash: Option<Vec<u8>>,
) -> Result<Renewed> {
    let refresh_token = password::random()?;
    let row = RefreshToken {
        hash: hash_of(&refresh_token),
        family_id: id,
        user_id,
        issued_at: tx.now,
        expires_at: Timestamp(tx.now.0 + IDLE).min(expires_at),
        rotated_at: None,
        parent_hash,
    };
    diesel::insert_into(refresh_tokens::table).values(row).execute(tx.conn()).await?;
    Ok(Renewed { id, user_id, expires_at, refresh_token })
}

/// Exchanges a refresh token for a successor. `None` if the token is not valid. If it was valid
/// before, its whole session ends, because the token may have been stolen.
pub async fn rotate(tx: &mut Tx, token: &str) -> Result<Option<Renewed>> {
    let hash = hash_of(token);
    let family = refresh_tokens::table.find(&hash).select(dsl::family_id);
    let Some(family) = family.first::<Uuid>(tx.conn()).await.optional()? else { return Ok(None) };
    // The lock serialises exchanges with the end of the session, which could otherwise miss a
    // successor.
    let session = sessions::table.find(family).filter(sessions::ended_no.is_null());
    let session = session.select(sessions::expires_at).for_update();
    let Some(expires_at) = session.first::<Timestamp>(tx.conn()).await.optional()? else {
        return Ok(None);
    };

    let row = RefreshToken::query().filter(dsl::hash.eq(&hash)).first::<RefreshToken>(tx.conn());
    let Some(row) = row.await.optional()? else { return Ok(None) };
    if row.expires_at <= tx.now {
        return Ok(None);
    }

    if !is_good(tx, &row).await? {
        end_these(tx, &[family]).await?;
        tracing::warn!(user = %row.user_id, session = %family, "refresh token used again");
        return Ok(None);
    }

    if row.rotated_at.is_none() {
        let used = dsl::rotated_at.eq(tx.now);
        diesel::update(refresh_tokens::table.find(&hash)).set(used).execute(tx.conn()).await?;
    }
    let used = sessions::used_at.eq(tx.now);
    diesel::update(sessions::table.find(family)).set(used).execute(tx.conn()).await?;
    issue(tx, (family, row.user_id, expires_at), Some(hash)).await.map(Some)
}

/// Checks whether a refresh token is valid. Within the grace period, a token can be exchanged for
/// any number of successors until one of them is used. All successors are valid.
async fn is_good(tx: &mut Tx, row: &RefreshToken) -> Result<bool> {
    let Some(rotated_at) = row.rotated_at else { return Ok(true) };
    let children = refresh_tokens::table.filter(dsl::parent_hash.eq(&row.hash));
    let used = diesel::dsl::exists(children.filter(dsl::rotated_at.is_not_null()));
    let in_time = tx.now.0.duration_since(rotated_at.0) <= GRACE;
    Ok(in_time && !diesel::select(used).get_result::<bool>(tx.conn()).await?)
}

/// Ends the session of a refresh token, if there is one.
pub async fn end(tx: &mut Tx, token: &str) -> Result<()> {
    let family = refresh_tokens::table.find(hash_of(token)).select(dsl::family_id);
    match family.first::<Uuid>(tx.conn()).await.optional()? {
        Some(family) => end_these(tx, &[family]).await,
        None => Ok(()),
    }
}

/// Ends one session of a user. Returns `false` if there is no such session.
pub(super) async fn end_one(tx: &mut Tx, user_id: Uuid, id: Uuid) -> Result<bool> {
    let query = live(tx.now).filter(sessions::user_id.eq(user_id).and(sessions::id.eq(id)));
    let own: Vec<Uuid> = query.select(sessions::id).load(tx.conn()).await?;
    end_these(tx, &own).await?;
    Ok(!own.is_empty())
}

/// Ends all sessions of these users.
pub async fn end_all(tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let open = sessions::ended_no.is_null().and(sessions::user_id.eq_any(people));
    let open = sessions::table.filter(open).select(sessions::id);
    let open: Vec<Uuid> = open.load(tx.conn()).await?;
    end_these(tx, &open).await
}

/// Ends all sessions of a user except one.
pub async fn end_others(tx: &mut Tx, user_id: Uuid, stays: Option<Uuid>) -> Result<()> {
    let open = sessions::ended_no.is_null().and(sessions::user_id.eq(user_id));
    let open = sessions::table.filter(open).select(sessions::id);
    let open: Vec<Uuid> = open.load(tx.conn()).await?;
    let others: Vec<Uuid> = open.into_iter().filter(|id| Some(*id) != stays).collect();
    end_these(tx, &others).await
}

async fn end_these(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    if !ids.is_empty() {
        let query = diesel::sql_query(END).bind::<Array<SqlUuid>, _>(ids);
        query.bind::<Timestamptz, _>(tx.now).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Ends sessions and numbers them. The sessions are locked first, in the order of their ids, and
/// the row of the directory last: every transaction that ends a session waits for that row, so that
/// the numbers become visible in order.
const END: &str = "
    with ending as materialized (
        select id from sessions where id = any($1) and ended_no is null order by id for update
    ), gone as (
        delete from refresh_tokens where family_id in (select id from ending)
    ), number as (
        update directory set ended = ended + 1 where (select count(*) from ending) > 0
        returning ended
    )
    update sessions set ended_at = $2, ended_no = number.ended from number
    where id in (select id from ending)";

/// A job: deletes expired refresh tokens and old sessions. Returns the number of deleted rows.
pub async fn forget_expired(tx: &mut Tx) -> Result<u64> {
    let now = tx.now;
    let old = refresh_tokens::table.filter(dsl::expires_at.lt(now));
    let tokens = diesel::delete(old).execute(tx.conn()).await?;

    let ended = sessions::ended_at.lt(Timestamp(now.0 - REMEMBERED));
    let old = Timestamp(now.0 - IDLE - REMEMBERED);
    let idle = sessions::used_at.lt(old).or(sessions::expires_at.lt(Timestamp(now.0 - REMEMBERED)));
    let gone = diesel::delete(sessions::table.filter(idle)).execute(tx.conn()).await?;
    let gone = gone + diesel::delete(sessions::table.filter(ended)).execute(tx.conn()).await?;
    Ok((tokens + gone) as u64 + login_address::forget_old(tx).await?)
}
