//! Brings events to webhooks. Each has a task of its own, on one instance at a time: a receiver
//! that is slow or dead keeps nobody else waiting, and nothing is sent with a connection in hand.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use auth::{Caller, Directory};
use futures_util::StreamExt;
use futures_util::stream;
use platform::feed::Epoch;
use platform::{Clock, Db, Error, Result, Timestamp, Tx};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::queue::{Due, Lease};
use super::secret::Secret;
use super::send::{Message, Sender};
use super::{Outbound, Webhook, db, queue};
use crate::change::ChangeEvent;
use crate::scope::Scope;
use crate::{ManageWebhooks, feed};

/// How often new webhooks, and those of an instance that is gone, are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// How long a task waits at the most before it looks again.
const IDLE: Duration = Duration::from_secs(5);

/// How many events of a webhook are under way at the same moment; and how many are taken up
/// together, so few that a lease outlives even those that nobody answers.
const AT_ONCE: usize = 8;
const TAKEN_UP: i64 = 16;

pub struct Courier {
    db: Db,
    clock: Clock,
    directory: Directory,
    epoch: Uuid,
    out: Outbound,
    sender: Sender,
    me: Uuid,
}

/// What came of looking after a webhook once.
enum Round {
    /// It is not ours, or is not to be told anything
    Over,
    /// Its owner may not be told anything now
    Rests,
    /// So much was read and sent
    Done { read: usize, sent: usize },
}

impl Courier {
    pub fn new(
        db: Db,
        clock: Clock,
        directory: Directory,
        epoch: Epoch,
        out: Outbound,
    ) -> Result<Self> {
        let sender = Sender::new(out.loopback)?;
        Ok(Self { db, clock, directory, epoch: epoch.0, out, sender, me: Uuid::now_v7() })
    }

