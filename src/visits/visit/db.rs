//! Queries on visits and their checks. Each query for a caller starts at `Caller::sees`.

use std::collections::HashMap;

use ::customers::contact;
use ::customers::customer::named_like;
use ::customers::hooks::Move;
use access::Caller;
use company::Company;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::LocalBoxFuture;
use intake::{Body, external_id::key_of, parameters};
use platform::narrow::containing;
use platform::{Change, Conn, Date, Error, IfMatch, List, Resource, Result, Timestamp, Tx};
use schema::{customers, visits};
use uuid::Uuid;

use super::checks::Check;
use super::fields::VisitSort;
use super::geo::Place;
use super::steps::check_day;
use super::{NewVisit, Visit, VisitAction, VisitChanges, VisitFilter, VisitPage, VisitStatus};
use crate::cashflow_advice;

intake::find! {
    /// The visible lookup of references to visits.
    find_visits in visits, sees Visit
}

fn matching<'a>(caller: &'a Caller, filter: &'a VisitFilter) -> visits::BoxedQuery<'a, Pg> {
    let mut query = visits::table.filter(caller.sees::<Visit>()).into_boxed();
    platform::filter_by!(
        query,
        visits::customer_id.eq(filter.customer_id),
        visits::owner_id.eq(filter.owner_id),
    );
    if let Some(participant) = filter.participant_id {
        query = query.filter(visits::participant_ids.contains(vec![participant]));
    }
    platform::filter_by!(
        query,
        visits::status.eq_any(&filter.status),
        visits::visit_type.eq_any(&filter.visit_type),
        visits::outcome.eq_any(&filter.outcome),
        visits::validity.eq_any(&filter.validity),
    );

    if let Some(text) = &filter.q {
        let part = containing(text);
        let said = visits::purpose.ilike(part.clone()).or(visits::summary.ilike(part));
        // Only names of visible customers: a hit would reveal the name of any other.
        let named = visits::customer_id.eq_any(named_like(caller, text));
        query = query.filter(named.or(said).assume_not_null());
    }

    platform::filter_by!(
        query,
        visits::planned_date.ge(filter.planned_from),
        visits::planned_date.lt(filter.planned_to),
    );
    query
}

impl Visit {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<VisitFilter>,
    ) -> Result<VisitPage> {
        use visits::{created_at, id, planned_date, updated_at};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, updated_at));

        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let sort = filter.sort.unwrap_or(VisitSort::Latest);

        let query = match sort {
            VisitSort::Earliest => {
                query.filter(list.after::<Date, _, _>(planned_date, id)?).order((planned_date, id))
            }
            VisitSort::Latest => query
                .filter(list.before::<Date, _, _>(planned_date, id)?)
                .order((planned_date.desc(), id.desc())),
            VisitSort::NewestFirst => query
                .filter(list.before::<Timestamp, _, _>(created_at, id)?)
                .order((created_at.desc(), id.desc())),
            VisitSort::LatestChange => query
                .filter(list.before::<Timestamp, _, _>(updated_at, id)?)
                .order((updated_at.desc(), id.desc())),
            VisitSort::OldestChange => {
                query.filter(list.after::<Timestamp, _, _>(updated_at, id)?).order((updated_at, id))
            }
        };
        let rows: Vec<Self> = query.select(Self::as_select()).load(conn).await?;

        match sort {
            VisitSort::Earliest | VisitSort::Latest => {
                list.page(rows, total, |visit: &Self| (visit.planned_date, visit.id))
            }
            VisitSort::NewestFirst => {
                list.page(rows, total, |visit: &Self| (visit.created_at, visit.id))
            }
            VisitSort::LatestChange | VisitSort::OldestChange => {
                list.page(rows, total, |visit: &Self| (visit.updated_at, visit.id))
            }
        }
    }

    access::rows! { visits: pub fn find }

    pub async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = visits::table.filter(caller.sees::<Visit>()).filter(visits::id.eq(id));
        let locked: Uuid = row.select(visits::id).for_update().first(tx.conn()).await?;
        // A separate statement reads the checks as of the lock; the first one could read those from
        // before it waited for the lock.
        Ok(Self::query().filter(visits::id.eq(locked)).first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewVisit>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let owner = new.owner_id.unwrap_or(caller.id());
        if caller.reach().is_some_and(|reach| !reach.contains(&owner)) {
            let detail = "You can plan visits only for yourself and for people whom you lead.";
            return Err(Error::forbidden_because("not_your_person", detail));
        }
        let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;

        let visit = Self {
            planned_date: new.planned_date.unwrap_or(tx.today),
            source_system,
            external_id,
            ..Self::blank(Uuid::now_v7(), owner, new.customer_id, tx.now)
        }
        .with(&new.details);

        check_day(tx, visit.planned_date)?;
        visit.check_people(tx).await?;
        let insert = diesel::insert_into(visits::table).values(&visit);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&visit)).await?;
        Ok(visit)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<VisitChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        before.check_hand(caller, VisitAction::Change)?;
        before.status_on(tx.today).after(VisitAction::Change)?;
        let changes = changes.resolve(tx.conn(), caller).await?;
        let after = before.with(&changes.details);
        after.check_people(tx).await?;

        let gone = before.participant_ids.iter().filter(|id| !after.participant_ids.contains(id));
        Check::close(tx, id, &gone.copied().collect::<Vec<_>>()).await?;
        before.save(tx, after).await
    }

    pub(super) async fn save(&self, tx: &mut Tx, after: Self) -> Result<Self> {
        let after = self.next(after, tx.now);
        if after != *self {
            let row = (&after, visits::in_fence.eq(after.is_in_fence()));
            let update = diesel::update(visits::table.find(self.id)).set(row);
            update.execute(tx.conn()).await.map_err(refused)?;
            tx.record(Change::updated(self, &after)).await?;
        }
        Ok(after)
    }

    async fn check_people(&self, tx: &mut Tx) -> Result<()> {
        let mut faults = self.faults();
        if !self.contact_ids.is_empty() {
            let ids = self.contact_ids.iter().copied();
            faults.extend(self.foreign(&contact::customers_of(tx.conn(), ids).await?));
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }
}

