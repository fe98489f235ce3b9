//! The operations on orders.

use intake::Body;
use platform::{Json, Reason, Routes};

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

access::create! {
    /// Create an order
    ///
    /// The order starts as a draft. Prices default to the list prices of `order_date`. Amounts and
    /// taxes are computed and cannot be sent.
    create_order: "/orders", WriteOrders, Body<NewOrder> -> Order, "The new order",
    403: "`foreign_source_system`",
    409: "`customer_merged`, `duplicate`",
    422: "`no_exchange_rate`"
}

intake::import! {
    /// Import orders from an ERP
    ///
    /// Creates and updates orders as the ERP reports them. Default of `status`: `confirmed`. A
    /// confirmed order counts as sold on its `order_date`; later corrections and cancellations add
    /// entries to the sales ledger. The customer's credit limit never refuses an imported order: one
    /// beyond the limit is stored with `credit_exceeded: true`.
    import_orders: "/orders/batch", ImportOrders, Order from OrderBatch
}

access::read! {
    /// Read an order
    ///
    /// Returns the order with its lines and the people credited with it.
    read_order: "/orders/{id}", ReadOrders -> Order, "The order"
}

access::update! {
    /// Update an order
    ///
    /// Lines and credits are replaced as a whole, and all amounts are recomputed. Only a draft can be
    /// changed, except for the progress fields, which the ERP updates in any status. People cannot
    /// change fields owned by the ERP (`x-owner`), nor the ERP fields owned by people (409
    /// `field_not_owned`).
    update_order: "/orders/{id}", WriteOrders, Body<OrderChanges> -> Order, "The order",
    409: "`customer_merged`, `duplicate`, `wrong_status`",
    422: "`no_exchange_rate`"
}

access::action! {
    /// Submit an order
    ///
    /// Moves the order from `draft` to `submitted`.
    submit_order: "/orders/{id}/submit", WriteOrders -> Order by act(Action::Submit, None),
    "The order",
    409: "`customer_merged`, `wrong_status`",
    422: "`invalid`, `no_exchange_rate`"
}

access::action! {
    /// Confirm an order
    ///
    /// Moves the order from `submitted` to `confirmed`. From then on it counts as sold on its
    /// `order_date`. If the customer's credit limit would be exceeded, the request is refused as 409
    /// `credit_limit_exceeded` with the breakdown of the exposure, and the order stays submitted. Use
    /// `POST /orders/{id}/hold` to let it wait for credit.
    confirm_order: "/orders/{id}/confirm", ConfirmOrders -> Order by act(Action::Confirm, None),
    "The order",
    409: "`customer_merged`, `wrong_status`",
    422: "`invalid`, `no_exchange_rate`"
}

access::action! {
    /// Put an order on credit hold
    ///
    /// Moves the order from `submitted` to `credit_hold`.
    hold_order: "/orders/{id}/hold", HoldOrders, why: Json<Reason>
    -> Order by act(Action::Hold, Some(&Cancellation::because(&why.reason))),
    "The order",
    409: "`customer_merged`, `wrong_status`",
    422: "`no_exchange_rate`"
}

access::action! {
    /// Release an order from credit hold
    ///
    /// Moves the order from `credit_hold` to `confirmed`. Only a user with role `credit_controller` or
    /// `admin` can release an order, and nobody who is credited with it. The credit limit is checked
    /// again; if it would be exceeded, the request is refused as 409 `credit_limit_exceeded`.
    release_order: "/orders/{id}/release", ReleaseOrders -> Order by act(Action::Release, None),
    "The order",
    403: "`self_approval`",
    409: "`customer_merged`, `wrong_status`",
    422: "`invalid`, `no_exchange_rate`"
}

access::action! {
    /// Close an order
    ///
    /// Moves the order from `confirmed` to `closed`. No further deliveries or invoices are expected,
    /// and the part that was not invoiced is no longer an open item.
    close_order: "/orders/{id}/close", ConfirmOrders -> Order by act(Action::Close, None),
    "The order",
    409: "`customer_merged`, `wrong_status`",
    422: "`invalid`, `no_exchange_rate`"
}

access::action! {
    /// Reopen an order
    ///
    /// Moves the order from `closed` to `confirmed`. The credit limit is checked again; if it would be
    /// exceeded, the request is refused as 409 `credit_limit_exceeded`.
    reopen_order: "/orders/{id}/reopen", ConfirmOrders -> Order by act(Action::Reopen, None),
    "The order",
    409: "`customer_merged`, `wrong_status`",
    422: "`invalid`, `no_exchange_rate`"
}

access::action! {
    /// Cancel an order
    ///
    /// Cancels an order that is a draft, submitted, on credit hold or confirmed. Only managers and the
    /// back office can cancel a confirmed order; its sales are reversed on `cancelled_on`. An order
    /// that was shipped, even in part, cannot be cancelled (409 `order_shipped`); enter a return, an
    /// order with negative quantities. An invoiced order needs a credit note first (409
    /// `order_invoiced`).
    cancel_order: "/orders/{id}/cancel", WriteOrders, why: Json<Cancellation>
    -> Order by act(Action::Cancel, Some(&why)),
    "The order",
    409: "`customer_merged`, `wrong_status`",
    422: "`no_exchange_rate`"
}

access::history! {
    /// List the history of an order
    ///
    /// Returns the changes of the order, latest first.
    list_order_history: "/orders/{id}/history", ReadOrders, Order
}
