//! Filters of lists: those that were sent, `id` and `updated_from`, which all lists have, and
//! patterns for text filters.

use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{self, Array, Bool, Timestamptz};
use uuid::Uuid;

use super::time::Timestamp;

/// Adds those conditions to a boxed query whose values were sent: `filter_by!(query,
/// visits::owner_id.eq(filter.owner_id), visits::status.eq_any(&filter.status))`.
#[macro_export]
macro_rules! filter_by {
    ($query:ident, $($table:ident::$column:ident.$compare:ident($value:expr)),+ $(,)?) => {
        $(if let Some(value) = $value {
            $query = $query.filter($table::$column.$compare(value));
        })+
    };
}

/// A condition on the columns `id` and `updated_at`. True if neither parameter was sent.
#[derive(Debug, Clone)]
pub struct Narrowed<I, U> {
    pub(crate) id: I,
    pub(crate) updated_at: U,
    pub(crate) ids: Option<Vec<Uuid>>,
    pub(crate) from: Option<Timestamp>,
}

impl<I, U> Expression for Narrowed<I, U> {
    type SqlType = Bool;
}

impl<I: AppearsOnTable<Q>, U: AppearsOnTable<Q>, Q> AppearsOnTable<Q> for Narrowed<I, U> {}

impl<I, U, Q> SelectableExpression<Q> for Narrowed<I, U>
where
    I: SelectableExpression<Q>,
    U: SelectableExpression<Q>,
{
}

impl<I, U> ValidGrouping<()> for Narrowed<I, U> {
    type IsAggregate = is_aggregate::No;
}

/// Not static, because the SQL text depends on the parameters sent.
impl<I, U> QueryId for Narrowed<I, U> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<I: QueryFragment<Pg>, U: QueryFragment<Pg>> QueryFragment<Pg> for Narrowed<I, U> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        out.push_sql("true");
        if let Some(ids) = &self.ids {
            out.push_sql(" and ");
            self.id.walk_ast(out.reborrow())?;
            out.push_sql(" = any(");
            out.push_bind_param::<Array<sql_types::Uuid>, _>(ids)?;
            out.push_sql(")");
        }
        if let Some(from) = &self.from {
            out.push_sql(" and ");
            self.updated_at.walk_ast(out.reborrow())?;
            out.push_sql(" >= ");
            out.push_bind_param::<Timestamptz, _>(from)?;
        }
        Ok(())
    }
}

/// Returns a `like` pattern for values that begin with a text.
pub fn beginning(text: &str) -> String {
    // Escaped, so that `%` and `_` stand for themselves.
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_") + "%"
}

/// Returns a `like` pattern for values that contain a text.
pub fn containing(text: &str) -> String {
    format!("%{}", beginning(text))
}
