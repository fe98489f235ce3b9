//! A person as others see them: everybody the name and the team, the rest those it concerns.

use diesel::expression::is_aggregate;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Nullable, Uuid as SqlUuid};
use platform::{Date, EVERYBODY, Timestamp, page, resource};
use schema::users;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::UserRow;
use crate::{Caller, Role};

/// What only some may see.
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

/// A person who works here. Everybody sees the name and the team; the rest is for admin, hr, the
/// leaders above, those who see all rows, and the person: for others it is null.
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
    /// Today
    pub team_id: Option<Uuid>,
    /// Today
    pub leads_team: bool,
    /// The nearest active leader above
    pub manager_id: Option<Uuid>,
    pub employed_from: Option<Date>,
    /// Exclusive
    pub employed_to: Option<Date>,
    pub active: bool,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The fields that are null because you may not see them
    pub masked_fields: Vec<&'static str>,
}

resource! {
    UserView: "user" at "/api/v1/users",
    seen by |_it| vec![EVERYBODY],
    derived ["memberships", "team_id", "leads_team"]
}

page! {
    /// A page of people
    UserPage of UserView
}

impl Caller {
    /// May the caller see all about everybody?
    pub fn knows_everybody(&self) -> bool {
        use Role::{Admin, BackOffice, Erp, GeneralManager, Hr, SalesDirector};
        [Admin, Hr, Erp, GeneralManager, SalesDirector, BackOffice].iter().any(|it| self.is(*it))
    }

    pub(super) fn knows(&self, person: Uuid) -> bool {
        self.knows_everybody() || self.people().contains(&person)
    }
}

/// A row with who is above it.
#[derive(HasQuery)]
#[diesel(table_name = users)]
pub(super) struct Shown {
    #[diesel(embed)]
    pub row: UserRow,
    #[diesel(select_expression = ManagerId, select_expression_type = ManagerId)]
    pub manager_id: Option<Uuid>,
}

impl Shown {
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

/// The recorded state of a person as this reader may see it: for the change feed.
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

/// The nearest active leader above the person of the row: an expression of its own, because
/// diesel has no recursive queries and prepares a literal one anew each time.
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

/// Whoever leads a team has no manager in it, even if others lead it, too.
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
