//! Import of visits from another system. Imported visits may be of any age.

use company::setting;
use std::collections::{HashMap, HashSet};

use ::customers::contact;
use access::Caller;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys};
use jiff::tz::TimeZone;
use platform::batch::ItemKey;
use platform::position::CoordinateSystem;
use platform::upsert::all_but;
use platform::{Conn, Date, Fault, Result, Tx, batch};
use schema::{visit_checks, visits};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::checks::Check;
use super::db::{find_visits, refused, surroundings};
use super::evidence::CheckContext;
use super::geo::Place;
use super::overlap::Flags;
use super::steps::{complained, least_minutes, zone};
use super::{
    CheckIn, CheckKind, PlanSource, REFERENCES, Visit, VisitDetails, VisitOutcome, VisitStatus,
};
use crate::hooks::complained_on;

/// A visit as sent by its source system: absent fields stay, null clears. A new visit needs its
/// owner, customer and day. Default status: `completed`.
#[derive(Debug, Deserialize, ToSchema)]
pub struct VisitItem {
    #[serde(flatten)]
    key: ItemKey,
    #[schema(nullable = false)]
    customer_id: Option<Uuid>,
    #[schema(nullable = false)]
    owner_id: Option<Uuid>,
    #[schema(nullable = false)]
    planned_date: Option<Date>,
    #[schema(inline, nullable = false)]
    status: Option<VisitStatus>,
    #[schema(max_length = 500, nullable = false)]
    reason: Option<String>,
    /// The owner's check-in
    #[schema(nullable = false)]
    check_in: Option<CheckIn>,
    /// The owner's check-out
    #[schema(nullable = false)]
    check_out: Option<CheckIn>,
    #[serde(flatten)]
    outcome: VisitOutcome,
    #[serde(flatten)]
    details: VisitDetails,
}

intake::references! { VisitItem: REFERENCES }

batch! {
    /// Visits of one source system, in any order.
    VisitBatch of VisitItem
}

/// Returns the fault for a field that batches do not take: files belong to the person who uploaded
/// them, follow-ups to the person who asks for them.
fn not_in_batches(pointer: &str) -> Fault {
    Fault::new(pointer, "unknown_field", "cannot be set in a batch")
}

pub struct Context {
    radius_m: i64,
    system: CoordinateSystem,
    least_minutes: i64,
    zone: TimeZone,
    places: HashMap<Uuid, Place>,
    /// Visits on which a complaint or a suggestion was recorded
    complained: HashSet<Uuid>,
    /// Customer of each contact
    contacts: HashMap<Uuid, Uuid>,
}

impl Imported for Visit {
    type Item = VisitItem;
    type Context = Context;

