//! Which fields of an invoice only the ERP edits.

use platform::owned::{Keeper, Owned, OwnedField};

use super::Invoice;

/// Another system wrote it.
fn elsewhere(it: &Invoice) -> bool {
    it.source_system.is_some()
}

/// A field that the ERP keeps of what it has written.
const fn erps(name: &'static str, same: fn(&Invoice, &Invoice) -> bool) -> OwnedField<Invoice> {
    OwnedField { name, keeper: Keeper::Erp, of: elsewhere, same }
}

/// What an ERP has written, it posts, cancels and corrects. Days and instalments are agreed with the
/// customer on either side, and either side hears that the customer does not agree.
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
