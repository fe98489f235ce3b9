//! The rules of invoices: validity, status changes, and open amounts.

use std::collections::HashMap;

use company::exchange_rate::converted;
use credit::open_item::OpenPart;
use orders::order::OrderAccount;
use platform::{Date, Error, Fault, Money, Number, Result, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Invoice, InvoiceKind, InvoiceStatus};
use crate::allocation::Applied;

/// Amounts must be below this, so that sums of many of them fit the columns.
const LARGEST: i64 = 1_000_000_000_000;

/// The orders and invoices that invoices refer to.
#[derive(Debug, Default)]
pub(super) struct InvoiceContext {
    pub orders: HashMap<Uuid, OrderAccount>,
    /// The invoices that credit notes correct
    pub invoices: HashMap<Uuid, Corrected>,
}

/// The data of a corrected invoice that a credit note is checked against.
#[derive(Debug, Clone)]
pub(super) struct Corrected {
    pub customer_id: Uuid,
    pub currency: String,
    pub kind: InvoiceKind,
    pub status: InvoiceStatus,
    pub total_amount: Money,
    pub order_id: Option<Uuid>,
}

impl From<&Invoice> for Corrected {
    fn from(invoice: &Invoice) -> Self {
        Self {
            customer_id: invoice.customer_id,
            currency: invoice.currency.clone(),
            kind: invoice.kind,
            status: invoice.status,
            total_amount: invoice.total_amount,
            order_id: invoice.order_id,
        }
    }
}

impl Invoice {
    pub(super) fn blank(id: Uuid, customer_id: Uuid, now: Timestamp, today: Date) -> Self {
        Self {
            id,
            version: 1,
            customer_id,
            invoice_date: today,
            due_date: today,
            exchange_rate: Number(Decimal::ONE),
            created_at: now,
            updated_at: now,
            ..Self::default()
        }
    }

    /// Returns whether the document is posted, so that it counts in the customer's balance.
    pub fn counts(&self) -> bool {
        self.status == InvoiceStatus::Posted
    }

    /// Returns the settled amount: the total minus the open amount without its sign.
    fn paid(&self) -> Decimal {
        self.total_amount.0 - self.open_amount.0.abs()
    }

    /// Returns the document with its open amount, given the total of its allocations.
    #[must_use]
    pub(super) fn settled(&self, applied: Option<&Applied>) -> Self {
        let applied = applied.copied().unwrap_or_default();
        let rest =
            if self.counts() { self.total_amount.0 - applied.amount.0 } else { Decimal::ZERO };
        let closed = self.status != InvoiceStatus::Draft && rest.is_zero();
        let last = [applied.last_on, self.cancelled_on].into_iter().flatten();
        let last = last.chain([self.invoice_date]).max();
        let open_amount = match self.kind {
            InvoiceKind::Invoice => Money(rest),
            InvoiceKind::CreditNote => Money(-rest),
        };
        let after = Self { open_amount, closed_on: last.filter(|_| closed), ..self.clone() };
        Self { next_due_on: after.next_due(), ..after }
    }

    /// Returns the due date of the next unpaid part. Payments settle the earliest part first.
    pub(super) fn next_due(&self) -> Option<Date> {
        if !self.counts() || self.kind == InvoiceKind::CreditNote || self.open_amount == Money::ZERO
        {
            return None;
        }
        let (paid, mut sum) = (self.paid(), Decimal::ZERO);
        for part in self.instalments.iter() {
            sum += part.amount.0;
            if sum > paid {
                return Some(part.due_date);
            }
        }
        Some(self.due_date)
    }

    /// Returns the open amount of each part in the company's currency. Payments settle the earliest
    /// part first. The parts are rounded so that they add up to the converted whole.
    pub(super) fn open_parts(&self) -> Vec<OpenPart> {
        let whole = converted(self.open_amount, self.exchange_rate);
        if self.open_amount.0 <= Decimal::ZERO || self.instalments.is_empty() {
            return vec![OpenPart { due_on: self.next_due_on, amount: whole }];
        }

        // Converting the running sum, and not each part, keeps the rounded parts adding up.
        let (paid, mut sum, mut told, mut parts) =
            (self.paid(), Decimal::ZERO, Decimal::ZERO, vec![]);
        for part in self.instalments.iter() {
            sum += part.amount.0;
            let so_far = converted(Money((sum - paid).max(Decimal::ZERO)), self.exchange_rate).0;
            if so_far > told {
                let amount = Money(so_far - told);
                parts.push(OpenPart { due_on: Some(part.due_date), amount });
                told = so_far;
            }
        }
        parts
    }

