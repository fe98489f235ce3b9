//! Visibility of receivables: users see the documents of customers or salespeople in their scope,
//! finance sees everything.

use auth::Caller;
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use uuid::Uuid;

/// A filter that is `true` for callers who see all accounts; for others it is the rule of a table
/// with the visible users in each of its gaps. One expression for every kind of statement, like
/// [`auth::reach::VisibleTo`].
#[derive(Debug, Clone)]
pub struct ByAccount<'a> {
    reach: Option<&'a [Uuid]>,
    /// The SQL around the gaps, at least two pieces
    rule: &'static [&'static str],
}

impl<'a> ByAccount<'a> {
    pub(crate) fn of(caller: &'a Caller, rule: &'static [&'static str]) -> Self {
        Self { reach: caller.reach_of_accounts(), rule }
    }

    /// Returns the rule for raw SQL. `bind` adds an array parameter and returns its placeholder.
    /// `None` if the caller sees every row.
    pub fn sql(&self, mut bind: impl FnMut(&[Uuid]) -> String) -> Option<String> {
        let people = bind(self.reach?);
        Some(self.rule.join(people.as_str()))
    }
}

impl Expression for ByAccount<'_> {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for ByAccount<'_> where Self: Expression {}

impl<Q> SelectableExpression<Q> for ByAccount<'_> where Self: Expression {}

impl ValidGrouping<()> for ByAccount<'_> {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for ByAccount<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Pg> for ByAccount<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some(reach) = &self.reach else {
            out.push_sql("true");
            return Ok(());
        };
        for (place, text) in self.rule.iter().enumerate() {
            if place > 0 {
                out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(reach)?;
            }
            out.push_sql(text);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use auth::Role;
    use diesel::debug_query;
    use diesel::prelude::*;
    use schema::invoices;

    use super::*;

    #[test]
    fn finance_sees_all_and_others_what_is_in_reach() {
        let sql = |role| {
            let caller = Caller::of(auth::Person {
                id: Uuid::nil(),
                roles: vec![role],
                machine: false,
                source_system: None,
                reach: vec![Uuid::nil()],
                teams: vec![],
            });
            let rule = ByAccount::of(&caller, &["(a = any(", ") or b = any(", "))"]);
            let query = invoices::table.filter(rule.clone()).count();
            let text = debug_query::<Pg, _>(&query).to_string().replace('"', "");
            let text =
                text.split(" -- ").next().unwrap().split("WHERE ").nth(1).unwrap().to_owned();
            (text, rule.sql(|_| "$n".into()))
        };
        assert_eq!(sql(Role::Finance), ("true".to_owned(), None));
        let (text, by_hand) = sql(Role::SalesManager);
        assert_eq!(text, "(a = any($1) or b = any($2))");
        assert_eq!(by_hand.as_deref(), Some("(a = any($n) or b = any($n))"));
    }
}
