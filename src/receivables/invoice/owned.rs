//! Which fields of an invoice only the ERP edits.

use platform::owned::{Keeper, Owned, OwnedField};

use super::Invoice;

/// Another system wrote it.
fn elsewhere(it: &Invoice) -> bool {
    it.source_system.is_some()
}

/// What an ERP has written, it posts, cancels and corrects. Days and instalments are agreed with the
/// customer on either side, and either side hears that the customer does not agree.
impl Owned for Invoice {
    const FIELDS: &'static [OwnedField<Self>] = &[
        OwnedField {
            name: "status",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.status == b.status,
        },
        OwnedField {
            name: "customer_id",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.customer_id == b.customer_id,
        },
        OwnedField {
            name: "order_id",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.order_id == b.order_id,
        },
        OwnedField {
            name: "corrects_invoice_id",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.corrects_invoice_id == b.corrects_invoice_id,
        },
        OwnedField {
            name: "salesperson_id",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.salesperson_id == b.salesperson_id,
        },
        OwnedField {
            name: "invoice_date",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.invoice_date == b.invoice_date,
        },
        OwnedField {
            name: "currency",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.currency == b.currency,
        },
        OwnedField {
            name: "amount",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.amount == b.amount,
        },
        OwnedField {
            name: "tax_amount",
            keeper: Keeper::Erp,
            of: elsewhere,
            same: |a, b| a.tax_amount == b.tax_amount,
        },
    ];
    const SCHEMAS: &'static [&'static str] =
        &["Invoice", "InvoiceChanges", "InvoiceDetails", "InvoiceFacts"];
}
