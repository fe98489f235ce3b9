//! The operations on orders.

use actix_web::{get, patch, post};
use auth::{Body, Can};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result, Tagged,
    Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::batch::OrderBatch;
use super::rules::Action;
use super::{Cancellation, NewOrder, Order, OrderChanges, OrderFilter, OrderHold, OrderPage};
use crate::{ConfirmOrders, HoldOrders, ImportOrders, ReadOrders, ReleaseOrders, WriteOrders};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_orders)
        .service(create_order)
        .service(import_orders)
        .service(read_order)
        .service(update_order)
        .service(submit_order)
        .service(confirm_order)
        .service(hold_order)
        .service(release_order)
        .service(close_order)
        .service(reopen_order)
        .service(cancel_order)
        .service(list_order_history);
}

/// List orders
///
/// Those credited to people in your reach, booked by your teams, or of your customers; with their
/// lines.
#[utoipa::path(
    tag = "orders",
    params(OrderFilter, PageQuery),
    responses((status = 200, description = "A page of orders", body = OrderPage), Problems),
)]
#[get("/orders")]
async fn list_orders(
    caller: Can<ReadOrders>,
    list: List<OrderFilter>,
    db: Db,
) -> Result<OrderPage> {
    Order::list(&mut *db.conn().await?, &caller, &list).await
}

/// Enter an order
///
/// It begins as a draft. Default of prices: the list prices of the day. Amounts and taxes are
/// computed and refused when sent.
#[utoipa::path(
    tag = "orders",
    request_body = NewOrder,
    responses((status = 201, description = "The new order", body = Order), Problems),
)]
#[post("/orders")]
async fn create_order(
    caller: Can<WriteOrders>,
    new: Body<NewOrder>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Order::create(tx, &caller, &new).await).await
}

/// Bring orders in step with an ERP
///
/// A batch reports facts. Default of `status`: `confirmed`. What is confirmed counts as sold on its
/// `order_date`; what is corrected or cancelled later adds entries to the sales ledger. The
/// customer's credit refuses nothing here: what it does not bear is stored with
/// `credit_exceeded: true`.
#[utoipa::path(
    tag = "orders",
    params(BatchQuery),
    request_body = OrderBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/orders/batch")]
async fn import_orders(
    caller: Can<ImportOrders>,
    batch: Batch<OrderBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&auth::import::<Order, _>(tx, &caller, &batch).await?))
        .await
}

/// Read an order
///
/// With its lines and who earns which share.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[get("/orders/{id}")]
async fn read_order(caller: Can<ReadOrders>, id: Path<Uuid>, db: Db) -> Result<Tagged<Order>> {
    Ok(Tagged(Order::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change a draft
///
/// Lines and credits are replaced whole, and everything is computed anew. Nothing else of an order
/// can be changed by people, so that what a customer owes is raised by confirming, releasing and
/// reopening only. What the ERP keeps (`x-owner`) is refused to people as 409 `field_not_owned`,
/// and the other way round.
#[utoipa::path(
    tag = "orders",
    request_body(content = OrderChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[patch("/orders/{id}")]
async fn update_order(
    caller: Can<WriteOrders>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<OrderChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Order::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Hand an order in
///
/// From draft to submitted.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/submit")]
async fn submit_order(
    caller: Can<WriteOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = Action::Submit;
    write.update(async move |tx| Order::act(tx, &caller, *id, based_on, action, None).await).await
}

/// Confirm an order
///
/// From submitted to confirmed: it counts as sold from now on, on its `order_date`. What the
/// customer's credit does not bear is refused as 409 `credit_limit_exceeded` with the breakdown,
/// and the order stays submitted; `hold` lets it wait for credit.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/confirm")]
async fn confirm_order(
    caller: Can<ConfirmOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = Action::Confirm;
    write.update(async move |tx| Order::act(tx, &caller, *id, based_on, action, None).await).await
}

/// Let an order wait for credit
///
/// From submitted to `credit_hold`.
#[utoipa::path(
    tag = "orders",
    request_body = OrderHold,
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/hold")]
async fn hold_order(
    caller: Can<HoldOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<OrderHold>,
    write: Write,
) -> Result<Reply> {
    let (action, why) = (Action::Hold, Cancellation::because(&why.reason));
    write
        .update(async move |tx| Order::act(tx, &caller, *id, based_on, action, Some(&why)).await)
        .await
}

/// Release an order from credit hold
///
/// From `credit_hold` to confirmed, by the credit controller and never by somebody who is credited
/// with it. The credit is checked again: 409 `credit_limit_exceeded`.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/release")]
async fn release_order(
    caller: Can<ReleaseOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = Action::Release;
    write.update(async move |tx| Order::act(tx, &caller, *id, based_on, action, None).await).await
}

/// Close an order
///
/// From confirmed to closed: nothing more is to be done for it, and nothing more is owed for what
/// was not billed.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/close")]
async fn close_order(
    caller: Can<ConfirmOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = Action::Close;
    write.update(async move |tx| Order::act(tx, &caller, *id, based_on, action, None).await).await
}

/// Reopen an order
///
/// From closed to confirmed. The credit is checked again: 409 `credit_limit_exceeded`.
#[utoipa::path(
    tag = "orders",
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/reopen")]
async fn reopen_order(
    caller: Can<ConfirmOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = Action::Reopen;
    write.update(async move |tx| Order::act(tx, &caller, *id, based_on, action, None).await).await
}

/// Cancel an order
///
/// From draft, submitted, `credit_hold` or confirmed. What was confirmed is taken back in the sales
/// figures on `cancelled_on`, by a manager or the back office only. What is on its way is not
/// cancelled but returned, by an order of negative quantities: 409 `order_shipped`. What is billed is
/// given back by a credit note before: 409 `order_invoiced`.
#[utoipa::path(
    tag = "orders",
    request_body = Cancellation,
    responses((status = 200, description = "The order", body = Order), Problems),
)]
#[post("/orders/{id}/cancel")]
async fn cancel_order(
    caller: Can<WriteOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Cancellation>,
    write: Write,
) -> Result<Reply> {
    let action = Action::Cancel;
    write
        .update(async move |tx| Order::act(tx, &caller, *id, based_on, action, Some(&why)).await)
        .await
}

/// What happened to an order
///
/// Latest first.
#[utoipa::path(
    tag = "orders",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/orders/{id}/history")]
async fn list_order_history(
    caller: Can<ReadOrders>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let order = Order::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &order, &list).await
}
