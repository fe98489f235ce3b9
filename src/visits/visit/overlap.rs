//! Visits of one person at the same time, 时间重叠. A person can be in only one place, but which of the
//! visits is wrong is unknown, so all of them are flagged and left out of averages.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Date as SqlDate, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Date, Result, Tx};
use schema::{visit_checks, visits};
use uuid::Uuid;

use super::{CheckKind, Visit};

/// Selects the visits of these people around these days whose flag is wrong, with the right value.
/// Visits of more than 12 hours, in whole minutes, are left out: their check-out was forgotten, and
/// they have no duration.
const WRONG: &str = "
    with days as (
        select distinct owner_id, day from unnest($1, $2) as it (owner_id, day)
    ), near as materialized (
        select v.id, v.owner_id, min(abs(v.planned_date - day)) <= 1 as judged
        from days join visits v
            on v.owner_id = days.owner_id and v.planned_date between day - 2 and day + 2
        group by v.id
    ), stays as (
        select near.*, came.occurred_at as begins, went.occurred_at as ends, went.overlapping
        from near
        join visit_checks came
            on came.visit_id = near.id and came.user_id = owner_id and came.kind = 'check_in'
        join visit_checks went
            on went.visit_id = near.id and went.user_id = owner_id and went.kind = 'check_out'
        where went.occurred_at < came.occurred_at + interval '12 hours 1 minute'
    ), seen as (
        select id, judged, overlapping, coalesce(max(ends) over earlier > begins, false)
            or coalesce(lead(begins) over in_order < ends, false) as is_overlapping
        from stays
        window in_order as (partition by owner_id order by begins, ends, id),
            earlier as (in_order rows between unbounded preceding and 1 preceding)
    )
    select id, is_overlapping from seen where judged and overlapping <> is_overlapping";

#[derive(QueryableByName)]
struct Judged {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Bool)]
    is_overlapping: bool,
}

/// Corrected flags by visit, derived from check-ins and check-outs that were just written. The rows
/// of the checks are corrected already; the visits still have to be saved.
pub(super) struct Flags(HashMap<Uuid, bool>);

impl Flags {
    /// Corrects the flags of these people's visits around these days. `places` holds the owner and
    /// the day of each written visit, before and after the change.
    pub async fn correct(tx: &mut Tx, places: impl Iterator<Item = (Uuid, Date)>) -> Result<Self> {
        let (owners, days): (Vec<Uuid>, Vec<Date>) = places.unzip();
        let query = diesel::sql_query(WRONG).bind::<Array<SqlUuid>, _>(owners);
        let bound = query.bind::<Array<SqlDate>, _>(days);
        let wrong: Vec<Judged> = bound.load(tx.conn()).await?;
        let flags: HashMap<Uuid, bool> =
            wrong.into_iter().map(|row| (row.id, row.is_overlapping)).collect();

        if !flags.is_empty() {
            let check_outs = visit_checks::visit_id.eq_any(flags.keys());
            let check_outs = check_outs.and(visit_checks::kind.eq(CheckKind::CheckOut));
            let owner = visits::table.filter(visits::id.eq(visit_checks::visit_id));
            let owner = owner.select(visits::owner_id).single_value();
            let check_outs = check_outs.and(visit_checks::user_id.nullable().eq(owner));
            // Each selected flag is wrong, so negating it corrects it.
            let update = diesel::update(visit_checks::table.filter(check_outs));
            let update = update
                .set(visit_checks::overlapping.eq(diesel::dsl::not(visit_checks::overlapping)));
            update.execute(tx.conn()).await?;
        }
        Ok(Self(flags))
    }

    /// Sets the flag of a visit that is about to be saved.
    pub fn apply(&mut self, visit: &mut Visit) {
        if let Some(flag) = self.0.remove(&visit.id) {
            visit.flag(flag);
        }
    }

    /// Saves the visits to which no flag was applied.
    pub async fn save(self, tx: &mut Tx) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let ids = visits::table.filter(visits::id.eq_any(self.0.keys())).order(visits::id);
        let ids: Vec<Uuid> = ids.select(visits::id).for_update().load(tx.conn()).await?;
        let rows = Visit::query().filter(visits::id.eq_any(ids)).order(visits::id);
        for after in rows.load::<Visit>(tx.conn()).await? {
            let mut before = after.clone();
            before.flag(!self.0[&after.id]);
            before.save(tx, after).await?;
        }
        Ok(())
    }
}

impl Visit {
    /// Clears flags that no longer mean anything: those of a former owner, and those of a visit
    /// without a duration.
    pub(super) fn keep_flag_of_owner(&mut self) {
        let (owner, is_timed) = (self.owner_id, self.duration_min.is_some());
        for check in &mut self.checks.0 {
            check.overlapping &= is_timed && check.user_id == owner;
        }
    }

    fn flag(&mut self, overlapping: bool) {
        let owner = self.owner_id;
        let mut checks = self.checks.0.iter_mut();
        let check =
            checks.find(|check| check.user_id == owner && check.kind == CheckKind::CheckOut);
        if let Some(check) = check {
            check.overlapping = overlapping;
        }
    }
}