    const FIND: Find = find_visits;
    const TOGETHER: &'static [&'static [&'static str]] =
        &[&["window_from", "window_to"], &["owner", "check_in", "check_out"]];

    async fn stored(conn: &mut Conn, caller: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = visits::source_system.eq(keys.source_system).assume_not_null();
        let ids = visits::external_id.eq_any(&keys.external_ids).assume_not_null();
        let visible = visits::table.filter(caller.sees::<Visit>());
        let wanted = visible.filter(known.and(ids).or(visits::id.eq_any(&keys.ids)));
        let lock = wanted.order(visits::id).select(visits::id).for_no_key_update();
        let locked: Vec<Uuid> = lock.load(conn).await?;
        let rows = Self::query().filter(visits::id.eq_any(locked)).order(visits::id);
        Ok(rows.load(conn).await?)
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<Context> {
        let customer = |arrival: &Arrival<Self>| {
            arrival.item.customer_id.or(arrival.before.as_ref().map(|visit| visit.customer_id))
        };
        let customers: Vec<Uuid> = arrivals.iter().filter_map(customer).collect();
        let (company, places) = surroundings(tx, &customers).await?;

        let contacts = |arrival: &Arrival<Self>| {
            let before = arrival.before.as_ref().map(|visit| &visit.contact_ids);
            arrival.item.details.contact_ids.as_ref().or(before).cloned().unwrap_or_default()
        };
        let contacts: Vec<Uuid> = arrivals.iter().flat_map(contacts).collect();
        let contacts = if contacts.is_empty() {
            HashMap::new()
        } else {
            contact::customers_of(tx.conn(), contacts).await?
        };

        let known = arrivals.iter().filter(|arrival| arrival.before.is_some());
        let known: Vec<Uuid> = known.map(|arrival| arrival.id).collect();
        let complained = complained_on(tx, &known).await?;

        Ok(Context {
            radius_m: company.settings.get(setting::VISIT_RADIUS_M),
            system: company.coordinate_system,
            least_minutes: least_minutes(&company),
            zone: zone(&company),
            places,
            complained,
            contacts,
        })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let Arrival { item, before, id, now, .. } = arrival;
        let new = || {
            let sent = [
                ("customer_id", item.customer_id.is_some()),
                ("owner_id", item.owner_id.is_some()),
                ("planned_date", item.planned_date.is_some()),
            ];
            let missing = sent.iter().filter(|field| !field.1);
            let fault =
                |name| Fault::new(format!("/{name}"), "required", "required for a new visit");
            let faults: Vec<Fault> = missing.map(|field| fault(field.0)).collect();
            let (owner, customer) = (item.owner_id.unwrap_or_default(), item.customer_id);
            let blank = Self::blank(*id, owner, customer.unwrap_or_default(), *now);
            let (status, plan_source) = (VisitStatus::Completed, PlanSource::Import);
            if faults.is_empty() { Ok(Self { plan_source, status, ..blank }) } else { Err(faults) }
        };

        let before = before.clone().map_or_else(new, Ok)?;
        let mut after = before.with(&item.details).reported(&item.outcome);
        after.customer_id = item.customer_id.unwrap_or(after.customer_id);
        after.owner_id = item.owner_id.unwrap_or(after.owner_id);
        after.planned_date = item.planned_date.unwrap_or(after.planned_date);
        after.status = item.status.unwrap_or(after.status);
        after.reason = item.reason.clone().or(after.reason);
        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(item.key.external_id.clone());

        let mut faults = after.faults();
        faults.extend(after.foreign(&context.contacts));
        for (name, kind, sent) in [
            ("check_in", CheckKind::CheckIn, &item.check_in),
            ("check_out", CheckKind::CheckOut, &item.check_out),
        ] {
            let Some(sent) = sent else { continue };
            if sent.photo_id.is_some() {
                faults.push(not_in_batches(&format!("/{name}/photo_id")));
            }
            let place = sent.place_faults().into_iter();
            faults.extend(place.map(|fault| {
                Fault::new(format!("/{name}{}", fault.pointer), fault.code, fault.message)
            }));
            // The time of receipt in the other system is unknown, so the check does not count as
            // late.
            let circumstances = CheckContext {
                received_at: sent.occurred_at,
                customer: context.places.get(&after.customer_id).copied(),
                radius_m: context.radius_m,
                system: context.system,
            };
            let owner = after.owner_id;
            let mut check = sent.check(&after, owner, kind, circumstances);
            // Kept until `settle` corrects the flags.
            check.overlapping = after.check(kind).is_some_and(|known| known.overlapping);
            after.checks.0.retain(|known| known.user_id != owner || known.kind != kind);
            after.checks.0.push(check);
        }

        if let (Some(start), Some(end)) =
            (after.check(CheckKind::CheckIn), after.check(CheckKind::CheckOut))
            && end.occurred_at < start.occurred_at
        {
            let why = "must not be before the check-in";
            faults.push(Fault::new("/check_out/occurred_at", "range", why));
        }

        let after = after.in_order().dated(&context.zone);
        faults.extend(after.impossible(*now, arrival.today));
        let no_complaint = item.outcome.complaint_answer == Some(false);
        let said = arrival.before.as_ref().and_then(|before| before.complaint_answer);
        if no_complaint && said != Some(false) && context.complained.contains(id) {
            faults.push(complained());
        }
        if item.outcome.follow_up.is_some() {
            faults.push(not_in_batches("/follow_up"));
        }
        if item.outcome.attachment_ids.is_some() {
            faults.push(not_in_batches("/attachment_ids"));
        }

        // Judged last, because the validity depends on all other fields.
        if faults.is_empty() { Ok(after.judged(context.least_minutes)) } else { Err(faults) }
    }

    async fn store<'a>(tx: &mut Tx, drafts: &[&'a Draft<Self>]) -> Result<()> {
        // A statement of PostgreSQL takes at most 65,535 parameters.
        for drafts in drafts.chunks(1000) {
            let rows: Vec<&Self> = drafts.iter().map(|draft| &draft.after).collect();
            let ids: Vec<Uuid> = rows.iter().map(|visit| visit.id).collect();

            let row = |visit: &&'a Self| (*visit, visits::in_fence.eq(visit.is_in_fence()));
            diesel::insert_into(visits::table)
                .values(rows.iter().map(row).collect::<Vec<_>>())
                .on_conflict(visits::id)
                .do_update()
                .set(all_but::<visits::table>(&[
                    "id",
                    "approved_by",
                    "follow_up_id",
                    "attachment_ids",
                    "created_at",
                ]))
                .execute(tx.conn())
                .await
                .map_err(refused)?;

            // The source system knows no ids of checks, so all checks of a visit are replaced.
            let old = visit_checks::table.filter(visit_checks::visit_id.eq_any(&ids));
            diesel::delete(old).execute(tx.conn()).await?;
            let checks: Vec<Check> = rows.iter().flat_map(|row| row.rows_of_checks()).collect();
            diesel::insert_into(visit_checks::table)
                .values(&checks)
                .execute(tx.conn())
                .await
                .map_err(refused)?;
        }
        Ok(())
    }

    async fn settle(tx: &mut Tx, written: &mut [Draft<Self>]) -> Result<()> {
        let rows = written.iter().flat_map(|draft| draft.before.iter().chain([&draft.after]));
        let places = rows.map(|visit| (visit.owner_id, visit.planned_date));
        let mut flags = Flags::correct(tx, places).await?;
        for draft in written {
            flags.apply(&mut draft.after);
        }
        flags.save(tx).await
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

impl Visit {
    /// Returns the rows of all checks. While the visit is in progress, the check-in of a person who
    /// has not checked out stays open.
    fn rows_of_checks(&self) -> Vec<Check> {
        let gone = |user| self.check_of(user, CheckKind::CheckOut).is_some();
        let open = |check: &super::VisitCheck| {
            self.status == VisitStatus::InProgress
                && check.kind == CheckKind::CheckIn
                && !gone(check.user_id)
        };
        self.checks.iter().map(|check| Check::of(self.id, check, open(check))).collect()
    }
}
