//! All changes of data: one transaction per change, run to its end and safe to repeat.

use std::future::{Ready, ready};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use actix_web::{rt, web::Data};
use aws_lc_rs::digest::{SHA256, digest};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection, RunQueryDsl, TransactionManager};
use futures_util::future::try_join;
use schema::idempotency_keys as keys;
use uuid::Uuid;

use super::batch::ItemCount;
use super::db::{Conn, Db, Held};
use super::deadline::{Attempts, COMMIT, Limits, MANY, ONE};
use super::error::{Error, Result};
use super::external::SentUri;
use super::input::BodyDigest;
use super::language::{is_chinese, speaking};
use super::money::with_currency;
use super::reply::Reply;
use super::resource::Resource;
use super::secret::Seal;
use super::share::Room;
use super::time::{Clock, Date, Timestamp};

type Manager = <Conn as AsyncConnection>::TransactionManager;

/// The caller, as far as the platform needs to know it. The auth middleware sets it.
#[derive(Debug, Clone, Copy)]
pub struct Actor {
    pub id: Uuid,
    /// A program. It repeats failed requests, so its creates need an Idempotency-Key.
    pub machine: bool,
}

/// An open transaction, with its instant and the actor on whose behalf it runs.
pub struct Tx {
    conn: Held,
    pub now: Timestamp,
    /// The day of `now` in the company's time zone
    pub today: Date,
    pub actor: Uuid,
    discarded: bool,
    /// The job has more to do
    pub(super) goes_on: bool,
    /// Time limit of one statement
    silence: Duration,
    end: Instant,
}

impl Tx {
    /// Runs work that does not belong to a request, such as a job or the first start.
    pub async fn run<T>(
        db: &Db,
        clock: &Clock,
        actor: Uuid,
        work: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut tx = Self::of(db.conn().await?, clock, actor, MANY, Instant::now());
        Manager::begin_transaction(tx.conn()).await?;
        match with_currency(clock.currency(), work(&mut tx)).await {
            Ok(done) => {
                Manager::commit_transaction(tx.conn()).await?;
                Ok(done)
            }
            Err(error) => {
                Manager::rollback_transaction(tx.conn()).await.ok();
                Err(error)
            }
        }
    }

    fn of(conn: Held, clock: &Clock, actor: Uuid, limits: Limits, start: Instant) -> Self {
        let (now, end) = (clock.now(), start + limits.whole);
        let (today, silence) = (clock.day_of(now), limits.silence);
        Self { conn, now, today, actor, discarded: false, goes_on: false, silence, end }
    }

    /// The connection, with its time limit restarted: for one statement or a few.
    pub fn conn(&mut self) -> &mut Conn {
        self.conn.set_time(self.silence.min(self.left()));
        &mut self.conn
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Rolls the transaction back at its end but returns the answer: for dry runs.
    pub fn discard(&mut self) {
        self.discarded = true;
    }

    /// Makes the job run again at once, in another transaction.
    pub fn go_on(&mut self) {
        self.goes_on = true;
    }

    /// Takes the lock of this name until the transaction ends, and waits for it if necessary. For
    /// rules about several rows, which no row lock can guard.
    pub async fn lock(&mut self, name: &str) -> Result<()> {
        let lock = diesel::sql_query("select pg_advisory_xact_lock($1)");
        lock.bind::<BigInt, _>(lock_number(name)).execute(self.conn()).await?;
        Ok(())
    }

    /// Runs a part in a savepoint, so that its failure does not fail the transaction.
    pub async fn attempt<T>(
        &mut self,
        part: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        Manager::begin_transaction(self.conn()).await?;
        let result = part(self).await;
        match result {
            Ok(_) => Manager::commit_transaction(self.conn()).await?,
            Err(_) => Manager::rollback_transaction(self.conn()).await?,
        }
        result
    }
}

/// Runs the change of a handler. Take it as the last argument: `write: Write`.
pub struct Write {
    db: Db,
    clock: Clock,
    actor: Actor,
    key: Option<String>,
    req: HttpRequest,
}

impl FromRequest for Write {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let db = Db::from_request(req, payload).into_inner();
        ready(db.and_then(|db| {
            let actor = req.extensions().get::<Actor>().copied().ok_or_else(Error::unauthorized)?;
            let key = req.headers().get("idempotency-key").map(|key| {
                let visible = |key: &&str| key.bytes().all(|byte| byte.is_ascii_graphic());
                let key = key.to_str().ok().filter(|key| (1..=255).contains(&key.len()));
                let key = key.filter(visible);
                let invalid = || {
                    Error::bad_request(
                        "invalid_idempotency_key",
                        "1 to 255 visible characters of ASCII",
                    )
                };
                key.map(str::to_owned).ok_or_else(invalid)
            });
            let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");
            let clock = clock.get_ref().clone();
            Ok(Self { db, clock, actor, key: key.transpose()?, req: req.clone() })
        }))
    }
}

impl Write {
    /// Runs `work` and answers 201 with the new resource. Programs must send an Idempotency-Key.
    pub async fn create<R: Resource>(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<R> + 'static,
    ) -> Result<Reply> {
        if self.actor.machine && self.key.is_none() {
            let detail = "a program sends an Idempotency-Key with whatever it creates";
            return Err(Error::bad_request("idempotency_key_required", detail));
        }
        self.within(ONE, async move |tx| Reply::created(&work(tx).await?)).await
    }

