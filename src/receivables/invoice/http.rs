//! The operations on invoices.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::{
    Clock, Db, IfMatch, IfSent, Json, List, PageQuery, Path, Problems, Reason, Reply, Result,
    Routes, Write,
};
use uuid::Uuid;

use super::facts::InvoiceBatch;
use super::{Invoice, InvoiceChanges, InvoiceFilter, InvoicePage, NewInvoice};
use crate::source::DocumentUse;
use crate::{ImportInvoices, ReadInvoices, WriteInvoices};

pub fn routes(routes: &mut Routes) {
    platform::mount!(
        routes,
        list_invoices,
        create_invoice,
        import_invoices,
        read_invoice,
        update_invoice,
        post_invoice,
        cancel_invoice,
        allocate_credit_note,
        list_invoice_history,
    );
}

/// List invoices and credit notes
///
/// Returns the invoices of your customers and of your own sales. Managers also see those of their
/// teams, finance sees all.
#[utoipa::path(
    get, path = "/invoices",
    params(InvoiceFilter, PageQuery),
    responses((status = 200, description = "A page of invoices", body = InvoicePage), Problems),
)]
async fn list_invoices(
    caller: Can<ReadInvoices>,
    list: List<InvoiceFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<InvoicePage> {
    Invoice::list(&mut *db.conn().await?, &caller, &list, clock.today()).await
}

/// Create an invoice or a credit note
///
/// Creates a draft. The total is the sum of `amount` and `tax_amount`.
#[utoipa::path(
    post, path = "/invoices",
    request_body = NewInvoice,
    responses(
        (status = 201, description = "The new draft", body = Invoice),
        (status = 409, description = "`customer_merged`, `duplicate`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
async fn create_invoice(
    caller: Can<WriteInvoices>,
    new: Body<NewInvoice>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Invoice::create(tx, &caller, &new).await).await
}

/// Import invoices from an ERP
///
/// Default of `status`: `posted`. A posted credit note reduces its invoice, at most by the open
/// amount of the invoice; the rest of the credit note stays open. Cancelling a posted document
/// reverses its allocations.
#[utoipa::path(
    post, path = "/invoices/batch",
    params(BatchQuery),
    request_body = InvoiceBatch,
    responses((status = 200, description = "The outcome of each item", body = Outcomes), Problems),
)]
async fn import_invoices(
    caller: Can<ImportInvoices>,
    batch: Batch<InvoiceBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&intake::import::<Invoice, _>(tx, &caller, &batch).await?))
        .await
}

access::read! {
    /// Read an invoice
    ///
    /// Returns an invoice or credit note with its instalments and its open amount.
    read_invoice: "/invoices/{id}", ReadInvoices -> Invoice, "The invoice"
}

/// Update an invoice
///
/// All fields of a draft can be changed. After posting only `due_date`, `instalments` (a payment
/// plan, 分期) and `disputed` can be changed, otherwise 409 `posted_immutable`. The same holds for a
/// draft imported from an ERP, otherwise 409 `field_not_owned`.
#[utoipa::path(
    patch, path = "/invoices/{id}",
    request_body(content = InvoiceChanges, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The invoice", body = Invoice),
        (status = 409, description = "`customer_merged`, `duplicate`, `wrong_status`"),
        (status = 422, description = "`no_exchange_rate`"),
        Problems,
    ),
)]
async fn update_invoice(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfMatch,
    changes: Body<InvoiceChanges>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::update(tx, &caller, *id, based_on, &changes).await).await
}

/// Post an invoice
///
/// Changes a draft to `posted`, so that the amount is owed. A credit note reduces its invoice at
/// once. The amount beyond the order's uninvoiced amount must fit into the customer's credit limit,
/// otherwise 409 `credit_limit_exceeded`.
#[utoipa::path(
    post, path = "/invoices/{id}/post",
    responses(
        (status = 200, description = "The invoice", body = Invoice),
        (status = 409, description = "`field_not_owned`, `wrong_status`"),
        (status = 422, description = "`invalid`"),
        Problems,
    ),
)]
async fn post_invoice(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::post(tx, &caller, *id, based_on).await).await
}

/// Cancel a draft invoice
///
/// Only drafts can be cancelled. Correct a posted invoice with a credit note.
#[utoipa::path(
    post, path = "/invoices/{id}/cancel",
    request_body = Reason,
    responses(
        (status = 200, description = "The invoice", body = Invoice),
        (status = 409, description = "`field_not_owned`, `wrong_status`"),
        Problems,
    ),
)]
async fn cancel_invoice(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<Reason>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::cancel(tx, &caller, *id, based_on, &why).await).await
}

/// Allocate a credit note to invoices
///
/// 核销. Allocates the unused amount of a posted credit note to the given invoices, or to the oldest
/// ones first. A credit note has an unused amount if it corrects no invoice, or if it is larger
/// than the open amount of the invoice. The invoices must be of the same customer and currency.
#[utoipa::path(
    post, path = "/invoices/{id}/allocate",
    request_body = DocumentUse,
    responses(
        (status = 200, description = "The credit note", body = Invoice),
        (status = 409, description = "`not_a_credit_note`, `wrong_status`"),
        (status = 422, description = "`above_open_amount`, `above_unapplied`"),
        Problems,
    ),
)]
async fn allocate_credit_note(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfSent,
    to: Body<DocumentUse>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::allocate(tx, &caller, *id, based_on, &to).await).await
}

access::history! {
    /// List the history of an invoice
    ///
    /// Returns the changes, the latest first.
    list_invoice_history: "/invoices/{id}/history", ReadInvoices, Invoice
}
