//! The operations on orders.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{IfMatch, IfSent, Json, Path, Problems, Reason, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::batch::OrderBatch;
use super::rules::Action;
use super::{Cancellation, NewOrder, Order, OrderChanges, OrderFilter, OrderPage};
use crate::{ConfirmOrders, HoldOrders, ImportOrders, ReadOrders, ReleaseOrders, WriteOrders};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_orders,
        create_order,
        import_orders,
        read_order,
        update_order,
        submit_order,
        confirm_order,
        hold_order,
        release_order,
        close_order,
        reopen_order,
        cancel_order,
        list_order_history,
    );
}

access::list! {
    /// List orders
    ///
    /// Returns the orders credited to people visible to you, booked by your teams, or placed by your
    /// customers, each with its lines.
    list_orders: "/orders", ReadOrders, Order by OrderFilter -> OrderPage, "A page of orders"
}

/// Create an order
///
/// The order starts as a draft. Prices default to the list prices of `order_date`. Amounts and
/// taxes are computed and cannot be sent.
#[utoipa::path(
    post, path = "/orders",
    request_body = NewOrder,
    responses(
        (status = 201, description = "The new order", body = Order),
        (status = 403, description = "`foreign_source_system`"),
        (status = 409, description = "`customer_merged`, `duplicate`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
async fn create_order(
    caller: Can<WriteOrders>,
    new: Body<NewOrder>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Order::create(tx, &caller, &new).await).await
}

/// Import orders from an ERP
///
/// Creates and updates orders as the ERP reports them. Default of `status`: `confirmed`. A
/// confirmed order counts as sold on its `order_date`; later corrections and cancellations add
/// entries to the sales ledger. The customer's credit limit never refuses an imported order: one
/// beyond the limit is stored with `credit_exceeded: true`.
#[utoipa::path(
    post, path = "/orders/batch",
    params(BatchQuery),
    request_body = OrderBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_orders(
    caller: Can<ImportOrders>,
    batch: Batch<OrderBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&intake::import::<Order, _>(tx, &caller, &batch).await?))
        .await
}

access::read! {
    /// Read an order
    ///
    /// Returns the order with its lines and the people credited with it.
    read_order: "/orders/{id}", ReadOrders -> Order, "The order"
}

/// Update an order
///
/// Lines and credits are replaced as a whole, and all amounts are recomputed. Only a draft can be
/// changed, except for the progress fields, which the ERP updates in any status. People cannot
/// change fields owned by the ERP (`x-owner`), nor the ERP fields owned by people (409
/// `field_not_owned`).
#[utoipa::path(
    patch, path = "/orders/{id}",
    request_body(content = OrderChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `duplicate`, `wrong_status`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
async fn update_order(
    caller: Can<WriteOrders>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<OrderChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Order::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Submit an order
///
/// Moves the order from `draft` to `submitted`.
#[utoipa::path(
    post, path = "/orders/{id}/submit",
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`invalid`, `no_exchange_rate`"),
        Problems,
    ),
)]
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
/// Moves the order from `submitted` to `confirmed`. From then on it counts as sold on its
/// `order_date`. If the customer's credit limit would be exceeded, the request is refused as 409
/// `credit_limit_exceeded` with the breakdown of the exposure, and the order stays submitted. Use
/// `POST /orders/{id}/hold` to let it wait for credit.
#[utoipa::path(
    post, path = "/orders/{id}/confirm",
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`invalid`, `no_exchange_rate`"),
        Problems,
    ),
)]
async fn confirm_order(
    caller: Can<ConfirmOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    let action = Action::Confirm;
    write.update(async move |tx| Order::act(tx, &caller, *id, based_on, action, None).await).await
}

/// Put an order on credit hold
///
/// Moves the order from `submitted` to `credit_hold`.
#[utoipa::path(
    post, path = "/orders/{id}/hold",
    request_body = Reason,
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
async fn hold_order(
    caller: Can<HoldOrders>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    let (action, why) = (Action::Hold, Cancellation::because(&why.reason));
    write
        .update(async move |tx| Order::act(tx, &caller, *id, based_on, action, Some(&why)).await)
        .await
}

/// Release an order from credit hold
///
/// Moves the order from `credit_hold` to `confirmed`. Only a user with role `credit_controller` or
/// `admin` can release an order, and nobody who is credited with it. The credit limit is checked
/// again; if it would be exceeded, the request is refused as 409 `credit_limit_exceeded`.
#[utoipa::path(
    post, path = "/orders/{id}/release",
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 403, description = "`self_approval`"),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`invalid`, `no_exchange_rate`"),
        Problems,
    ),
)]
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
/// Moves the order from `confirmed` to `closed`. No further deliveries or invoices are expected,
/// and the part that was not invoiced is no longer an open item.
#[utoipa::path(
    post, path = "/orders/{id}/close",
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`invalid`, `no_exchange_rate`"),
        Problems,
    ),
)]
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
/// Moves the order from `closed` to `confirmed`. The credit limit is checked again; if it would be
/// exceeded, the request is refused as 409 `credit_limit_exceeded`.
#[utoipa::path(
    post, path = "/orders/{id}/reopen",
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`invalid`, `no_exchange_rate`"),
        Problems,
    ),
)]
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
/// Cancels an order that is a draft, submitted, on credit hold or confirmed. Only managers and the
/// back office can cancel a confirmed order; its sales are reversed on `cancelled_on`. An order
/// that was shipped, even in part, cannot be cancelled (409 `order_shipped`); enter a return, an
/// order with negative quantities. An invoiced order needs a credit note first (409
/// `order_invoiced`).
#[utoipa::path(
    post, path = "/orders/{id}/cancel",
    request_body = Cancellation,
    responses(
        (status = 200, description = "The order", body = Order),
        (status = 409, description = "`customer_merged`, `wrong_status`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
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

access::history! {
    /// List an order's history
    ///
    /// Returns the changes of the order, latest first.
    list_order_history: "/orders/{id}/history", ReadOrders, Order
}
