//! The import of payments from an ERP. References, currencies and sums must be consistent.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use access::Caller;
use company::{Company, exchange_rate::ExchangeRate};
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys, Unique};
use platform::batch::ItemKey;
use platform::owned;
use platform::upsert::all_but;
use platform::{Conn, Date, Error, Fault, Money, Number, Result, Tx, batch, sent};
use schema::payments;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Payment, PaymentMethod, REFERENCES, db};
use crate::allocation::{self, Allocation};
use crate::invoice::{self, Moved};
use crate::source::{Invoices, NewAllocation};

/// A payment from an ERP: absent fields stay unchanged, `null` clears a field, and `allocations`
/// are replaced as a whole. A new one requires `customer_id`, `received_on` and `amount`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct PaymentItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    facts: PaymentFacts,
}

/// The fields of a payment that an ERP can send.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct PaymentFacts {
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    number: Option<String>,
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[schema(nullable = false)]
    received_on: Option<Date>,
    /// Default: the company's currency
    #[schema(pattern = "^[A-Z]{3}$", nullable = false)]
    currency: Option<String>,
    /// More than zero
    #[schema(nullable = false)]
    amount: Option<Money>,
    #[schema(inline, nullable = false)]
    method: Option<PaymentMethod>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 500)]
    note: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    reversed_on: Option<Option<Date>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 500)]
    reversal_reason: Option<Option<String>>,
    #[schema(max_items = 500, nullable = false)]
    allocations: Option<Vec<NewAllocation>>,
}

intake::references! { PaymentItem: REFERENCES }

batch! {
    /// Payments of one source system, in any order.
    PaymentBatch of PaymentItem
}

/// The data that all payments of a batch need, read once.
pub struct Context {
    currency: String,
    rates: HashMap<(String, Date), Option<Number>>,
    owners: HashMap<Uuid, Option<Uuid>>,
    invoices: Invoices,
    numbers: std::cell::RefCell<Vec<String>>,
}

impl Imported for Payment {
    type Item = PaymentItem;
    type Context = Context;

