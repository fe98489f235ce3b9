//! Row-level visibility: conditions on the owner of a row and the users that the caller sees.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use schema::orders;
use uuid::Uuid;

use super::Caller;

/// The condition that the caller sees the owner of a row: `true` for callers who see everything,
/// otherwise `owner_id = any($reach)`, or `owner_id = $me` for a single user. Only the last form
/// lets an index on owner and name return a list in order, which is five times as fast for a
/// salesperson.
///
/// One expression with three SQL texts, each with its own plan: a generic plan for `$1 or owner_id
/// = any($2)` would have to suit all callers and could not rely on the index. Implemented manually,
/// because `Box<dyn BoxableExpression + Send>` does not compile as a predicate (diesel implements
/// grouping and query ids for it only without `Send`) and names one query source, so that a join
/// would need a second copy; `auto_type` has one type and therefore one SQL text. This type works
/// in select, update, delete, count, join and subquery alike.
#[derive(Debug, Clone)]
pub struct VisibleTo<'a, C> {
    owner: C,
    reach: Option<&'a [Uuid]>,
    pool: bool,
}

impl Caller {
    /// The condition for rows that the caller or a user below the caller owns.
    pub fn reaches<C>(&self, owner: C) -> VisibleTo<'_, C> {
        VisibleTo { owner, reach: self.reach(), pool: false }
    }

    /// The condition for customers: those that the caller or a user below the caller owns, and the
    /// pool for callers who see it. Finance sees all of them.
    pub fn reaches_customers<C>(&self, owner: C) -> VisibleTo<'_, C> {
        VisibleTo { owner, reach: self.reach_of_accounts(), pool: self.sees_pool() }
    }

    /// The condition for rows that belong to a customer but are not for finance, such as contacts.
    pub fn reaches_or_pool<C>(&self, owner: C) -> VisibleTo<'_, C> {
        VisibleTo { owner, reach: self.reach(), pool: self.sees_pool() }
    }

    /// The condition for records that a user makes about a customer, such as suggestions: see
    /// [`ByHand`].
    pub fn reaches_by_hand<P, C>(&self, person: P, customer: C) -> ByHand<'_, P, C> {
        ByHand { person, customer, reach: self.reach() }
    }

    /// The condition for orders and for figures computed from them: see [`ByCredit`].
    pub fn reaches_orders(&self) -> ByCredit<'_> {
        ByCredit { reach: self.reach_of_accounts(), teams: self.teams() }
    }
}

impl<C> VisibleTo<'_, C> {
    /// Returns the condition for raw SQL. `owner` is the name of the column; `bind` adds an array
    /// parameter and returns its placeholder. `None` if the caller sees every row.
    pub fn sql(&self, owner: &str, bind: impl FnOnce(&[Uuid]) -> String) -> Option<String> {
        let ids = bind(self.reach?);
        let pool = if self.pool { format!(" or {owner} is null") } else { String::new() };
        Some(format!("({owner} = any({ids}){pool})"))
    }
}

impl<C> Expression for VisibleTo<'_, C> {
    type SqlType = Bool;
}

impl<C: AppearsOnTable<Q>, Q> AppearsOnTable<Q> for VisibleTo<'_, C> where Self: Expression {}

impl<C: SelectableExpression<Q>, Q> SelectableExpression<Q> for VisibleTo<'_, C> {}

impl<C> ValidGrouping<()> for VisibleTo<'_, C> {
    type IsAggregate = is_aggregate::No;
}

impl<C> QueryId for VisibleTo<'_, C> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<C: QueryFragment<Pg>> QueryFragment<Pg> for VisibleTo<'_, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some(reach) = &self.reach else {
            out.push_sql("true");
            return Ok(());
        };
        out.push_sql("(");
        self.owner.walk_ast(out.reborrow())?;
        if let [one] = reach {
            out.push_sql(" = ");
            out.push_bind_param::<SqlUuid, Uuid>(one)?;
        } else {
            out.push_sql(" = any(");
            out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(reach)?;
            out.push_sql(")");
        }
        if self.pool {
            out.push_sql(" or ");
            self.owner.walk_ast(out.reborrow())?;
            out.push_sql(" is null");
        }
        out.push_sql(")");
        Ok(())
    }
}

