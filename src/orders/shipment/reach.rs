//! Visibility of shipments: the people who see an order see its shipments.

use auth::Caller;
use auth::reach::ByCredit;
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use schema::shipments;

/// A condition for shipments of visible orders. It is `true` for callers who see all accounts, and
/// fits every kind of statement, like [`auth::reach::VisibleTo`].
#[derive(Debug, Clone)]
pub struct OfOrder<'a>(ByCredit<'a>);

/// Shipments of the orders visible to the caller.
pub fn visible_to(caller: &Caller) -> OfOrder<'_> {
    OfOrder(caller.reaches_orders())
}

impl Expression for OfOrder<'_> {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for OfOrder<'_> where shipments::id: AppearsOnTable<Q> {}

impl<Q> SelectableExpression<Q> for OfOrder<'_> where shipments::id: AppearsOnTable<Q> {}

impl ValidGrouping<()> for OfOrder<'_> {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for OfOrder<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for OfOrder<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        if self.0.is_everything() {
            out.push_sql("true");
            return Ok(());
        }
        out.push_sql("shipments.order_id in (select id from orders where ");
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use auth::Role;
    use diesel::debug_query;
    use diesel::prelude::*;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn it_is_seen_by_whoever_sees_the_order() {
        let sql = |role| {
            let caller = Caller::of(auth::Person {
                id: Uuid::nil(),
                roles: vec![role],
                machine: false,
                source_system: None,
                reach: vec![Uuid::nil()],
                teams: vec![],
            });
            let query = shipments::table.filter(visible_to(&caller)).count();
            debug_query::<Pg, _>(&query).to_string().replace('"', "")
        };
        assert!(sql(Role::Finance).contains("WHERE true"));
        let mine = "in (select id from orders where (orders.credited && $1 or";
        assert!(sql(Role::Salesperson).contains(mine));
    }
}