    /// Returns the open amount of each part in the invoice's currency, with its due date.
    pub(crate) fn unpaid(&self) -> Vec<(Date, Money)> {
        if self.instalments.is_empty() {
            return vec![(self.due_date, self.open_amount)];
        }
        let (paid, mut sum, mut parts) = (self.paid(), Decimal::ZERO, vec![]);
        for part in self.instalments.iter() {
            sum += part.amount.0;
            let open = part.amount.0.min(sum - paid);
            if open > Decimal::ZERO {
                parts.push((part.due_date, Money(open)));
            }
        }
        parts
    }

    /// Returns the draft as posted, with the full amount open.
    pub(super) fn posted(&self, today: Date) -> Result<Self> {
        if self.status != InvoiceStatus::Draft {
            return Err(self.wrong_status());
        }
        let after = Self { status: InvoiceStatus::Posted, posted_on: Some(today), ..self.clone() };
        Ok(after.settled(None))
    }

    pub(super) fn wrong_status(&self) -> Error {
        let status = self.status.as_str();
        Error::wrong_status(status, "The invoice is `{}`, which does not allow this action.")
    }

    /// Returns the fields that posting has fixed and that differ in `after`.
    pub(super) fn frozen(&self, after: &Self) -> Vec<&'static str> {
        if self.posted_on.is_none() {
            return vec![];
        }
        let differs = [
            ("kind", self.kind != after.kind),
            ("number", self.number != after.number),
            ("customer_id", self.customer_id != after.customer_id),
            ("order_id", self.order_id != after.order_id),
            ("corrects_invoice_id", self.corrects_invoice_id != after.corrects_invoice_id),
            ("salesperson_id", self.salesperson_id != after.salesperson_id),
            ("invoice_date", self.invoice_date != after.invoice_date),
            ("currency", self.currency != after.currency),
            ("amount", self.amount != after.amount),
            ("tax_amount", self.tax_amount != after.tax_amount),
            ("total_amount", self.total_amount != after.total_amount),
        ];
        differs.into_iter().filter(|field| field.1).map(|field| field.0).collect()
    }

    /// Checks the rules that hold for every invoice, imported ones included.
    pub(super) fn faults(&self, context: &InvoiceContext) -> Vec<Fault> {
        let mut faults = vec![];
        let mut wrong = |at: &str, code: &'static str, why: &str| {
            faults.push(Fault::new(format!("/{at}"), code, why));
        };
        for (at, amount) in [
            ("amount", self.amount),
            ("tax_amount", self.tax_amount),
            ("total_amount", self.total_amount),
        ] {
            if amount < Money::ZERO || amount.0 >= Decimal::from(LARGEST) {
                wrong(at, "range", "zero or more, below 1,000,000,000,000");
            }
        }

        if self.due_date < self.invoice_date {
            wrong("due_date", "range", "must not be before `invoice_date`");
        }
        if self.cancelled_on.is_some_and(|day| day < self.invoice_date) {
            wrong("cancelled_on", "range", "must not be before `invoice_date`");
        }

        if let Some(order) = self.order_id.and_then(|id| context.orders.get(&id)) {
            if order.customer_id != self.customer_id {
                wrong("order_id", "another_customer", "the order belongs to another customer");
            }
            if order.currency != self.currency {
                wrong("currency", "another_currency", "the order is in another currency");
            }
        }

        let corrected = self.corrects_invoice_id.and_then(|id| context.invoices.get(&id));
        match (self.kind, self.corrects_invoice_id) {
            (InvoiceKind::Invoice, Some(_)) => {
                wrong("corrects_invoice_id", "contradiction", "only allowed for a credit note");
            }
            (_, Some(id)) if id == self.id => {
                wrong(
                    "corrects_invoice_id",
                    "contradiction",
                    "a credit note cannot correct itself",
                );
            }
            _ => {}
        }
        faults.extend(corrected.map(|invoice| self.faults_with(invoice)).unwrap_or_default());
        faults.extend(self.faults_of_instalments());
        faults
    }

    /// Checks a credit note against the invoice that it corrects.
    fn faults_with(&self, corrected: &Corrected) -> Vec<Fault> {
        let mut faults = vec![];
        let mut wrong = |code: &'static str, why: &str| {
            faults.push(Fault::new("/corrects_invoice_id", code, why));
        };
        if corrected.kind == InvoiceKind::CreditNote {
            wrong("contradiction", "must be an invoice, not another credit note");
        }
        if corrected.customer_id != self.customer_id {
            wrong("another_customer", "the invoice belongs to another customer");
        }
        if corrected.currency != self.currency {
            wrong("another_currency", "the invoice is in another currency");
        }
        if self.counts() && corrected.status != InvoiceStatus::Posted {
            wrong("not_posted", "the invoice is not posted");
        }
        if self.total_amount > corrected.total_amount {
            wrong("above_invoice", "the credit note must not exceed the total of the invoice");
        }
        faults
    }

    fn faults_of_instalments(&self) -> Vec<Fault> {
        if self.instalments.is_empty() {
            return vec![];
        }
        let mut faults = vec![];
        if self.kind == InvoiceKind::CreditNote {
            let why = "not allowed for a credit note";
            faults.push(Fault::new("/instalments", "contradiction", why));
        }
        for (index, part) in self.instalments.iter().enumerate() {
            if part.amount <= Money::ZERO {
                let at = format!("/instalments/{index}/amount");
                faults.push(Fault::new(at, "range", "more than zero"));
            }
            if part.due_date < self.invoice_date {
                let at = format!("/instalments/{index}/due_date");
                faults.push(Fault::new(at, "range", "must not be before `invoice_date`"));
            }
        }

        let sum: Money = self.instalments.iter().map(|part| part.amount).sum();
        if sum != self.total_amount {
            let why = "the instalments must add up to `total_amount`";
            faults.push(Fault::new("/instalments", "instalments_sum", why));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoice::Instalment;

    fn day(day: i8) -> Date {
        Date(jiff::civil::date(2026, 3, day))
    }

    fn invoice(total: i64) -> Invoice {
        let total_amount = Money(total.into());
        let blank = Invoice::blank(Uuid::nil(), Uuid::nil(), Timestamp::default(), day(1));
        let draft = Invoice { total_amount, amount: total_amount, due_date: day(9), ..blank };
        draft.posted(day(1)).unwrap()
    }

    fn applied(amount: i64, last: i8) -> Applied {
        Applied { id: Uuid::nil(), amount: Money(amount.into()), last_on: Some(day(last)) }
    }

    #[test]
    fn what_is_open_and_since_when_it_is_not() {
        let invoice = invoice(100);
        let told = |it: Invoice| (it.open_amount.0.to_string(), it.closed_on, it.next_due_on);
        assert_eq!(told(invoice.settled(None)), ("100".into(), None, Some(day(9))));
        let part = invoice.settled(Some(&applied(40, 5)));
        assert_eq!(told(part), ("60".into(), None, Some(day(9))));
        let whole = invoice.settled(Some(&applied(100, 5)));
        assert_eq!(told(whole), ("0".into(), Some(day(5)), None));
        let note = Invoice { kind: InvoiceKind::CreditNote, ..invoice.clone() };
        assert_eq!(told(note.settled(None)), ("-100".into(), None, None));
        let cancelled = Invoice {
            status: InvoiceStatus::Cancelled,
            cancelled_on: Some(day(7)),
            ..invoice.clone()
        };
        assert_eq!(told(cancelled.settled(None)), ("0".into(), Some(day(7)), None));
        assert_eq!(invoice.posted(day(2)).unwrap_err().code(), "wrong_status");
    }

    #[test]
    fn money_pays_the_earliest_part_first() {
        let part =
            |due, amount: i64| Instalment { due_date: day(due), amount: Money(amount.into()) };
        let parts = vec![part(10, 30), part(20, 30), part(30, 40)];
        let invoice = Invoice { instalments: parts.into(), ..invoice(100) };
        let due = |paid: i64| invoice.settled(Some(&applied(paid, 2))).next_due_on;
        assert_eq!(
            [0, 29, 30, 59, 60, 99, 100].map(due),
            [
                Some(day(10)),
                Some(day(10)),
                Some(day(20)),
                Some(day(20)),
                Some(day(30)),
                Some(day(30)),
                None
            ]
        );
    }

    #[test]
    fn what_an_invoice_must_be() {
        let codes = |it: Invoice| -> Vec<String> {
            let faults = it.faults(&InvoiceContext::default());
            faults.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect()
        };
        assert_eq!(codes(invoice(100)), [""; 0]);
        assert_eq!(
            codes(Invoice { due_date: day(0x1), invoice_date: day(2), ..invoice(1) }),
            ["/due_date range"]
        );
        let parts = vec![Instalment { due_date: day(9), amount: Money(99.into()) }];
        let short = Invoice { instalments: parts.into(), ..invoice(100) };
        assert_eq!(codes(short), ["/instalments instalments_sum"]);
        assert_eq!(codes(Invoice { amount: Money((-1).into()), ..invoice(1) }), ["/amount range"]);
    }
}
