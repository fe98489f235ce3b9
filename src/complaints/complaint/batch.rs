//! Import of complaints from another system. A batch reports what has happened: any status is
//! accepted, also of complaints that were late or never filed.

use std::cell::RefCell;

use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys, Unique};
use jiff::Timestamp as Instant;
use platform::batch::ItemKey;
use platform::upsert::all_but;
use platform::{Conn, Fault, Money, Resource, Result, Timestamp, Tx, batch, sent, set};
use schema::{complaint_clocks, complaint_settlements, complaints};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::clock::ComplaintClock;
use super::context::ComplaintContext;
use super::db::{hours, next_numbers, refused};
use super::lookup::find_complaints;
use super::requests::{ComplaintDetails, ComplaintOrigin, REFERENCES, kept};
use super::{
    Complaint, ComplaintCategory, ComplaintStatus, Confirmation, ResolutionMode, Severity, imported,
};
use crate::sla::Hours;

/// A complaint as another system reports it. Absent fields keep their value, `null` clears. A new
/// complaint needs `customer_id`, `category` and `description`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct ComplaintItem {
    #[serde(flatten)]
    key: ItemKey,
    #[serde(flatten)]
    facts: ComplaintFacts,
    #[serde(flatten)]
    origin: ComplaintOrigin,
    #[serde(flatten)]
    details: ComplaintDetails,
}

/// The fields of a complaint that another system can report.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ComplaintFacts {
    #[schema(min_length = 1, max_length = 60, nullable = false)]
    number: Option<String>,
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[schema(inline, nullable = false)]
    category: Option<ComplaintCategory>,
    #[schema(inline, nullable = false)]
    severity: Option<Severity>,
    #[schema(min_length = 1, max_length = 5000, nullable = false)]
    description: Option<String>,
    /// Default: `registered`
    #[schema(inline, nullable = false)]
    status: Option<ComplaintStatus>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 500)]
    status_reason: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    reporter_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    owner_id: Option<Option<Uuid>>,
    #[serde(deserialize_with = "sent")]
    repeat_of_id: Option<Option<Uuid>>,
    /// Default: `received_at`
    #[schema(nullable = false)]
    occurred_at: Option<Timestamp>,
    /// Default: `occurred_at` if sent, otherwise now
    #[schema(nullable = false)]
    received_at: Option<Timestamp>,
    #[serde(deserialize_with = "sent")]
    first_response_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    interim_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    resolved_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    closed_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    #[schema(inline)]
    resolution_mode: Option<Option<ResolutionMode>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 2000)]
    resolution: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 2000)]
    root_cause: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    compensation_amount: Option<Option<Money>>,
    #[serde(deserialize_with = "sent")]
    #[schema(pattern = "^[A-Z]{3}$")]
    compensation_currency: Option<Option<String>>,
    /// The filing number of the other system. Numbers that begin with `BA-` are assigned by this
    /// service
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 60)]
    filed_no: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    filed_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    #[schema(inline)]
    customer_confirmed_by: Option<Option<Confirmation>>,
    #[serde(deserialize_with = "sent")]
    customer_confirmed_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    follow_up_call_at: Option<Option<Timestamp>>,
    #[serde(deserialize_with = "sent")]
    #[schema(minimum = 1, maximum = 5)]
    satisfaction: Option<Option<i16>>,
}

intake::references! { ComplaintItem: REFERENCES }

batch! {
    /// Complaints of one source system, in any sequence
    ComplaintBatch of ComplaintItem
}

/// Data that all complaints of a batch need, loaded once.
pub struct Context {
    around: ComplaintContext,
    hours: Hours,
    currency: String,
    numbers: RefCell<Vec<String>>,
}

impl Imported for Complaint {
    type Item = ComplaintItem;
    type Context = Context;

