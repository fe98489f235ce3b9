//! Import of orders from an ERP. A batch reports what has happened: it may set any status, and any
//! amounts that add up.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use access::Caller;
use company::{Company, exchange_rate::ExchangeRate};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys, Unique};
use platform::batch::{ItemKey, parts};
use platform::owned::{self, FieldOwner};
use platform::{Conn, Date, Fault, Money, Number, Resource, Result, Tx, batch, sent, set};
use schema::orders;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::credit;
use super::db::{self, FACT, find_orders};
use super::line_facts::LineFacts;
use super::rules::in_future;
use super::statements::{delete_lines, next_numbers, upsert, write_lines};
use super::{
    BillingStatus, FulfilmentStatus, Order, OrderStatus, PaymentStatus, REFERENCES, Share,
};

/// Maximum number of lines written in one statement.
const LINES: usize = 5_000;

/// Number of orders read in one statement. The JSON text of all their lines arrives faster than it
/// is decoded; reading everything at once would take twice the memory of the orders.
const READ_AT_ONCE: usize = 250;

/// An order as its ERP reports it. Absent fields keep their value, `null` clears, lines and credits
/// are replaced as a whole. A new order needs `customer_id`, `order_date` and `lines`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct OrderItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    facts: OrderFacts,
}

/// The fields of an order that an ERP can report.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct OrderFacts {
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    number: Option<String>,
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    /// The one salesperson who is credited with the whole order, in place of `credits`
    #[serde(deserialize_with = "sent")]
    salesperson_id: Option<Option<Uuid>>,
    #[schema(max_items = 20, nullable = false)]
    credits: Option<Vec<Share>>,
    #[serde(deserialize_with = "sent")]
    territory_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 40)]
    channel: Option<Option<String>>,
    #[schema(nullable = false)]
    order_date: Option<Date>,
    #[serde(deserialize_with = "sent")]
    confirmed_on: Option<Option<Date>>,
    #[serde(deserialize_with = "sent")]
    cancelled_on: Option<Option<Date>>,
    #[serde(deserialize_with = "sent")]
    due_date: Option<Option<Date>>,
    #[serde(deserialize_with = "sent")]
    shipped_on: Option<Option<Date>>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    /// Default: `confirmed`
    #[schema(inline, nullable = false)]
    status: Option<OrderStatus>,
    /// Default: computed from the shipments
    #[schema(inline, nullable = false)]
    fulfilment_status: Option<FulfilmentStatus>,
    /// Default: computed from the invoices. An invoiced order is no longer an open item of its own
    #[schema(inline, nullable = false)]
    billing_status: Option<BillingStatus>,
    #[schema(inline, nullable = false)]
    payment_status: Option<PaymentStatus>,
    /// Default: the sum of the lines. May differ from that sum by one minor unit per line
    #[schema(nullable = false)]
    amount: Option<Money>,
    #[schema(nullable = false)]
    tax_amount: Option<Money>,
    #[schema(nullable = false)]
    freight_amount: Option<Money>,
    /// Default: the sum of amount, tax and freight
    #[schema(nullable = false)]
    total_amount: Option<Money>,
    #[schema(min_items = 1, max_items = 1000, nullable = false)]
    lines: Option<Vec<LineFacts>>,
}

intake::references! { OrderItem: REFERENCES }

batch! {
    /// Orders of one source system, in any sequence
    OrderBatch of OrderItem
}

/// Data that all orders of a batch need, loaded once.
pub struct Context {
    today: Date,
    currency: String,
    rates: HashMap<(String, Date), Option<Number>>,
    paths: HashMap<(Uuid, Date), Vec<Uuid>>,
    owners: HashMap<Uuid, Option<Uuid>>,
    numbers: RefCell<Vec<String>>,
}

impl Imported for Order {
    type Item = OrderItem;
    type Context = Context;

