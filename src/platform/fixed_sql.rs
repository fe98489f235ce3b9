//! Hand-written SQL fragments with a constant text.

use std::marker::PhantomData;

use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, TypedExpressionType, ValidGrouping,
    is_aggregate,
};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};

/// A constant SQL text without parameters, used as an expression.
///
/// Diesel's own `sql` marks a statement as not cacheable, because its text may differ each time.
/// The whole statement would be prepared on every execution, which costs a round trip and a plan.
#[derive(Debug, Clone, Copy)]
pub struct FixedSql<ST>(&'static str, PhantomData<ST>);

/// Makes an expression of the SQL type `ST` from a constant text.
pub fn fixed_sql<ST>(text: &'static str) -> FixedSql<ST> {
    FixedSql(text, PhantomData)
}

impl<ST: TypedExpressionType> Expression for FixedSql<ST> {
    type SqlType = ST;
}

impl<Q, ST> AppearsOnTable<Q> for FixedSql<ST> where Self: Expression {}

impl<Q, ST> SelectableExpression<Q> for FixedSql<ST> where Self: Expression {}

impl<ST> ValidGrouping<()> for FixedSql<ST> {
    type IsAggregate = is_aggregate::Never;
}

impl<ST> QueryId for FixedSql<ST> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> QueryFragment<Pg> for FixedSql<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}
