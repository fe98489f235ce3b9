//! Visits of one person at the same time, 时间重叠. Nobody is at two places at once: which of them is
//! wrong nobody knows, so all of them are flagged and left out of averages.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Result, Tx};
use schema::visits;
use uuid::Uuid;

use super::Visit;

/// The visits whose flag is wrong, with what it should be: those that were written, and those of the
/// same people on the days around them. Who stays for more than 12 hours has forgotten to check out.
const WRONG: &str = "
    with days as (
        select distinct owner_id, planned_date as day from visits where id = any($1)
    ), near as materialized (
        select v.id, v.owner_id, v.overlapping, min(abs(v.planned_date - day)) <= 1 as judged
        from days join visits v
            on v.owner_id = days.owner_id and v.planned_date between day - 2 and day + 2
        group by v.id
    ), stays as (
        select near.*, came.occurred_at as begins, went.occurred_at as ends
        from near
        join visit_checks came
            on came.visit_id = near.id and came.user_id = owner_id and came.kind = 'check_in'
        join visit_checks went
            on went.visit_id = near.id and went.user_id = owner_id and went.kind = 'check_out'
        where went.occurred_at <= came.occurred_at + interval '12 hours'
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

/// Flags to be set, by visit.
pub(super) struct Flags(HashMap<Uuid, bool>);

impl Visit {
    /// Stores a visit that its owner has ended.
    pub(super) async fn save_ended(&self, tx: &mut Tx, mut after: Self) -> Result<Self> {
        let mut flags = Flags::of(tx, &[self.id]).await?;
        flags.apply(&mut after);
        let after = self.save(tx, after).await?;
        flags.save(tx).await?;
        Ok(after)
    }
}

impl Flags {
    /// The flags that follow from the check-ins and check-outs of these visits, once those are written.
    pub async fn of(tx: &mut Tx, written: &[Uuid]) -> Result<Self> {
        let query = diesel::sql_query(WRONG).bind::<Array<SqlUuid>, _>(written);
        let rows: Vec<Judged> = query.load(tx.conn()).await?;
        Ok(Self(rows.into_iter().map(|row| (row.id, row.is_overlapping)).collect()))
    }

    /// Sets the flag of a visit that somebody else stores. Answers whether it has changed.
    pub fn apply(&mut self, visit: &mut Visit) -> bool {
        let flag = self.0.remove(&visit.id);
        visit.overlapping = flag.unwrap_or(visit.overlapping);
        flag.is_some()
    }

    /// Stores the others.
    pub async fn save(self, tx: &mut Tx) -> Result<()> {
        let ids = visits::table.filter(visits::id.eq_any(self.0.keys())).order(visits::id);
        let ids: Vec<Uuid> = ids.select(visits::id).for_update().load(tx.conn()).await?;
        let rows = Visit::query().filter(visits::id.eq_any(ids)).order(visits::id);
        for before in rows.load::<Visit>(tx.conn()).await? {
            let overlapping = self.0[&before.id];
            before.save(tx, Visit { overlapping, ..before.clone() }).await?;
        }
        Ok(())
    }
}
