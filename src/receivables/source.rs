//! Allocation of payments and credit notes to invoices, 核销. The same rules apply to both.

use std::collections::HashMap;

use intake::Reference;
use platform::{Date, Error, Fault, Money, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::allocation::Allocation;
use crate::invoice::{Invoice, InvoiceKind, InvoiceStatus, find_invoices};

/// The invoices of an allocation by id, as locked.
pub(crate) type Invoices = HashMap<Uuid, Invoice>;

/// An amount to allocate to an invoice
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAllocation {
    /// An invoice of the same customer in the same currency
    pub(crate) invoice_id: Uuid,
    /// At most the open amount of the invoice and the unallocated amount of the payment or credit
    /// note
    pub(crate) amount: Money,
    /// Not before either of the two documents and not in the future. Default: today; for imports
    /// the earliest allowed day
    pub(crate) allocated_on: Option<Date>,
}

/// The allocation of a payment or credit note: to the given invoices, or to the oldest ones
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "oldest_first": true }))]
pub struct DocumentUse {
    #[serde(default)]
    #[schema(max_items = 500, nullable = false)]
    pub(crate) allocations: Vec<NewAllocation>,
    /// Allocates the whole rest to the customer's open invoices, the earliest due first. Disputed
    /// invoices are skipped. Cannot be combined with `allocations`
    #[serde(default)]
    #[schema(default = false)]
    pub(crate) oldest_first: bool,
}

intake::references! {
    DocumentUse: &[Reference { at: "allocations/*/invoice", of: "invoice", find: find_invoices }];
}

impl DocumentUse {
    pub(crate) fn check(&self) -> Result<()> {
        if self.oldest_first == self.allocations.is_empty() {
            return Ok(());
        }
        let why = "send either `allocations` or `oldest_first`";
        Err(Error::invalid(vec![Fault::new("/allocations", "contradiction", why)]))
    }
}

/// The part of a payment or a credit note that can be allocated.
pub(crate) struct Source<'a> {
    pub customer_id: Uuid,
    pub currency: &'a str,
    /// The first day on which it can be allocated
    pub since: Date,
    /// The unallocated amount
    pub left: Money,
}

impl Source<'_> {
    /// Returns the first day on which it can be allocated to this invoice.
    pub fn first_day(&self, invoice: &Invoice) -> Date {
        self.since.max(invoice.invoice_date)
    }

    /// Returns the requested allocations: the given ones, or the whole rest for the invoices due
    /// earliest.
    pub fn asked(
        &self,
        to: &DocumentUse,
        invoices: &Invoices,
        today: Date,
    ) -> Result<Vec<Allocation>> {
        if to.oldest_first {
            let ours = |invoice: &&Invoice| !invoice.disputed && invoice.invoice_date <= today;
            return Ok(self.oldest_first(invoices.values().filter(ours).collect(), today));
        }
        self.uses(&to.allocations, invoices, today)
    }

    /// Allocates the rest to these invoices, the earliest due first, until it is used up.
    fn oldest_first(&self, mut invoices: Vec<&Invoice>, today: Date) -> Vec<Allocation> {
        invoices.sort_by_key(|invoice| (invoice.next_due_on, invoice.invoice_date, invoice.id));
        let (mut left, mut made) = (self.left, vec![]);
        for invoice in invoices {
            let amount = invoice.open_amount.min(left);
            if amount > Money::ZERO {
                left.0 -= amount.0;
                made.push(Allocation::new(invoice.id, amount, self.first_day(invoice).max(today)));
            }
        }
        made
    }

    /// Returns the requested allocations, or all their faults. Each is at most the open amount of
    /// its invoice, and together they are at most the unallocated amount.
    pub fn uses(
        &self,
        asked: &[NewAllocation],
        invoices: &Invoices,
        today: Date,
    ) -> Result<Vec<Allocation>> {
        let mut open: HashMap<Uuid, Money> =
            invoices.values().map(|invoice| (invoice.id, invoice.open_amount)).collect();
        let mut left = self.left;
        let (mut made, mut faults) = (vec![], vec![]);
        for (index, new) in asked.iter().enumerate() {
            let at = format!("/allocations/{index}");
            let day = new.allocated_on.unwrap_or(today);
            let allocation = Allocation::new(new.invoice_id, new.amount, day);
            faults.extend(self.faults_of(&allocation, invoices.get(&new.invoice_id), today, &at));

            // An invoice may appear more than once, so that its open amount is counted down.
            let room = open.entry(new.invoice_id).or_default();
            let amount = format!("{at}/amount");
            if new.amount > *room {
                let why = format!("only {room} of the invoice is open");
                faults.push(Fault::new(amount, "above_open_amount", why));
            } else if new.amount > left {
                let why = format!("only {left} is left to allocate");
                faults.push(Fault::new(amount, "above_unapplied", why));
            } else {
                room.0 -= new.amount.0;
                left.0 -= new.amount.0;
            }
            made.push(allocation);
        }

        if faults.is_empty() { Ok(made) } else { Err(Error::invalid(faults)) }
    }

    /// Returns the faults of one allocation; `at` is its JSON pointer. The caller compares the
    /// amount with the open amounts.
    pub fn faults_of(
        &self,
        allocation: &Allocation,
        invoice: Option<&Invoice>,
        today: Date,
        at: &str,
    ) -> Vec<Fault> {
        let mut faults = vec![];
        let mut wrong = |field: &str, code: &'static str, why: &str| {
            faults.push(Fault::new(format!("{at}/{field}"), code, why));
        };
        if allocation.amount <= Money::ZERO {
            wrong("amount", "range", "more than zero");
        }
        let Some(invoice) = invoice else {
            wrong("invoice_id", "unknown_reference", "not visible or does not exist");
            return faults;
        };

        if invoice.customer_id != self.customer_id {
            wrong("invoice_id", "another_customer", "the invoice belongs to another customer");
        }
        if invoice.currency != self.currency {
            wrong("invoice_id", "another_currency", "the invoice is in another currency");
        }
        if invoice.kind == InvoiceKind::CreditNote {
            wrong("invoice_id", "contradiction", "must not be a credit note");
        } else if invoice.status != InvoiceStatus::Posted && allocation.reversed_on.is_none() {
            wrong("invoice_id", "not_posted", "the invoice is not posted");
        }

        let first = self.first_day(invoice);
        if allocation.allocated_on < first || allocation.allocated_on > today {
            wrong("allocated_on", "range", "must not be before either document or in the future");
        }
        faults
    }
}
