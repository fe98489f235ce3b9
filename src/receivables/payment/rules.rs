//! The rules of payments: validity, reversal, and unallocated amounts.

use platform::owned::{FieldOwner, Owned, OwnedField};
use platform::{Date, Fault, Money, Number, Timestamp};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Payment;
use crate::source::{Invoices, Source};

/// Amounts must be below this, so that sums of many of them fit the columns.
const LARGEST: i64 = 1_000_000_000_000;

/// Only the ERP reverses the payments that it has sent. Both sides may allocate them.
impl Owned for Payment {
    const FIELDS: &'static [OwnedField<Self>] = &[OwnedField {
        name: "reversed_on",
        owner: FieldOwner::Erp,
        of: |payment| payment.source_system.is_some(),
        same: |a, b| a.reversed_on == b.reversed_on,
    }];
    const SCHEMAS: &'static [&'static str] = &["Payment", "PaymentFacts", "PaymentReversal"];
}

impl Payment {
    pub(super) fn blank(id: Uuid, customer_id: Uuid, now: Timestamp, today: Date) -> Self {
        Self {
            id,
            version: 1,
            customer_id,
            received_on: today,
            exchange_rate: Number(Decimal::ONE),
            recorded_on: today,
            created_at: now,
            updated_at: now,
            ..Self::default()
        }
    }

    /// Returns the payment with its unallocated amount and the day of closing.
    #[must_use]
    pub(super) fn settled(&self) -> Self {
        let active = self.allocations.iter().filter(|row| row.reversed_on.is_none());
        let used: Money = active.map(|row| row.amount).sum();
        let left = match self.reversed_on {
            Some(_) => Money::ZERO,
            None => Money(self.amount.0 - used.0),
        };
        let days =
            self.allocations.iter().flat_map(|row| [Some(row.allocated_on), row.reversed_on]);
        let last = days.chain([Some(self.received_on), self.reversed_on]).flatten().max();
        let closed_on = last.filter(|_| left == Money::ZERO);
        Self { unapplied_amount: left, closed_on, ..self.clone() }
    }

    /// Returns the payment with the salespeople of the invoices that it pays.
    #[must_use]
    pub(super) fn shown_to(mut self, invoices: &Invoices) -> Self {
        let people = self.allocations.iter().filter_map(|row| invoices.get(&row.invoice_id));
        let mut people: Vec<Uuid> = people.filter_map(|invoice| invoice.salesperson_id).collect();
        people.sort_unstable();
        people.dedup();
        self.salesperson_ids = people;
        self
    }

    /// Returns the payment as reversed, together with its allocations.
    #[must_use]
    pub(super) fn reversed(&self, on: Date, reason: Option<String>) -> Self {
        let mut after = self.clone();
        for row in &mut after.allocations.0 {
            row.reversed_on = row.reversed_on.or(Some(on.max(row.allocated_on)));
        }
        (after.reversed_on, after.reversal_reason) = (Some(on), reason);
        after.settled()
    }

    /// Returns the part that can be allocated.
    pub(super) fn source(&self) -> Source<'_> {
        Source {
            customer_id: self.customer_id,
            currency: &self.currency,
            since: self.received_on,
            left: self.unapplied_amount,
        }
    }

    /// Checks the rules that hold for every payment, imported ones included.
    pub(super) fn faults(&self, today: Date) -> Vec<Fault> {
        let mut faults = vec![];
        if self.amount <= Money::ZERO || self.amount.0 >= Decimal::from(LARGEST) {
            let why = "more than zero, below 1,000,000,000,000";
            faults.push(Fault::new("/amount", "range", why));
        }
        if self.reversed_on.is_some_and(|day| day > today) {
            faults.push(Fault::new("/reversed_on", "range", "must not be in the future"));
        }
        if self.unapplied_amount < Money::ZERO {
            let why = "the allocations must not exceed the amount of the payment";
            faults.push(Fault::new("/allocations", "above_unapplied", why));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocation::Allocation;

    fn day(day: i8) -> Date {
        Date(jiff::civil::date(2026, 3, day))
    }

    fn payment(amount: i64, uses: &[(i64, i8)]) -> Payment {
        let blank = Payment::blank(Uuid::nil(), Uuid::nil(), Timestamp::default(), day(1));
        let uses =
            uses.iter().map(|it| Allocation::new(Uuid::nil(), Money(it.0.into()), day(it.1)));
        let allocations = uses.collect::<Vec<_>>().into();
        Payment { amount: Money(amount.into()), allocations, ..blank }.settled()
    }

    #[test]
    fn what_is_left_and_since_when_nothing_is() {
        let told = |it: &Payment| (it.unapplied_amount.0.to_string(), it.closed_on);
        assert_eq!(told(&payment(100, &[])), ("100".into(), None));
        assert_eq!(told(&payment(100, &[(30, 2)])), ("70".into(), None));
        let used = payment(100, &[(30, 2), (70, 4)]);
        assert_eq!(told(&used), ("0".into(), Some(day(4))));
        let back = used.reversed(day(9), None);
        assert_eq!(told(&back), ("0".into(), Some(day(9))));
        assert!(back.allocations.iter().all(|it| it.reversed_on == Some(day(9))));
        let over = payment(100, &[(101, 2)]);
        assert_eq!(over.faults(day(9))[0].code, "above_unapplied");
    }
}
