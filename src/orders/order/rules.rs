//! The rules of orders: totals, credited shares and the state machine.

use platform::money::{minor_digits, split};
use platform::{Date, Error, Fault, Money, Number, Result, Timestamp, set};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{Cancellation, Credit, FulfilmentStatus, Order, OrderChanges, OrderStatus, Share};

/// An action on an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Submit,
    Confirm,
    Close,
    Cancel,
    Hold,
    Release,
    Reopen,
}

/// Returns a fault for each day that is reported as past but is still to come.
pub(crate) fn in_future(
    days: impl IntoIterator<Item = (&'static str, Option<Date>)>,
    today: Date,
) -> Vec<Fault> {
    let to_come = days.into_iter().filter(|(_, day)| day.is_some_and(|day| day > today));
    let why = "must not be in the future";
    let fault = |(name, _): (&str, _)| Fault::new(format!("/{name}"), "in_future", why);
    to_come.map(fault).collect()
}

impl Order {
    pub(super) fn blank(id: Uuid, customer_id: Uuid, now: Timestamp, today: Date) -> Self {
        Self {
            id,
            version: 1,
            customer_id,
            order_date: today,
            exchange_rate: Number(Decimal::ONE),
            created_at: now,
            updated_at: now,
            taken_here: true,
            ..Self::default()
        }
    }

    /// Returns `true` if the order counts as sold.
    pub fn is_recognised(&self) -> bool {
        matches!(self.status, OrderStatus::Confirmed | OrderStatus::Closed)
    }

    /// Moves the order through its state machine: draft → submitted → confirmed → closed, and from
    /// closed back to confirmed. A submitted order can wait in credit hold. Every order that is not
    /// closed, shipped or invoiced can be cancelled.
    pub(super) fn moved(
        &self,
        action: Action,
        today: Date,
        cancellation: Option<&Cancellation>,
    ) -> Result<Self> {
        use OrderStatus::{Cancelled, Closed, Confirmed, CreditHold, Draft, Submitted};
        let mut after = self.clone();
        after.status = match (self.status, action) {
            (Draft, Action::Submit) => Submitted,
            (Submitted, Action::Confirm)
            | (CreditHold, Action::Release)
            | (Closed, Action::Reopen) => Confirmed,
            (Submitted, Action::Hold) => CreditHold,
            (Confirmed, Action::Close) => Closed,
            (Draft | Submitted | CreditHold | Confirmed, Action::Cancel) => Cancelled,
            (status, _) => {
                let detail = "The order is `{}`, which does not allow this action.";
                return Err(Error::wrong_status(status.as_str(), detail));
            }
        };

        match action {
            Action::Submit if self.lines.is_empty() => {
                let fault = Fault::new("/lines", "required", "must have at least one line");
                return Err(Error::invalid(vec![fault]));
            }
            Action::Confirm | Action::Release => {
                (after.confirmed_on, after.status_reason) = (Some(today), None);
                after.progress.credit_exceeded = false;
            }
            Action::Reopen => after.progress.credit_exceeded = false,
            Action::Hold => after.status_reason = cancellation.map(|hold| hold.reason.clone()),
            Action::Cancel => {
                if self.progress.fulfilment_status != FulfilmentStatus::None {
                    let detail = "The order is at least partly shipped and cannot be cancelled. \
                        Enter the return as an order with negative quantities.";
                    return Err(Error::conflict("order_shipped", detail));
                }

                if self.progress.invoiced_amount != Money::ZERO {
                    let detail = "The order is at least partly invoiced. Issue a credit note \
                        before cancelling the order.";
                    let error = Error::conflict("order_invoiced", detail);
                    let amount = self.progress.invoiced_amount.shown_in(&self.currency);
                    return Err(error.member("invoiced_amount", amount));
                }

                let on = cancellation.and_then(|given| given.cancelled_on).unwrap_or(today);
                if on < self.order_date || on > today {
                    let why = "must not be before `order_date` or in the future";
                    return Err(Error::invalid(vec![Fault::new("/cancelled_on", "range", why)]));
                }
                after.cancelled_on = Some(on);
                after.status_reason = cancellation.map(|given| given.reason.clone());
            }
            Action::Submit | Action::Close => {}
        }
        Ok(after)
    }

    /// Returns the order with the progress that the ERP reports.
    pub(super) fn progressed(&self, changes: &OrderChanges, today: Date) -> Result<Self> {
        let faults = in_future([("shipped_on", changes.shipped_on.flatten())], today);
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        let mut after = self.clone();
        set(&mut after.progress.fulfilment_status, changes.fulfilment_status.as_ref());
        set(&mut after.progress.billing_status, changes.billing_status.as_ref());
        set(&mut after.progress.payment_status, changes.payment_status.as_ref());
        set(&mut after.shipped_on, changes.shipped_on.as_ref());
        Ok(after)
    }

    /// Refuses changes by people unless the order is a draft.
    pub(super) fn check_draft(&self) -> Result<()> {
        match self.status {
            OrderStatus::Draft => Ok(()),
            status => Err(Error::wrong_status(status.as_str(), "Only a draft can be changed.")),
        }
    }

    pub(super) fn total(&mut self) {
        self.total_amount = [self.amount, self.tax_amount, self.freight_amount].into_iter().sum();
    }

    /// Sets the credited people and their shares. [`Order::share_out`] computes the amounts.
    pub(super) fn credit(&mut self, shares: &[Share]) -> Vec<Fault> {
        let mut faults = vec![];
        for (index, share) in shares.iter().enumerate() {
            let percent = share.share_percent.0;
            if percent <= Decimal::ZERO || percent > Decimal::ONE_HUNDRED {
                let at = format!("/credits/{index}/share_percent");
                faults.push(Fault::new(at, "range", "more than 0, at most 100"));
            }
            if shares[..index].iter().any(|other| other.user_id == share.user_id) {
                let at = format!("/credits/{index}/user_id");
                faults.push(Fault::new(at, "duplicate", "each person may be listed only once"));
            }
        }

        let sum: Decimal = shares.iter().map(|share| share.share_percent.0).sum();
        if !shares.is_empty() && sum != Decimal::ONE_HUNDRED {
            let why = "the shares must add up to 100 %";
            faults.push(Fault::new("/credits", "credit_shares", why));
        }

        let of = |share: &Share| Credit {
            user_id: share.user_id,
            share_percent: share.share_percent,
            amount: Money::ZERO,
        };
        self.credits = shares.iter().map(of).collect::<Vec<_>>().into();
        self.credited = shares.iter().map(|share| share.user_id).collect();
        faults
    }

    /// Credits the whole order to one person, or to nobody.
    pub(super) fn credit_all_to(&mut self, person: Option<Uuid>) {
        let share_percent = Number(Decimal::ONE_HUNDRED);
        let whole = person.map(|user_id| Share { user_id, share_percent });
        self.credit(whole.as_slice());
    }

    /// Splits the amount among the credited people by largest remainder, so that the parts add up
    /// exactly.
    pub(super) fn share_out(&mut self) {
        let weights: Vec<Decimal> =
            self.credits.iter().map(|credit| credit.share_percent.0).collect();
        let parts = split(self.amount.0, &weights, minor_digits(&self.currency));
        for (credit, part) in self.credits.0.iter_mut().zip(parts) {
            credit.amount = Money(part);
        }
    }

    /// Checks the rules that hold for every order, imported ones included. The amount must equal
    /// the sum of the lines within one minor unit per line.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![];
        let sum: Money = self.lines.iter().map(|line| line.amount).sum();
        let unit = Decimal::new(1, minor_digits(&self.currency));
        if (self.amount.0 - sum.0).abs() > unit * Decimal::from(self.lines.len()) {
            let why = "must equal the sum of the lines, within one minor unit per line";
            faults.push(Fault::new("/amount", "sum_of_lines", why));
        }

        let dates = [("/due_date", self.due_date), ("/cancelled_on", self.cancelled_on)];
        for (at, date) in dates {
            if date.is_some_and(|date| date < self.order_date) {
                faults.push(Fault::new(at, "range", "must not be before `order_date`"));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::super::OrderLine;
    use super::*;

    fn order(status: OrderStatus) -> Order {
        let day = Date(jiff::civil::date(2026, 3, 2));
        let line = OrderLine {
            line_number: 1,
            product_id: None,
            description: None,
            quantity: Number(1.into()),
            unit_price: Money(100.into()),
            discount_percent: Number::default(),
            amount: Money(100.into()),
        };
        let blank = Order::blank(Uuid::nil(), Uuid::nil(), Timestamp::default(), day);
        Order { status, lines: vec![line].into(), amount: Money(100.into()), ..blank }
    }

    #[test]
    fn only_the_documented_edges() {
        let today = Date(jiff::civil::date(2026, 3, 2));
        let actions = [
            Action::Submit,
            Action::Confirm,
            Action::Close,
            Action::Cancel,
            Action::Hold,
            Action::Release,
            Action::Reopen,
        ];
        let mut edges = vec![];
        for from in OrderStatus::ALL {
            for action in actions {
                if let Ok(after) = order(*from).moved(action, today, None) {
                    edges.push(format!("{} {action:?} {}", from.as_str(), after.status.as_str()));
                }
            }
        }
        assert_eq!(
            edges,
            [
                "draft Submit submitted",
                "draft Cancel cancelled",
                "submitted Confirm confirmed",
                "submitted Cancel cancelled",
                "submitted Hold credit_hold",
                "credit_hold Cancel cancelled",
                "credit_hold Release confirmed",
                "confirmed Close closed",
                "confirmed Cancel cancelled",
                "closed Reopen confirmed",
            ]
        );
    }

    #[test]
    fn shares_make_a_hundred_and_amounts_add_up() {
        let mut order = order(OrderStatus::Draft);
        order.amount = Money("100.01".parse().unwrap());
        order.currency = "CNY".into();
        let share = |n: u128, percent: &str| Share {
            user_id: Uuid::from_u128(n),
            share_percent: Number(percent.parse().unwrap()),
        };
        assert_eq!(order.credit(&[share(1, "50"), share(2, "49")])[0].code, "credit_shares");
        assert_eq!(order.credit(&[share(1, "50"), share(1, "50")])[0].code, "duplicate");
        assert_eq!(order.credit(&[share(1, "33.3"), share(2, "33.3"), share(3, "33.4")]), []);
        order.share_out();
        let sum: Money = order.credits.iter().map(|it| it.amount).sum();
        assert_eq!(sum, order.amount);
    }
}