    /// Runs `work` and answers 200 with the changed resource.
    pub async fn update<R: Resource>(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<R> + 'static,
    ) -> Result<Reply> {
        self.within(ONE, async move |tx| Reply::ok(&work(tx).await?)).await
    }

    /// Runs `work` and answers 204.
    pub async fn delete(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<()> + 'static,
    ) -> Result<Reply> {
        self.within(ONE, async move |tx| work(tx).await.map(|()| Reply::no_content())).await
    }

    /// Like [`Write::create`], for an answer with a secret. It must not be stored, neither by
    /// caches nor by the service, so that an Idempotency-Key has no effect.
    pub async fn create_secret<R: Resource>(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<R> + 'static,
    ) -> Result<Reply> {
        let reply = async move |tx: &mut Tx| Reply::created(&work(tx).await?).map(Reply::secret);
        Self { key: None, ..self }.within(ONE, reply).await
    }

    /// Like [`Write::update`], for an answer with a secret.
    pub async fn update_secret<R: Resource>(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<R> + 'static,
    ) -> Result<Reply> {
        let reply = async move |tx: &mut Tx| Reply::ok(&work(tx).await?).map(Reply::secret);
        Self { key: None, ..self }.within(ONE, reply).await
    }

    /// Runs `work`, which may take as long as a batch, and returns its answer.
    pub async fn run(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<Reply> + 'static,
    ) -> Result<Reply> {
        self.within(MANY, work).await
    }

    /// Returns the stored answer of this request's Idempotency-Key, if there is one.
    pub async fn answered(&self) -> Result<Option<Reply>> {
        let Some(key) = self.stored_key() else { return Ok(None) };
        key.claim(&*self.db.conn().await?).await
    }

    fn stored_key(&self) -> Option<Key> {
        let text = self.key.clone()?;
        Some(Key { actor: self.actor.id, fingerprint: fingerprint(&self.req), text })
    }

    /// Runs `work` in a spawned task, so that a client that disconnects does not drop the
    /// transaction (a dropped future leaves its connection in the middle of a statement). `work`
    /// may run up to three times, hence `AsyncFn` and not `AsyncFnOnce`.
    pub async fn within(
        self,
        limits: Limits,
        work: impl AsyncFn(&mut Tx) -> Result<Reply> + 'static,
    ) -> Result<Reply> {
        let key = self.stored_key();
        let Self { db, clock, actor, req, .. } = self;
        let room = Room::taken_by(&req);
        let items = req.extensions().get::<ItemCount>().map(|count| count.0);
        drop(req);
        let (currency, chinese) = (clock.currency(), is_chinese());
        let attempts = async move {
            let _room = room;
            let mut attempts = Attempts::new(limits, items);
            loop {
                let mut tx = Tx::of(db.conn().await?, &clock, actor.id, limits, attempts.start);
                match transaction(&mut tx, key.as_ref(), &attempts.begin(), &work).await {
                    Err(error) if attempts.go_on(&error) => {}
                    result => return result.map_err(|error| attempts.answer(error)),
                }
            }
        };
        rt::spawn(speaking(chinese, with_currency(currency, attempts)))
            .await
            .map_err(Error::internal)?
    }
}

async fn transaction(
    tx: &mut Tx,
    key: Option<&Key>,
    begin: &str,
    work: &impl AsyncFn(&mut Tx) -> Result<Reply>,
) -> Result<Reply> {
    Manager::begin_transaction_sql(tx.conn(), begin).await?;
    let result = async {
        if let Some(key) = key
            && let Some(stored) = key.claim(tx.conn()).await?
        {
            return Ok(stored);
        }
        let reply = work(tx).await?;
        if let Some(key) = key.filter(|_| !tx.discarded && !reply.secret) {
            key.store(tx, &reply).await?;
        }
        Ok(reply)
    }
    .await;

    match result {
        Ok(reply) if tx.discarded => {
            Manager::rollback_transaction(tx.conn()).await?;
            Ok(reply)
        }
        Ok(reply) => {
            tx.conn.set_time(tx.silence.min(tx.left()).max(COMMIT));
            match Manager::commit_transaction(&mut *tx.conn).await.map_err(Error::from) {
                Ok(()) => Ok(reply),
                Err(error) if error.is_transient() => Err(error),
                // Only the idempotency row, written in the same transaction, can tell the outcome.
                Err(error) => Err(Error::unavailable("outcome_unknown")
                    .detail("repeat the request with the same Idempotency-Key")
                    .cause(error)),
            }
        }
        Err(error) => {
            // If the rollback fails, the connection is broken, and the pool discards it.
            Manager::rollback_transaction(tx.conn()).await.ok();
            Err(error)
        }
    }
}

/// Returns a digest of method, path, query and raw body, which must match when a key is repeated.
/// It is keyed, because a body may contain a password, which could be guessed from a plain digest.
fn fingerprint(req: &HttpRequest) -> Vec<u8> {
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

struct Key {
    actor: Uuid,
    text: String,
    fingerprint: Vec<u8>,
}

impl Key {
    /// Takes the key for this transaction, or returns its stored answer.
    async fn claim(&self, conn: &Conn) -> Result<Option<Reply>> {
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
                "the first request is still running",
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
    async fn store(&self, tx: &mut Tx, reply: &Reply) -> Result<()> {
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

fn lock_number(name: &str) -> i64 {
    let hash = digest(&SHA256, name.as_bytes());
    hash.as_ref()[..8].iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
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
