//! Stored answers: a request that is repeated with its Idempotency-Key takes effect once.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::try_join;
use schema::idempotency_keys as keys;
use uuid::Uuid;

use super::db::Conn;
use super::error::{Error, Result};
use super::external::SentUri;
use super::input::BodyDigest;
use super::reply::Reply;
use super::secret::Seal;
use super::time::Timestamp;
use super::write::{Tx, lock_number};

/// Returns a digest of method, path, query and raw body, which must match when a key is repeated.
/// It is keyed, because a body may contain a password, which could be guessed from a plain digest.
pub(super) fn fingerprint(req: &HttpRequest) -> Vec<u8> {
    let extensions = req.extensions();
    let body = extensions.get::<BodyDigest>().map(|digest| digest.0.as_slice());
    // The URI as sent: an external id may resolve to another row when the request is repeated.
    let sent = extensions.get::<SentUri>().map_or(req.uri(), |sent| &sent.0);
    let head = format!("{} {sent}\n", req.method());
    let seal = req.app_data::<Data<Seal>>().expect("the app registers the seal");
    seal.fingerprint(&[head.as_bytes(), body.unwrap_or_default()].concat())
}

/// Fingerprint, status, `ETag`, location, body.
type StoredReply = (Vec<u8>, i16, Option<String>, Option<String>, Vec<u8>);

/// The Idempotency-Key of a request.
pub(super) struct Key {
    pub actor: Uuid,
    pub text: String,
    pub fingerprint: Vec<u8>,
}

impl Key {
    /// Takes the key for this transaction, or returns its stored answer.
    pub async fn claim(&self, conn: &Conn) -> Result<Option<Reply>> {
        // A try-lock, because a request that waited for its twin would hold a connection meanwhile.
        let lock = diesel::select(pg_try_advisory_xact_lock(self.number()));
        let columns = (keys::fingerprint, keys::status, keys::etag, keys::location, keys::body);
        let row = keys::table.find((self.actor, &self.text)).select(columns);
        // The statements are pipelined: the second runs after the lock, without another round trip.
        let (free, mut rows) =
            try_join(lock.get_result::<bool>(&mut &*conn), row.load::<StoredReply>(&mut &*conn))
                .await?;
        if !free {
            return Err(Error::conflict(
                "request_in_progress",
                "The first request with this `Idempotency-Key` is still running.",
            ));
        }

        let Some(row) = rows.pop() else { return Ok(None) };
        let (fingerprint, status, etag, location, body) = row;
        if fingerprint != self.fingerprint {
            let code = "idempotency_key_reused";
            return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, code));
        }
        let status =
            u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        let status = status.ok_or_else(|| Error::internal("a stored status"))?;
        Ok(Some(Reply { etag, location, body, replayed: true, status, ..Reply::no_content() }))
    }

    /// Stores the answer in the transaction of its effects, so that both are committed or neither.
    pub async fn store(&self, tx: &mut Tx, reply: &Reply) -> Result<()> {
        let row = (
            keys::actor_id.eq(self.actor),
            keys::key.eq(&self.text),
            keys::fingerprint.eq(&self.fingerprint),
            keys::status.eq(i16::try_from(reply.status.as_u16()).map_err(Error::internal)?),
            keys::etag.eq(&reply.etag),
            keys::location.eq(&reply.location),
            keys::about.eq(reply.about),
            keys::body.eq(&reply.body),
            keys::created_at.eq(tx.now),
        );
        diesel::insert_into(keys::table).values(row).execute(tx.conn()).await?;
        Ok(())
    }

    fn number(&self) -> i64 {
        lock_number(&format!("{} {}", self.actor, self.text))
    }
}

#[diesel::declare_sql_function]
extern "SQL" {
    fn pg_try_advisory_xact_lock(key: diesel::sql_types::BigInt) -> diesel::sql_types::Bool;
}

/// Deletes the stored answers about this resource, as a part of erasing personal data.
pub async fn forget_answers(tx: &mut Tx, about: Uuid) -> Result<()> {
    diesel::delete(keys::table.filter(keys::about.eq(about))).execute(tx.conn()).await?;
    Ok(())
}

/// Deletes the stored answers that are older than 72 hours.
pub async fn forget_old_answers(tx: &mut Tx) -> Result<usize> {
    let until = Timestamp(tx.now.0 - jiff::SignedDuration::from_hours(72));
    let old = keys::table.filter(keys::created_at.lt(until));
    Ok(diesel::delete(old).execute(tx.conn()).await?)
}
