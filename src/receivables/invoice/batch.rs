//! The import of invoices from an ERP. By default they are `posted`, with the amounts as sent.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use access::Caller;
use company::{Company, exchange_rate::ExchangeRate};
use credit::terms_request::PaymentDays;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys, Unique};
use platform::owned;
use platform::upsert::all_but;
use platform::{Conn, Date, Error, Fault, Money, Number, Result, Tx};
use schema::invoices;
use uuid::Uuid;

use super::facts::InvoiceItem;
use super::rules::{Corrected, InvoiceContext};
use super::{Invoice, InvoiceKind, InvoiceStatus, Moved, db, settle};
use crate::allocation::{self, Allocation};
use crate::payment;

/// Allocates credit notes to the invoices that they correct, reverses the allocations of cancelled
/// documents, and updates credit and orders.
async fn follow(tx: &mut Tx, ids: &[Uuid]) -> Result<()> {
    let rows = db::load(tx.conn(), ids).await?;
    let customers: Vec<Uuid> = rows.iter().map(|row| row.customer_id).collect();
    credit::check::lock(tx, &customers).await?;

    let open = |invoice: &&Invoice| invoice.counts() && invoice.open_amount < Money::ZERO;
    let notes: Vec<(&Invoice, Uuid)> = rows
        .iter()
        .filter(open)
        .filter_map(|note| Some((note, note.corrects_invoice_id?)))
        .collect();
    let corrected: Vec<Uuid> = notes.iter().map(|pair| pair.1).collect();
    let corrected = db::load(tx.conn(), &corrected).await?;

    // Several credit notes may correct one invoice, so that its open amount is counted down.
    let mut room: HashMap<Uuid, (Money, Date)> = corrected
        .iter()
        .map(|invoice| (invoice.id, (invoice.open_amount, invoice.invoice_date)))
        .collect();
    let (mut made, mut touched) = (vec![], HashSet::new());
    for (note, id) in notes {
        let Some((left, day)) = room.get_mut(&id) else { continue };
        let amount = Money(-note.open_amount.0).min(*left);
        if amount > Money::ZERO {
            left.0 -= amount.0;
            let day = note.invoice_date.max(*day);
            made.push(Allocation::new(id, amount, day).of_credit_note(note.id));
            touched.extend([id, note.id]);
        }
    }
    allocation::insert(tx, &made).await?;

    let mut payments = vec![];
    for cancelled in
        rows.iter().filter(|invoice| invoice.cancelled_on.is_some() && invoice.posted_on.is_some())
    {
        let back = allocation::active_on(tx.conn(), &[cancelled.id]).await?;
        let day = cancelled.cancelled_on.unwrap_or(tx.today);
        allocation::take_back(tx, &back.iter().map(|row| row.id).collect::<Vec<_>>(), day).await?;
        let used = allocation::release(tx, cancelled.id, day).await?;
        let notes = back.iter().filter_map(|row| row.credit_note_id);
        touched.extend(notes.chain(used).chain([cancelled.id]));
        payments.extend(back.iter().filter_map(|row| row.payment_id));
    }

    let counted = rows.iter().filter(|row| row.status != InvoiceStatus::Draft).map(|row| row.id);
    touched.extend(counted);
    settle::settle(tx, &touched.into_iter().collect::<Vec<_>>(), Moved::Documents).await?;
    payment::settle(tx, &payments).await?;
    flag(tx, &rows).await
}

/// Flags the documents that exceed the customer's credit limit: invoices posted today, and
/// cancelled credit notes. The ERP has already booked them, so that they cannot be refused.
async fn flag(tx: &mut Tx, rows: &[Invoice]) -> Result<()> {
    let raises = |invoice: &&Invoice| match invoice.kind {
        InvoiceKind::Invoice => invoice.posted_on == Some(tx.today) && invoice.counts(),
        InvoiceKind::CreditNote => invoice.cancelled_on.is_some() && invoice.posted_on.is_some(),
    };
    let rows: Vec<&Invoice> =
        rows.iter().filter(raises).filter(|invoice| !invoice.credit_exceeded).collect();
    let mut customers: Vec<Uuid> = rows.iter().map(|invoice| invoice.customer_id).collect();
    customers.sort_unstable();
    customers.dedup();
    let beyond = credit::check::over_limit(tx, &customers).await?;
    let rows = rows.into_iter().filter(|invoice| beyond.contains(&invoice.customer_id));
    for before in db::load(tx.conn(), &rows.map(|invoice| invoice.id).collect::<Vec<_>>()).await? {
        before.save(tx, Invoice { credit_exceeded: true, ..before.clone() }).await?;
    }
    Ok(())
}