    const FIND: Find = find_complaints;
    const UNIQUE: &'static [Unique<Self>] = imported::UNIQUE;
    const TOGETHER: &'static [&'static [&'static str]] = imported::TOGETHER;

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = complaints::source_system.eq(keys.source_system).assume_not_null();
        let known = known.and(complaints::external_id.eq_any(&keys.external_ids).assume_not_null());
        let rows = complaints::table.inner_join(complaint_clocks::table);
        let rows = rows.filter(caller.sees::<Complaint>()).order(complaints::id);
        let rows = rows.select(complaints::id);
        let rows = rows.filter(known.or(complaints::id.eq_any(&keys.ids)));
        let ids: Vec<Uuid> = rows.load(conn).await?;
        Self::locked(conn, &ids).await
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let drafts: Vec<Self> = arrivals.iter().filter_map(|arrival| draft(arrival).ok()).collect();
        let around = ComplaintContext::load(tx.conn(), &drafts.iter().collect::<Vec<_>>()).await?;
        let (company, hours) = hours(tx.conn()).await?;
        let unnumbered = drafts.iter().filter(|complaint| complaint.number.is_empty()).count();
        let numbers = next_numbers(tx, unnumbered).await?.into();
        Ok(Context { around, hours, currency: company.currency, numbers })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let mut after = draft(arrival)?;
        if arrival.before.as_ref() == Some(&after) {
            return Ok(after);
        }

        let mut faults = arrival.item.facts.faults(arrival.before.as_ref());
        faults.extend(context.around.faults(&after));
        faults.extend(after.faults());
        faults.extend(after.impossible(arrival.now));
        if !faults.is_empty() {
            return Err(faults);
        }

        let Context { around, hours, currency, numbers } = context;
        let settlement = &mut after.settlement;
        if settlement.compensation_amount.is_some() {
            settlement.compensation_currency.get_or_insert_with(|| currency.clone());
        }
        if arrival.before.is_none() {
            after.clock.halved = around.halved(after.customer_id);
        }

        after.settlement.filing_due = hours.end_of_next_working_day(after.clock.received_at);
        after.customer_owner_id =
            around.customer(after.customer_id).and_then(|customer| customer.owner_id);
        after.product_not_sold = around.not_sold(&after);
        after.clock =
            after.clock.timed_anew(hours, after.severity, arrival.now).judged(arrival.now);

        if after.number.is_empty() {
            after.number = numbers.borrow_mut().pop().unwrap_or_default();
        }
        Ok(after)
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        for drafts in drafts.chunks(1000) {
            upsert(tx, drafts).await?;
            let known = drafts.iter().filter_map(|draft| draft.before.as_ref()).map(Self::id);
            let known: Vec<Uuid> = known.collect();
            // Clocks and settlements of known complaints are replaced: delete them and insert all
            // again.
            if !known.is_empty() {
                let rows = complaint_clocks::complaint_id.eq_any(&known);
                diesel::delete(complaint_clocks::table.filter(rows)).execute(tx.conn()).await?;
                let rows = complaint_settlements::complaint_id.eq_any(&known);
                let rows = complaint_settlements::table.filter(rows);
                diesel::delete(rows).execute(tx.conn()).await?;
            }

            let clock = |draft: &&Draft<Self>| {
                (complaint_clocks::complaint_id.eq(draft.after.id), draft.after.clock.clone())
            };
            let rows: Vec<_> = drafts.iter().map(clock).collect();
            diesel::insert_into(complaint_clocks::table).values(rows).execute(tx.conn()).await?;

            let settlement = |draft: &&Draft<Self>| {
                (
                    complaint_settlements::complaint_id.eq(draft.after.id),
                    draft.after.settlement.clone(),
                )
            };
            let rows: Vec<_> = drafts.iter().map(settlement).collect();
            let insert = diesel::insert_into(complaint_settlements::table).values(rows);
            insert.execute(tx.conn()).await.map_err(refused)?;
        }
        Ok(())
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    fn parent(&self) -> Option<Uuid> {
        self.repeat_of_id
    }
}

/// Applies the item to the stored or a new complaint, without computing its due times.
fn draft(arrival: &Arrival<Complaint>) -> Result<Complaint, Vec<Fault>> {
    let Arrival { item, before, id, now, .. } = arrival;
    let facts = &item.facts;
    let base = match (before, facts.customer_id, facts.category, &facts.description) {
        (Some(before), ..) => before.clone(),
        (None, Some(customer), Some(_), Some(_)) => {
            let received = facts.received_at.or(facts.occurred_at).map_or(*now, kept);
            let occurred = facts.occurred_at.map_or(received, kept);
            let clock = ComplaintClock::starting(occurred, received, false);
            Complaint { created_at: *now, ..Complaint::blank(*id, customer, clock) }
        }
        (None, customer, category, description) => {
            let sent = [customer.is_some(), category.is_some(), description.is_some()];
            let missing = ["customer_id", "category", "description"].into_iter().zip(sent);
            let why = "required for a new complaint";
            let fault = |name| Fault::new(format!("/{name}"), "required", why);
            return Err(missing.filter(|field| !field.1).map(|field| fault(field.0)).collect());
        }
    };

    let mut after = base.detailed(&item.origin, &item.details);
    after.source_system = Some(arrival.source_system.clone());
    after.external_id = Some(item.key.external_id.clone());
    after.apply(facts);
    after.settle_clock(*now);
    Ok(after)
}

impl Complaint {
    fn apply(&mut self, facts: &ComplaintFacts) {
        platform::patch!(self, facts => ComplaintFacts {
            number, customer_id, category, severity, description, status, status_reason,
            reporter_id, owner_id, repeat_of_id; ..
        });

        let (clock, settlement) = (&mut self.clock, &mut self.settlement);
        let instant = |field: &mut Option<Timestamp>, sent: Option<Option<Timestamp>>| {
            set(field, sent.map(|at| at.map(kept)).as_ref());
        };
        let (occurred, received) = (facts.occurred_at.map(kept), facts.received_at.map(kept));
        if occurred.is_some_and(|at| at != clock.occurred_at)
            || received.is_some_and(|at| at != clock.received_at)
        {
            let (occurred, received) =
                (occurred.unwrap_or(clock.occurred_at), received.unwrap_or(clock.received_at));
            let anew = ComplaintClock::starting(occurred, received, clock.halved);
            (clock.occurred_at, clock.received_at) = (occurred, received);
            clock.sla_started_at = anew.sla_started_at;
            if clock.reopened_at.is_none() {
                clock.resolve_started_at = anew.sla_started_at;
            }
        }

        instant(&mut clock.first_response_at, facts.first_response_at);
        instant(&mut clock.interim_at, facts.interim_at);
        instant(&mut clock.resolved_at, facts.resolved_at);
        instant(&mut clock.closed_at, facts.closed_at);
        instant(&mut settlement.filed_at, facts.filed_at);
        instant(&mut settlement.customer_confirmed_at, facts.customer_confirmed_at);
        instant(&mut settlement.follow_up_call_at, facts.follow_up_call_at);

        platform::patch!(settlement, facts => ComplaintFacts {
            resolution_mode, resolution, root_cause, compensation_amount,
            compensation_currency, filed_no, customer_confirmed_by, satisfaction; ..
        });
    }
}

impl ComplaintFacts {
    fn faults(&self, before: Option<&Complaint>) -> Vec<Fault> {
        let mut faults = vec![];
        let nested = |sent: Option<Option<Timestamp>>| sent.flatten();
        let instants = [
            ("occurred_at", self.occurred_at),
            ("received_at", self.received_at),
            ("first_response_at", nested(self.first_response_at)),
            ("interim_at", nested(self.interim_at)),
            ("resolved_at", nested(self.resolved_at)),
            ("closed_at", nested(self.closed_at)),
            ("filed_at", nested(self.filed_at)),
            ("customer_confirmed_at", nested(self.customer_confirmed_at)),
            ("follow_up_call_at", nested(self.follow_up_call_at)),
        ];

        let first = Instant::from_second(20 * 31_556_952).unwrap_or_default();
        for (name, at) in instants {
            if at.is_some_and(|at| at.0 < first) {
                let why = "must not be before the year 1990";
                faults.push(Fault::new(format!("/{name}"), "range", why));
            }
        }

        if self.compensation_amount.flatten().is_some_and(|amount| amount < Money::ZERO) {
            faults.push(Fault::new("/compensation_amount", "range", "0 or more"));
        }

        let ours = before.and_then(|complaint| complaint.settlement.filed_no.as_deref());
        let number = self.filed_no.as_ref().and_then(Option::as_deref);
        if number.is_some_and(|number| number.starts_with("BA-")) && number != ours {
            let why = "numbers that begin with `BA-` are assigned by this service";
            faults.push(Fault::new("/filed_no", "format", why));
        }
        faults
    }
}

/// Inserts new rows and updates known ones in one statement, told apart by their ids.
async fn upsert(tx: &mut Tx, drafts: &[&Draft<Complaint>]) -> Result<()> {
    let rows: Vec<&Complaint> = drafts.iter().map(|draft| &draft.after).collect();
    diesel::insert_into(complaints::table)
        .values(rows)
        .on_conflict(complaints::id)
        .do_update()
        .set(all_but::<complaints::table>(&[
            "id",
            "attachment_ids",
            "reopenings",
            "dispatched_at",
            "created_at",
        ]))
        .execute(tx.conn())
        .await
        .map_err(refused)?;
    Ok(())
}
