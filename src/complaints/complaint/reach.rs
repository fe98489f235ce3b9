//! Visibility of complaints: callers see a complaint if they see its owner, its reporter or its
//! customer's owner. The quality department also sees the complaints dispatched to it.

use auth::{Caller, Role};
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use futures_util::future::{FutureExt, LocalBoxFuture};
use platform::{Conn, Result};
use schema::complaints;
use uuid::Uuid;

/// Id that stands for the whole quality department among the people who see a change.
pub const QUALITY_DESK: Uuid = Uuid::from_u128(u128::MAX - 1);

/// A condition for visible complaints. It is `true` for callers who see everything, and fits every
/// kind of statement, like [`auth::reach::VisibleTo`].
#[derive(Debug, Clone)]
pub struct ByPart<'a> {
    reach: Option<&'a [Uuid]>,
    quality: bool,
}

pub fn visible_to(caller: &Caller) -> ByPart<'_> {
    ByPart { reach: caller.reach(), quality: caller.is(Role::Quality) }
}

impl ByPart<'_> {
    /// Returns the condition for raw SQL. `bind` adds an array parameter and returns its
    /// placeholder. `None` if the caller sees every complaint.
    pub fn sql(&self, bind: impl FnOnce(&[Uuid]) -> String) -> Option<String> {
        let ids = bind(self.reach?);
        let parts: String = PARTS.iter().flat_map(|part| [*part, &ids]).collect();
        let dispatched = if self.quality { DISPATCHED } else { "" };
        Some(format!("{parts})){dispatched})"))
    }
}

impl Expression for ByPart<'_> {
    type SqlType = Bool;
}

impl<Q> AppearsOnTable<Q> for ByPart<'_> where complaints::id: AppearsOnTable<Q> {}

impl<Q> SelectableExpression<Q> for ByPart<'_> where complaints::id: AppearsOnTable<Q> {}

impl ValidGrouping<()> for ByPart<'_> {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for ByPart<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

/// The SQL in front of each of the three lists of people.
const PARTS: [&str; 3] = [
    "(complaints.owner_id = any(",
    ") or complaints.reporter_id = any(",
    ") or complaints.customer_id in (select id from customers where owner_id = any(",
];

/// The additional condition for the quality department.
const DISPATCHED: &str = " or complaints.dispatched_at is not null";

impl QueryFragment<Pg> for ByPart<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        let Some(reach) = &self.reach else {
            out.push_sql("true");
            return Ok(());
        };
        for part in PARTS {
            out.push_sql(part);
            out.push_bind_param::<Array<SqlUuid>, &[Uuid]>(reach)?;
        }
        out.push_sql("))");
        if self.quality {
            out.push_sql(DISPATCHED);
        }
        out.push_sql(")");
        Ok(())
    }
}

auth::names! {
    /// Names of the complaints visible to the caller.
    name_complaints in complaints, |caller| complaints::table.filter(visible_to(caller)), number
}

auth::find! {
    /// Lookup of references to complaints visible to the caller.
    find_complaints in complaints, visible_to
}

/// Returns `true` if the caller sees this complaint. For the files attached to it.
pub fn is_visible<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    id: Uuid,
) -> LocalBoxFuture<'a, Result<bool>> {
    async move {
        let row = complaints::table.filter(visible_to(caller)).filter(complaints::id.eq(id));
        let row: Option<Uuid> = row.select(complaints::id).first(conn).await.optional()?;
        Ok(row.is_some())
    }
    .boxed_local()
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;

    use super::*;

    #[test]
    fn a_complaint_is_seen_by_those_who_have_a_part_in_it() {
        let sql = |role| {
            let caller = Caller::of(auth::Person {
                id: Uuid::nil(),
                roles: vec![role],
                machine: false,
                source_system: None,
                reach: vec![Uuid::nil()],
                teams: vec![],
            });
            let query = complaints::table.filter(visible_to(&caller)).count();
            let text = debug_query::<Pg, _>(&query).to_string().replace('"', "");
            let text = text.split(" -- ").next().unwrap().split("WHERE ").nth(1).unwrap();
            let by_hand = visible_to(&caller).sql(|_| "$1".into()).unwrap_or("true".into());
            assert_eq!(text.replace(['2', '3'], "1"), by_hand);
            text.to_owned()
        };
        assert_eq!(sql(Role::BackOffice), "true");
        let three = "(complaints.owner_id = any($1) or complaints.reporter_id = any($2) \
            or complaints.customer_id in (select id from customers where owner_id = any($3)))";
        assert_eq!(sql(Role::Salesperson), three);
        let most = three.strip_suffix(')').unwrap();
        let quality = format!("{most} or complaints.dispatched_at is not null)");
        assert_eq!(sql(Role::Quality), quality);
    }
}