    /// Looks after webhooks for as long as the service runs.
    pub async fn run(self: Rc<Self>) {
        let attended = Rc::new(RefCell::new(HashSet::new()));
        loop {
            match self.unattended().await {
                Ok(ids) => {
                    for id in ids {
                        if attended.borrow_mut().insert(id) {
                            let (courier, attended) = (self.clone(), attended.clone());
                            spawn_local(async move {
                                courier.attend(id).await;
                                attended.borrow_mut().remove(&id);
                            });
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "webhooks could not be looked for"),
            }
            sleep(LOOK).await;
        }
    }

    /// The service ends: others go on at once with what this one has looked after.
    pub async fn leave(&self) -> Result<()> {
        queue::leave(&mut *self.db.conn().await?, self.me).await
    }

    /// Sends all that is due at this instant, each once. Answers how much was sent.
    pub async fn once(&self) -> Result<usize> {
        let mut sent = 0;
        for id in self.unattended().await? {
            let Some(lease) = self.take(id).await? else { continue };
            while let Round::Done { read, sent: now } = self.round(lease).await?
                && (read > 0 || now > 0)
            {
                sent += now;
            }
            lease.give_back(&mut *self.db.conn().await?).await?;
        }
        Ok(sent)
    }

    async fn unattended(&self) -> Result<Vec<Uuid>> {
        db::unattended(&mut *self.db.conn().await?, self.me, self.clock.now()).await
    }

    async fn take(&self, webhook: Uuid) -> Result<Option<Lease>> {
        Lease::take(&mut *self.db.conn().await?, webhook, self.me, self.clock.now()).await
    }

    async fn attend(&self, webhook: Uuid) {
        let mut newest = self.directory.newest();
        let Ok(Some(lease)) = self.take(webhook).await else { return };
        loop {
            newest.mark_unchanged();
            let pause = match self.round(lease).await {
                Ok(Round::Over) => return,
                Ok(Round::Rests) => IDLE,
                Ok(Round::Done { read: 0, sent: 0 }) => self.pause(lease).await,
                Ok(Round::Done { .. }) => continue,
                Err(error) => {
                    tracing::warn!(%webhook, %error, "a webhook could not be looked after");
                    IDLE
                }
            };
            if let Ok(Err(_)) = timeout(pause, newest.changed()).await {
                sleep(pause).await;
            }
        }
    }

    /// Until something is due again, if nothing new happens before.
    async fn pause(&self, lease: Lease) -> Duration {
        let next = async { lease.next(&mut *self.db.conn().await?).await };
        let next = next.await.ok().flatten();
        let until = |next: Timestamp| next.0.duration_since(self.clock.now().0);
        // One that is due already has become so just now.
        let wait = next.map(|next| Duration::try_from(until(next)).unwrap_or_default());
        wait.map_or(IDLE, |wait| wait.clamp(Duration::from_millis(20), IDLE))
    }

    async fn round(&self, lease: Lease) -> Result<Round> {
        let now = self.clock.now();
        let mut conn = self.db.conn().await?;
        if !lease.renew(&mut conn, now).await? {
            return Ok(Round::Over);
        }
        let found = db::with_secrets(&mut conn, &self.out, lease.webhook, now).await?;
        let Some((webhook, secrets)) = found.filter(|it| it.0.active) else {
            lease.give_back(&mut conn).await?;
            return Ok(Round::Over);
        };
        drop(conn);
        let owner = self.directory.person(webhook.owner_id).await?;
        let owner = owner.map(|it| Caller::of((*it).clone()));
        let Some(owner) = owner.filter(Caller::may::<ManageWebhooks>) else {
            return Ok(Round::Rests);
        };
        let scope = Scope::of(&owner).only(&webhook.types)?;
        let read = Tx::run(&self.db, &self.clock, Uuid::nil(), async |tx| {
            lease.read(tx, &scope, self.epoch).await
        });
        let read = read.await?;
        let events = self.due(lease, &scope).await?;
        let sent = events.len();
        stream::iter(events)
            .for_each_concurrent(AT_ONCE, |it| self.tell(lease, &webhook, &secrets, it))
            .await;
        Ok(Round::Done { read, sent })
    }

    /// What can be sent now, as the owner sees it.
    async fn due(&self, lease: Lease, scope: &Scope<'_>) -> Result<Vec<(Due, ChangeEvent)>> {
        let mut conn = self.db.conn().await?;
        let due = lease.due(&mut conn, self.clock.now(), TAKEN_UP).await?;
        let places: Vec<_> = due.iter().map(Due::place).collect();
        let rows = feed::at(&mut conn, &places).await?;
        let events = feed::events(&mut conn, scope, rows).await?;
        let mut events: HashMap<Uuid, ChangeEvent> =
            events.into_iter().map(|it| (it.event_id, it)).collect();
        let (mut found, mut hidden) = (vec![], vec![]);
        for it in due {
            match events.remove(&it.event_id) {
                Some(event) => found.push((it, event)),
                None => hidden.push(it.id),
            }
        }
        if !hidden.is_empty() {
            lease.withhold(&mut conn, &hidden).await?;
        }
        Ok(found)
    }

    async fn tell(
        &self,
        lease: Lease,
        webhook: &Webhook,
        secrets: &[Secret],
        (due, event): (Due, ChangeEvent),
    ) {
        if let Err(error) = self.attempt(lease, webhook, secrets, &due, &event).await {
            tracing::warn!(webhook = %webhook.id, %error, "what became of an event is not known");
        }
    }

    async fn attempt(
        &self,
        lease: Lease,
        webhook: &Webhook,
        secrets: &[Secret],
        due: &Due,
        event: &ChangeEvent,
    ) -> Result<()> {
        let begun = self.clock.now();
        let body = serde_json::to_string(event).map_err(Error::internal)?;
        let (event_id, timestamp) = (event.event_id, begun.0.as_second());
        let signed: Vec<String> =
            secrets.iter().map(|it| it.sign(event_id, begun, &body)).collect();
        let message = Message { event_id, timestamp, signatures: signed.join(" "), body };
        let answer = self.sender.send(&webhook.url, message).await;
        let outcome = if answer.error.is_none() { "taken" } else { "refused" };
        metrics::counter!("webhook_attempts_total", "outcome" => outcome).increment(1);
        let time = (begun, self.clock.now());
        lease.mark(&mut *self.db.conn().await?, due, &answer, time).await
    }
}
