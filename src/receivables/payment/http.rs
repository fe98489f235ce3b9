//! The operations on payments.

use access::Can;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{IfSent, Json, Path, Problems, Reply, Result, Routes, Write};
use uuid::Uuid;

use super::batch::PaymentBatch;
use super::{NewPayment, Payment, PaymentFilter, PaymentPage, PaymentReversal};
use crate::source::DocumentUse;
use crate::{ImportPayments, ReadPayments, WritePayments};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_payments,
        create_payment,
        import_payments,
        read_payment,
        allocate_payment,
        reverse_payment,
        list_payment_history,
    );
}

access::list! {
    /// List payments
    ///
    /// Returns the payments of your customers and those for invoices of your own sales. Managers also
    /// see those of their teams, finance sees all.
    list_payments: "/payments", ReadPayments, Payment by PaymentFilter -> PaymentPage,
    "A page of payments"
}

/// Create a payment
///
/// The part that is not allocated to invoices remains an unapplied receipt, 预收.
#[utoipa::path(
    post, path = "/payments",
    request_body = NewPayment,
    responses(
        (status = 201, description = "The new payment", body = Payment),
        (status = 409, description = "`customer_merged`, `duplicate`"),
        (status = 422, description = "`above_open_amount`, `above_unapplied`, `no_exchange_rate`"),
        Problems,
    ),
)]
async fn create_payment(
    caller: Can<WritePayments>,
    new: Body<NewPayment>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Payment::create(tx, &caller, &new).await).await
}

/// Import payments from an ERP
///
/// `allocations` are replaced as a whole: an allocation missing from the list is deleted. To
/// reverse a payment, send `reversed_on`.
#[utoipa::path(
    post, path = "/payments/batch",
    params(BatchQuery),
    request_body = PaymentBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_payments(
    caller: Can<ImportPayments>,
    batch: Batch<PaymentBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&intake::import::<Payment, _>(tx, &caller, &batch).await?))
        .await
}

access::read! {
    /// Read a payment
    ///
    /// Returns a payment with its allocations.
    read_payment: "/payments/{id}", ReadPayments -> Payment, "The payment"
}

/// Allocate a payment to invoices
///
/// 核销. Allocates the payment to the given invoices, or to the oldest ones first. The invoices must
/// be of the same customer and currency. An allocation cannot exceed the open amount of the invoice
/// or the unallocated amount of the payment.
#[utoipa::path(
    post, path = "/payments/{id}/allocate",
    request_body = DocumentUse,
    responses(
        (status = 200, description = "The payment", body = Payment),
        (status = 409, description = "`already_reversed`, `post_dated`"),
        (status = 422, description = "`above_open_amount`, `above_unapplied`"),
        Problems,
    ),
)]
async fn allocate_payment(
    caller: Can<WritePayments>,
    id: Path<Uuid>,
    based_on: IfSent,
    to: Body<DocumentUse>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Payment::allocate(tx, &caller, *id, based_on, &to).await).await
}

/// Reverse a payment
///
/// For example when a cheque bounces. Its allocations are reversed, so that the invoices are open
/// again from that day on. Only the ERP can reverse an imported payment, otherwise 409
/// `field_not_owned`.
#[utoipa::path(
    post, path = "/payments/{id}/reverse",
    request_body = PaymentReversal,
    responses(
        (status = 200, description = "The payment", body = Payment),
        (status = 409, description = "`already_reversed`"),
        Problems,
    ),
)]
async fn reverse_payment(
    caller: Can<WritePayments>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<PaymentReversal>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Payment::reverse(tx, &caller, *id, based_on, &why).await).await
}

access::history! {
    /// List the history of a payment
    ///
    /// Returns the changes, the latest first.
    list_payment_history: "/payments/{id}/history", ReadPayments, Payment
}
