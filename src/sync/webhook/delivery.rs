//! Deliveries to webhooks and their outcomes, 推送记录. The log is limited in time and length.

use access::{Caller, Can};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::RunQueryDsl;
use intake::{HasReferences, parameters};
use jiff::SignedDuration;
use platform::{
    Conn, Db, Error, List, PageQuery, Path, Problems, Reply, Result, Routes, Timestamp, Tx, Write,
    page, text_enum,
};
use schema::webhook_deliveries;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::Webhook;
use super::test_event::TEST;
use crate::ManageWebhooks;

/// Time for which the log is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Maximum number of deliveries in the log of a webhook. Dead ones are counted separately, and
/// pending ones are not counted.
const MOST: i64 = 10_000;

/// Maximum number of rows deleted in one transaction.
const AT_ONCE: i64 = 20_000;

text_enum! {
    pub enum DeliveryStatus {
        /// Waiting for its first or next attempt
        Pending = "pending",
        /// Accepted by the receiver
        Delivered = "delivered",
        /// Not accepted within three days; it can be replayed
        Dead = "dead",
        /// Not sent, because the owner of the webhook may no longer see it
        Withheld = "withheld",
        /// A test that was not accepted; it is not retried
        Failed = "failed",
    }
}

/// The delivery of an event to a webhook
#[derive(Debug, Clone, Serialize, ToSchema, HasQuery)]
#[diesel(table_name = webhook_deliveries)]
pub struct WebhookDelivery {
    pub id: Uuid,
    pub event_id: Uuid,
    #[serde(rename = "type")]
    #[diesel(column_name = type_)]
    #[schema(example = "customer")]
    pub kind: String,
    pub resource_id: Uuid,
    #[schema(inline)]
    pub status: DeliveryStatus,
    pub attempts: i32,
    pub first_attempt_at: Option<Timestamp>,
    pub last_attempt_at: Option<Timestamp>,
    /// Null if the delivery is not pending
    pub next_attempt_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    /// HTTP status of the last answer; null if there was none
    pub response_status: Option<i16>,
    /// Duration of the last attempt, in milliseconds
    pub duration_ms: Option<i32>,
    /// Error of the last attempt, with the first 500 characters of the receiver's answer; null if
    /// it succeeded
    pub error: Option<String>,
    pub created_at: Timestamp,
}

page! {
    /// A page of deliveries
    WebhookDeliveryPage of WebhookDelivery
}

/// Filter of deliveries
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// One or more statuses, separated by commas
    #[param(style = Form, explode = false, inline)]
    status: Option<Vec<DeliveryStatus>>,
    event_id: Option<Uuid>,
    resource_id: Option<Uuid>,
}

impl HasReferences for DeliveryFilter {}

pub fn routes(routes: &mut Routes) {
    platform::mount!(routes, list_webhook_deliveries, replay_webhook_delivery);
}

