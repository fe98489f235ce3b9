//! The operations on invoices.

use access::Can;
use actix_web::web::Data;
use intake::Body;
use platform::{Clock, Db, Json, List, PageQuery, Problems, Reason, Result, Routes};

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

access::create! {
    /// Create an invoice or a credit note
    ///
    /// Creates a draft. The total is the sum of `amount` and `tax_amount`.
    create_invoice: "/invoices", WriteInvoices, Body<NewInvoice> -> Invoice, "The new draft",
    409: "`customer_merged`, `duplicate`",
    422: "`no_exchange_rate`"
}

intake::import! {
    /// Import invoices from an ERP
    ///
    /// Default of `status`: `posted`. A posted credit note reduces its invoice, at most by the open
    /// amount of the invoice; the rest of the credit note stays open. Cancelling a posted document
    /// reverses its allocations.
    import_invoices: "/invoices/batch", ImportInvoices, Invoice from InvoiceBatch
}

access::read! {
    /// Read an invoice
    ///
    /// Returns an invoice or credit note with its instalments and its open amount.
    read_invoice: "/invoices/{id}", ReadInvoices -> Invoice, "The invoice"
}

access::update! {
    /// Update an invoice
    ///
    /// All fields of a draft can be changed. After posting only `due_date`, `instalments` (a payment
    /// plan, 分期) and `disputed` can be changed, otherwise 409 `posted_immutable`. The same holds for a
    /// draft imported from an ERP, otherwise 409 `field_not_owned`.
    update_invoice: "/invoices/{id}", WriteInvoices, Body<InvoiceChanges> -> Invoice, "The invoice",
    409: "`customer_merged`, `duplicate`, `wrong_status`",
    422: "`no_exchange_rate`"
}

access::action! {
    /// Post an invoice
    ///
    /// Changes a draft to `posted`, so that the amount is owed. A credit note reduces its invoice at
    /// once. The amount beyond the order's uninvoiced amount must fit into the customer's credit limit,
    /// otherwise 409 `credit_limit_exceeded`.
    post_invoice: "/invoices/{id}/post", WriteInvoices -> Invoice by post(),
    "The invoice",
    409: "`field_not_owned`, `wrong_status`",
    422: "`invalid`"
}

access::action! {
    /// Cancel a draft invoice
    ///
    /// Only drafts can be cancelled. Correct a posted invoice with a credit note.
    cancel_invoice: "/invoices/{id}/cancel", WriteInvoices, why: Json<Reason>
    -> Invoice by cancel(&why),
    "The invoice",
    409: "`field_not_owned`, `wrong_status`"
}

access::action! {
    /// Allocate a credit note to invoices
    ///
    /// 核销. Allocates the unused amount of a posted credit note to the given invoices, or to the oldest
    /// ones first. A credit note has an unused amount if it corrects no invoice, or if it is larger
    /// than the open amount of the invoice. The invoices must be of the same customer and currency.
    allocate_credit_note: "/invoices/{id}/allocate", WriteInvoices, to: Body<DocumentUse>
    -> Invoice by allocate(&to),
    "The credit note",
    409: "`not_a_credit_note`, `wrong_status`",
    422: "`above_open_amount`, `above_unapplied`"
}

access::history! {
    /// List the history of an invoice
    ///
    /// Returns the changes, the latest first.
    list_invoice_history: "/invoices/{id}/history", ReadInvoices, Invoice
}