/// The condition for records that a user makes about a customer: the caller sees that user, or the
/// owner of the customer.
#[derive(Debug, Clone)]
pub struct ByHand<'a, P, C> {
    person: P,
    customer: C,
    reach: Option<&'a [Uuid]>,
}

impl<P, C> Expression for ByHand<'_, P, C> {
    type SqlType = Bool;
}

impl<P: AppearsOnTable<Q>, C: AppearsOnTable<Q>, Q> AppearsOnTable<Q> for ByHand<'_, P, C> {}

impl<P, C, Q> SelectableExpression<Q> for ByHand<'_, P, C>
where
    P: SelectableExpression<Q>,
    C: SelectableExpression<Q>,
{
}

impl<P, C> ValidGrouping<()> for ByHand<'_, P, C> {
    type IsAggregate = is_aggregate::No;
}

impl<P, C> QueryId for ByHand<'_, P, C> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<P: QueryFragment<Pg>, C: QueryFragment<Pg>> QueryFragment<Pg> for ByHand<'_, P, C> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some(reach) = &self.reach else {
            out.push_sql("true");
            return Ok(());
        };
        out.push_sql("(");
        self.person.walk_ast(out.reborrow())?;
        out.push_sql(" = any(");
        out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(reach)?;
        out.push_sql(") or ");
        self.customer.walk_ast(out.reborrow())?;
        out.push_sql(" in (select id from customers where owner_id = any(");
        out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(reach)?;
        out.push_sql(")))");
        Ok(())
    }
}

/// The condition for orders: the caller sees a credited user, or currently leads a team on the
/// order's stored team path, or sees the customer's owner.
#[derive(Debug, Clone)]
pub struct ByCredit<'a> {
    reach: Option<&'a [Uuid]>,
    teams: &'a [Uuid],
}

impl ByCredit<'_> {
    /// Returns `true` if the caller sees every order, so that a report can leave the condition out.
    pub fn is_everything(&self) -> bool {
        self.reach.is_none()
    }

    /// Returns the condition for raw SQL. `bind` adds an array parameter and returns its
    /// placeholder. `None` if the caller sees every row.
    pub fn sql(&self, mut bind: impl FnMut(&[Uuid]) -> String) -> Option<String> {
        let reach = self.reach?;
        let [people, path, owner, end] = ORDER_RULE;
        let (reach, teams) = (bind(reach), bind(self.teams));
        Some([people, &reach, path, &teams, owner, &reach, end].concat())
    }
}

/// The SQL around the three parameters: visible users, led teams, and visible users once more.
const ORDER_RULE: [&str; 4] = [
    "(orders.credited && ",
    " or orders.team_path && ",
    " or orders.customer_id in (select id from customers where owner_id = any(",
    ")))",
];

impl Expression for ByCredit<'_> {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for ByCredit<'_> where orders::id: AppearsOnTable<Q> {}

impl<Q> SelectableExpression<Q> for ByCredit<'_> where orders::id: AppearsOnTable<Q> {}

