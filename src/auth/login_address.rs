//! Known login addresses, 登录地址: the addresses from which a user has logged in before. Logins from
//! them are accepted while those from other addresses are throttled.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{Conn, Result, Timestamp, Tx};
use schema::login_addresses::{self, address, seen_at, user_id};
use uuid::Uuid;

/// The time for which an address is remembered after its last login.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(90 * 24);
/// The maximum number of addresses per user.
const MOST: i64 = 20;

/// Checks whether the user has logged in from an address. `false` for the nil id, which stands for
/// an unknown user.
pub async fn is_known(conn: &mut Conn, person: Uuid, from: &str, now: Timestamp) -> Result<bool> {
    let row = login_addresses::table
        .find((person, from))
        .filter(seen_at.gt(Timestamp(now.0 - REMEMBERED)));
    Ok(diesel::select(diesel::dsl::exists(row)).get_result(conn).await?)
}

/// Remembers the address of a login and forgets the oldest ones above the limit.
pub async fn remember(tx: &mut Tx, person: Uuid, from: &str) -> Result<()> {
    let now = tx.now;
    diesel::insert_into(login_addresses::table)
        .values((user_id.eq(person), address.eq(from), seen_at.eq(now)))
        .on_conflict((user_id, address))
        .do_update()
        .set(seen_at.eq(now))
        .execute(tx.conn())
        .await?;

    let query = login_addresses::table
        .filter(user_id.eq(person))
        .order((seen_at.desc(), address))
        .offset(MOST);
    let old: Vec<String> = query.select(address).load(tx.conn()).await?;
    if !old.is_empty() {
        let old = login_addresses::table.filter(user_id.eq(person).and(address.eq_any(old)));
        diesel::delete(old).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Deletes addresses that have not been used for a long time. A part of a daily job.
pub async fn forget_old(tx: &mut Tx) -> Result<u64> {
    let old = seen_at.lt(Timestamp(tx.now.0 - REMEMBERED));
    Ok(diesel::delete(login_addresses::table.filter(old)).execute(tx.conn()).await? as u64)
}
