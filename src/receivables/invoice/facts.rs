//! Invoice data imported from an ERP.

use platform::batch::ItemKey;
use platform::{Date, Money, batch, sent, set};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Instalment, Invoice, InvoiceKind, InvoiceStatus, REFERENCES};

/// An invoice from an ERP: absent fields stay unchanged, `null` clears a field, and `instalments`
/// are replaced as a whole. A new one requires `customer_id`, `invoice_date`, and `amount` or
/// `total_amount`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct InvoiceItem {
    #[serde(flatten)]
    pub(super) key: ItemKey,
    #[serde(flatten)]
    pub(super) facts: InvoiceFacts,
}

/// The fields of an invoice that an ERP can send.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct InvoiceFacts {
    /// Default: `invoice`
    #[schema(inline, nullable = false)]
    pub(super) kind: Option<InvoiceKind>,
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    pub(super) number: Option<String>,
    #[schema(nullable = false)]
    pub(super) customer_id: Option<Uuid>,
    #[serde(deserialize_with = "sent")]
    pub(super) order_id: Option<Option<Uuid>>,
    /// For credit notes: the invoice that it reduces. The credit note must not exceed it
    #[serde(deserialize_with = "sent")]
    pub(super) corrects_invoice_id: Option<Option<Uuid>>,
    /// Default: the customer's owner
    #[serde(deserialize_with = "sent")]
    pub(super) salesperson_id: Option<Option<Uuid>>,
    #[schema(nullable = false)]
    pub(super) invoice_date: Option<Date>,
    /// Default: the due date of the last instalment, otherwise the one that the customer's payment
    /// terms give for `invoice_date`
    #[schema(nullable = false)]
    pub(super) due_date: Option<Date>,
    /// Default: the currency of the order, otherwise that of the company
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    pub(super) currency: Option<String>,
    /// Net amount. Default: `total_amount` minus `tax_amount`
    #[schema(nullable = false)]
    pub(super) amount: Option<Money>,
    #[schema(nullable = false)]
    pub(super) tax_amount: Option<Money>,
    /// Gross amount. Default: the sum of `amount` and `tax_amount`
    #[schema(nullable = false)]
    pub(super) total_amount: Option<Money>,
    #[schema(nullable = false)]
    pub(super) disputed: Option<bool>,
    #[schema(max_items = 120, nullable = false)]
    pub(super) instalments: Option<Vec<Instalment>>,
    /// Default: `posted` for a new invoice
    #[schema(inline, nullable = false)]
    pub(super) status: Option<InvoiceStatus>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 500)]
    pub(super) status_reason: Option<Option<String>>,
    /// Default: today, if the invoice becomes `cancelled`
    #[schema(nullable = false)]
    pub(super) cancelled_on: Option<Date>,
}

intake::references! { InvoiceItem: REFERENCES }

batch! {
    /// Invoices and credit notes of one source system, in any order.
    InvoiceBatch of InvoiceItem
}

impl Invoice {
    /// Applies the sent fields, and derives the amounts and the due date that were not sent.
    pub(super) fn apply_facts(&mut self, facts: &InvoiceFacts, new: bool) {
        platform::patch!(self, facts => InvoiceFacts {
            kind, number, customer_id, order_id, corrects_invoice_id, salesperson_id,
            invoice_date, currency, disputed, status_reason, tax_amount; ..
        });

        match (facts.amount, facts.total_amount) {
            (Some(amount), _) => self.amount = amount,
            (None, Some(total)) if self.version == 1 && self.amount == Money::ZERO => {
                self.amount = Money(total.0 - self.tax_amount.0);
            }
            (None, _) => {}
        }
        let parts = facts.amount.is_some() || facts.tax_amount.is_some();
        match facts.total_amount {
            Some(total) => self.total_amount = total,
            None if parts => self.total_amount = Money(self.amount.0 + self.tax_amount.0),
            None => {}
        }

        if let Some(parts) = &facts.instalments {
            let mut parts = parts.clone();
            parts.sort_by_key(|part| part.due_date);
            self.instalments = parts.into();
        }
        let last = self.instalments.last().map(|part| part.due_date);
        let new = new || (facts.invoice_date.is_some() && self.due_date == self.invoice_date);
        let day = facts.due_date.or(last.filter(|_| new));
        set(&mut self.due_date, day.as_ref());
    }
}
