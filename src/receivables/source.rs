//! What pays invoices, 核销: money or a credit note. The same rules for both.

use std::collections::HashMap;

use auth::{Reference, Refers};
use platform::{Date, Error, Fault, Money, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::allocation::Allocation;
use crate::invoice::{Invoice, InvoiceKind, InvoiceStatus, find_invoices};

/// The invoices that something is used for, as they are now.
pub(crate) type Invoices = HashMap<Uuid, Invoice>;

/// Which invoice is paid by how much
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NewAllocation {
    /// Of the same customer, in the same currency
    pub(crate) invoice_id: Uuid,
    /// Not more than is open of the invoice, nor than is left of what pays it
    pub(crate) amount: Money,
    /// Not before the two documents, not in the future. Default: today, from an ERP the earliest
    /// such day
    pub(crate) allocated_on: Option<Date>,
}

/// What a payment or a credit note is used for: invoices by hand, or whatever was due first
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({ "oldest_first": true }))]
pub struct DocumentUse {
    #[serde(default)]
    #[schema(max_items = 500, nullable = false)]
    pub(crate) allocations: Vec<NewAllocation>,
    /// All that is left of it pays the customer's open invoices, but disputed ones, the earliest due
    /// first
    #[serde(default)]
    #[schema(default = false)]
    pub(crate) oldest_first: bool,
}

impl Refers for DocumentUse {
    const REFERENCES: &'static [Reference] =
        &[Reference { at: "allocations/*/invoice", of: "invoice", find: find_invoices }];
}

impl DocumentUse {
    pub(crate) fn check(&self) -> Result<()> {
        if self.oldest_first == self.allocations.is_empty() {
            return Ok(());
        }
        let why = "name the invoices, or say oldest_first";
        Err(Error::invalid(vec![Fault::new("/allocations", "contradiction", why)]))
    }
}

/// A payment or a credit note, as far as it can be used.
pub(crate) struct Source<'a> {
    pub customer_id: Uuid,
    pub currency: &'a str,
    /// Before this day it pays nothing
    pub since: Date,
    /// What is left of it
    pub left: Money,
}

impl Source<'_> {
    /// The first day on which it can pay this invoice.
    pub fn first_day(&self, invoice: &Invoice) -> Date {
        self.since.max(invoice.invoice_date)
    }

    /// What is asked for: these, or all that is left for the earliest due of the others.
    pub fn asked(
        &self,
        to: &DocumentUse,
        invoices: &Invoices,
        today: Date,
    ) -> Result<Vec<Allocation>> {
        if to.oldest_first {
            let ours = |it: &&Invoice| !it.disputed && it.invoice_date <= today;
            return Ok(self.oldest_first(invoices.values().filter(ours).collect(), today));
        }
        self.uses(&to.allocations, invoices, today)
    }

    /// The open parts of these invoices, the earliest due first, as far as what is left goes.
    fn oldest_first(&self, mut invoices: Vec<&Invoice>, today: Date) -> Vec<Allocation> {
        invoices.sort_by_key(|it| (it.next_due_on, it.invoice_date, it.id));
        let (mut left, mut made) = (self.left, vec![]);
        for it in invoices {
            let amount = it.open_amount.min(left);
            if amount > Money::ZERO {
                left.0 -= amount.0;
                made.push(Allocation::new(it.id, amount, self.first_day(it).max(today)));
            }
        }
        made
    }

    /// What is asked for, or all that is wrong with it: each not more than is open of the invoice,
    /// all together not more than is left.
    pub fn uses(
        &self,
        asked: &[NewAllocation],
        invoices: &Invoices,
        today: Date,
    ) -> Result<Vec<Allocation>> {
        let mut open: HashMap<Uuid, Money> =
            invoices.values().map(|it| (it.id, it.open_amount)).collect();
        let mut left = self.left;
        let (mut made, mut faults) = (vec![], vec![]);
        for (index, it) in asked.iter().enumerate() {
            let at = format!("/allocations/{index}");
            let day = it.allocated_on.unwrap_or(today);
            let one = Allocation::new(it.invoice_id, it.amount, day);
            faults.extend(self.faults_of(&one, invoices.get(&it.invoice_id), today, &at));
            let room = open.entry(it.invoice_id).or_default();
            let amount = format!("{at}/amount");
            if it.amount > *room {
                let why = format!("only {room} is open of the invoice");
                faults.push(Fault::new(amount, "above_open_amount", why));
            } else if it.amount > left {
                let why = format!("only {left} is left");
                faults.push(Fault::new(amount, "above_unapplied", why));
            } else {
                room.0 -= it.amount.0;
                left.0 -= it.amount.0;
            }
            made.push(one);
        }
        if faults.is_empty() { Ok(made) } else { Err(Error::invalid(faults)) }
    }

    /// One use of it, `at` a pointer. How much is open the caller counts down.
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
            wrong("invoice_id", "unknown_reference", "nothing here has this id");
            return faults;
        };
        if invoice.customer_id != self.customer_id {
            wrong("invoice_id", "another_customer", "the invoice is another customer's");
        }
        if invoice.currency != self.currency {
            wrong("invoice_id", "another_currency", "the invoice is in another currency");
        }
        if invoice.kind == InvoiceKind::CreditNote {
            wrong("invoice_id", "contradiction", "a credit note is not paid");
        } else if invoice.status != InvoiceStatus::Posted && allocation.reversed_on.is_none() {
            wrong("invoice_id", "not_posted", "the invoice is not posted");
        }
        let first = self.first_day(invoice);
        if allocation.allocated_on < first || allocation.allocated_on > today {
            wrong("allocated_on", "range", "not before the two documents, not in the future");
        }
        faults
    }
}
