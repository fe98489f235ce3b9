//! Queries on orders. Every query that answers a caller starts at `Caller::sees`.

use std::collections::HashSet;

use access::{Caller, Role};
use company::{Company, exchange_rate::ExchangeRate};
use customers::customer::{Customer, CustomerStatus};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use intake::{Body, external_id::key_of};
use platform::owned::{self, FieldOwner};
use platform::{Change, Error, Fault, IfMatch, IfSent, Resource, Result, Tx};
use products::product;
use schema::orders;
use uuid::Uuid;

use super::price::TaxRounding;
use super::rules::Action;
use super::statements::{delete_lines, next_number, write_lines};
use super::{Cancellation, NewOrder, Order, OrderChanges, OrderDetails, OrderStatus, credit};
use crate::{ConfirmOrders, activity, sales_entry};

intake::names! {
    /// Names of the orders visible to the caller.
    name_orders in orders, sees Order, number
}

intake::find! {
    /// Lookup of references to orders visible to the caller.
    find_orders in orders, sees Order
}

impl Order {
    access::rows! { orders: pub fn find }

    async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = orders::table.filter(caller.sees::<Order>()).filter(orders::id.eq(id));
        let locked: Uuid = row.select(orders::id).for_update().first(tx.conn()).await?;
        // A second statement, so that the lines are read as of the lock, not as of before the wait.
        Ok(Self::query().filter(orders::id.eq(locked)).first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewOrder>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;

        let blank = Self::blank(Uuid::now_v7(), new.customer_id, tx.now, tx.today);
        let mut order = Self {
            number: next_number(tx).await?,
            source_system,
            external_id,
            taken_here: !caller.is(Role::Erp),
            ..blank
        };

        let customer = order.customer(tx, caller).await?;
        order.territory_id = customer.territory_id;

        // Salespeople and managers are credited with the orders that they enter; otherwise the
        // customer's owner is.
        let sells = caller.is(Role::Salesperson) || caller.is(Role::SalesManager);
        order.credit_all_to(if sells { Some(caller.id()) } else { customer.owner_id });

        order.detail(tx, &new.details).await?;

        diesel::insert_into(orders::table)
            .values(&order)
            .execute(tx.conn())
            .await
            .map_err(refused)?;
        write_lines(tx, &[&order]).await?;

        tx.record(Change::created(&order)).await?;
        Ok(order)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<OrderChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;

        // The ERP reports progress in any status; everything else needs a draft.
        let facts =
            !changes.fields().is_empty() && changes.fields().iter().all(|field| is_progress(field));
        if !facts {
            before.check_draft()?;
        }

        let changes = changes.resolve(tx.conn(), caller).await?;
        let mut after = before.progressed(&changes, tx.today)?;
        if !facts {
            if let Some(customer) = changes.customer_id {
                after.customer_id = customer;
                after.customer(tx, caller).await?;
            }
            after.detail(tx, &changes.details).await?;
        }

        let by = if caller.is(Role::Erp) { FieldOwner::Erp } else { FieldOwner::People };
        owned::check(&before, &after, by)?;
        before.save(tx, after).await
    }

    /// Takes an action of the state machine on an order.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        action: Action,
        cancellation: Option<&Cancellation>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        before.check_hand(caller, action)?;
        let mut after = before.moved(action, tx.today, cancellation)?;

        if matches!(action, Action::Submit | Action::Confirm | Action::Release | Action::Reopen) {
            before.check_saleable(tx, action).await?;
        }
        if matches!(action, Action::Confirm | Action::Release) {
            after.locate(tx).await?;
        }

