//! The operations on webhooks.

use access::Can;
use actix_web::web::Data;
use platform::feed::Epoch;
use platform::{
    IfMatch, IfSent, Json, NoFilter, Patch, Path, Problems, Reply, Result, Routes, Write,
};
use uuid::Uuid;

use super::delivery::WebhookDelivery;
use super::test_event::Tester;
use super::{NewWebhook, Outbound, Webhook, WebhookChanges, WebhookPage, WebhookSecret};
use crate::ManageWebhooks;

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_webhooks,
        create_webhook,
        read_webhook,
        update_webhook,
        delete_webhook,
        rotate_webhook_secret,
        test_webhook,
        list_webhook_history,
    );
}

access::list! {
    /// List webhooks
    ///
    /// Returns your own webhooks. Admins see all.
    list_webhooks: "/webhooks", ManageWebhooks, Webhook by NoFilter -> WebhookPage,
    "A page of webhooks"
}

/// Create a webhook
///
/// From now on, every event of these types that you may see is sent to the address, in the form of
/// `GET /changes`: by POST, with the headers `webhook-id` (the `event_id`), `webhook-timestamp` and
/// `webhook-signature` of Standard Webhooks.
///
/// Answer with a 2xx status within 10 seconds to accept an event. Otherwise it is retried for three
/// days at growing intervals, and later events of the same resource wait. An event may arrive
/// twice. Take a snapshot when the data that you may see changes.
///
/// The response contains the secret. It is shown only once and cannot be read again, so that an
/// `Idempotency-Key` has no effect here.
#[utoipa::path(
    post, path = "/webhooks",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "The webhook with its secret", body = WebhookSecret),
        (status = 409, description = "`too_many_webhooks`"),
        Problems,
    ),
)]
async fn create_webhook(
    caller: Can<ManageWebhooks>,
    new: Json<NewWebhook>,
    out: Data<Outbound>,
    epoch: Data<Epoch>,
    write: Write,
) -> Result<Reply> {
    write
        .create_secret(async move |tx| Webhook::create(tx, &caller, &new, &out, epoch.0).await)
        .await
}

access::read! {
    /// Read a webhook
    read_webhook: "/webhooks/{id}", ManageWebhooks -> Webhook, "The webhook"
}

/// Update a webhook
///
/// A new address receives the events that the previous one has not accepted.
#[utoipa::path(
    patch, path = "/webhooks/{id}",
    request_body(content = WebhookChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The webhook", body = Webhook), Problems),
)]
async fn update_webhook(
    caller: Can<ManageWebhooks>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Patch<WebhookChanges>,
    out: Data<Outbound>,
    write: Write,
) -> Result<Reply> {
    let work =
        async move |tx: &mut _| Webhook::update(tx, &caller, *id, based_on, (&changes, &out)).await;
    write.update(work).await
}

access::delete! {
    /// Delete a webhook
    ///
    /// Deletes the webhook and its log. Pending events are no longer sent.
    delete_webhook: "/webhooks/{id}", ManageWebhooks, Webhook, "The webhook is deleted"
}

/// Rotate the secret of a webhook
///
/// For 24 hours, events are signed with both secrets. The response contains the new secret, which
/// is shown only once.
#[utoipa::path(
    post, path = "/webhooks/{id}/rotate-secret",
    responses(
        (status = 200, description = "The webhook with its secret", body = WebhookSecret),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn rotate_webhook_secret(
    caller: Can<ManageWebhooks>,
    id: Path<Uuid>,
    based_on: IfSent,
    out: Data<Outbound>,
    write: Write,
) -> Result<Reply> {
    write
        .update_secret(async move |tx| Webhook::rotate(tx, &caller, *id, based_on, &out).await)
        .await
}

/// Send a test event
///
/// Sends a signed event at once, even if the webhook is inactive. Its `type` is `test`, and its
/// `data` is the webhook. The response contains the receiver's status and the duration.
///
/// A test is sent only once. If it fails, its status in the log is `failed`: it is not retried, and
/// no other event waits for it.
#[utoipa::path(
    post, path = "/webhooks/{id}/test",
    responses(
        (status = 200, description = "The delivery", body = WebhookDelivery),
        (status = 400, description = "`invalid_idempotency_key`"),
        (status = 409, description = "`request_in_progress`"),
        (status = 422, description = "`idempotency_key_reused`, `invalid`"),
        (status = 503, description = "`outcome_unknown`"),
        Problems,
    ),
)]
async fn test_webhook(
    caller: Can<ManageWebhooks>,
    id: Path<Uuid>,
    tester: Tester,
) -> Result<Reply> {
    tester.test(&caller, *id).await
}

access::history! {
    /// List the history of a webhook
    ///
    /// Returns the changes, latest first, with the values before and after.
    list_webhook_history: "/webhooks/{id}/history", ManageWebhooks, Webhook
}
