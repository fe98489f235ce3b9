//! Queries on complaints. Every query that answers a caller starts at `Caller::sees`.

use access::Caller;
use attachments::attachment::attach;
use company::setting;
use company::{Calendar, Company};
use diesel::dsl::{InnerJoin, IntoBoxed, not, sql};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;
use intake::{Body, external_id::key_of, parameters};
use platform::characters::narrow;
use platform::search::escaped;
use platform::{
    Change, Conn, Error, Fault, IfMatch, List, Resource, Result, Timestamp, Tx, fixed_sql,
};
use schema::{
    complaint_clocks, complaint_filing_years, complaint_proposals, complaint_settlements,
    complaints,
};
use uuid::Uuid;
use visits::visit::Visit;

use super::clock::ComplaintClock;
use super::context::ComplaintContext;
use super::rules::ComplaintAction;
use super::{
    Complaint, ComplaintChanges, ComplaintFilter, ComplaintPage, ComplaintSort, ComplaintStatus,
    NewComplaint, NewVisitComplaint, Severity,
};
use crate::SettleComplaints;
use crate::sla::Hours;

type Joined<'a> = IntoBoxed<'a, InnerJoin<complaints::table, complaint_clocks::table>, Pg>;

const FILED: &str = "exists (select from complaint_settlements s \
    where s.complaint_id = complaints.id and s.filed_at is not null)";
const UNFILED: &str = "not exists (select from complaint_settlements s \
    where s.complaint_id = complaints.id and s.filed_at is not null)";

fn matching<'a>(caller: &'a Caller, filter: &'a ComplaintFilter, now: Timestamp) -> Joined<'a> {
    let joined = complaints::table.inner_join(complaint_clocks::table);
    let mut query = joined.into_boxed().filter(caller.sees::<Complaint>());
    platform::filter_by!(
        query,
        complaints::status.eq_any(&filter.status),
        complaints::severity.eq_any(&filter.severity),
        complaints::category.eq_any(&filter.category),
        complaints::channel.eq_any(&filter.channel),
        complaints::customer_id.eq(filter.customer_id),
        complaints::owner_id.eq(filter.owner_id),
        complaints::reporter_id.eq(filter.reporter_id),
        complaints::product_id.eq(filter.product_id),
        complaints::visit_id.eq(filter.visit_id),
        complaints::number.eq(&filter.number),
    );
    if let Some(filed) = filter.filed {
        query = query.filter(fixed_sql::<Bool>(if filed { FILED } else { UNFILED }));
    }
    let repeat = complaints::repeat_of_id.is_not_null().or(complaints::reopenings.gt(0_i16));
    match filter.repeat {
        Some(true) => query = query.filter(repeat),
        Some(false) => query = query.filter(not(repeat)),
        None => {}
    }
    let (paused, due) = (complaint_clocks::paused_since, complaint_clocks::resolve_due);
    let waited = paused.is_not_null().and(paused.assume_not_null().gt(due));
    let unanswered = complaint_clocks::first_response_at.is_null();
    let late = paused.is_null().and(due.lt(now)).or(waited);
    let late = late.or(unanswered.and(complaint_clocks::first_response_due.lt(now)));
    let overdue = complaint_clocks::ended_at.is_null().and(late);
    match filter.overdue {
        Some(true) => query = query.filter(overdue),
        Some(false) => query = query.filter(not(overdue)),
        None => {}
    }
    if let Some(text) = &filter.q {
        let kept = "complaints.description, complaints.number";
        let kept = sql::<Bool>(&format!("normalize(concat_ws(chr(10), {kept}), nfkc) ilike "));
        query = query.filter(kept.bind::<Text, _>(format!("%{}%", escaped(&narrow(text)))));
    }
    platform::filter_by!(
        query,
        complaints::created_at.ge(filter.created_from),
        complaints::created_at.lt(filter.created_to),
    );
    query
}