        before.check_credit(tx, caller, &after).await?;
        before.save(tx, after).await
    }

    /// Checks whether the caller may take this step, beyond the permission of the operation.
    fn check_hand(&self, caller: &Caller, action: Action) -> Result<()> {
        if action == Action::Cancel && self.is_recognised() && !caller.may::<ConfirmOrders>() {
            let detail = "Only a manager or the back office can cancel a confirmed order.";
            return Err(Error::forbidden().detail(detail));
        }
        if action == Action::Release && self.credited.contains(&caller.id()) {
            let detail = "You cannot release an order that you are credited with. Another user \
                must release it.";
            return Err(Error::forbidden_because("self_approval", detail));
        }
        Ok(())
    }

    /// Loads the customer and checks that it can be sold to.
    async fn customer(&mut self, tx: &mut Tx, caller: &Caller) -> Result<Customer> {
        let unknown = || Error::invalid(vec![Fault::unknown_reference("/customer_id")]);
        let customer = Customer::find(tx.conn(), caller, self.customer_id).await;
        let customer = customer.map_err(|error| error.or(unknown))?;
        check_customer(&customer)?;
        self.customer_owner_id = customer.owner_id;
        Ok(customer)
    }

    /// Repeats the checks of the order's entry when it moves on: since then, the customer may have
    /// been blacklisted or a product withdrawn. Products are checked on submission only.
    async fn check_saleable(&self, tx: &mut Tx, action: Action) -> Result<()> {
        let customers = customers::customer::load(tx.conn(), [self.customer_id]).await?;
        customers.values().try_for_each(check_customer)?;
        if action != Action::Submit {
            return Ok(());
        }

        let wanted: HashSet<Uuid> = self.lines.iter().filter_map(|line| line.product_id).collect();
        let products = product::load(tx.conn(), wanted).await?;
        let mut faults = vec![];
        for (index, line) in self.lines.iter().enumerate() {
            let product = line.product_id.and_then(|id| products.get(&id));
            if product.is_some_and(|product| !product.active) {
                let at = format!("/lines/{index}/product_id");
                faults.push(Fault::new(at, "inactive_product", "this product is no longer sold"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }

    /// Applies the fields that a person entered and recomputes everything that follows from them.
    async fn detail(&mut self, tx: &mut Tx, details: &OrderDetails) -> Result<()> {
        let currency = self.currency.clone();
        platform::patch!(self, details => OrderDetails {
            territory_id, channel, order_date, due_date, currency, freight_amount;
            salesperson_id, credits, lines
        });

        let company = Company::load(tx.conn()).await?;
        if self.currency.is_empty() {
            self.currency.clone_from(&company.currency);
        }
        let pair = (self.currency.as_str(), company.currency.as_str());
        let rate = ExchangeRate::required(tx.conn(), pair, self.order_date, "/currency").await?;
        self.exchange_rate = rate;

        let mut faults = self.currency_faults(&currency, details);
        if self.freight_amount < platform::Money::ZERO {
            faults.push(Fault::new("/freight_amount", "range", "must not be negative"));
        }
        if let Some(amount) = details.freight_amount {
            faults.extend(amount.digits_fault("/freight_amount", Some(&self.currency)));
        }

        match (&details.salesperson_id, &details.credits) {
            (Some(_), Some(_)) => {
                let why = "cannot be combined with `credits`";
                faults.push(Fault::new("/salesperson_id", "contradiction", why));
            }
            (Some(person), None) => self.credit_all_to(*person),
            (None, Some(shares)) => faults.extend(self.credit(shares)),
            (None, None) => {}
        }

        if let Some(lines) = &details.lines {
            let wanted: HashSet<Uuid> = lines.iter().map(|line| line.product_id).collect();
            let products = product::load(tx.conn(), wanted).await?;
            let tax_rounding = TaxRounding::of(&company.settings);
            faults.extend(self.price(lines, &products, tax_rounding));
        }

        self.share_out();
        self.total();
        faults.extend(self.faults());
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        self.locate(tx).await
    }

    /// Sets the team path: the teams of the credited people on the day of the order.
    async fn locate(&mut self, tx: &mut Tx) -> Result<()> {
        let people: Vec<_> = self.credited.iter().map(|id| (*id, self.order_date)).collect();
        let paths = auth::team_paths(tx.conn(), &people).await?;
        self.team_path = together(paths.into_values());
        Ok(())
    }

    /// Stores the order if it has changed, and updates the ledger, the open items and the history.
    async fn save(&self, tx: &mut Tx, after: Self) -> Result<Self> {
        let after = self.next(after, tx.now);
        if after != *self {
            let update = diesel::update(orders::table.find(self.id)).set(&after);
            update.execute(tx.conn()).await.map_err(refused)?;
            if after.lines != self.lines {
                delete_lines(tx, &[self.id]).await?;
                write_lines(tx, &[&after]).await?;
            }

            recognise(tx, &[(Some(self), &after)]).await?;

            // Credit is locked last: others with orders of the same customer wait for it.
            credit::lock(tx, &[(Some(self), &after)]).await?;
            credit::keep(tx, &[(Some(self), &after)]).await?;
            tx.record(Change::updated(self, &after)).await?;
        }
        Ok(after)
    }
}

fn check_customer(customer: &Customer) -> Result<()> {
    let refused =
        |code, why: &str| Err(Error::invalid(vec![Fault::new("/customer_id", code, why)]));
    if customer.merged_into_id.is_some() {
        return refused("customer_merged", "merged into another customer");
    }
    if customer.status == CustomerStatus::Blacklisted {
        return refused("customer_blacklisted", "the customer is blacklisted and cannot order");
    }
    Ok(())
}

/// Returns `true` for the fields that only the ERP reports, in any status of the order.
fn is_progress(field: &str) -> bool {
    let fields = ["fulfilment_status", "billing_status", "payment_status", "shipped_on"];
    fields.contains(&field)
}

/// Returns the distinct teams of several paths.
pub(super) fn together(paths: impl Iterator<Item = Vec<Uuid>>) -> Vec<Uuid> {
    let mut teams: Vec<Uuid> = paths.flatten().collect();
    teams.sort_unstable();
    teams.dedup();
    teams
}

/// Brings the ledger in sync with changed orders: books newly confirmed ones, reverses cancelled
/// ones on the day of their cancellation, and reverses and books again the corrected ones.
pub(super) async fn recognise(tx: &mut Tx, orders: &[(Option<&Order>, &Order)]) -> Result<()> {
    let (mut back, mut booked, mut fresh) = (vec![], vec![], vec![]);
    for (before, after) in orders {
        let was = before.filter(|order| order.is_recognised());
        match (was, after.is_recognised()) {
            (Some(before), true) if before.counts_as(after) => {}
            (Some(before), true) => {
                back.push((before.id, None));
                booked.push(*after);
            }
            (Some(before), false) => back.push((before.id, after.cancelled_on)),
            (None, true) => {
                booked.push(*after);
                fresh.push(*after);
            }
            (None, false) => {}
        }
    }

    sales_entry::reverse(tx, &back).await?;
    sales_entry::book(tx, &booked).await?;
    activity::bought(tx, &fresh).await
}

impl Order {
    /// Returns `true` if everything that the ledger records of the order is the same.
    fn counts_as(&self, other: &Self) -> bool {
        let key =
            |order: &Self| (order.customer_id, order.territory_id, order.order_date, order.amount);
        key(self) == key(other)
            && self.channel == other.channel
            && self.exchange_rate == other.exchange_rate
            && self.credits == other.credits
            && self.lines == other.lines
    }
}

/// Default status of an order that an ERP reports.
pub(super) const FACT: OrderStatus = OrderStatus::Confirmed;

/// Maps constraint violations to faults. They occur when another request was faster.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("orders_number_key", "/number", "duplicate")
        .on_constraint("orders_external_id_key", "/external_id", "duplicate")
        .on_constraint("orders_customer_id_fkey", "/customer_id", "unknown_reference")
        .on_constraint("orders_territory_id_fkey", "/territory_id", "unknown_reference")
        .on_constraint("order_lines_product_id_fkey", "/lines", "unknown_reference")
        .on_constraint("order_lines_pkey", "/lines", "duplicate")
}

/// Returns whether there are orders, whose amounts are in the company's currency. A hook of the
/// company.
pub fn uses_currency(tx: &mut Tx) -> BoxFuture<'_, Result<bool>> {
    Box::pin(async {
        Ok(diesel::select(diesel::dsl::exists(orders::table.select(orders::id)))
            .get_result(tx.conn())
            .await?)
    })
}
