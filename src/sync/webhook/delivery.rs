//! What was sent to a webhook and what became of it, 推送记录. Kept for 30 days.

use actix_web::{get, post};
use auth::{Caller, Can, Refers, reference};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{
    Conn, Db, Error, List, PageQuery, Path, Problems, Reply, Result, Timestamp, Tx, Write, page,
    text_enum,
};
use schema::webhook_deliveries;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::Webhook;
use crate::ManageWebhooks;

/// How long the log is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 30);

text_enum! {
    pub enum DeliveryStatus {
        /// To be sent, for the first time or again
        Pending = "pending",
        /// Taken
        Delivered = "delivered",
        /// Not taken for three days; it can be replayed
        Dead = "dead",
        /// The owner of the webhook may not see it any more
        Withheld = "withheld",
    }
}

/// One event on its way to a webhook
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
    /// Null when it is not pending
    pub next_attempt_at: Option<Timestamp>,
    pub delivered_at: Option<Timestamp>,
    /// What the receiver answered last; null when it did not
    pub response_status: Option<i16>,
    /// Why it was not taken
    pub error: Option<String>,
    pub created_at: Timestamp,
}

page! {
    /// A page of deliveries
    WebhookDeliveryPage of WebhookDelivery
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// One or several, separated by commas
    #[param(style = Form, explode = false, inline)]
    status: Option<Vec<DeliveryStatus>>,
    event_id: Option<Uuid>,
    resource_id: Option<Uuid>,
}

impl Refers for DeliveryFilter {}

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_webhook_deliveries).service(replay_webhook_delivery);
}

/// List what was sent to a webhook
///
/// Latest first; `status=dead` is what was given up after three days.
#[utoipa::path(
    tag = "sync",
    params(DeliveryFilter, PageQuery),
    responses((status = 200, description = "A page of deliveries", body = WebhookDeliveryPage),
        Problems),
)]
#[get("/webhooks/{id}/deliveries")]
async fn list_webhook_deliveries(
    caller: Can<ManageWebhooks>,
    id: Path<Uuid>,
    list: List<DeliveryFilter>,
    db: Db,
) -> Result<WebhookDeliveryPage> {
    WebhookDelivery::list(&mut *db.conn().await?, &caller, *id, &list).await
}

/// Send an event once more
///
/// One that was given up, or taken: it is sent at once and then tried for three days again. It may
/// come after later events of the same resource; its version tells.
#[utoipa::path(
    tag = "sync",
    responses((status = 200, description = "The delivery", body = WebhookDelivery), Problems),
)]
#[post("/webhooks/{id}/deliveries/{delivery_id}/replay")]
async fn replay_webhook_delivery(
    caller: Can<ManageWebhooks>,
    ids: Path<(Uuid, Uuid)>,
    write: Write,
) -> Result<Reply> {
    write.run(async move |tx| Reply::json(&WebhookDelivery::replay(tx, &caller, *ids).await?)).await
}

/// Those of one webhook, which the caller has been shown to see.
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
        let filter = reference::filter(conn, caller, list).await?;
        let matching = || {
            let mut query = of_webhook(&webhook).filter(list.ids(id));
            if let Some(statuses) = &filter.status {
                query = query.filter(webhook_deliveries::status.eq_any(statuses.clone()));
            }
            if let Some(event) = filter.event_id {
                query = query.filter(webhook_deliveries::event_id.eq(event));
            }
            if let Some(resource) = filter.resource_id {
                query = query.filter(webhook_deliveries::resource_id.eq(resource));
            }
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
        list.page(rows, total, |it: &Self| (it.created_at, it.id))
    }

    async fn replay(tx: &mut Tx, caller: &Caller, (webhook, id): (Uuid, Uuid)) -> Result<Self> {
        let webhook = Webhook::find(tx.conn(), caller, webhook).await?;
        let row = webhook_deliveries::table.find(id);
        let row = row.filter(webhook_deliveries::webhook_id.eq(webhook.id));
        let before: Self = row.select(Self::as_select()).for_update().first(tx.conn()).await?;
        if before.status == DeliveryStatus::Pending {
            return Err(Error::conflict("wrong_status", "it is on its way")
                .member("current_status", before.status.as_str()));
        }
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

/// A job: drops what has been in the log for long enough. What waited for weeks behind others of its
/// resource is young when it is given up: somebody has to see it.
pub async fn forget_old(tx: &mut Tx) -> Result<u64> {
    use webhook_deliveries::{created_at, last_attempt_at};
    let until = Timestamp(tx.now.0 - KEPT);
    let old = webhook_deliveries::table
        .filter(created_at.lt(until))
        .filter(last_attempt_at.is_null().or(last_attempt_at.lt(until).assume_not_null()))
        .filter(webhook_deliveries::status.ne(DeliveryStatus::Pending))
        .limit(20_000)
        .select(webhook_deliveries::id);
    let old: Vec<Uuid> = old.load(tx.conn()).await?;
    let old = webhook_deliveries::table.filter(webhook_deliveries::id.eq_any(old));
    Ok(diesel::delete(old).execute(tx.conn()).await? as u64)
}
