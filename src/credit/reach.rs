//! Visibility of credit data: users who see a customer also see its credit.

use auth::Caller;
use auth::reach::VisibleTo;
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Bool;
use schema::customers;

/// A filter on rows of visible customers; it is `true` for callers who see all accounts. One
/// expression for every kind of statement, like [`auth::reach::VisibleTo`].
#[derive(Debug, Clone)]
pub struct OfCustomer<'a, C> {
    customer: C,
    owner: VisibleTo<'a, customers::owner_id>,
    unlimited: bool,
}

/// Returns the filter on rows whose customer the caller may see.
pub(crate) fn of_customer<C>(caller: &Caller, customer: C) -> OfCustomer<'_, C> {
    let owner = caller.reaches_customers(customers::owner_id);
    OfCustomer { customer, owner, unlimited: caller.reach_of_accounts().is_none() }
}

impl<C> Expression for OfCustomer<'_, C> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<Q>, Q> AppearsOnTable<Q> for OfCustomer<'_, C> where Self: Expression {}

impl<C: SelectableExpression<Q>, Q> SelectableExpression<Q> for OfCustomer<'_, C> {}

impl<C> ValidGrouping<()> for OfCustomer<'_, C> {
    type IsAggregate = is_aggregate::No;
}

impl<C> QueryId for OfCustomer<'_, C> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: QueryFragment<Pg>> QueryFragment<Pg> for OfCustomer<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        if self.unlimited {
            out.push_sql("true");
            return Ok(());
        }
        self.customer.walk_ast(out.reborrow())?;
        out.push_sql(" in (select id from customers where ");
        self.owner.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use auth::Role;
    use diesel::debug_query;
    use diesel::prelude::*;
    use schema::credit_investigations;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn it_is_seen_by_whoever_sees_the_customer() {
        let sql = |role| {
            let caller = Caller::of(auth::Person {
                id: Uuid::nil(),
                roles: vec![role],
                machine: false,
                source_system: None,
                reach: vec![Uuid::nil()],
                teams: vec![],
            });
            let seen = of_customer(&caller, credit_investigations::customer_id);
            let query = credit_investigations::table.filter(seen).count();
            let text = debug_query::<Pg, _>(&query).to_string().replace('"', "");
            text.split(" -- ").next().unwrap().split("WHERE ").nth(1).unwrap().to_owned()
        };
        assert_eq!(sql(Role::CreditController), "true");
        let mine = "credit_investigations.customer_id in \
            (select id from customers where (customers.owner_id = $1))";
        assert_eq!(sql(Role::Salesperson), mine);
    }
}
