//! Queries on targets. Each that answers a caller starts at `Caller::sees`.

use access::Caller;
use company::Company;
use diesel::dsl::sum;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::BoxFuture;
use intake::{Body, external_id::key_of, parameters};
use platform::{Change, Conn, Date, Error, Fault, IfMatch, List, Money, Result, Timestamp, Tx};
use schema::targets;
use uuid::Uuid;

use super::steps::TargetAction;
use super::{NewTarget, Target, TargetChanges, TargetFilter, TargetPage, TargetSort, TargetStatus};
use crate::ApproveTargets;

fn matching<'a>(caller: &'a Caller, filter: &'a TargetFilter) -> targets::BoxedQuery<'a, Pg> {
    let mut query = targets::table.filter(caller.sees::<Target>()).into_boxed();
    platform::filter_by!(
        query,
        targets::owner_type.eq(filter.owner_type),
        targets::owner_id.eq(filter.owner_id),
        targets::metric.eq_any(&filter.metric),
        targets::level.eq_any(&filter.level),
        targets::period_type.eq_any(&filter.period_type),
        targets::period_start.ge(filter.period_start_from),
        targets::period_start.lt(filter.period_start_to),
        targets::status.eq_any(&filter.status),
        targets::parent_id.eq(filter.parent_id),
    );
    query
}

impl Target {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<TargetFilter>,
    ) -> Result<TargetPage> {
        use targets::{created_at, id, period_start};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(caller, &filter).filter(list.rows(id, targets::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let key = |target: &Self| (target.period_start, target.id);
        let shown = |rows: Vec<Self>| -> Vec<Self> {
            rows.into_iter().map(|target| target.shown_to(caller)).collect()
        };

        match filter.sort.unwrap_or(TargetSort::Latest) {
            TargetSort::Earliest => {
                let rows = query.filter(list.after::<Date, _, _>(period_start, id)?);
                let rows = rows.order((period_start, id)).select(Self::as_select());
                list.page(shown(rows.load(conn).await?), total, key)
            }
            TargetSort::Latest => {
                let rows = query.filter(list.before::<Date, _, _>(period_start, id)?);
                let rows = rows.order((period_start.desc(), id.desc())).select(Self::as_select());
                list.page(shown(rows.load(conn).await?), total, key)
            }
            TargetSort::NewestFirst => {
                let rows = query.filter(list.before::<Timestamp, _, _>(created_at, id)?);
                let rows = rows.order((created_at.desc(), id.desc())).select(Self::as_select());
                let key = |target: &Self| (target.created_at, target.id);
                list.page(shown(rows.load(conn).await?), total, key)
            }
        }
    }

    pub async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let target = Self::query().filter(caller.sees::<Target>()).filter(targets::id.eq(id));
        let target: Self = target.first(conn).await?;
        Ok(target.shown_to(caller))
    }

    access::rows! { targets: pub(super) fn find_for_update, pub(super) fn save(refused) }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewTarget>) -> Result<Self> {
        lock_tree(tx).await?;
        let new = new.resolve(tx.conn(), caller).await?;
        let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;

        let company = Company::load(tx.conn()).await?;
        let target =
            Self { source_system, external_id, ..Self::blank(Uuid::now_v7(), tx.actor, tx.now) }
                .with(&new.fields(), &company.currency);

        target.check_digits()?;
        target.check(tx).await?;
        target.check_hand(caller)?;
        target.check_metric(caller)?;

        let insert = diesel::insert_into(targets::table).values(&target);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&target)).await?;
        Ok(target)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<TargetChanges>,
    ) -> Result<Self> {
        lock_tree(tx).await?;
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        before.check_hand(caller)?;

        let changes = changes.resolve(tx.conn(), caller).await?;
        let faults = changes.fields.faults();
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }

        let company = Company::load(tx.conn()).await?;
        let after = before.changed(&changes, &company.currency)?;
        // An unchanged value may have come from another system with more digits.
        if after.value != before.value || after.currency != before.currency {
            after.check_digits()?;
        }

        // The rights count before and after: nobody gives a target away to an owner they do not lead.
        if after != before {
            after.check(tx).await?;
            after.check_hand(caller)?;
            after.check_metric(caller)?;
            if before.status == TargetStatus::Approved {
                before.check_revision(caller)?;
            }
            before.check_parts(tx, &after).await?;
            before.check_parent_of(tx, caller, Some(&after)).await?;
        }

        before.save(tx, after).await
    }

    pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfMatch) -> Result<()> {
        lock_tree(tx).await?;
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, &[]).await?;
        before.check_hand(caller)?;
        before.status.after(TargetAction::Delete)?;
        before.check_parent_of(tx, caller, None).await?;
        diesel::delete(targets::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await
    }

    /// Checks that the caller may revise an approved target: the user who sets the value approves
    /// it.
    fn check_revision(&self, caller: &Caller) -> Result<()> {
        if !caller.may::<ApproveTargets>() {
            let detail = "Only users who can approve targets can change an approved target.";
            return Err(Error::forbidden().detail(detail));
        }
        self.check_not_own(caller)
    }

    /// Refuses a value with more digits than its currency has. A count has no currency.
    fn check_digits(&self) -> Result<()> {
        let currency = self.currency.as_deref();
        match currency.and_then(|_| self.value.digits_fault("/value", currency)) {
            Some(fault) => Err(Error::invalid(vec![fault])),
            None => Ok(()),
        }
    }

    async fn check(&self, tx: &mut Tx) -> Result<()> {
        let mut faults = self.faults();
        if let Some(parent) = self.parent_id {
            let above = ancestors(tx, &[parent]).await?;
            let parent = above.iter().find(|target| target.id == parent);
            faults.extend(parent.map(|parent| self.faults_below(parent)).unwrap_or_default());
            if above.iter().any(|target| target.parent_id == Some(self.id)) {
                let why = "a target cannot be part of itself";
                faults.push(Fault::new("/parent_id", "cycle", why));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(Error::invalid(faults)) }
    }

    /// Returns the sum of the target's parts; `None` when it has none.
    pub(super) async fn allocated(&self, tx: &mut Tx) -> Result<Option<Money>> {
        let parts = targets::table.filter(targets::parent_id.eq(self.id));
        Ok(parts.select(sum(targets::value)).first(tx.conn()).await?)
    }

    /// Checks that the parts still fit the changed target, and still add up to it if it is in
    /// force. A target that was approved without enough parts may stay so.
    async fn check_parts(&self, tx: &mut Tx, after: &Self) -> Result<()> {
        let Some(allocated) = self.allocated(tx).await? else { return Ok(()) };
        let frame = |target: &Self| {
            (
                target.metric,
                target.level,
                target.currency.clone(),
                target.period_start,
                target.period_end,
            )
        };

        if frame(self) != frame(after) {
            let detail = "The parts of the target must have its metric, level and currency and be \
                within its period.";
            return Err(Error::conflict("target_has_parts", detail));
        }

        if self.status == TargetStatus::Draft || allocated < self.value {
            return Ok(());
        }

        after.check_allocated(allocated)
    }

    /// Checks that the parent still has enough parts, if it is in force and had enough before.
    async fn check_parent_of(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        after: Option<&Self>,
    ) -> Result<()> {
        let Some(parent) = self.parent_id else { return Ok(()) };
        let parent: Self = Self::query().filter(targets::id.eq(parent)).first(tx.conn()).await?;
        let before = parent.allocated(tx).await?.unwrap_or_default();
        let share = after
            .filter(|part| part.parent_id == self.parent_id)
            .map_or(Money::ZERO, |part| part.value);

        if parent.status == TargetStatus::Draft || before < parent.value {
            return Ok(());
        }

        let checked = parent.check_allocated(Money(before.0 - self.value.0 + share.0));
        if caller.reach().is_none() {
            return checked;
        }

        // The amounts in the message would include parts that the caller does not see.
        let detail = "The parts of the parent target would no longer add up to its value.";
        checked.map_err(|_| Error::conflict("target_under_allocated", detail))
    }
}

