//! Visibility of targets. Callers see their own targets and those of their people and teams, those
//! of the customers that they see, and the company's.

use auth::Caller;
use auth::reach::VisibleTo;
use auth::reference::{Found, Wanted};
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use futures_util::future::BoxFuture;
use platform::{Conn, Result};
use schema::{customers, targets};
use uuid::Uuid;

/// The condition for visible targets: `true` for a caller who sees everything. Like
/// [`auth::reach::VisibleTo`] it is one expression for every kind of statement.
#[derive(Debug, Clone)]
pub struct ByOwner<'a> {
    reach: Option<&'a [Uuid]>,
    teams: &'a [Uuid],
    customers: VisibleTo<'a, customers::owner_id>,
}

/// Returns the condition for targets that the caller may see.
pub fn visible_to(caller: &Caller) -> ByOwner<'_> {
    let customers = caller.reaches_customers(customers::owner_id);
    ByOwner { reach: caller.reach(), teams: caller.teams(), customers }
}

impl Expression for ByOwner<'_> {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for ByOwner<'_> where targets::id: AppearsOnTable<Q> {}

impl<Q> SelectableExpression<Q> for ByOwner<'_> where targets::id: AppearsOnTable<Q> {}

impl ValidGrouping<()> for ByOwner<'_> {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for ByOwner<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for ByOwner<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some(reach) = &self.reach else {
            out.push_sql("true");
            return Ok(());
        };

        out.push_sql("(targets.owner_type = 'company'");
        for (owner_type, owners) in [("user", reach), ("team", &self.teams)] {
            out.push_sql(" or targets.owner_type = '");
            out.push_sql(owner_type);
            out.push_sql("' and targets.owner_id = any(");
            out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(owners)?;
            out.push_sql(")");
        }

        out.push_sql(" or targets.owner_type = 'customer' and targets.owner_id in (");
        out.push_sql("select id from customers where ");
        self.customers.walk_ast(out.reborrow())?;
        out.push_sql("))");
        Ok(())
    }
}

auth::find! {
    /// Finds the referenced targets that the caller may see.
    find_targets in targets, visible_to
}

/// Finds nothing, because the company and channels are owners without an id.
pub(super) fn find_nothing<'a>(
    _: &'a mut Conn,
    _: &'a Caller,
    _: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async { Ok(Found::default()) })
}

/// Finds owners whose type is not known: ids are taken as they are, and external ids are unknown.
pub(super) fn find_as_given<'a>(
    _: &'a mut Conn,
    _: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async {
        let mut found = Found::default();
        found.extend(wanted.ids.iter().map(|id| (*id, 0, None, None)));
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::prelude::*;

    use super::*;

    #[test]
    fn a_target_is_seen_by_its_owner() {
        let caller = |role| {
            Caller::of(auth::Person {
                id: Uuid::nil(),
                roles: vec![role],
                machine: false,
                source_system: None,
                reach: vec![Uuid::nil(), Uuid::max()],
                teams: vec![],
            })
        };
        let sql = |role| {
            let caller = caller(role);
            let query = targets::table.filter(visible_to(&caller)).count();
            debug_query::<Pg, _>(&query).to_string().replace('"', "")
        };
        assert!(sql(auth::Role::Reporter).contains("WHERE true"));
        let some = sql(auth::Role::SalesManager);
        assert!(some.contains("customers.owner_id = any($3) or customers.owner_id is null"));
        assert!(some.contains("'team' and targets.owner_id = any($2)"), "{some}");
        assert!(sql(auth::Role::Finance).contains("select id from customers where true"));
    }
}
