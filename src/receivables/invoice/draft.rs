//! Creating, updating, posting and cancelling invoices manually.

use access::Caller;
use company::Company;
use company::exchange_rate::{ExchangeRate, converted};
use credit::check;
use credit::terms_request::PaymentDays;
use customers::customer::Customer;
use intake::Body;
use platform::owned::{self, FieldOwner};
use platform::{Error, Fault, IfMatch, IfSent, Money, Reason, Result, Tx, set};
use uuid::Uuid;

use super::{
    Invoice, InvoiceChanges, InvoiceDetails, InvoiceKind, InvoiceStatus, Moved, NewInvoice, db,
    settle,
};
use crate::allocation::{self, Allocation};

impl Invoice {
    /// Creates a draft, which is not owed before it is posted.
    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewInvoice>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let mut invoice = Self {
            kind: new.kind.unwrap_or(InvoiceKind::Invoice),
            amount: new.amount,
            ..Self::blank(Uuid::now_v7(), new.customer_id, tx.now, tx.today)
        };
        invoice.salesperson_id = invoice.customer(tx, caller).await?.owner_id;
        let terms = PaymentDays::of(tx.conn(), &[invoice.customer_id]).await?;
        invoice.due_date = terms.due(invoice.customer_id, invoice.invoice_date);
        invoice.detail(tx, &new.details, &terms).await?;
        let number = db::next_numbers(tx, 1).await?[0];
        invoice.number = db::named(invoice.kind, tx.today, number);
        invoice.insert(tx).await?;
        Ok(invoice)
    }

    /// Updates a draft in full. Of a posted or imported invoice only due dates, instalments and the
    /// dispute can change.
    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<InvoiceChanges>,
    ) -> Result<Self> {
        let before = Self::held(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        let changes = changes.resolve(tx.conn(), caller).await?;
        if before.status == InvoiceStatus::Cancelled {
            return Err(before.wrong_status());
        }

        let mut after = before.clone();
        if let Some(customer) =
            changes.customer_id.filter(|customer| *customer != before.customer_id)
        {
            after.customer_id = customer;
            after.customer(tx, caller).await?;
        }
        set(&mut after.amount, changes.amount.as_ref());
        if before.counts() || before.source_system.is_some() {
            after.apply(&changes.details);
            let frozen = before.frozen(&after);
            if !frozen.is_empty() {
                let detail =
                    "The fields in `fields` cannot be changed after posting. Issue a credit note.";
                let error = Error::conflict("posted_immutable", detail);
                return Err(error.member("fields", frozen));
            }
            owned::check(&before, &after, FieldOwner::People)?;
            after.check(tx).await?;
            after.next_due_on = after.next_due();
        } else {
            let terms = PaymentDays::of(tx.conn(), &[after.customer_id]).await?;
            after.detail(tx, &changes.details, &terms).await?;
        }

        let after = before.save(tx, after).await?;
        if after.counts() {
            settle::keep_all(tx, std::slice::from_ref(&after)).await?;
        }
        Ok(after)
    }

    /// Posts a draft, so that it is owed. A credit note reduces its invoice.
    pub async fn post(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfSent) -> Result<Self> {
        let before = Self::held(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let open_before = before.open_of_order(tx).await?;
        let mut after = before.posted(tx.today)?;
        owned::check(&before, &after, FieldOwner::People)?;
        after.check(tx).await?;

        let given_back = after.corrects_invoice_id;
        let mut allocation = None;
        if let Some(corrected) = given_back {
            let invoice = db::load(tx.conn(), &[corrected]).await?;
            let day =
                invoice.first().map(|corrected| corrected.invoice_date.max(after.invoice_date));
            let amount = invoice.first().map_or(Money::ZERO, |corrected| corrected.open_amount);
            let amount = amount.min(after.total_amount);
            if let Some(day) = day.filter(|_| amount > Money::ZERO) {
                let used = Allocation::new(corrected, amount, day);
                after =
                    after.settled(Some(&allocation::Applied { id, amount, last_on: Some(day) }));
                allocation = Some(used.of_credit_note(id));
            }
        }

        let after = before.save(tx, after).await?;
        allocation::insert(tx, allocation.as_slice()).await?;
        db::check_given_back(tx, given_back.as_slice()).await?;
        let all: Vec<Uuid> = given_back.into_iter().chain([id]).collect();
        settle::settle(tx, &all, Moved::Documents).await?;

        // The order has passed the credit check, whatever the exchange rate was then. Only the
        // amount beyond it is checked.
        if after.kind == InvoiceKind::Invoice {
            let billed = open_before.0 - after.open_of_order(tx).await?.0;
            let rate = after.exchange_rate;
            let billed = check::Billed {
                invoice_id: id,
                amount: converted(after.open_amount, rate),
                beyond: converted(Money(after.open_amount.0 - billed), rate),
            };
            let owner = after.salesperson_id.as_slice();
            check::check_billed(tx, after.customer_id, owner, billed).await?;
        }
        Ok(after)
    }

    /// Returns the uninvoiced amount of its order, in the currency of both.
    async fn open_of_order(&self, tx: &mut Tx) -> Result<Money> {
        let orders = orders::order::facts_of(tx.conn(), self.order_id).await?;
        Ok(orders.into_values().next().map(|order| order.open_amount).unwrap_or_default())
    }

    /// Cancels a draft.
    pub async fn cancel(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        why: &Reason,
    ) -> Result<Self> {
        let before = Self::held(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        if before.status != InvoiceStatus::Draft {
            return Err(before.wrong_status());
        }
        let after = Self {
            status: InvoiceStatus::Cancelled,
            status_reason: Some(why.reason.clone()),
            cancelled_on: Some(tx.today),
            ..before.clone()
        };
        owned::check(&before, &after, FieldOwner::People)?;
        before.save(tx, after.settled(None)).await
    }

    /// Locks the invoice together with everything that a change of it affects: its order, the
    /// customer's credit, and the invoice that it corrects.
    async fn held(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let seen = Self::find(tx.conn(), caller, id).await?;
        let rows: Vec<Uuid> = seen.corrects_invoice_id.into_iter().chain([id]).collect();
        settle::hold(tx, &[], &[seen.customer_id], &rows).await?;
        let now = Self::find(tx.conn(), caller, id).await?;
        let key =
            |invoice: &Self| (invoice.order_id, invoice.customer_id, invoice.corrects_invoice_id);
        // After a concurrent change, other rows would have to be locked.
        if key(&now) == key(&seen) { Ok(now) } else { Err(Error::unavailable("busy")) }
    }

    /// Returns the customer and remembers its owner. Merged customers are refused.
    async fn customer(&mut self, tx: &mut Tx, caller: &Caller) -> Result<Customer> {
        let unknown = || Error::invalid(vec![Fault::unknown_reference("/customer_id")]);
        let customer = Customer::find(tx.conn(), caller, self.customer_id).await;
        let customer = customer.map_err(|error| error.or(unknown))?;
        if customer.merged_into_id.is_some() {
            let why = "merged into another customer";
            let fault = Fault::new("/customer_id", "customer_merged", why);
            return Err(Error::invalid(vec![fault]));
        }
        self.customer_owner_id = customer.owner_id;
        Ok(customer)
    }

    fn apply(&mut self, details: &InvoiceDetails) {
        platform::patch!(self, details => InvoiceDetails {
            order_id, corrects_invoice_id, salesperson_id, invoice_date, due_date,
            currency, tax_amount, disputed; instalments
        });
        if let Some(parts) = &details.instalments {
            let mut parts = parts.clone();
            parts.sort_by_key(|part| part.due_date);
            self.instalments = parts.into();
        }
    }

    /// Applies the entered fields to a draft and computes the others.
    async fn detail(
        &mut self,
        tx: &mut Tx,
        details: &InvoiceDetails,
        terms: &PaymentDays,
    ) -> Result<()> {
        let due = |invoice: &Self| {
            let last = invoice.instalments.last().map(|part| part.due_date);
            last.unwrap_or_else(|| terms.due(invoice.customer_id, invoice.invoice_date))
        };
        // A due date that was not entered follows the invoice date and the instalments.
        let unset = self.due_date == due(self);
        self.apply(details);
        if details.due_date.is_none() && unset {
            self.due_date = due(self);
        }
        self.total_amount = Money(self.amount.0 + self.tax_amount.0);

        let company = Company::load(tx.conn()).await?;
        if self.currency.is_empty() {
            let orders = orders::order::facts_of(tx.conn(), self.order_id).await?;
            let of_order = self.order_id.and_then(|id| Some(orders.get(&id)?.currency.clone()));
            self.currency = of_order.unwrap_or_else(|| company.currency.clone());
        }
        let pair = (self.currency.as_str(), company.currency.as_str());
        let rate = ExchangeRate::required(tx.conn(), pair, self.invoice_date, "/currency").await?;
        self.exchange_rate = rate;

        let faults = self.digits_faults();
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        self.check(tx).await
    }

    fn digits_faults(&self) -> Vec<Fault> {
        let parts = self.instalments.iter().enumerate();
        let parts =
            parts.map(|(index, part)| (format!("/instalments/{index}/amount"), part.amount));
        let own = [("/amount", self.amount), ("/tax_amount", self.tax_amount)];
        let all = own.map(|(at, amount)| (at.to_owned(), amount)).into_iter().chain(parts);
        all.filter_map(|(at, amount)| amount.digits_fault(&at, Some(&self.currency))).collect()
    }

    async fn check(&mut self, tx: &mut Tx) -> Result<()> {
        let context = db::context(tx.conn(), &[&*self]).await?;
        let corrected = self.corrects_invoice_id.and_then(|id| context.invoices.get(&id));
        // A credit note belongs to the order of the invoice that it corrects.
        self.order_id = self.order_id.or(corrected.and_then(|invoice| invoice.order_id));
        let faults = self.faults(&context);
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}
