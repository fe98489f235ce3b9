//! The operations on invoices.

use actix_web::web::Data;
use actix_web::{get, patch, post};
use auth::{Body, Can};
use platform::batch::{Batch, BatchQuery, Outcomes};
use platform::changes::{self, HistoryPage};
use platform::{
    Clock, Db, IfMatch, IfSent, Json, List, NoFilter, PageQuery, Path, Problems, Reply, Result,
    Tagged, Write,
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::facts::InvoiceBatch;
use super::{Invoice, InvoiceCancellation, InvoiceChanges, InvoiceFilter, InvoicePage, NewInvoice};
use crate::source::DocumentUse;
use crate::{ImportInvoices, ReadInvoices, WriteInvoices};

pub fn routes(cfg: &mut ServiceConfig) {
    cfg.service(list_invoices)
        .service(create_invoice)
        .service(import_invoices)
        .service(read_invoice)
        .service(update_invoice)
        .service(post_invoice)
        .service(cancel_invoice)
        .service(allocate_credit_note)
        .service(list_invoice_history);
}

/// List invoices and credit notes
///
/// Those of your customers or of your own sales; all of them for finance.
#[utoipa::path(
    tag = "receivables",
    params(InvoiceFilter, PageQuery),
    responses((status = 200, description = "A page of invoices", body = InvoicePage), Problems),
)]
#[get("/invoices")]
async fn list_invoices(
    caller: Can<ReadInvoices>,
    list: List<InvoiceFilter>,
    clock: Data<Clock>,
    db: Db,
) -> Result<InvoicePage> {
    Invoice::list(&mut *db.conn().await?, &caller, &list, clock.today()).await
}

/// Write an invoice or a credit note
///
/// It begins as a draft. The total is the net amount and the tax.
#[utoipa::path(
    tag = "receivables",
    request_body = NewInvoice,
    responses((status = 201, description = "The new draft", body = Invoice), Problems),
)]
#[post("/invoices")]
async fn create_invoice(
    caller: Can<WriteInvoices>,
    new: Body<NewInvoice>,
    write: Write,
) -> Result<Reply> {
    write.create(async move |tx| Invoice::create(tx, &caller, &new).await).await
}

/// Bring invoices in step with an ERP
///
/// A batch reports facts. Default of `status`: `posted`. A posted credit note makes its invoice smaller by
/// what is open of it; what is left stays open. Cancelling a posted one takes back what was paid.
#[utoipa::path(
    tag = "receivables",
    params(BatchQuery),
    request_body = InvoiceBatch,
    responses((status = 200, description = "What became of each item", body = Outcomes), Problems),
)]
#[post("/invoices/batch")]
async fn import_invoices(
    caller: Can<ImportInvoices>,
    batch: Batch<InvoiceBatch>,
    write: Write,
) -> Result<Reply> {
    write
        .run(async move |tx| Reply::json(&auth::import::<Invoice, _>(tx, &caller, &batch).await?))
        .await
}

/// Read an invoice
///
/// With its instalments and what is open of it.
#[utoipa::path(
    tag = "receivables",
    responses((status = 200, description = "The invoice", body = Invoice), Problems),
)]
#[get("/invoices/{id}")]
async fn read_invoice(
    caller: Can<ReadInvoices>,
    id: Path<Uuid>,
    db: Db,
) -> Result<Tagged<Invoice>> {
    Ok(Tagged(Invoice::find(&mut *db.conn().await?, &caller, *id).await?))
}

/// Change an invoice
///
/// A draft in full; after posting only `due_date`, `instalments` (a payment plan 分期) and `disputed`,
/// else 409 `posted_immutable`. The same of a draft of an ERP, else 409 `field_not_owned`.
#[utoipa::path(
    tag = "receivables",
    request_body(content = InvoiceChanges, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The invoice", body = Invoice), Problems),
)]
#[patch("/invoices/{id}")]
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
/// From draft to posted: it is owed from now on. A credit note makes its invoice smaller at once.
/// What goes beyond its order must fit the customer's credit, else 409 `credit_limit_exceeded`.
#[utoipa::path(
    tag = "receivables",
    responses((status = 200, description = "The invoice", body = Invoice), Problems),
)]
#[post("/invoices/{id}/post")]
async fn post_invoice(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfSent,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::post(tx, &caller, *id, based_on).await).await
}

/// Cancel a draft
///
/// What is posted is corrected by a credit note.
#[utoipa::path(
    tag = "receivables",
    request_body = InvoiceCancellation,
    responses((status = 200, description = "The invoice", body = Invoice), Problems),
)]
#[post("/invoices/{id}/cancel")]
async fn cancel_invoice(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfSent,
    why: Json<InvoiceCancellation>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::cancel(tx, &caller, *id, based_on, &why).await).await
}

/// Use a credit note for invoices
///
/// 核销, by hand or the earliest due first, of what is left of it: it corrects no invoice, or more than
/// was open of that. Of the same customer, in the same currency.
#[utoipa::path(
    tag = "receivables",
    request_body = DocumentUse,
    responses((status = 200, description = "The credit note", body = Invoice), Problems),
)]
#[post("/invoices/{id}/allocate")]
async fn allocate_credit_note(
    caller: Can<WriteInvoices>,
    id: Path<Uuid>,
    based_on: IfSent,
    to: Body<DocumentUse>,
    write: Write,
) -> Result<Reply> {
    write.update(async move |tx| Invoice::allocate(tx, &caller, *id, based_on, &to).await).await
}

/// What happened to an invoice
///
/// Latest first.
#[utoipa::path(
    tag = "receivables",
    params(PageQuery),
    responses((status = 200, description = "Its history", body = HistoryPage), Problems),
)]
#[get("/invoices/{id}/history")]
async fn list_invoice_history(
    caller: Can<ReadInvoices>,
    id: Path<Uuid>,
    list: List<NoFilter>,
    db: Db,
) -> Result<HistoryPage> {
    let mut conn = db.conn().await?;
    let invoice = Invoice::find(&mut conn, &caller, *id).await?;
    changes::history(&mut conn, &invoice, &list).await
}