/// The data that all invoices of a batch need, read once.
pub struct Context {
    currency: String,
    rates: HashMap<(String, Date), Option<Number>>,
    owners: HashMap<Uuid, Option<Uuid>>,
    around: InvoiceContext,
    terms: PaymentDays,
    numbers: std::cell::RefCell<Vec<i64>>,
}

impl Imported for Invoice {
    type Item = InvoiceItem;
    type Context = Context;

    const FIND: Find = db::find_invoices;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/number",
        of: |invoice| invoice.source_system.is_some().then(|| invoice.number.clone()),
        holders: "select id, number as value from invoices \
            where source_system = $2 and number = any($1)",
        release: "update invoices set number = id::text where id = any($1)",
    }];
    const TOGETHER: &'static [&'static [&'static str]] =
        &[&["amount", "tax_amount", "total_amount", "instalments"], &["status", "cancelled_on"]];

    fn is_erps(&self, field: &str) -> bool {
        owned::is_erps(self, field)
    }

    /// Reads without locking: credit must be locked before invoices, and which credit is known only
    /// from the items.
    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        db::known(conn, caller, keys).await
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let currency = Company::load(tx.conn()).await?.currency;
        let (mut orders, mut customers, mut ids) = (HashSet::new(), HashSet::new(), HashSet::new());
        for Arrival { item: InvoiceItem { facts, .. }, before, .. } in arrivals {
            let before = before.as_ref();
            orders.extend(facts.order_id.flatten());
            orders.extend(before.and_then(|invoice| invoice.order_id));
            customers.extend(facts.customer_id);
            customers.extend(before.map(|invoice| invoice.customer_id));
            ids.extend(before.map(|invoice| invoice.id));
            ids.extend(facts.corrects_invoice_id.flatten());
            ids.extend(before.and_then(|invoice| invoice.corrects_invoice_id));
        }
        let (orders, customers): (Vec<_>, Vec<_>) =
            (orders.into_iter().collect(), customers.into_iter().collect());
        let ids: Vec<Uuid> = ids.into_iter().collect();

        // No other transaction knows new invoices: their customers' credit is locked in `followed`.
        let credits: &[Uuid] = if ids.is_empty() { &[] } else { &customers };
        let now = settle::hold(tx, &orders, credits, &ids).await?;
        customers::customer::hold(tx, &customers).await?;
        let named = arrivals.iter().filter_map(|arrival| arrival.item.facts.customer_id);
        customers::customer::check_unmerged(tx, named).await?;

        // The rows were read before they were locked.
        let versions: HashMap<Uuid, i64> =
            now.iter().map(|invoice| (invoice.id, invoice.version)).collect();
        let stale = |invoice: &Self| versions.get(&invoice.id) != Some(&invoice.version);
        if arrivals.iter().filter_map(|arrival| arrival.before.as_ref()).any(stale) {
            return Err(Error::unavailable("busy"));
        }

        let mut context = Context {
            currency,
            rates: HashMap::new(),
            terms: PaymentDays::of(tx.conn(), &customers).await?,
            owners: customers::customer::owners(tx.conn(), customers).await?,
            around: InvoiceContext {
                orders: orders::order::facts_of(tx.conn(), orders).await?,
                invoices: now
                    .iter()
                    .map(|invoice| (invoice.id, Corrected::from(invoice)))
                    .collect(),
            },
            numbers: Vec::new().into(),
        };
        let drafts: Vec<Self> =
            arrivals.iter().filter_map(|arrival| draft(arrival, &context).ok()).collect();
        // Credit notes may correct invoices of the same batch, as these will be stored.
        context
            .around
            .invoices
            .extend(drafts.iter().map(|invoice| (invoice.id, Corrected::from(invoice))));
        for invoice in &drafts {
            if let Entry::Vacant(unknown) =
                context.rates.entry((invoice.currency.clone(), invoice.invoice_date))
            {
                let (from, day) = unknown.key();
                let rate = ExchangeRate::on(tx.conn(), from, &context.currency, *day).await?;
                unknown.insert(rate);
            }
        }
        let unnumbered = drafts.iter().filter(|invoice| invoice.number.is_empty()).count();
        context.numbers = db::next_numbers(tx, unnumbered).await?.into();
        Ok(context)
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let mut after = draft(arrival, context)?;
        let before = arrival.before.as_ref();
        let mut faults = vec![];
        match context.rates.get(&(after.currency.clone(), after.invoice_date)).copied().flatten() {
            Some(rate) if before.is_none_or(|invoice| invoice.posted_on.is_none()) => {
                after.exchange_rate = rate;
            }
            // The rate of a posted invoice is fixed.
            Some(_) => {}
            None => {
                let why = "no exchange rate on or before `invoice_date`";
                faults.push(Fault::new("/currency", "no_exchange_rate", why));
            }
        }

        let corrected = after.corrects_invoice_id.and_then(|id| context.around.invoices.get(&id));
        after.order_id = after.order_id.or(corrected.and_then(|invoice| invoice.order_id));

        let why = "cannot be changed after posting; issue a credit note";
        let frozen = before.map(|invoice| invoice.frozen(&after)).unwrap_or_default();
        faults.extend(
            frozen.into_iter().map(|it| Fault::new(format!("/{it}"), "posted_immutable", why)),
        );
        let status =
            before.filter(|invoice| invoice.posted_on.is_some()).map(|invoice| invoice.status);
        match (status, after.status) {
            (Some(InvoiceStatus::Posted), InvoiceStatus::Draft)
            | (Some(InvoiceStatus::Cancelled), InvoiceStatus::Posted | InvoiceStatus::Draft) => {
                faults.push(Fault::new("/status", "posted_immutable", why));
            }
            _ => {}
        }
        if after.cancelled_on.is_some_and(|day| day > arrival.today) {
            faults.push(Fault::new("/cancelled_on", "range", "must not be in the future"));
        }
        faults.extend(after.faults(&context.around));
        if !faults.is_empty() {
            return Err(faults);
        }
        if after.number.is_empty() {
            let number = context.numbers.borrow_mut().pop().unwrap_or_default();
            after.number = db::named(after.kind, arrival.today, number);
        }
        Ok(after)
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        for drafts in drafts.chunks(1000) {
            upsert(tx, drafts).await?;
            let corrected = drafts.iter().filter_map(|draft| draft.after.corrects_invoice_id);
            db::check_given_back(tx, &corrected.collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    async fn followed(tx: &mut Tx, written: &[Uuid]) -> Result<()> {
        follow(tx, written).await
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    fn parent(&self) -> Option<Uuid> {
        self.corrects_invoice_id
    }
}

/// Returns the invoice with the data of the item.
fn draft(arrival: &Arrival<Invoice>, context: &Context) -> Result<Invoice, Vec<Fault>> {
    let Arrival { item, before, id, now, today, .. } = arrival;
    let facts = &item.facts;
    let amount = facts.amount.or(facts.total_amount);
    let mut invoice = match (before, facts.customer_id, facts.invoice_date, amount) {
        (Some(before), ..) => before.clone(),
        (None, Some(customer), Some(day), Some(_)) => Invoice {
            invoice_date: day,
            due_date: context.terms.due(customer, day),
            salesperson_id: context.owners.get(&customer).copied().flatten(),
            ..Invoice::blank(*id, customer, *now, *today)
        },
        (None, customer, day, amount) => {
            let sent = [customer.is_some(), day.is_some(), amount.is_some()];
            let missing = ["customer_id", "invoice_date", "amount"].into_iter().zip(sent);
            let fault =
                |name| Fault::new(format!("/{name}"), "required", "required for a new invoice");
            return Err(missing.filter(|field| !field.1).map(|field| fault(field.0)).collect());
        }
    };

    invoice.source_system = Some(arrival.source_system.clone());
    invoice.external_id = Some(item.key.external_id.clone());
    invoice.apply_facts(facts, before.is_none());
    if let Some(customer) = facts.customer_id {
        invoice.customer_owner_id = context.owners.get(&customer).copied().flatten();
    }
    if invoice.currency.is_empty() {
        let order = invoice.order_id.and_then(|id| context.around.orders.get(&id));
        invoice.currency.clone_from(order.map_or(&context.currency, |order| &order.currency));
    }

    let status = facts.status.unwrap_or(match before {
        Some(before) => before.status,
        None => InvoiceStatus::Posted,
    });
    let was = before.as_ref().map_or(InvoiceStatus::Draft, |before| before.status);
    invoice.status = status;
    match status {
        InvoiceStatus::Posted if was == InvoiceStatus::Posted => {
            invoice.next_due_on = invoice.next_due();
        }
        InvoiceStatus::Posted => {
            invoice.posted_on = Some(*today);
            invoice = invoice.settled(None);
        }
        InvoiceStatus::Cancelled if was != InvoiceStatus::Cancelled => {
            invoice.cancelled_on = Some(facts.cancelled_on.unwrap_or(*today));
            invoice = invoice.settled(None);
        }
        InvoiceStatus::Draft | InvoiceStatus::Cancelled => {}
    }
    Ok(invoice)
}

/// Inserts new rows and updates existing ones in one statement, by their ids.
async fn upsert(tx: &mut Tx, drafts: &[&Draft<Invoice>]) -> Result<()> {
    let rows: Vec<&Invoice> = drafts.iter().map(|draft| &draft.after).collect();
    diesel::insert_into(invoices::table)
        .values(rows)
        .on_conflict(invoices::id)
        .do_update()
        .set(all_but::<invoices::table>(&["id", "credit_exceeded", "created_at"]))
        .execute(tx.conn())
        .await
        .map_err(db::refused)?;
    Ok(())
}