/// List deliveries of a webhook
///
/// Returns the deliveries, latest first, with response status, duration and error of their last
/// attempt. `status=dead` selects those given up after three days. Deliveries with the `type`
/// `test` were sent by `POST /webhooks/{id}/test`.
///
/// The log is kept for 30 days, with at most 10,000 deliveries per webhook, and as many dead ones.
#[utoipa::path(
    get, path = "/webhooks/{id}/deliveries",
    params(DeliveryFilter, PageQuery),
    responses((status = 200, description = "A page of deliveries", body = WebhookDeliveryPage),
        Problems),
)]
async fn list_webhook_deliveries(
    caller: Can<ManageWebhooks>,
    id: Path<Uuid>,
    list: List<DeliveryFilter>,
    db: Db,
) -> Result<WebhookDeliveryPage> {
    WebhookDelivery::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Replay a delivery
///
/// Sends an event again that was accepted, given up or withheld. It is sent at once and then
/// retried for three days. It may arrive after later events of the same resource: compare the
/// `version`.
#[utoipa::path(
    post, path = "/webhooks/{id}/deliveries/{delivery_id}/replay",
    responses(
        (status = 200, description = "The delivery", body = WebhookDelivery),
        (status = 409, description = "`wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn replay_webhook_delivery(
    caller: Can<ManageWebhooks>,
    ids: Path<(Uuid, Uuid)>,
    write: Write,
) -> Result<Reply> {
    write.run(async move |tx| Reply::json(&WebhookDelivery::replay(tx, &caller, *ids).await?)).await
}

/// Selects the deliveries of a webhook. The caller must have checked that it is visible.
fn of_webhook(webhook: &Webhook) -> webhook_deliveries::BoxedQuery<'static, Pg> {
    webhook_deliveries::table.filter(webhook_deliveries::webhook_id.eq(webhook.id)).into_boxed()
}

impl WebhookDelivery {
    async fn list(
        conn: &mut Conn,
        caller: &Caller,
        webhook: Uuid,
        list: &List<DeliveryFilter>,
    ) -> Result<WebhookDeliveryPage> {
        use webhook_deliveries::{created_at, id};
        let webhook = Webhook::find(conn, caller, webhook).await?;
        let filter = parameters::of_list(conn, caller, list).await?;
        let matching = || {
            let mut query = of_webhook(&webhook).filter(list.ids(id));
            if let Some(statuses) = &filter.status {
                query = query.filter(webhook_deliveries::status.eq_any(statuses.clone()));
            }
            platform::filter_by!(
                query,
                webhook_deliveries::event_id.eq(filter.event_id),
                webhook_deliveries::resource_id.eq(filter.resource_id),
            );
            query
        };

        let total =
            if list.counted { Some(matching().count().get_result(conn).await?) } else { None };

        let rows = matching().limit(list.fetch()).order((created_at.desc(), id.desc()));
        let rows: Vec<Self> = match list.position::<(Timestamp, Uuid)>()? {
            None => rows.select(Self::as_select()).load(conn).await?,
            Some((at, after)) => {
                let before = created_at.lt(at).or(created_at.eq(at).and(id.lt(after)));
                rows.filter(before).select(Self::as_select()).load(conn).await?
            }
        };
        list.page(rows, total, |delivery: &Self| (delivery.created_at, delivery.id))
    }

    async fn replay(tx: &mut Tx, caller: &Caller, (webhook, id): (Uuid, Uuid)) -> Result<Self> {
        let webhook = Webhook::find(tx.conn(), caller, webhook).await?;
        let row = webhook_deliveries::table.find(id);
        let row = row.filter(webhook_deliveries::webhook_id.eq(webhook.id));
        let before: Self = row.select(Self::as_select()).for_update().first(tx.conn()).await?;
        if before.kind == TEST {
            let detail = "A test cannot be redelivered. Send a new test.";
            return Err(Error::wrong_status(before.status.as_str(), detail));
        }
        if before.status == DeliveryStatus::Pending {
            let detail = "The delivery is still pending.";
            return Err(Error::wrong_status(before.status.as_str(), detail));
        }

        // Three days begin again, so that the earlier attempts do not count.
        let columns = (
            webhook_deliveries::status.eq(DeliveryStatus::Pending),
            webhook_deliveries::attempts.eq(0),
            webhook_deliveries::first_attempt_at.eq(None::<Timestamp>),
            webhook_deliveries::next_attempt_at.eq(Some(tx.now)),
            webhook_deliveries::delivered_at.eq(None::<Timestamp>),
        );
        let update = diesel::update(webhook_deliveries::table.find(id)).set(columns);
        Ok(update.returning(Self::as_returning()).get_result(tx.conn()).await?)
    }
}

/// A job: deletes deliveries that are too old or exceed the length of the log. The age counts from
/// the last attempt: a delivery that waited for weeks behind others of its resource and was then
/// given up must stay visible for a while.
pub async fn forget_old(tx: &mut Tx) -> Result<u64> {
    let dropped = diesel::sql_query(FORGET)
        .bind::<Timestamptz, _>(Timestamp(tx.now.0 - KEPT))
        .bind::<BigInt, _>(MOST)
        .bind::<BigInt, _>(AT_ONCE);
    let dropped = dropped.execute(tx.conn()).await?;
    if dropped as u64 == AT_ONCE.unsigned_abs() {
        tx.go_on();
    }
    Ok(dropped as u64)
}

/// Dead deliveries are counted separately, so that a burst of others does not displace them.
const FORGET: &str = "delete from webhook_deliveries where id in ( \
        select id from ( \
            select id, created_at, last_attempt_at, row_number() over ( \
                partition by webhook_id, status = 'dead' order by created_at desc, id desc \
            ) as place \
            from webhook_deliveries where status <> 'pending' \
        ) as log \
        where place > $2 or greatest(created_at, last_attempt_at) < $1 limit $3)";