/// Loads these targets and all above them.
pub(super) async fn ancestors(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<Target>> {
    let above = diesel::sql_query(ABOVE).bind::<Array<SqlUuid>, _>(ids);
    let above: Vec<Above> = above.load(tx.conn()).await?;
    let rows = Target::query().filter(targets::id.eq_any(above.iter().map(|row| row.id)));
    Ok(rows.load(tx.conn()).await?)
}

#[derive(QueryableByName)]
struct Above {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Raw SQL, because diesel has no recursive queries.
const ABOVE: &str = "
    with recursive above as (
        select id, parent_id from targets where id = any($1)
        union
        select targets.id, targets.parent_id from targets
        join above on targets.id = above.parent_id
    )
    select id from above";

/// Locks all targets against other writers. Sums of parts and cycles concern several rows, which
/// the lock of one row cannot guard.
pub(super) async fn lock_tree(tx: &mut Tx) -> Result<()> {
    tx.lock("targets").await
}

/// Converts a violated constraint into a fault of the field.
pub fn refused(error: diesel::result::Error) -> Error {
    Error::from(error)
        .on_constraint("targets_external_id_key", "/external_id", "duplicate")
        .on_constraint("targets_subject_key", "/period_start", "duplicate")
        .on_constraint("targets_parent_id_fkey", "/parent_id", "unknown_reference")
}

/// Returns whether there are targets, whose values are in the company's currency. A hook of the
/// company.
pub fn uses_currency(tx: &mut Tx) -> BoxFuture<'_, Result<bool>> {
    Box::pin(async {
        Ok(diesel::select(diesel::dsl::exists(targets::table.select(targets::id)))
            .get_result(tx.conn())
            .await?)
    })
}