    const FIND: Find = db::find_payments;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/number",
        of: |payment| payment.source_system.is_some().then(|| payment.number.clone()),
        holders: "select id, number as value from payments \
            where source_system = $2 and number = any($1)",
        release: "update payments set number = id::text where id = any($1)",
    }];

    fn is_erps(&self, field: &str) -> bool {
        owned::is_erps(self, field)
    }

    /// Reads without locking: credit and invoices must be locked before payments.
    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        db::known(conn, caller, keys).await
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let currency = Company::load(tx.conn()).await?.currency;
        let (mut customers, mut used, mut ids) = (HashSet::new(), HashSet::new(), vec![]);
        let (mut rates, mut unnumbered) = (HashMap::new(), 0);
        for Arrival { item: PaymentItem { facts, .. }, before, today, .. } in arrivals {
            let before = before.as_ref();
            customers.extend(facts.customer_id);
            customers.extend(before.map(|payment| payment.customer_id));
            used.extend(facts.allocations.iter().flatten().map(|allocation| allocation.invoice_id));
            used.extend(before.iter().flat_map(|payment| {
                payment.allocations.iter().map(|allocation| allocation.invoice_id)
            }));
            ids.extend(before.map(|payment| payment.id));
            unnumbered += usize::from(before.is_none() && facts.number.is_none());
            let day =
                facts.received_on.or(before.map(|payment| payment.received_on)).unwrap_or(*today);
            let sent = facts.currency.as_ref().or(before.map(|payment| &payment.currency));
            if let Entry::Vacant(unknown) = rates.entry((sent.unwrap_or(&currency).clone(), day)) {
                let (from, day) = unknown.key();
                let rate = ExchangeRate::on(tx.conn(), from, &currency, *day).await?;
                unknown.insert(rate);
            }
        }
        let customers: Vec<Uuid> = customers.into_iter().collect();
        let used: Vec<Uuid> = used.into_iter().collect();

        // No other transaction knows new payments: without allocations, credit is locked in
        // `followed`.
        let fresh = used.is_empty() && ids.is_empty();
        let credits: &[Uuid] = if fresh { &[] } else { &customers };
        let invoices = invoice::hold(tx, &[], credits, &used).await?;
        customers::customer::hold(tx, &customers).await?;
        let named = arrivals.iter().filter_map(|arrival| arrival.item.facts.customer_id);
        customers::customer::check_unmerged(tx, named).await?;
        let now = db::held(tx, &ids).await?;

        // The rows were read before they were locked.
        let versions: HashMap<Uuid, i64> =
            now.iter().map(|payment| (payment.id, payment.version)).collect();
        let stale = |payment: &Self| versions.get(&payment.id) != Some(&payment.version);
        if arrivals.iter().filter_map(|arrival| arrival.before.as_ref()).any(stale) {
            return Err(Error::unavailable("busy"));
        }
        Ok(Context {
            currency,
            rates,
            owners: customers::customer::owners(tx.conn(), customers).await?,
            invoices: invoices.into_iter().map(|invoice| (invoice.id, invoice)).collect(),
            numbers: db::next_numbers(tx, unnumbered).await?.into(),
        })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, today, source_system, .. } = arrival;
        let facts = &item.facts;
        let mut payment = match (before, facts.customer_id, facts.received_on, facts.amount) {
            (Some(before), ..) => before.clone(),
            (None, Some(customer), Some(received_on), Some(_)) => Self {
                received_on,
                currency: context.currency.clone(),
                ..Self::blank(*id, customer, *now, *today)
            },
            (None, customer, day, amount) => {
                let sent = [customer.is_some(), day.is_some(), amount.is_some()];
                let missing = ["customer_id", "received_on", "amount"].into_iter().zip(sent);
                let fault =
                    |name| Fault::new(format!("/{name}"), "required", "required for a new payment");
                return Err(missing.filter(|field| !field.1).map(|field| fault(field.0)).collect());
            }
        };
        payment.source_system = Some(source_system.clone());
        payment.external_id = Some(item.key.external_id.clone());
        if let Some(customer) = facts.customer_id {
            payment.customer_id = customer;
            payment.customer_owner_id = context.owners.get(&customer).copied().flatten();
        }

        let mut faults = payment.apply(facts, context, before.as_ref());
        faults.extend(payment.faults(*today));
        for (index, allocation) in payment.allocations.iter().enumerate() {
            let at = format!("/allocations/{index}");
            let invoice = context.invoices.get(&allocation.invoice_id);
            faults.extend(payment.source().faults_of(allocation, invoice, *today, &at));
            if let Some(invoice) = invoice
                && allocation.amount > invoice.total_amount
            {
                let at = format!("{at}/amount");
                faults.push(Fault::new(
                    at,
                    "above_open_amount",
                    "must not exceed the total of the invoice",
                ));
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if payment.number.is_empty() {
            payment.number = context.numbers.borrow_mut().pop().unwrap_or_default();
        }
        Ok(payment)
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        for drafts in drafts.chunks(1000) {
            upsert(tx, drafts).await?;
            let moved = |draft: &&&Draft<Self>| match &draft.before {
                None => !draft.after.allocations.is_empty(),
                Some(before) => before.allocations != draft.after.allocations,
            };
            let moved: Vec<&Draft<Self>> = drafts.iter().filter(moved).copied().collect();
            let ids: Vec<Uuid> = moved.iter().map(|draft| draft.after.id).collect();
            let of = |draft: &&Draft<Self>| {
                let payment = draft.after.id;
                let rows = draft.after.allocations.iter();
                rows.map(move |row| row.of_payment(payment)).collect::<Vec<_>>()
            };
            let rows: Vec<_> = moved.iter().flat_map(of).collect();
            allocation::rewrite(tx, &ids, &rows).await?;

            let before = moved.iter().filter_map(|draft| draft.before.as_ref());
            let all = before.chain(moved.iter().map(|draft| &draft.after));
            let mut touched: Vec<Uuid> = all
                .flat_map(|payment| {
                    payment.allocations.iter().map(|allocation| allocation.invoice_id)
                })
                .collect();
            touched.extend(allocation::make_room(tx, &touched).await?);
            touched.sort_unstable();
            touched.dedup();
            invoice::settle(tx, &touched, Moved::Money).await?;
            db::keep_all(tx, &drafts.iter().map(|draft| &draft.after).collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    /// Flags reversals that exceed the customer's credit limit. A payment that arrived as reversed
    /// is not flagged, because it never counted.
    async fn followed(tx: &mut Tx, written: &[Uuid]) -> Result<()> {
        let mut rows = db::held(tx, written).await?;
        let customers: Vec<Uuid> = rows.iter().map(|payment| payment.customer_id).collect();
        credit::check::lock(tx, &customers).await?;
        rows.retain(|payment| {
            payment.version > 1 && payment.reversed_on.is_some() && !payment.credit_exceeded
        });
        let mut customers: Vec<Uuid> = rows.iter().map(|payment| payment.customer_id).collect();
        customers.sort_unstable();
        customers.dedup();
        let beyond = credit::check::over_limit(tx, &customers).await?;
        for before in rows.iter().filter(|payment| beyond.contains(&payment.customer_id)) {
            before.save(tx, Payment { credit_exceeded: true, ..before.clone() }).await?;
        }
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

impl Payment {
    fn apply(
        &mut self,
        facts: &PaymentFacts,
        context: &Context,
        before: Option<&Self>,
    ) -> Vec<Fault> {
        let mut faults = vec![];
        platform::patch!(self, facts => PaymentFacts {
            number, received_on, currency, amount, method, note, reversed_on,
            reversal_reason; customer_id, allocations
        });
        let pair = (self.currency.clone(), self.received_on);
        // A rate that is entered later does not change a stored payment.
        let known =
            before.filter(|payment| (&payment.currency, payment.received_on) == (&pair.0, pair.1));
        let known = known.map(|payment| payment.exchange_rate);
        if let Some(rate) = known.or(context.rates.get(&pair).copied().flatten()) {
            self.exchange_rate = rate;
        } else {
            let why = "no exchange rate on or before `received_on`";
            faults.push(Fault::new("/currency", "no_exchange_rate", why));
        }

        if self.reversed_on.is_some_and(|day| day < self.received_on.min(self.recorded_on)) {
            faults.push(Fault::new("/reversed_on", "range", "must not be before the payment"));
        }
        if let Some(asked) = &facts.allocations {
            self.allocations = self.matched(asked, &context.invoices).into();
        }

        let was = before.and_then(|payment| payment.reversed_on);
        for row in &mut self.allocations.0 {
            match (was, self.reversed_on) {
                // The reversal is withdrawn, and with it that of the allocations reversed by it.
                (Some(then), None) if row.reversed_on == Some(then.max(row.allocated_on)) => {
                    row.reversed_on = None;
                }
                (_, Some(day)) if row.reversed_on.is_none() => {
                    row.reversed_on = Some(day.max(row.allocated_on));
                }
                _ => {}
            }
        }
        *self = self.settled().shown_to(&context.invoices);
        faults
    }

    /// Returns the allocations that the ERP sent. Known ones keep their ids.
    fn matched(&self, asked: &[NewAllocation], invoices: &Invoices) -> Vec<Allocation> {
        let mut known = self.allocations.0.clone();
        let mut matched: Vec<Allocation> = asked
            .iter()
            .map(|new| {
                let same = |stored: &Allocation| {
                    stored.invoice_id == new.invoice_id
                        && stored.amount == new.amount
                        && new.allocated_on.is_none_or(|day| day == stored.allocated_on)
                };
                if let Some(place) = known.iter().position(same) {
                    return known.remove(place);
                }
                let invoice = invoices.get(&new.invoice_id);
                let first = invoice.map(|invoice| self.source().first_day(invoice));
                let day = new.allocated_on.or(first).unwrap_or(self.received_on);
                Allocation::new(new.invoice_id, new.amount, day)
            })
            .collect();

        // The order in which they are read, so that an unchanged list compares as equal.
        matched.sort_by_key(|allocation| (allocation.allocated_on, allocation.id));
        matched
    }
}

/// Inserts new rows and updates existing ones in one statement, by their ids.
async fn upsert(tx: &mut Tx, drafts: &[&Draft<Payment>]) -> Result<()> {
    let rows: Vec<&Payment> = drafts.iter().map(|draft| &draft.after).collect();
    diesel::insert_into(payments::table)
        .values(rows)
        .on_conflict(payments::id)
        .do_update()
        .set(all_but::<payments::table>(&["id", "recorded_on", "credit_exceeded", "created_at"]))
        .execute(tx.conn())
        .await
        .map_err(db::refused)?;
    Ok(())
}
