//! Test events, 测试推送, to try a receiver without waiting for a real event.

use std::future::{Ready, ready};

use access::Caller;
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use platform::changes::Op;
use platform::{Argument, Clock, Db, Error, Reply, Resource, Result, Timestamp, Tx, Write};
use schema::webhook_deliveries;
use serde::Serialize;
use uuid::Uuid;

use super::delivery::{DeliveryStatus, WebhookDelivery};
use super::secret::Secret;
use super::send::{Answer, Message, Sender};
use super::{Outbound, Webhook, db};

/// The type of test events. No resource has it.
pub const TEST: &str = "test";

/// A test event, with the same members as an event of the feed.
#[derive(Serialize)]
struct TestEvent<'a> {
    event_id: Uuid,
    #[serde(rename = "type")]
    kind: &'a str,
    id: Uuid,
    op: Op,
    version: i64,
    at: Timestamp,
    data: &'a Webhook,
}

/// The dependencies of a test. Taken as a handler argument.
pub struct Tester {
    db: Db,
    clock: Clock,
    out: Data<Outbound>,
    write: Write,
}

impl FromRequest for Tester {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let write = Write::from_request(req, payload).into_inner();
        let db = Db::from_request(req, payload).into_inner();
        let clock = req.app_data::<Data<Clock>>().expect("the app registers the clock");
        let out = req.app_data::<Data<Outbound>>().expect("the app registers what is sent");
        let clock = clock.get_ref().clone();
        ready(db.and_then(|db| Ok(Self { db, clock, out: out.clone(), write: write? })))
    }
}

impl Argument for Tester {}

impl Tester {
    /// Sends the event while holding no database connection, and then stores the outcome.
    pub async fn test(self, caller: &Caller, id: Uuid) -> Result<Reply> {
        let caller = caller.clone();
        let (webhook, secrets) = self.find(&caller, id).await?;
        if let Some(answered) = self.write.answered().await? {
            return Ok(answered);
        }

        let (event_id, at) = (Uuid::now_v7(), self.clock.now());
        let message = message(&webhook, &secrets, event_id, at)?;
        let answer = Sender::new(self.out.loopback)?.send(&webhook.url, message).await;

        let note = async move |tx: &mut Tx| {
            let row = NewLogEntry::new(&webhook, event_id, at, &answer, tx.now);
            Reply::json(&row.insert(tx, &caller).await?)
        };
        self.write.run(note).await
    }

    async fn find(&self, caller: &Caller, id: Uuid) -> Result<(Webhook, Vec<Secret>)> {
        let mut conn = self.db.conn().await?;
        let webhook = Webhook::find(&mut conn, caller, id).await?;
        let found = db::with_secrets(&mut conn, &self.out, webhook.id, self.clock.now()).await?;
        found.ok_or_else(Error::not_found)
    }
}

fn message(
    webhook: &Webhook,
    secrets: &[Secret],
    event_id: Uuid,
    at: Timestamp,
) -> Result<Message> {
    let event = TestEvent {
        event_id,
        kind: TEST,
        id: webhook.id,
        op: Op::Updated,
        version: webhook.version(),
        at,
        data: webhook,
    };
    let body = serde_json::to_string(&event).map_err(Error::internal)?;
    let signatures: Vec<String> =
        secrets.iter().map(|secret| secret.sign(event_id, at, &body)).collect();
    let (timestamp, signatures) = (at.0.as_second(), signatures.join(" "));
    Ok(Message { event_id, timestamp, signatures, body })
}

/// A row of the log. It is inserted with its final status, so that the queue does not send it.
#[derive(Insertable)]
#[diesel(table_name = webhook_deliveries, treat_none_as_default_value = false)]
struct NewLogEntry {
    id: Uuid,
    webhook_id: Uuid,
    event_id: Uuid,
    type_: &'static str,
    resource_id: Uuid,
    xid: i64,
    seq: i64,
    at: Timestamp,
    status: DeliveryStatus,
    attempts: i32,
    first_attempt_at: Option<Timestamp>,
    last_attempt_at: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    response_status: Option<i16>,
    duration_ms: Option<i32>,
    error: Option<String>,
    created_at: Timestamp,
}

impl NewLogEntry {
    fn new(
        webhook: &Webhook,
        event_id: Uuid,
        at: Timestamp,
        answer: &Answer,
        now: Timestamp,
    ) -> Self {
        let taken = answer.error.is_none();
        Self {
            id: Uuid::now_v7(),
            webhook_id: webhook.id,
            event_id,
            type_: TEST,
            resource_id: webhook.id,
            xid: 0,
            seq: 0,
            at,
            status: if taken { DeliveryStatus::Delivered } else { DeliveryStatus::Failed },
            attempts: 1,
            first_attempt_at: Some(at),
            last_attempt_at: Some(at),
            delivered_at: Some(now).filter(|_| taken),
            response_status: answer.code(),
            duration_ms: answer.milliseconds(),
            error: answer.error.clone(),
            created_at: now,
        }
    }

    /// Inserts the row, unless the webhook was deleted while the event was being sent.
    async fn insert(self, tx: &mut Tx, caller: &Caller) -> Result<WebhookDelivery> {
        Webhook::find_for_update(tx, caller, self.webhook_id).await?;
        let insert = diesel::insert_into(webhook_deliveries::table).values(self);
        let row = insert.returning(WebhookDelivery::as_returning());
        Ok(row.get_result(tx.conn()).await?)
    }
}
