//! All changes of data: one transaction per change, run to its end and safe to repeat.

use std::any::Any;
use std::future::{Ready, ready};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::{FromRequest, HttpMessage, HttpRequest, dev::Payload};
use actix_web::{rt, web::Data};
use aws_lc_rs::digest::{SHA256, digest};
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection, RunQueryDsl, TransactionManager};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::batch::ItemCount;
use super::db::{Conn, Db, Held};
use super::deadline::{Attempts, COMMIT, Limits, MANY, ONE};
use super::error::{Error, Result};
use super::extensions::Extensions;
use super::idempotency::{Key, fingerprint};
use super::language::{speaking, translation};
use super::money::with_currency;
use super::reply::Reply;
use super::resource::Resource;
use super::routes::{Argument, Refusals};
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
    extensions: Arc<Extensions>,
}

impl Tx {
    /// Runs work that does not belong to a request, such as a job or the first start.
    pub async fn run<T>(
        db: &Db,
        clock: &Clock,
        actor: Uuid,
        work: impl AsyncFnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut tx = Self::open(db, clock, actor, MANY, Instant::now()).await?;
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

    async fn open(
        db: &Db,
        clock: &Clock,
        actor: Uuid,
        limits: Limits,
        start: Instant,
    ) -> Result<Self> {
        let conn = db.conn().await?;
        let now = clock.now();
        Ok(Self {
            conn,
            now,
            today: clock.day_of(now),
            actor,
            discarded: false,
            goes_on: false,
            silence: limits.silence,
            end: start + limits.whole,
            extensions: db.extensions().clone(),
        })
    }

    /// Returns the value of a type that the app passes to all transactions.
    pub fn extension<T: Any + Clone>(&self) -> Result<T> {
        self.extensions.get()
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
                        "`Idempotency-Key` must have 1 to 255 visible ASCII characters.",
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

impl Argument for Write {
    const REFUSALS: Refusals = &[
        (400, "invalid_idempotency_key"),
        (409, "request_in_progress"),
        (422, "idempotency_key_reused"),
        (503, "outcome_unknown"),
    ];
}

impl Write {
    /// Runs `work` and answers 201 with the new resource. Programs must send an Idempotency-Key.
    pub async fn create<R: Resource>(
        self,
        work: impl AsyncFn(&mut Tx) -> Result<R> + 'static,
    ) -> Result<Reply> {
        if self.actor.machine && self.key.is_none() {
            let detail = "Programs must send an `Idempotency-Key` with every request that creates \
                          something.";
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
        let work = Rc::new(work);
        let boxed: Work = Box::new(move |tx| {
            let work = work.clone();
            Box::pin(async move { work(tx).await })
        });
        self.carry_out(limits, boxed).await
    }

    /// Not generic, as `within` is: every write would have its own copy of all this.
    async fn carry_out(self, limits: Limits, work: Work) -> Result<Reply> {
        let key = self.stored_key();
        let Self { db, clock, actor, req, .. } = self;
        let room = Room::taken_by(&req);
        let items = req.extensions().get::<ItemCount>().map(|count| count.0);
        drop(req);
        let (currency, chinese) = (clock.currency(), translation());
        let attempts = async move {
            let _room = room;
            let mut attempts = Attempts::new(limits, items);
            loop {
                let mut tx = Tx::open(&db, &clock, actor.id, limits, attempts.start).await?;
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

/// The work of a write, boxed.
type Work = Box<dyn for<'a> Fn(&'a mut Tx) -> LocalBoxFuture<'a, Result<Reply>>>;

async fn transaction(tx: &mut Tx, key: Option<&Key>, begin: &str, work: &Work) -> Result<Reply> {
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
                    .detail("Repeat the request with the same `Idempotency-Key`.")
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

/// Returns the number of the advisory lock of this name.
pub(super) fn lock_number(name: &str) -> i64 {
    let hash = digest(&SHA256, name.as_bytes());
    hash.as_ref()[..8].iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
}