/// Returns the position of a customer.
pub(super) async fn place_of(conn: &mut Conn, customer: Uuid) -> Result<Option<Place>> {
    let row = customers::table.find(customer).select((customers::latitude, customers::longitude));
    let (latitude, longitude): (Option<f64>, Option<f64>) = row.first(conn).await?;
    Ok(latitude.zip(longitude))
}

/// Job: marks planned visits of past days as missed, 未执行, at most 1000 at a time. Returns their
/// number.
pub async fn mark_missed(tx: &mut Tx) -> Result<u64> {
    let late = visits::status.eq(VisitStatus::Planned).and(visits::planned_date.lt(tx.today));
    let due = visits::table.filter(late).order(visits::id).limit(1000);
    let lock = due.select(visits::id).for_update().skip_locked();
    let ids: Vec<Uuid> = lock.load(tx.conn()).await?;
    let locked = Visit::query().filter(visits::id.eq_any(&ids)).order(visits::id);
    let missed: Vec<Visit> = locked.load(tx.conn()).await?;

    let mut records = vec![];
    for before in &missed {
        let status = before.status.after(VisitAction::Miss)?;
        let after = before.next(Visit { status, reason: None, ..before.clone() }, tx.now);
        diesel::update(visits::table.find(before.id)).set(&after).execute(tx.conn()).await?;
        records.push(Change::updated(before, &after)?);
    }
    // A companion may have checked in without the owner.
    Check::close_all(tx, &ids).await?;
    tx.record_all(&records).await?;
    Ok(missed.len() as u64)
}

/// Hook of customers: moves the loser's visits to the winner.
pub fn customer_merged<'a>(
    tx: &'a mut Tx,
    rows: &'a Move<'a>,
) -> LocalBoxFuture<'a, Result<Vec<Uuid>>> {
    Box::pin(async move {
        let (from, to) = (rows.from.id, rows.to.id);
        let theirs = visits::table.filter(visits::customer_id.eq(from)).order(visits::id);
        let ids: Vec<Uuid> = theirs.select(visits::id).for_update().load(tx.conn()).await?;
        let ids = rows.taken(ids, |id| *id);
        let theirs = Visit::query().filter(visits::id.eq_any(&ids)).order(visits::id);
        for before in theirs.load::<Visit>(tx.conn()).await? {
            let after = Visit { customer_id: to, ..before.clone() };
            before.save(tx, after).await?;
        }
        cashflow_advice::follow(tx, &ids, from).await?;
        Ok(ids)
    })
}

/// Loads the company and the positions of the customers, for imported visits.
pub(super) async fn surroundings(
    tx: &mut Tx,
    customers: &[Uuid],
) -> Result<(Company, HashMap<Uuid, Place>)> {
    let company = Company::load(tx.conn()).await?;
    let wanted = customers::table.filter(customers::id.eq_any(customers));
    let positions = wanted.select((customers::id, customers::latitude, customers::longitude));
    let rows: Vec<(Uuid, Option<f64>, Option<f64>)> = positions.load(tx.conn()).await?;
    let places = rows.into_iter().filter_map(|(id, a, b)| Some((id, a.zip(b)?))).collect();
    Ok((company, places))
}

/// Returns the customer of each visit. For internal use only: the ids must come from references
/// that were visible.
pub async fn customers_of(
    conn: &mut Conn,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Uuid>> {
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows = visits::table.filter(visits::id.eq_any(ids));
    let rows = rows.select((visits::id, visits::customer_id));
    Ok(rows.load(conn).await?.into_iter().collect())
}

pub fn refused(error: diesel::result::Error) -> Error {
    let error = Error::from(error)
        .on_constraint("visits_external_id_key", "/external_id", "duplicate")
        .on_constraint("visits_customer_id_fkey", "/customer_id", "unknown_reference");
    if error.violates("visit_checks_open_key") {
        let detail = "Another visit of this person is in progress.";
        return Error::conflict("visit_in_progress", detail).as_constraint("visit_checks_open_key");
    }
    error
}