impl ValidGrouping<()> for ByCredit<'_> {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for ByCredit<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for ByCredit<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some(reach) = &self.reach else {
            out.push_sql("true");
            return Ok(());
        };
        let [people, path, owner, end] = ORDER_RULE;
        for (text, ids) in [(people, reach), (path, &self.teams), (owner, reach)] {
            out.push_sql(text);
            out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(ids)?;
        }
        out.push_sql(end);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::prelude::*;
    use schema::{contacts, customers, suggestions};

    use super::*;

    fn sql(query: &impl QueryFragment<Pg>) -> String {
        let text = debug_query::<Pg, _>(query).to_string();
        text.split(" -- ").next().unwrap().replace('"', "")
    }

    #[test]
    fn one_rule_in_every_kind_of_statement() {
        let ids = [Uuid::nil(), Uuid::max()];
        let rule = |reach| VisibleTo { owner: customers::owner_id, reach, pool: false };
        let mine = || rule(Some(&ids[..]));
        let customers = customers::table;

        let all = sql(&customers.filter(rule(None)).count());
        assert_eq!(all, "SELECT COUNT(*) FROM customers WHERE true");
        let count = sql(&customers.filter(mine()).count());
        assert_eq!(count, "SELECT COUNT(*) FROM customers WHERE (customers.owner_id = any($1))");
        let own = sql(&customers.filter(rule(Some(&ids[..1]))).count());
        assert_eq!(own, "SELECT COUNT(*) FROM customers WHERE (customers.owner_id = $1)");
        let delete = sql(&diesel::delete(customers.filter(mine())));
        assert_eq!(delete, "DELETE FROM customers WHERE (customers.owner_id = any($1))");
        let update = diesel::update(customers.filter(mine())).set(customers::version.eq(2));
        assert!(sql(&update).ends_with("WHERE (customers.owner_id = any($2))"));
        let join = contacts::table.inner_join(customers).filter(mine()).select(contacts::name);
        assert!(sql(&join).ends_with("WHERE (customers.owner_id = any($1))"));
        let seen = customers.filter(mine()).select(customers::id).into_boxed();
        let inside =
            contacts::table.filter(contacts::customer_id.eq_any(seen)).select(contacts::id);
        assert!(sql(&inside).contains("(SELECT customers.id FROM customers WHERE"));
        let by_hand = mine().sql("customers.owner_id", |_| "$1".into());
        assert_eq!(by_hand.as_deref(), Some("(customers.owner_id = any($1))"));
        assert!(rule(None).sql("owner_id", |_| String::new()).is_none());
        let pool = VisibleTo { owner: (), reach: Some(&ids[..]), pool: true };
        let by_hand = pool.sql("owner_id", |_| "$1".into());
        assert_eq!(by_hand.as_deref(), Some("(owner_id = any($1) or owner_id is null)"));
    }

    #[test]
    fn what_is_recorded_of_a_customer_has_two_ways_to_be_seen() {
        let ids = [Uuid::nil()];
        let rule = |reach| {
            let (person, customer) = (suggestions::reporter_id, suggestions::customer_id);
            ByHand { person, customer, reach }
        };
        let all = sql(&suggestions::table.filter(rule(None)).count());
        assert!(all.ends_with("WHERE true"), "{all}");
        let some = sql(&suggestions::table.filter(rule(Some(&ids))).count());
        let two = "(suggestions.reporter_id = any($1) or suggestions.customer_id in \
            (select id from customers where owner_id = any($2)))";
        assert!(some.ends_with(two), "{some}");
    }

    #[test]
    fn orders_have_three_ways_to_be_seen() {
        let (people, teams) = ([Uuid::nil()], [Uuid::nil()]);
        let rule = ByCredit { reach: Some(&people), teams: &teams };
        let count = sql(&orders::table.filter(rule.clone()).count());
        assert!(count.contains("orders.credited && $1 or orders.team_path && $2 or"), "{count}");
        let by_hand = rule.sql(|_| "$n".into()).unwrap();
        assert!(by_hand.starts_with("(orders.credited && $n or orders.team_path && $n or"));
        assert!(count.replace(['1', '2', '3'], "n").ends_with(&by_hand), "{by_hand}");
        let rule = ByCredit { reach: None, teams: &teams };
        assert!(rule.sql(|_| String::new()).is_none());
        assert!(sql(&orders::table.filter(rule).count()).ends_with("WHERE true"));
    }
}
