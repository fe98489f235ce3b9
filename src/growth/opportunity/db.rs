//! Queries on growth opportunities. Each query for a caller starts at `Caller::sees`.

use access::Caller;
use customers::customer;
use diesel::dsl::not;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use intake::{Body, parameters};
use platform::{
    Change, Conn, Date, Error, Fault, FixedSql, IfMatch, IfSent, List, Reason, Result, Timestamp,
    Tx, fixed_sql,
};
use schema::opportunities;
use uuid::Uuid;

use super::{
    NewOpportunity, Opportunity, OpportunityAction, OpportunityChanges, OpportunityFilter,
    OpportunityPage, OpportunitySort, OpportunityStatus,
};

pub type OwnerOfCustomer = FixedSql<Nullable<SqlUuid>>;

/// Selects the owner of the customer within the row, so that reading an opportunity takes one
/// statement.
pub(super) fn owner_of_customer() -> OwnerOfCustomer {
    fixed_sql("(select owner_id from customers where customers.id = opportunities.customer_id)")
}

fn matching<'a>(
    caller: &'a Caller,
    filter: &'a OpportunityFilter,
    today: Date,
) -> opportunities::BoxedQuery<'a, Pg> {
    let mut query = opportunities::table.filter(caller.sees::<Opportunity>()).into_boxed();
    platform::filter_by!(
        query,
        opportunities::customer_id.eq(filter.customer_id),
        opportunities::owner_id.eq(filter.owner_id),
        opportunities::product_id.eq(filter.product_id),
        opportunities::category.eq(&filter.category),
        opportunities::status.eq_any(&filter.status),
    );

    let open = opportunities::status.eq(OpportunityStatus::Open);
    let late = opportunities::next_step_on.lt(today).and(open);
    query = match filter.overdue {
        Some(true) => query.filter(late),
        Some(false) => query.filter(not(late)),
        None => query,
    };
    platform::filter_by!(
        query,
        opportunities::next_step_on.ge(filter.next_step_from),
        opportunities::next_step_on.lt(filter.next_step_to),
    );
    query
}

impl Opportunity {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<OpportunityFilter>,
        today: Date,
    ) -> Result<OpportunityPage> {
        use opportunities::{created_at, id, next_step_on};
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed =
            || matching(caller, &filter, today).filter(list.rows(id, opportunities::updated_at));
        let query = listed().limit(list.fetch());
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };

        let key = |opportunity: &Self| (opportunity.next_step_on, opportunity.id);
        match filter.sort.unwrap_or(OpportunitySort::EarliestStep) {
            OpportunitySort::EarliestStep => {
                let rows = query.filter(list.after::<Date, _, _>(next_step_on, id)?);
                let rows = rows.order((next_step_on, id)).select(Self::as_select());
                list.page(rows.load(conn).await?, total, key)
            }
            OpportunitySort::LatestStep => {
                let rows = query.filter(list.before::<Date, _, _>(next_step_on, id)?);
                let rows = rows.order((next_step_on.desc(), id.desc())).select(Self::as_select());
                list.page(rows.load(conn).await?, total, key)
            }
            OpportunitySort::NewestFirst => {
                let rows = query.filter(list.before::<Timestamp, _, _>(created_at, id)?);
                let rows = rows.order((created_at.desc(), id.desc())).select(Self::as_select());
                list.page(rows.load(conn).await?, total, |opportunity: &Self| {
                    (opportunity.created_at, opportunity.id)
                })
            }
        }
    }

    access::rows! { opportunities: pub fn find, fn save(refused) }

    async fn find_for_update(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<Self> {
        let row = opportunities::table
            .filter(caller.sees::<Opportunity>())
            .filter(opportunities::id.eq(id));
        let locked: Uuid = row.select(opportunities::id).for_update().first(tx.conn()).await?;
        // A separate statement reads the customer's owner as of the lock; the first one could read
        // the owner from before it waited for the lock.
        Ok(Self::query().filter(opportunities::id.eq(locked)).first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewOpportunity>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let customers = customer::load(tx.conn(), [new.customer_id]).await?;
        let customer = customers.get(&new.customer_id);
        if customer.is_some_and(|customer| customer.merged_into_id.is_some()) {
            let why = "merged into another customer";
            let fault = Fault::new("/customer_id", "customer_merged", why);
            return Err(Error::invalid(vec![fault]));
        }

        let opportunity = Self {
            id: Uuid::now_v7(),
            version: 1,
            customer_id: new.customer_id,
            category: None,
            product_id: None,
            potential_amount: None,
            next_step: new.next_step,
            next_step_on: new.next_step_on,
            owner_id: new.owner_id.unwrap_or(caller.id()),
            status: OpportunityStatus::Open,
            reason: None,
            ended_at: None,
            created_at: tx.now,
            updated_at: tx.now,
            customer_owner_id: customer.and_then(|customer| customer.owner_id),
        }
        .detailed(&new.details);

        opportunity.check(Some(new.next_step_on), tx.today)?;
        opportunity.check_hand(caller)?;
        let insert = diesel::insert_into(opportunities::table).values(&opportunity);
        insert.execute(tx.conn()).await.map_err(refused)?;
        tx.record(Change::created(&opportunity)).await?;
        Ok(opportunity)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<OpportunityChanges>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before, changes.fields()).await?;
        before.status.after(OpportunityAction::Change)?;
        let changes = changes.resolve(tx.conn(), caller).await?;

        let after = before.with(&changes);
        let moved = (after.next_step_on != before.next_step_on).then_some(after.next_step_on);
        after.check(moved, tx.today)?;
        if after.owner_id != before.owner_id {
            after.check_hand(caller)?;
        }
        before.save(tx, after).await
    }

    /// Ends the opportunity as won, lost or dropped.
    pub async fn act(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        action: OpportunityAction,
        why: Option<&Reason>,
    ) -> Result<Self> {
        let before = Self::find_for_update(tx, caller, id).await?;
        based_on.check(tx, &before).await?;
        let status = before.status.after(action)?;
        let (reason, ended_at) = (why.map(|why| why.reason.clone()), Some(tx.now));
        before.save(tx, Self { status, reason, ended_at, ..before.clone() }).await
    }

    /// Checks that the owner is the caller or one of the caller's people.
    fn check_hand(&self, caller: &Caller) -> Result<()> {
        if caller.reach().is_none_or(|reach| reach.contains(&self.owner_id)) {
            return Ok(());
        }
        let detail = "The owner must be you or a person you lead.";
        Err(Error::forbidden_because("not_your_person", detail))
    }
}

/// Maps the error that only the database finds: a program cannot own an opportunity.
fn refused(error: diesel::result::Error) -> Error {
    Error::from(error).on_constraint(
        "opportunities_owner_id_fkey",
        "/owner_id",
        "unknown_reference",
    )
}

customers::merged! {
    opportunities: Opportunity, |row, to| Opportunity {
        customer_id: to.id, customer_owner_id: to.owner_id, ..row
    }
}
