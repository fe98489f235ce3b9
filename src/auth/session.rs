//! Refresh tokens: one login is a family of them, of which only the youngest is good.

use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{Result, Timestamp, Tx};
use schema::refresh_tokens::{self, dsl};
use uuid::Uuid;

use crate::password;

const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A phone may lose the answer that holds the successor.
const GRACE: SignedDuration = SignedDuration::from_secs(60);

#[derive(HasQuery, Insertable)]
#[diesel(table_name = refresh_tokens, treat_none_as_default_value = false)]
struct RefreshToken {
    hash: Vec<u8>,
    family_id: Uuid,
    user_id: Uuid,
    issued_at: Timestamp,
    expires_at: Timestamp,
    /// When it was first exchanged for a successor
    rotated_at: Option<Timestamp>,
    parent_hash: Option<Vec<u8>>,
}

/// Not a password hash: the tokens have 256 bits of their own.
fn hash_of(token: &str) -> Vec<u8> {
    digest(&SHA256, token.as_bytes()).as_ref().to_vec()
}

/// Starts a session and returns its first refresh token.
pub async fn begin(tx: &mut Tx, user_id: Uuid) -> Result<String> {
    issue(tx, Uuid::now_v7(), user_id, None).await
}

async fn issue(
    tx: &mut Tx,
    family_id: Uuid,
    user_id: Uuid,
    parent_hash: Option<Vec<u8>>,
) -> Result<String> {
    let token = password::random()?;
    let row = RefreshToken {
        hash: hash_of(&token),
        family_id,
        user_id,
        issued_at: tx.now,
        expires_at: Timestamp(tx.now.0 + LIFETIME),
        rotated_at: None,
        parent_hash,
    };
    diesel::insert_into(refresh_tokens::table).values(row).execute(tx.conn()).await?;
    Ok(token)
}

/// Whose session this is, and the successor of the token. Nothing for a token that is no good;
/// one that was good has then cost the whole family, because somebody else may have it.
pub async fn rotate(tx: &mut Tx, token: &str) -> Result<Option<(Uuid, String)>> {
    let hash = hash_of(token);
    let family = refresh_tokens::table.find(&hash).select(dsl::family_id);
    let Some(family) = family.first::<Uuid>(tx.conn()).await.optional()? else { return Ok(None) };
    // One at a time, or two successors could both be the one that counts.
    tx.lock(&format!("session {family}")).await?;
    let row = RefreshToken::query().filter(dsl::hash.eq(&hash)).first::<RefreshToken>(tx.conn());
    let Some(row) = row.await.optional()? else { return Ok(None) };
    if row.expires_at <= tx.now {
        return Ok(None);
    }
    if !is_good(tx, &row).await? {
        end_family(tx, family).await?;
        tracing::warn!(user = %row.user_id, "a refresh token came a second time");
        return Ok(None);
    }
    if row.rotated_at.is_none() {
        let used = dsl::rotated_at.eq(tx.now);
        diesel::update(refresh_tokens::table.find(&hash)).set(used).execute(tx.conn()).await?;
    }
    let successor = issue(tx, family, row.user_id, Some(hash)).await?;
    Ok(Some((row.user_id, successor)))
}

/// Neither it nor a sibling may have been left behind: the client has gone on with another one.
async fn is_good(tx: &mut Tx, row: &RefreshToken) -> Result<bool> {
    let used = |parent: Vec<u8>| {
        let children = refresh_tokens::table.filter(dsl::parent_hash.eq(parent));
        diesel::select(diesel::dsl::exists(children.filter(dsl::rotated_at.is_not_null())))
    };
    let Some(rotated_at) = row.rotated_at else {
        return match row.parent_hash.clone() {
            Some(parent) => Ok(!used(parent).get_result::<bool>(tx.conn()).await?),
            None => Ok(true),
        };
    };
    let in_time = tx.now.0.duration_since(rotated_at.0) <= GRACE;
    Ok(in_time && !used(row.hash.clone()).get_result::<bool>(tx.conn()).await?)
}

/// Ends the session that the token belongs to, if it does.
pub async fn end(tx: &mut Tx, token: &str) -> Result<()> {
    let family = refresh_tokens::table.find(hash_of(token)).select(dsl::family_id);
    match family.first::<Uuid>(tx.conn()).await.optional()? {
        Some(family) => end_family(tx, family).await,
        None => Ok(()),
    }
}

async fn end_family(tx: &mut Tx, family: Uuid) -> Result<()> {
    let family = refresh_tokens::table.filter(dsl::family_id.eq(family));
    diesel::delete(family).execute(tx.conn()).await?;
    Ok(())
}

/// Ends all sessions of these people.
pub async fn end_all(tx: &mut Tx, people: &[Uuid]) -> Result<()> {
    if !people.is_empty() {
        let theirs = refresh_tokens::table.filter(dsl::user_id.eq_any(people));
        diesel::delete(theirs).execute(tx.conn()).await?;
    }
    Ok(())
}

/// A daily job.
pub async fn forget_expired(tx: &mut Tx) -> Result<u64> {
    let old = refresh_tokens::table.filter(dsl::expires_at.lt(tx.now));
    Ok(diesel::delete(old).execute(tx.conn()).await? as u64)
}
