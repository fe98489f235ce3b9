//! Creating, allocating and reversing payments manually.

use access::Caller;
use company::{Company, exchange_rate::ExchangeRate};
use customers::customer::Customer;
use intake::Body;
use platform::owned::{self, FieldOwner};
use platform::{Change, Date, Error, Fault, IfSent, Resource, Result, Tx};
use uuid::Uuid;

use super::{NewPayment, Payment, PaymentMethod, PaymentReversal, db};
use crate::allocation::{self, Allocation};
use crate::invoice::{self, Moved};
use crate::source::{DocumentUse, Invoices, NewAllocation};

impl Payment {
    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewPayment>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let unknown = || Error::invalid(vec![Fault::unknown_reference("/customer_id")]);
        let customer = Customer::find(tx.conn(), caller, new.customer_id).await;
        let customer = customer.map_err(|error| error.or(unknown))?;
        if customer.merged_into_id.is_some() {
            let why = "merged into another customer";
            let fault = Fault::new("/customer_id", "customer_merged", why);
            return Err(Error::invalid(vec![fault]));
        }

        let company = Company::load(tx.conn()).await?.currency;
        let currency = new.currency.clone().unwrap_or_else(|| company.clone());
        let received_on = new.received_on.unwrap_or(tx.today);
        let pair = (currency.as_str(), company.as_str());
        let rate = ExchangeRate::required(tx.conn(), pair, received_on, "/currency").await?;
        let payment = Self {
            received_on,
            currency,
            exchange_rate: rate,
            amount: new.amount,
            method: new.method.unwrap_or(PaymentMethod::BankTransfer),
            note: new.note.clone(),
            customer_owner_id: customer.owner_id,
            ..Self::blank(Uuid::now_v7(), new.customer_id, tx.now, tx.today)
        };

        let invoices = invoices_of(tx, payment.customer_id, &new.allocations).await?;
        let mut faults = payment.settled().faults(tx.today);
        faults.extend(payment.amount.digits_fault("/amount", Some(&payment.currency)));
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let made = payment.settled().source().uses(&new.allocations, &invoices, tx.today)?;
        let mut payment = payment;
        payment.allocations = made.into();
        payment.number = db::next_numbers(tx, 1).await?.pop().unwrap_or_default();
        let payment = payment.settled().shown_to(&invoices);
        payment.insert(tx).await?;

        tx.record(Change::created(&payment)).await?;
        payment.carry_out(tx, &payment.allocations).await?;
        Ok(payment)
    }

    /// Allocates the unallocated amount of a payment.
    pub async fn allocate(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        to: &Body<DocumentUse>,
    ) -> Result<Self> {
        let to = to.resolve(tx.conn(), caller).await?;
        to.check()?;

        // The invoices to lock depend on the payment, which is locked after them.
        let seen = Self::find(tx.conn(), caller, id).await?;
        let open = if to.oldest_first {
            invoice::open_of(tx.conn(), seen.customer_id, &seen.currency).await?
        } else {
            to.allocations.iter().map(|allocation| allocation.invoice_id).collect()
        };
        let all: Vec<Uuid> = open
            .iter()
            .copied()
            .chain(seen.allocations.iter().map(|allocation| allocation.invoice_id))
            .collect();
        let invoices = invoice::hold(tx, &[], &[seen.customer_id], &all).await?;
        let invoices: Invoices =
            invoices.into_iter().map(|invoice| (invoice.id, invoice)).collect();
        let before = db::held(tx, &[id]).await?.pop().ok_or_else(Error::not_found)?;
        based_on.check(tx, &before).await?;
        if before.customer_id != seen.customer_id {
            return Err(Error::unavailable("busy"));
        }

        before.check_usable(tx.today)?;
        let made = before.source().asked(&to, &invoices, tx.today)?;
        let mut after = before.clone();
        after.allocations.0.extend(made.iter().cloned());
        after.allocations.0.sort_by_key(|allocation| (allocation.allocated_on, allocation.id));
        let after = before.save(tx, after.settled().shown_to(&invoices)).await?;
        after.carry_out(tx, &made).await?;
        Ok(after)
    }

    /// Reverses a payment and its allocations, from that day on.
    pub async fn reverse(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        why: &PaymentReversal,
    ) -> Result<Self> {
        let seen = Self::find(tx.conn(), caller, id).await?;
        let used: Vec<Uuid> =
            seen.allocations.iter().map(|allocation| allocation.invoice_id).collect();
        invoice::hold(tx, &[], &[seen.customer_id], &used).await?;
        let before = db::held(tx, &[id]).await?.pop().ok_or_else(Error::not_found)?;
        based_on.check(tx, &before).await?;
        // The locked invoices are those of the version read before.
        if before.version() != seen.version() {
            return Err(Error::unavailable("busy"));
        }
        if before.reversed_on.is_some() {
            let detail = "The payment is already reversed.";
            return Err(Error::conflict("already_reversed", detail));
        }

        let on = why.reversed_on.unwrap_or(tx.today);
        // A post-dated payment can be reversed before its day.
        if on < before.received_on.min(tx.today) || on > tx.today {
            let why = "must not be before the payment or in the future";
            return Err(Error::invalid(vec![Fault::new("/reversed_on", "range", why)]));
        }

        let active =
            before.allocations.iter().filter(|allocation| allocation.reversed_on.is_none());
        let active: Vec<Uuid> = active.map(|allocation| allocation.id).collect();
        let mut after = before.reversed(on, Some(why.reason.clone()));
        owned::check(&before, &after, FieldOwner::People)?;
        allocation::take_back(tx, &active, on).await?;
        invoice::settle(tx, &used, Moved::Money).await?;
        db::keep_all(tx, &[&after]).await?;

        // A reversal is a fact: it is flagged, but not refused, when it exceeds the credit limit.
        let beyond = credit::check::over_limit(tx, &[after.customer_id]).await?;
        after.credit_exceeded = beyond.contains(&after.customer_id);
        before.save(tx, after).await
    }

    fn check_usable(&self, today: Date) -> Result<()> {
        if self.reversed_on.is_some() {
            let detail = "The payment is reversed and cannot be allocated.";
            return Err(Error::conflict("already_reversed", detail));
        }
        if self.received_on > today {
            let detail = "The payment is post-dated and cannot be allocated before its date.";
            return Err(Error::conflict("post_dated", detail));
        }
        Ok(())
    }

    /// Stores the allocations and updates invoices and credit.
    async fn carry_out(&self, tx: &mut Tx, made: &[Allocation]) -> Result<()> {
        let rows: Vec<_> = made.iter().map(|allocation| allocation.of_payment(self.id)).collect();
        allocation::insert(tx, &rows).await?;
        let mut invoices: Vec<Uuid> = made.iter().map(|allocation| allocation.invoice_id).collect();
        invoices.sort_unstable();
        invoices.dedup();
        invoice::settle(tx, &invoices, Moved::Money).await?;
        db::keep_all(tx, &[self]).await
    }
}

/// Returns the requested invoices, locked after the customer's credit.
async fn invoices_of(tx: &mut Tx, customer: Uuid, asked: &[NewAllocation]) -> Result<Invoices> {
    let ids: Vec<Uuid> = asked.iter().map(|allocation| allocation.invoice_id).collect();
    let rows = invoice::hold(tx, &[], &[customer], &ids).await?;
    Ok(rows.into_iter().map(|invoice| (invoice.id, invoice)).collect())
}
