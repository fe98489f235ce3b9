//! The view of a user that the API returns: everyone sees the name and the team, only the people
//! concerned see the other fields.

use access::{Caller, Role};
use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use platform::{Date, Timestamp, page, resource};
use schema::users;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::UserRow;

/// Fields that only the people concerned see.
pub(super) const PRIVATE: [&str; 9] = [
    "username",
    "email",
    "phone",
    "roles",
    "manager_id",
    "employed_from",
    "employed_to",
    "source_system",
    "external_id",
];

/// A user. Everyone sees the name and the team. The other fields are visible to the user, to the
/// leaders above, and to admin, hr, ERP, general manager, sales director and back office. For
/// others they are null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    pub id: Uuid,
    pub version: i64,
    pub username: Option<String>,
    pub name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub roles: Option<Vec<Role>>,
    /// Today's team
    pub team_id: Option<Uuid>,
    /// `true` if the user leads the team today
    pub leads_team: bool,
    /// The nearest active team leader above the user
    pub manager_id: Option<Uuid>,
    pub employed_from: Option<Date>,
    /// Exclusive
    pub employed_to: Option<Date>,
    pub active: bool,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Fields that are null because you may not see them
    pub masked_fields: Vec<&'static str>,
}

resource! {
    UserView: "user" at "/api/v1/users",
    seen by everybody,
    derived ["memberships", "team_id", "leads_team"]
}

page! {
    /// A page of users
    UserPage of UserView
}

/// The row of a user with the manager.
#[derive(HasQuery)]
#[diesel(table_name = users)]
pub(super) struct Shown {
    #[diesel(embed)]
    pub row: UserRow,
    #[diesel(select_expression = ManagerId, select_expression_type = ManagerId)]
    pub manager_id: Option<Uuid>,
}

impl Shown {
    /// Returns the user as the caller may see it.
    pub fn to(self, caller: &Caller) -> UserView {
        let Self { row, manager_id } = self;
        let known = caller.knows(row.id);
        UserView {
            id: row.id,
            version: row.version,
            username: row.username.filter(|_| known),
            name: row.name,
            email: row.email.filter(|_| known),
            phone: row.phone.filter(|_| known),
            roles: known.then_some(row.roles),
            team_id: row.team_id,
            leads_team: row.leads_team,
            manager_id: manager_id.filter(|_| known),
            employed_from: row.employed_from.filter(|_| known),
            employed_to: row.employed_to.filter(|_| known),
            active: row.active,
            source_system: row.source_system.filter(|_| known),
            external_id: row.external_id.filter(|_| known),
            created_at: row.created_at,
            updated_at: row.updated_at,
            masked_fields: if known { vec![] } else { PRIVATE.to_vec() },
        }
    }
}

/// Returns the recorded state of a user as the caller may see it, for the change feed.
pub fn shown(caller: &Caller, mut data: Value) -> Value {
    let Some(person) = data["id"].as_str().and_then(|id| id.parse().ok()) else { return data };
    let hidden: &[&str] = if caller.knows(person) { &[] } else { &PRIVATE };
    if let Value::Object(fields) = &mut data {
        for name in hidden.iter().filter(|name| **name != "manager_id") {
            fields.insert((*name).to_owned(), Value::Null);
        }
        fields.insert("masked_fields".to_owned(), json!(hidden));
    }
    data
}

/// The nearest active team leader above the user of the row. A separate expression type, because
/// diesel has no recursive queries and would prepare a SQL literal again for each query.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct ManagerId;

impl Expression for ManagerId {
    type SqlType = Nullable<SqlUuid>;
}

impl AppearsOnTable<users::table> for ManagerId {}

impl SelectableExpression<users::table> for ManagerId {}

impl ValidGrouping<()> for ManagerId {
    type IsAggregate = is_aggregate::No;
}

impl QueryFragment<Pg> for ManagerId {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> diesel::QueryResult<()> {
        out.push_sql(MANAGER);
        Ok(())
    }
}

/// The SQL of [`ManagerId`]. A leader of a team has no manager in that team, even if it has other
/// leaders.
const MANAGER: &str = "(
    with recursive above as (
        select id, parent_id, 0 as depth from teams where id = users.team_id
        union all
        select teams.id, teams.parent_id, depth + 1
        from above join teams on teams.id = above.parent_id where depth < 100
    )
    select leader.id from above join users as leader on leader.team_id = above.id
    where leader.leads_team and leader.active and leader.id <> users.id
        and (depth > 0 or not users.leads_team)
    order by depth, leader.created_at, leader.id limit 1
)";
