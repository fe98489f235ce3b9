//! The effect of orders on their customers' credit. A confirmed order that is not yet invoiced is
//! an open item of its customer. Each change of an order updates its open item in the same
//! transaction. Changes by people are checked against the limit beforehand; orders that an ERP
//! reports are only flagged.

use std::collections::{HashMap, HashSet};

use ::credit::check::{self, Raise};
use ::credit::open_item::{self, OpenItem, OpenKind, OpenPart};
use ::customers::customer::Customer;
use access::Caller;
use company::exchange_rate::converted;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::Draft;
use platform::{Error, Money, Result, Tx};
use rust_decimal::Decimal;
use schema::orders;
use uuid::Uuid;

use super::{BillingStatus, Order, OrderProgress, OrderStatus};

const EXCEEDED: &str = "credit_limit_exceeded";

/// An order before and after a change.
pub(super) type Step<'a> = (Option<&'a Order>, &'a Order);

/// Returns the open amount in the order's currency: the part of a confirmed order that is not
/// invoiced yet.
pub(super) fn open(status: OrderStatus, total: Money, progress: &OrderProgress) -> Money {
    if status != OrderStatus::Confirmed || progress.billing_status == BillingStatus::Invoiced {
        return Money::ZERO;
    }
    Money((total.0 - progress.invoiced_amount.0).max(Decimal::ZERO))
}

impl Order {
    /// Returns the open amount of the order in the company's currency. Zero before the order is
    /// confirmed, after it is closed or cancelled, and for a return.
    pub(super) fn open_amount(&self) -> Money {
        converted(open(self.status, self.total_amount, &self.progress), self.exchange_rate)
    }

    fn open_item(&self) -> OpenItem {
        OpenItem {
            kind: OpenKind::Order,
            source_id: self.id,
            customer_id: self.customer_id,
            parts: OpenPart::whole(self.open_amount()),
        }
    }

    /// Refuses a change that raises the customer's exposure beyond its limit, such as confirming,
    /// releasing or reopening. The order must be locked.
    pub(super) async fn check_credit(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        after: &Self,
    ) -> Result<()> {
        let raise = Raise {
            order_id: after.id,
            order_owner_ids: after.credited.clone(),
            customer_id: after.customer_id,
            amount: after.open_amount(),
        };
        if !raises((Some(self), after)) {
            return Ok(());
        }
        check::lock(tx, &customers(&[(Some(self), after)])).await?;
        let Err(refusal) = check::check(tx, &raise).await else { return Ok(()) };

        // A caller who sees the order but not its customer must not learn the customer's exposure.
        let customer = Customer::find(tx.conn(), caller, after.customer_id).await;
        let hidden = customer.is_err_and(|error| error.code() == "not_found");
        if hidden && refusal.code() == EXCEEDED {
            return Err(Error::conflict(EXCEEDED, "The customer's credit is not sufficient."));
        }
        Err(refusal)
    }
}

/// Returns `true` if the open amount changes, or moves to another customer.
pub(super) fn moves((before, after): Step<'_>) -> bool {
    let owed = |order: &Order| {
        Some((order.customer_id, order.open_amount())).filter(|owed| owed.1 != Money::ZERO)
    };
    before.and_then(owed) != owed(after)
}

/// Returns `true` if a customer's exposure grows.
pub(super) fn raises(step: Step<'_>) -> bool {
    let (before, after) = step;
    let others = before.is_none_or(|order| order.customer_id != after.customer_id);
    let was = before.filter(|_| !others).map(Order::open_amount).unwrap_or_default();
    moves(step) && after.open_amount() > was
}

/// Returns the customers whose exposure these steps change.
pub(super) fn customers(steps: &[Step<'_>]) -> Vec<Uuid> {
    let moving = steps.iter().filter(|step| moves(**step));
    let both = moving.flat_map(|(before, after)| {
        before.map(|order| order.customer_id).into_iter().chain([after.customer_id])
    });
    both.collect::<HashSet<_>>().into_iter().collect()
}

/// Locks the credit of all customers whose exposure these steps change.
pub(super) async fn lock(tx: &mut Tx, steps: &[Step<'_>]) -> Result<()> {
    check::lock(tx, &customers(steps)).await
}

/// Updates the open items of these orders. Requires [`lock`].
pub(super) async fn keep(tx: &mut Tx, steps: &[Step<'_>]) -> Result<()> {
    let moving = steps.iter().filter(|step| moves(**step));
    let items: Vec<OpenItem> = moving.map(|(_, after)| after.open_item()).collect();
    open_item::keep(tx, &items).await
}

/// Settles a batch of orders. Credit is locked last, because other batches with orders of the same
/// customers, and people who confirm such an order, wait for it. The one who waits then sees what
/// was written before.
pub(super) async fn settle(tx: &mut Tx, written: &mut [Draft<Order>]) -> Result<()> {
    let customers = customers(&steps(written));
    check::lock(tx, &customers).await?;
    let mut left = RemainingLimits::load(tx, &customers).await?;

    // Earlier items of the batch use the remaining limit first.
    let mut sorted: Vec<&mut Draft<Order>> = written.iter_mut().collect();
    sorted.sort_unstable_by_key(|draft| draft.index());
    let mut flags = vec![];
    for draft in sorted {
        let was = draft.after.progress.credit_exceeded;
        left.take(draft.before.as_ref(), &mut draft.after);
        if draft.after.progress.credit_exceeded != was {
            flags.push((draft.after.id, !was));
        }
    }

    flag(tx, &flags).await?;
    for drafts in written.chunks(1000) {
        keep(tx, &steps(drafts)).await?;
    }
    Ok(())
}

fn steps(drafts: &[Draft<Order>]) -> Vec<Step<'_>> {
    drafts.iter().map(|draft| (draft.before.as_ref(), &draft.after)).collect()
}

/// Sets or clears the flag `credit_exceeded` of these orders.
async fn flag(tx: &mut Tx, flags: &[(Uuid, bool)]) -> Result<()> {
    for exceeded in [true, false] {
        let ids: Vec<Uuid> =
            flags.iter().filter(|flag| flag.1 == exceeded).map(|flag| flag.0).collect();
        if !ids.is_empty() {
            let rows = orders::table.filter(orders::id.eq_any(ids));
            let update = diesel::update(rows).set(orders::credit_exceeded.eq(exceeded));
            update.execute(tx.conn()).await?;
        }
    }
    Ok(())
}

/// Remaining limit per customer while reported orders are applied.
#[derive(Debug, Default)]
pub(super) struct RemainingLimits(HashMap<Uuid, Money>);

impl RemainingLimits {
    /// Loads the remaining limits as they are now. Requires [`lock`].
    pub(super) async fn load(tx: &mut Tx, customers: &[Uuid]) -> Result<Self> {
        check::available(tx, customers).await.map(Self)
    }

    /// Applies a step to the remaining limits and flags an order that raises the exposure beyond
    /// the limit. The flag stays until the order is raised again.
    pub(super) fn take(&mut self, before: Option<&Order>, after: &mut Order) {
        if !moves((before, &*after)) {
            return;
        }

        if let Some(before) = before
            && let Some(left) = self.0.get_mut(&before.customer_id)
        {
            left.0 += before.open_amount().0;
        }

        let raised = raises((before, &*after));
        let Some(left) = self.0.get_mut(&after.customer_id) else { return };
        left.0 -= after.open_amount().0;
        if raised {
            after.progress.credit_exceeded = *left < Money::ZERO;
        }
    }
}