    const FIND: Find = find_orders;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/number",
        of: |order| order.source_system.is_some().then(|| order.number.clone()),
        holders: "select id, number as value from orders \
            where source_system = $2 and number = any($1)",
        release: "update orders set number = id::text where id = any($1)",
    }];
    const TOGETHER: &'static [&'static [&'static str]] = &[
        &["lines", "amount", "tax_amount", "freight_amount", "total_amount"],
        &["status", "confirmed_on", "cancelled_on"],
    ];
    const EITHER: &'static [&'static [&'static str]] = &[&["salesperson", "credits"]];

    fn is_erps(&self, field: &str) -> bool {
        owned::is_erps(self, field)
    }

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = orders::source_system.eq(keys.source_system).assume_not_null();
        let known = known.and(orders::external_id.eq_any(&keys.external_ids).assume_not_null());

        let rows = orders::table.filter(caller.sees::<Order>());
        let rows = rows.order(orders::id).select(orders::id).for_no_key_update();
        let locked: Vec<Uuid> = if keys.ids.is_empty() {
            rows.filter(known).load(conn).await?
        } else {
            rows.filter(known.or(orders::id.eq_any(&keys.ids))).load(conn).await?
        };
        if locked.is_empty() {
            return Ok(vec![]);
        }

        // A second statement, so that the lines are read as of the lock, not as of before the wait.
        let mut rows: Vec<Self> = Vec::with_capacity(locked.len());
        for locked in locked.chunks(READ_AT_ONCE) {
            let part = Self::query().filter(orders::id.eq_any(locked)).order(orders::id);
            for mut row in part.load(conn).await? {
                // Lists that were decoded from JSON have up to twice the capacity that they need.
                row.lines.0.shrink_to_fit();
                row.credits.0.shrink_to_fit();
                rows.push(row);
            }
        }

        Ok(rows)
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let currency = Company::load(tx.conn()).await?.currency;
        let (mut rates, mut people) = (HashMap::new(), HashSet::new());
        let (mut customers, mut unnumbered) = (HashSet::new(), 0);
        for Arrival { item, before, today, .. } in arrivals {
            let facts = &item.facts;
            let before = before.as_ref();
            let day = facts.order_date.or(before.map(|order| order.order_date)).unwrap_or(*today);
            let sent = facts.currency.as_ref().or(before.map(|order| &order.currency));
            let key = (sent.unwrap_or(&currency).clone(), day);
            if let Entry::Vacant(unknown) = rates.entry(key) {
                let (from, day) = unknown.key();
                let rate = ExchangeRate::on(tx.conn(), from, &currency, *day).await?;
                unknown.insert(rate);
            }

            people.extend(facts.salesperson_id.flatten().map(|id| (id, day)));
            people.extend(facts.credits.iter().flatten().map(|share| (share.user_id, day)));
            people
                .extend(before.iter().flat_map(|order| order.credited.iter().map(|id| (*id, day))));
            customers.extend(facts.customer_id);
            unnumbered += usize::from(before.is_none() && facts.number.is_none());
        }

        let people: Vec<_> = people.into_iter().collect();
        let mut context = Context {
            today: tx.today,
            currency,
            rates,
            paths: auth::team_paths(tx.conn(), &people).await?,
            owners: customers::customer::owners(tx.conn(), customers).await?,
            numbers: RefCell::default(),
        };

        // Lock order: the orders are locked already, their customers come next.
        customers::customer::hold(tx, &changed(arrivals, &context)).await?;
        let named = arrivals.iter().filter_map(|arrival| arrival.item.facts.customer_id);
        customers::customer::check_unmerged(tx, named).await?;
        context.numbers = next_numbers(tx, unnumbered).await?.into();
        Ok(context)
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, today, source_system, .. } = arrival;
        let facts = &item.facts;
        let mut order = match (before, facts.customer_id, facts.order_date, &facts.lines) {
            (Some(before), ..) => before.clone(),
            (None, Some(customer), Some(_), Some(_)) => Self {
                status: FACT,
                taken_here: false,
                currency: context.currency.clone(),
                ..Self::blank(*id, customer, *now, *today)
            },
            (None, customer, day, lines) => {
                let sent = [customer.is_some(), day.is_some(), lines.is_some()];
                let missing = ["customer_id", "order_date", "lines"].into_iter().zip(sent);
                let why = "required for a new order";
                let fault = |name: &str| Fault::new(format!("/{name}"), "required", why);
                return Err(missing.filter(|field| !field.1).map(|field| fault(field.0)).collect());
            }
        };

        if let Some(customer) = facts.customer_id {
            order.customer_id = customer;
            order.customer_owner_id = context.owners.get(&customer).copied().flatten();
        }
        order.source_system = Some(source_system.clone());
        order.external_id = Some(item.key.external_id.clone());
        let mut faults = order.apply(facts, context, before.as_ref());

        let days = [
            ("confirmed_on", facts.confirmed_on.flatten()),
            ("cancelled_on", facts.cancelled_on.flatten()),
            ("shipped_on", facts.shipped_on.flatten()),
        ];
        faults.extend(in_future(days, *today));
        if before.is_none() && order.number.is_empty() {
            order.number = context.numbers.borrow_mut().pop().unwrap_or_default();
        }

        faults.extend(order.faults());
        if let Some(before) = before {
            faults.extend(owned::faults(before, &order, FieldOwner::Erp));
        }
        if faults.is_empty() { Ok(order) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        for drafts in parts(drafts, 1000, LINES, |draft| draft.after.lines.len()) {
            let rows: Vec<&Order> = drafts.iter().map(|draft| &draft.after).collect();
            upsert(tx, &rows).await?;

            // Lines are deleted and written again only where they differ.
            let moved = |draft: &&&Draft<Self>| {
                draft.before.as_ref().is_none_or(|before| before.lines != draft.after.lines)
            };

            let rewritten: Vec<&Order> =
                drafts.iter().filter(moved).map(|draft| &draft.after).collect();
            let known = drafts.iter().filter(|draft| draft.before.is_some()).filter(moved);
            let known: Vec<Uuid> = known.map(|draft| draft.after.id()).collect();
            if !known.is_empty() {
                delete_lines(tx, &known).await?;
            }
            write_lines(tx, &rewritten).await?;

            let pairs: Vec<_> =
                drafts.iter().map(|draft| (draft.before.as_ref(), &draft.after)).collect();
            db::recognise(tx, &pairs).await?;
        }
        Ok(())
    }

    async fn settle(tx: &mut Tx, written: &mut [Draft<Self>]) -> Result<()> {
        credit::settle(tx, written).await
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

/// Returns the customers whose orders the items change. Found before any customer is locked, so
/// that items resent without changes lock none.
fn changed(arrivals: &[Arrival<Order>], context: &Context) -> Vec<Uuid> {
    let mut customers = HashSet::new();
    for arrival in arrivals {
        if let Ok(after) = Order::drafted(arrival, context)
            && arrival.before.as_ref() != Some(&after)
        {
            customers.insert(after.customer_id);
        }
    }
    customers.into_iter().collect()
}

impl Order {
    fn apply(
        &mut self,
        facts: &OrderFacts,
        context: &Context,
        before: Option<&Self>,
    ) -> Vec<Fault> {
        let mut faults = vec![];
        platform::patch!(self, facts => OrderFacts {
            number, territory_id, channel, order_date, confirmed_on, cancelled_on,
            due_date, shipped_on, currency, status; ..
        });
        let progress = &mut self.progress;
        platform::patch!(progress, facts => OrderFacts {
            fulfilment_status, billing_status, payment_status; ..
        });

        if self.is_recognised() && self.confirmed_on.is_none() {
            self.confirmed_on = Some(self.order_date.min(context.today));
        }

        match (self.status, self.cancelled_on) {
            // Default of the day: the later of confirmation and order.
            (OrderStatus::Cancelled, None) => {
                self.cancelled_on = self.confirmed_on.max(Some(self.order_date));
            }
            (OrderStatus::Cancelled, Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                let why = "only allowed for a cancelled order";
                faults.push(Fault::new("/cancelled_on", "contradiction", why));
            }
        }

        let pair = (self.currency.clone(), self.order_date);
        // The rate is kept while currency and day stay the same: a rate entered later must not
        // change the amounts of a known order.
        let known = before.filter(|order| (&order.currency, order.order_date) == (&pair.0, pair.1));
        let known = known.map(|order| order.exchange_rate);
        if let Some(rate) = known.or(context.rates.get(&pair).copied().flatten()) {
            self.exchange_rate = rate;
        } else {
            let why = "no exchange rate on or before `order_date`";
            faults.push(Fault::new("/currency", "no_exchange_rate", why));
        }

        if let Some(lines) = &facts.lines {
            faults.extend(self.take_lines(lines));
        }

        let sum = || self.lines.iter().map(|line| line.amount).sum::<Money>();
        let given = facts.amount.or_else(|| facts.lines.is_some().then(sum));
        set(&mut self.amount, given.as_ref());
        platform::patch!(self, facts => OrderFacts { tax_amount, freight_amount; .. });
        let parts = given.is_some() || facts.tax_amount.is_some() || facts.freight_amount.is_some();
        match facts.total_amount {
            Some(total) => self.total_amount = total,
            None if parts => self.total(),
            None => {}
        }

        match (&facts.salesperson_id, &facts.credits) {
            (Some(_), Some(_)) => {
                let why = "cannot be combined with `credits`";
                faults.push(Fault::new("/salesperson_id", "contradiction", why));
            }
            (Some(person), None) => self.credit_all_to(*person),
            (None, Some(shares)) => faults.extend(self.credit(shares)),
            (None, None) => {}
        }

        self.share_out();
        let paths =
            self.credited.iter().filter_map(|id| context.paths.get(&(*id, self.order_date)));
        self.team_path = db::together(paths.cloned());
        faults
    }
}
