//! Sends events to webhooks. Each webhook has its own task, on one instance at a time, so that a
//! slow or dead receiver does not delay others. No database connection is held while an event is
//! sent.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use access::Caller;
use auth::Directory;
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

/// Interval for finding new webhooks, and those of instances that are gone.
const LOOK: Duration = Duration::from_secs(1);

/// Maximum time that a task waits before it looks for events again.
const IDLE: Duration = Duration::from_secs(5);

/// Number of events that are sent to a webhook concurrently, and number of events in a round. It is
/// so small that the lease lasts even if no event is answered.
const AT_ONCE: usize = 8;
const TAKEN_UP: i64 = 16;

/// The sender of all webhooks on this instance.
pub struct Courier {
    db: Db,
    clock: Clock,
    directory: Directory,
    epoch: Uuid,
    out: Outbound,
    sender: Sender,
    me: Uuid,
}

/// The result of a round of sending.
enum Round {
    /// The lease is lost, or the webhook is inactive or deleted
    Over,
    /// The owner may not manage webhooks at present
    Rests,
    /// Numbers of events that were read and sent
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

    /// Serves webhooks for as long as the service runs.
    pub async fn run(self: Rc<Self>) {
        let attended = Rc::new(RefCell::new(HashSet::new()));
        loop {
            match self.unattended().await {
                Ok(ids) => {
                    for id in ids {
                        // A webhook that already has a task on this instance is skipped.
                        if attended.borrow_mut().insert(id) {
                            let (courier, attended) = (self.clone(), attended.clone());
                            spawn_local(async move {
                                courier.attend(id).await;
                                attended.borrow_mut().remove(&id);
                            });
                        }
                    }
                }
                Err(error) => tracing::warn!(%error, "webhooks could not be listed"),
            }
            sleep(LOOK).await;
        }
    }

    /// Releases all leases when the service ends, so that other instances take over at once.
    pub async fn leave(&self) -> Result<()> {
        queue::leave(&mut *self.db.conn().await?, self.me).await
    }

    /// Sends each event that is due at this instant once. Returns their number.
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

    /// Serves a webhook until its lease is lost, or it is deactivated or deleted.
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
                    tracing::warn!(%webhook, %error, "webhook could not be served");
                    IDLE
                }
            };

            // New changes end the pause. Without a source of changes it lasts its full time.
            if let Ok(Err(_)) = timeout(pause, newest.changed()).await {
                sleep(pause).await;
            }
        }
    }

    /// Returns the time until the next event is due, if no new one happens before.
    async fn pause(&self, lease: Lease) -> Duration {
        let next = async { lease.next(&mut *self.db.conn().await?).await };
        let next = next.await.ok().flatten();
        let until = |next: Timestamp| next.0.duration_since(self.clock.now().0);
        // An event that is due by now has a negative pause, which becomes zero.
        let wait = next.map(|next| Duration::try_from(until(next)).unwrap_or_default());
        wait.map_or(IDLE, |wait| wait.clamp(Duration::from_millis(20), IDLE))
    }

    /// Reads new events for a webhook and sends those that are due.
    async fn round(&self, lease: Lease) -> Result<Round> {
        let now = self.clock.now();
        let mut conn = self.db.conn().await?;
        if !lease.renew(&mut conn, now).await? {
            return Ok(Round::Over);
        }
        let found = db::with_secrets(&mut conn, &self.out, lease.webhook, now).await?;
        let Some((webhook, secrets)) = found.filter(|(webhook, _)| webhook.active) else {
            lease.give_back(&mut conn).await?;
            return Ok(Round::Over);
        };
        drop(conn);

        let owner = self.directory.person(webhook.owner_id).await?;
        let owner = owner.map(|person| Caller::of((*person).clone()));
        let Some(owner) = owner.filter(Caller::may::<ManageWebhooks>) else {
            return Ok(Round::Rests);
        };

        let objects = objects::readable(&mut *self.db.conn().await?, &owner).await?;
        let scope = Scope::of(&owner, &objects).only(&webhook.types)?;
        let read = Tx::run(&self.db, &self.clock, Uuid::nil(), async |tx| {
            lease.read(tx, &scope, self.epoch).await
        });
        let read = read.await?;

        let events = self.due(lease, &scope).await?;
        let sent = events.len();
        stream::iter(events)
            .for_each_concurrent(AT_ONCE, |event| self.tell(lease, &webhook, &secrets, event))
            .await;
        Ok(Round::Done { read, sent })
    }

    /// Returns the events to send now, as the owner sees them. Withholds those that the owner may
    /// no longer see.
    async fn due(&self, lease: Lease, scope: &Scope<'_>) -> Result<Vec<(Due, ChangeEvent)>> {
        let mut conn = self.db.conn().await?;
        let due = lease.due(&mut conn, self.clock.now(), TAKEN_UP).await?;
        let places: Vec<_> = due.iter().map(Due::place).collect();
        let rows = feed::at(&mut conn, &places).await?;
        let events = feed::events(&mut conn, scope, rows).await?;
        let mut events: HashMap<Uuid, ChangeEvent> =
            events.into_iter().map(|event| (event.event_id, event)).collect();

        let (mut found, mut hidden) = (vec![], vec![]);
        for delivery in due {
            match events.remove(&delivery.event_id) {
                Some(event) => found.push((delivery, event)),
                None => hidden.push(delivery.id),
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
            tracing::warn!(webhook = %webhook.id, %error, "webhook delivery could not be recorded");
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
            secrets.iter().map(|secret| secret.sign(event_id, begun, &body)).collect();
        let message = Message { event_id, timestamp, signatures: signed.join(" "), body };
        let answer = self.sender.send(&webhook.url, message).await;

        let outcome = if answer.error.is_none() { "taken" } else { "refused" };
        metrics::counter!("webhook_attempts_total", "outcome" => outcome).increment(1);
        let time = (begun, self.clock.now());
        lease.mark(&mut *self.db.conn().await?, due, &answer, time).await
    }
}
