//! Queries on second factors. Each concerns one user.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Bytea};
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use platform::secret::{Cipher, at_rest, in_use};
use platform::{Conn, Error, Result, Timestamp, Tx};
use schema::second_factors::{self, dsl};
use uuid::Uuid;

use super::totp;
use crate::directory;

const RECOVERY_CODES: usize = 10;

/// Digests of recovery codes. Slow password hashes are not needed, because codes have 80 random
/// bits.
type Codes = Vec<Vec<u8>>;

/// The name that binds a sealed secret to its user.
fn name(person: Uuid) -> String {
    format!("second factor {person}")
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::internal("no randomness"))?;
    Ok(bytes)
}

/// Returns the digest of a recovery code, which may be typed with or without hyphens.
fn digest_of(code: &str) -> Vec<u8> {
    let code = code.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
    digest(&SHA256, code.to_ascii_uppercase().as_bytes()).as_ref().to_vec()
}

/// Returns the time since which the user has a second factor, and the number of recovery codes
/// left.
pub async fn state(conn: &mut Conn, person: Uuid) -> Result<Option<(Timestamp, usize)>> {
    let active = second_factors::table.find(person).filter(dsl::secret.is_not_null());
    let query = active.select((dsl::confirmed_at, dsl::recovery_codes));
    let row: Option<(Option<Timestamp>, Codes)> = query.first(conn).await.optional()?;
    Ok(row.and_then(|(at, codes)| Some((at?, codes.len()))))
}

pub async fn is_active(conn: &mut Conn, person: Uuid) -> Result<bool> {
    let active = second_factors::table.find(person).filter(dsl::secret.is_not_null());
    Ok(diesel::select(diesel::dsl::exists(active)).get_result(conn).await?)
}

/// Generates a secret, which becomes active once it is confirmed.
pub async fn offer(tx: &mut Tx, cipher: Option<&Cipher>, person: Uuid) -> Result<Vec<u8>> {
    let secret = random::<{ totp::SECRET_BYTES }>()?;
    diesel::insert_into(second_factors::table)
        .values((
            dsl::user_id.eq(person),
            dsl::pending.eq(at_rest(cipher, &name(person), &secret)?),
            dsl::last_step.eq(0),
            dsl::recovery_codes.eq(Codes::new()),
        ))
        .on_conflict(dsl::user_id)
        .do_update()
        .set(dsl::pending.eq(excluded(dsl::pending)))
        .execute(tx.conn())
        .await?;
    Ok(secret.to_vec())
}

/// Activates the pending secret if the code matches it. Returns the new recovery codes, or `None`
/// if the code is wrong.
pub async fn confirm(
    tx: &mut Tx,
    cipher: Option<&Cipher>,
    person: Uuid,
    otp: &str,
) -> Result<Option<Vec<String>>> {
    let row = second_factors::table.find(person).select(dsl::pending).for_update();
    let pending: Option<Option<Vec<u8>>> = row.first(tx.conn()).await.optional()?;
    let Some(pending) = pending.flatten() else { return Ok(None) };
    let secret = in_use(cipher, &name(person), pending)?;
    let Some(step) = totp::step_of(&secret, otp, tx.now.0.as_second()) else { return Ok(None) };

    let mut codes = vec![];
    for _ in 0..RECOVERY_CODES {
        let code = totp::base32(&random::<10>()?);
        codes.push(format!("{}-{}-{}-{}", &code[..4], &code[4..8], &code[8..12], &code[12..]));
    }

    let digests: Codes = codes.iter().map(|code| digest_of(code)).collect();
    let update = diesel::update(second_factors::table.find(person));
    let set = (
        dsl::secret.eq(at_rest(cipher, &name(person), &secret)?),
        dsl::pending.eq(None::<Vec<u8>>),
        dsl::last_step.eq(step),
        dsl::recovery_codes.eq(digests),
        dsl::confirmed_at.eq(tx.now),
    );
    update.set(set).execute(tx.conn()).await?;
    directory::touch(tx.conn()).await?;
    Ok(Some(codes))
}

/// Uses up a code of the user's second factor, or a recovery code. Each can be used once. Returns
/// `false` if the code is wrong or was used before.
pub async fn use_up(tx: &mut Tx, cipher: Option<&Cipher>, person: Uuid, otp: &str) -> Result<bool> {
    let query = second_factors::table.find(person).select((dsl::secret, dsl::last_step));
    let row: Option<(Option<Vec<u8>>, i64)> =
        query.for_update().first(tx.conn()).await.optional()?;
    let Some((Some(stored), last_step)) = row else { return Ok(false) };
    let secret = in_use(cipher, &name(person), stored)?;
    let update = diesel::update(second_factors::table.find(person));

    if let Some(step) = totp::step_of(&secret, otp, tx.now.0.as_second()) {
        if step <= last_step {
            return Ok(false);
        }
        // Stored again to seal a secret from the time before `SALESBOOK_SECRET` was set.
        let secret = dsl::secret.eq(at_rest(cipher, &name(person), &secret)?);
        update.set((dsl::last_step.eq(step), secret)).execute(tx.conn()).await?;
        return Ok(true);
    }

    let digest = digest_of(otp);
    let left =
        sql::<Array<Bytea>>("array_remove(recovery_codes, ").bind::<Bytea, _>(&digest).sql(")");
    let has = sql::<Bool>("").bind::<Bytea, _>(&digest).sql(" = any(recovery_codes)");
    let used = update.filter(has).set(dsl::recovery_codes.eq(left)).execute(tx.conn()).await?;
    Ok(used > 0)
}

/// Removes the second factor of a user.
pub async fn remove(tx: &mut Tx, person: Uuid) -> Result<()> {
    diesel::delete(second_factors::table.find(person)).execute(tx.conn()).await?;
    directory::touch(tx.conn()).await
}
