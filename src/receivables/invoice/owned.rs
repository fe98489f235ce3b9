//! The fields of an imported invoice that only the ERP may change.

use platform::owned::{FieldOwner, Owned, OwnedField};

use super::Invoice;

/// Returns whether the invoice was imported from another system.
fn elsewhere(invoice: &Invoice) -> bool {
    invoice.source_system.is_some()
}

/// A field that the ERP owns in the invoices that it has sent.
const fn erps(name: &'static str, same: fn(&Invoice, &Invoice) -> bool) -> OwnedField<Invoice> {
    OwnedField { name, owner: FieldOwner::Erp, of: elsewhere, same }
}

/// The ERP posts, cancels and corrects its own invoices. Due dates, instalments and disputes are
/// not owned by it, because both sides agree on them with the customer.
impl Owned for Invoice {
    const FIELDS: &'static [OwnedField<Self>] = &[
        erps("status", |a, b| a.status == b.status),
        erps("customer_id", |a, b| a.customer_id == b.customer_id),
        erps("order_id", |a, b| a.order_id == b.order_id),
        erps("corrects_invoice_id", |a, b| a.corrects_invoice_id == b.corrects_invoice_id),
        erps("salesperson_id", |a, b| a.salesperson_id == b.salesperson_id),
        erps("invoice_date", |a, b| a.invoice_date == b.invoice_date),
        erps("currency", |a, b| a.currency == b.currency),
        erps("amount", |a, b| a.amount == b.amount),
        erps("tax_amount", |a, b| a.tax_amount == b.tax_amount),
    ];
    const SCHEMAS: &'static [&'static str] =
        &["Invoice", "InvoiceChanges", "InvoiceDetails", "InvoiceFacts"];
}