impl Complaint {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<ComplaintFilter>,
        now: Timestamp,
    ) -> Result<ComplaintPage> {
        use complaint_clocks::resolve_due;
        use complaints::{created_at, id};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter, now).filter(list.rows(id, complaints::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let by_age = |complaint: &Self| (complaint.created_at, complaint.id);
        let query = match filter.sort.unwrap_or(ComplaintSort::NewestFirst) {
            ComplaintSort::NewestFirst => query
                .filter(list.before::<Timestamp, _, _>(created_at, id)?)
                .order((created_at.desc(), id.desc())),
            ComplaintSort::OldestFirst => {
                query.filter(list.after::<Timestamp, _, _>(created_at, id)?).order((created_at, id))
            }
            ComplaintSort::Due => {
                let key = complaint_clocks::complaint_id;
                query
                    .filter(list.after::<Timestamp, _, _>(resolve_due, key)?)
                    .order((resolve_due, key))
            }
        };
        let rows: Vec<Self> = query.select(Self::as_select()).load(conn).await?;
        let rows = rows.iter().map(|complaint| complaint.judged(now)).collect();
        match filter.sort {
            Some(ComplaintSort::Due) => {
                list.page(rows, total, |row: &Self| (row.clock.resolve_due, row.id))
            }
            _ => list.page(rows, total, by_age),
        }
    }

    pub async fn find(conn: &mut Conn, caller: &Caller, id: Uuid, now: Timestamp) -> Result<Self> {
        let complaint = Self::query().filter(caller.sees::<Self>()).filter(complaints::id.eq(id));
        let complaint: Self = complaint.first(conn).await?;
        Ok(complaint.judged(now))
    }

    pub(super) async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let now = tx.now;
        Self::find(tx.conn(), caller, id, now).await?;
        lock(tx.conn(), &[id]).await?;
        let row = Self::query().filter(caller.sees::<Complaint>()).filter(complaints::id.eq(id));
        Ok(row.first(tx.conn()).await?)
    }

    /// Locks complaints, then reads them in a second statement: after waiting for the lock, one
    /// statement would return their clocks, settlements and proposals as of before the wait.
    pub(super) async fn locked(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<Self>> {
        lock(conn, ids).await?;
        let rows = Self::query().filter(complaints::id.eq_any(ids)).order(complaints::id);
        Ok(rows.load(conn).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewComplaint>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        Self::register(tx, caller, &new).await
    }

    /// Registers a complaint of the visit's customer, and notes on the visit that there is one.
    pub async fn create_on_visit(
        tx: &mut Tx,
        caller: &Caller,
        visit: Uuid,
        new: &Body<NewVisitComplaint>,
    ) -> Result<Self> {
        let visit = Visit::complained(tx, caller, visit).await?;
        let new = new.resolve(tx.conn(), caller).await?.of(&visit);
        Self::register(tx, caller, &new).await
    }

    async fn register(tx: &mut Tx, caller: &Caller, new: &NewComplaint) -> Result<Self> {
        let told = &new.told;
        if told.resolved.is_some() && !caller.may::<SettleComplaints>() {
            let detail = "Only sales roles can settle a complaint on the spot.";
            return Err(Error::forbidden().detail(detail));
        }
        let (system, external) = (told.source_system.as_deref(), told.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;
        let clock = ComplaintClock::starting(told.happened(tx.now)?, tx.now, false);

        let mut complaint = Self {
            category: told.category,
            description: told.description.clone(),
            severity: told.severity.unwrap_or(Severity::General),
            attachment_ids: told.attachment_ids.clone().unwrap_or_default(),
            reporter_id: (!caller.is_machine()).then_some(caller.id()),
            source_system,
            external_id,
            ..Self::blank(Uuid::now_v7(), new.customer_id, clock)
        }
        .detailed(&new.origin, &new.details);
        complaint.clock.halved = complaint.look_around(tx).await?;
        let (company, hours) = hours(tx.conn()).await?;
        if let Some(first) = complaint.repeated(tx, &company).await? {
            complaint.repeat_of_id = Some(first);
            complaint.severity = complaint.severity.raised();
        }
        complaint.settlement.filing_due = hours.end_of_next_working_day(tx.now);
        if let Some(resolved) = &told.resolved {
            complaint.settle(tx, caller, &company, resolved).await?;
        } else {
            complaint.clock.proposal_due_at =
                complaint.reporter_id.and(Some(complaint.settlement.filing_due));
        }
        Self::refused_for(complaint.faults())?;
        complaint.clock =
            complaint.clock.timed_anew(&hours, complaint.severity, tx.now).judged(tx.now);
        complaint.number = next_number(tx).await?;
        complaint.insert(tx).await?;
        complaint.attach(tx, caller).await?;
        tx.record(Change::created(&complaint)).await?;
        Ok(complaint)
    }

    async fn insert(&self, tx: &mut Tx) -> Result<()> {
        let insert = diesel::insert_into(complaints::table).values(self);
        insert.execute(tx.conn()).await.map_err(refused)?;
        let row = (complaint_clocks::complaint_id.eq(self.id), &self.clock);
        diesel::insert_into(complaint_clocks::table).values(row).execute(tx.conn()).await?;
        let row = (complaint_settlements::complaint_id.eq(self.id), &self.settlement);
        diesel::insert_into(complaint_settlements::table).values(row).execute(tx.conn()).await?;
        Ok(())
    }

    async fn attach(&self, tx: &mut Tx, caller: &Caller) -> Result<()> {
        if self.attachment_ids.is_empty() {
            return Ok(());
        }
        let (files, to) = (&self.attachment_ids, (Self::TYPE, self.id));
        attach(tx, caller, files, to, "/attachment_ids").await
    }

    /// Checks that the references belong to the complaint's customer and that the customer is not
    /// merged. Returns whether the first response is due in half the time.
    async fn look_around(&mut self, tx: &mut Tx) -> Result<bool> {
        let context = ComplaintContext::load(tx.conn(), &[&*self]).await?;
        let mut faults = context.faults(self);
        let customer = context.customer(self.customer_id);
        if customer.is_some_and(|customer| customer.merged_into_id.is_some()) {
            let why = "merged into another customer";
            faults.push(Fault::new("/customer_id", "customer_merged", why));
        }
        self.customer_owner_id = customer.and_then(|customer| customer.owner_id);
        self.product_not_sold = context.not_sold(self);
        faults.extend(self.faults());
        Self::refused_for(faults)?;
        Ok(context.halved(self.customer_id))
    }

    /// Returns the recently closed complaint that this one repeats, 再次追诉.
    async fn repeated(&self, tx: &mut Tx, company: &Company) -> Result<Option<Uuid>> {
        let days = company.settings.get(setting::COMPLAINT_REPEAT_DAYS);
        let since = tx.now.0 - jiff::SignedDuration::from_hours(24 * days);
        let product = complaints::product_id.eq(self.product_id).assume_not_null();
        let first = complaints::table
            .inner_join(complaint_clocks::table)
            .filter(complaints::customer_id.eq(self.customer_id))
            .filter(complaints::status.eq(ComplaintStatus::Closed))
            .filter(complaints::category.eq(self.category).or(product))
            .filter(complaint_clocks::closed_at.ge(Timestamp(since)))
            .order(complaint_clocks::closed_at.desc())
            .select(complaints::id);
        Ok(first.first(tx.conn()).await.optional()?)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<ComplaintChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before.judged(tx.now), changes.fields()).await?;
        before.check_hand(caller, ComplaintAction::Change)?;
        before.status.after(ComplaintAction::Change)?;
        let changes = changes.resolve(tx.conn(), caller).await?;
        before.check_severity(caller, &changes)?;
        let mut after = before.with(&changes);
        if after != before {
            after.look_around(tx).await?;
            if after.attachment_ids != before.attachment_ids {
                after.attach(tx, caller).await?;
            }
            if after.severity != before.severity {
                let (_, hours) = hours(tx.conn()).await?;
                after.clock = after.clock.timed(&hours, after.severity, tx.now);
            }
        }
        before.save(tx, after).await
    }

    /// Stores the complaint if it has changed. Breaches that time alone has caused are no change;
    /// the background job records them.
    pub(super) async fn save(&self, tx: &mut Tx, after: Self) -> Result<Self> {
        let after = self.judged(tx.now).next(after.judged(tx.now), tx.now);
        if after.version == self.version {
            return Ok(after);
        }
        let update = diesel::update(complaints::table.find(self.id)).set(&after);
        update.execute(tx.conn()).await.map_err(refused)?;
        if after.clock != self.clock {
            let row = complaint_clocks::table.find(self.id);
            diesel::update(row).set(&after.clock).execute(tx.conn()).await?;
        }
        if after.settlement != self.settlement {
            let row = complaint_settlements::table.find(self.id);
            diesel::update(row).set(&after.settlement).execute(tx.conn()).await?;
        }
        for new in after.proposals.iter().skip(self.proposals.len()) {
            let row = (complaint_proposals::complaint_id.eq(self.id), new);
            diesel::insert_into(complaint_proposals::table).values(row).execute(tx.conn()).await?;
        }
        tx.record(Change::updated(self, &after)).await?;
        Ok(after)
    }
}

/// Loads the company and its working hours.
pub(super) async fn hours(conn: &mut Conn) -> Result<(Company, Hours)> {
    let company = Company::load(conn).await?;
    let hours = Hours::of(&company, Calendar::load(conn).await?)?;
    Ok((company, hours))
}

/// Returns the next filing number, such as `BA-2026-0001`. Without gaps: the next caller waits
/// until this transaction ends, so this lock is taken last.
pub(super) async fn next_filing_no(tx: &mut Tx) -> Result<String> {
    use complaint_filing_years::{last, table, year};
    let this = tx.today.0.year();
    let number: i32 = diesel::insert_into(table)
        .values((year.eq(this), last.eq(1)))
        .on_conflict(year)
        .do_update()
        .set(last.eq(last + 1))
        .returning(last)
        .get_result(tx.conn())
        .await?;
    Ok(format!("BA-{this}-{number:04}"))
}

/// Returns the next complaint number, such as `CO-2026-000123`. Gaps are allowed.
async fn next_number(tx: &mut Tx) -> Result<String> {
    let next = fixed_sql::<BigInt>("nextval('complaints_number_seq')");
    let number = diesel::select(next).get_result(tx.conn()).await?;
    Ok(named(number, tx))
}

/// Returns the next `count` complaint numbers.
pub(super) async fn next_numbers(tx: &mut Tx, count: usize) -> Result<Vec<String>> {
    if count == 0 {
        return Ok(vec![]);
    }
    let next = sql::<BigInt>("nextval('complaints_number_seq') from generate_series(1, ")
        .bind::<BigInt, _>(i64::try_from(count).map_err(Error::internal)?)
        .sql(")");
    let numbers: Vec<i64> = diesel::select(next).load(tx.conn()).await?;
    Ok(numbers.into_iter().map(|number| named(number, tx)).collect())
}

fn named(number: i64, tx: &Tx) -> String {
    format!("CO-{}-{number:06}", tx.today.0.year())
}

/// Maps constraint violations to faults. They occur when another request was faster.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("complaints_number_key", "/number", "duplicate")
        .on_constraint("complaints_external_id_key", "/external_id", "duplicate")
        .on_constraint("complaints_customer_id_fkey", "/customer_id", "unknown_reference")
        .on_constraint("complaints_contact_id_fkey", "/contact_id", "unknown_reference")
        .on_constraint("complaints_visit_id_fkey", "/visit_id", "unknown_reference")
        .on_constraint("complaints_product_id_fkey", "/product_id", "unknown_reference")
        .on_constraint("complaints_order_id_fkey", "/order_id", "unknown_reference")
        .on_constraint("complaints_owner_check", "/about_user_id", "owner_is_subject")
        .on_constraint("complaint_settlements_filed_no_key", "/filed_no", "duplicate")
}

/// Locks the rows. A join would miss complaints whose clock is replaced during the wait.
async fn lock(conn: &mut Conn, ids: &[Uuid]) -> Result<()> {
    let rows = complaints::table.filter(complaints::id.eq_any(ids)).order(complaints::id);
    rows.select(complaints::id).for_update().load::<Uuid>(conn).await?;
    Ok(())
}
