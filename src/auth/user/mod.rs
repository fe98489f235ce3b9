//! Users, 用户: the people who work here.

pub(crate) mod account;
mod batch;
mod db;
pub mod http;
mod view;

use std::ops::{Deref, DerefMut};

use access::{Caller, Role};
use diesel::prelude::*;
use intake::{
    Reference,
    reference::{BoxFuture, Found, Wanted},
};
use platform::batch::ItemKey;
use platform::{Conn, Date, Error, Fault, Result, Timestamp};
use platform::{pinyin, resource, sent, text_enum};
use schema::users;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::membership::{Memberships, Place};
use crate::team::find_teams;

pub use account::{create_cli, ensure_admin, set_password_cli};
pub use batch::apply_memberships;
pub(crate) use db::{Brief, briefs};
pub use db::{everybody, people, write_search_texts};
pub use view::{UserPage, UserView, shown};

intake::names! {
    /// Returns the names of users. All users are visible to every caller by name.
    name_users in users, |_| users::table.filter(users::id.is_not_null()), name
}

intake::find! {
    /// Resolves references to users. All users are visible to every caller, at least by name and
    /// team.
    find_everybody in users, |_| users::id.is_not_null()
}

/// Resolves references to users: by id all users, by external id only users whose external id the
/// caller may read. Otherwise, guessing an external id would disclose its user.
pub fn find_users<'a>(
    conn: &'a mut Conn,
    caller: &'a Caller,
    wanted: &'a Wanted,
) -> BoxFuture<'a, Result<Found>> {
    Box::pin(async move {
        let found = find_everybody(conn, caller, wanted).await?;
        Ok(found.named_only(|person| caller.knows(person)))
    })
}

text_enum! {
    pub enum UserSort {
        Name = "name",
        /// Alphabetical order of the names in pinyin
        NamePinyin = "name_pinyin",
        NewestFirst = "-created_at",
    }
}

/// The row of a user, without the password.
#[derive(Debug, Clone, PartialEq, Serialize, HasQuery, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub struct UserRow {
    pub id: Uuid,
    pub version: i64,
    pub username: Option<String>,
    pub name: String,
    #[serde(skip)]
    pub name_pinyin: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub roles: Vec<Role>,
    pub team_id: Option<Uuid>,
    pub leads_team: bool,
    pub employed_from: Option<Date>,
    pub employed_to: Option<Date>,
    pub active: bool,
    /// The user who set the password. That user could log in with it, so they may not widen its
    /// scope
    #[serde(skip)]
    pub password_set_by: Option<Uuid>,
    pub source_system: Option<String>,
    pub external_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A user with all memberships, which are written and recorded together. `team_id` and `leads_team`
/// of the row are those of today's membership.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct User {
    #[serde(flatten)]
    pub row: UserRow,
    pub memberships: Memberships,
}

resource! { User: "user" at "/api/v1/users", seen by everybody }

impl Deref for User {
    type Target = UserRow;

    fn deref(&self) -> &UserRow {
        &self.row
    }
}

impl DerefMut for User {
    fn deref_mut(&mut self) -> &mut UserRow {
        &mut self.row
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(example = json!({ "name": "张伟", "username": "zhangwei", "employed_from": "2026-01-01" }))]
pub struct NewUser {
    /// At least 10 characters, and not a common password. Default: none, so that the user cannot
    /// log in
    #[schema(min_length = 10, max_length = 200, nullable = false, write_only)]
    #[allow(dead_code, reason = "hashed before the rest is read")]
    password: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The name for logging in. Case and width are ignored in all scripts: `Zhang.Wei` and
    /// `zhang.wei` are the same
    #[schema(min_length = 1, max_length = 100, pattern = r"^\S+$")]
    username: Option<String>,
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    #[schema(max_length = 40)]
    phone: Option<String>,
    /// Only an admin may set other roles than the default. Default: `salesperson`
    #[schema(min_items = 1, max_items = 12, nullable = false)]
    roles: Option<Vec<Role>>,
    team_id: Option<Uuid>,
    #[schema(nullable = false)]
    leads_team: Option<bool>,
    /// The first day of the membership. Default: `employed_from`, or an unlimited past
    #[schema(nullable = false, write_only)]
    effective_on: Option<Date>,
    employed_from: Option<Date>,
    /// Exclusive
    employed_to: Option<Date>,
    /// Users who are not active cannot log in
    #[schema(default = true, nullable = false)]
    active: Option<bool>,
    /// The source system of `external_id`. Default: your own
    #[schema(min_length = 1, max_length = 40)]
    source_system: Option<String>,
    #[schema(min_length = 1, max_length = 200)]
    external_id: Option<String>,
}

/// A merge patch: absent fields stay unchanged, null clears.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(example = json!({ "phone": "13800000000" }))]
pub struct UserChanges {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    name: Option<String>,
    #[serde(deserialize_with = "sent")]
    #[schema(min_length = 1, max_length = 100, pattern = r"^\S+$")]
    username: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(format = "email", max_length = 254)]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    #[schema(max_length = 40)]
    phone: Option<Option<String>>,
    /// Only an admin may change the roles
    #[schema(min_items = 1, max_items = 12, nullable = false)]
    roles: Option<Vec<Role>>,
    /// A new team starts a membership on `effective_on` and ends the current one. Null only ends
    /// the current one
    #[serde(deserialize_with = "sent")]
    team_id: Option<Option<Uuid>>,
    /// `true` if the user leads the team. A change starts a new membership, as with `team_id`
    #[schema(nullable = false)]
    leads_team: Option<bool>,
    /// The first day of the new membership. Default: today, or `employed_from` for the first
    /// membership
    #[schema(nullable = false, write_only)]
    effective_on: Option<Date>,
    #[serde(deserialize_with = "sent")]
    employed_from: Option<Option<Date>>,
    /// Exclusive: from this day on, the user has no access
    #[serde(deserialize_with = "sent")]
    employed_to: Option<Option<Date>>,
    /// `false` locks the user out and ends all sessions
    #[schema(nullable = false)]
    active: Option<bool>,
}

/// A user as another system knows them. Absent fields stay unchanged, null clears.
#[derive(Debug, Deserialize, ToSchema)]
pub struct UserItem {
    #[serde(flatten)]
    #[allow(dead_code, reason = "read by the import")]
    key: ItemKey,
    #[serde(flatten)]
    changes: UserChanges,
}

platform::batch! {
    /// Users of one source system, in any order
    #[schema(example = json!({ "source_system": "sap", "items": [{ "external_id": "E-1", "name": "张伟" }] }))]
    UserBatch of UserItem
}

/// The filters of the list of users.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserFilter {
    team_id: Option<Uuid>,
    /// One or several values, separated by commas. Only for callers who see the roles of all users
    #[param(inline, style = Form, explode = false)]
    role: Option<Vec<Role>>,
    active: Option<bool>,
    /// A part of the name, or of its pinyin or pinyin initials. Case and width are ignored
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// Default: `name`
    #[param(inline)]
    sort: Option<UserSort>,
}

/// The end of an employment without an end.
pub(crate) const FOREVER: Date = Date(jiff::civil::Date::MAX);

const TEAM: &[Reference] = &[Reference { at: "team", of: "team", find: find_teams }];

intake::references! {
    NewUser: TEAM;
    UserChanges: TEAM;
    UserItem: TEAM;
    UserFilter: TEAM;
}

impl NewUser {
    fn changes(self) -> UserChanges {
        UserChanges {
            name: Some(self.name),
            username: Some(self.username),
            email: Some(self.email),
            phone: Some(self.phone),
            roles: self.roles,
            team_id: self.team_id.map(Some),
            leads_team: self.leads_team,
            effective_on: self.effective_on,
            employed_from: Some(self.employed_from),
            employed_to: Some(self.employed_to),
            active: self.active,
        }
    }
}

impl User {
    fn blank(id: Uuid, now: Timestamp) -> Self {
        let row = UserRow {
            id,
            version: 1,
            username: None,
            name: String::new(),
            name_pinyin: String::new(),
            email: None,
            phone: None,
            roles: vec![Role::Salesperson],
            team_id: None,
            leads_team: false,
            employed_from: None,
            employed_to: None,
            active: true,
            password_set_by: None,
            source_system: None,
            external_id: None,
            created_at: now,
            updated_at: now,
        };
        Self { row, memberships: Memberships::default() }
    }

    /// Returns the user after the changes, equal to `self` if they change nothing.
    fn with(&self, changes: &UserChanges, today: Date) -> Self {
        let mut after = self.clone();
        platform::patch!(after, changes => UserChanges {
            name, username, email, phone, employed_from, employed_to, active;
            roles, team_id, leads_team, effective_on
        });
        after.name_pinyin = pinyin::full(&after.name);
        if let Some(roles) = &changes.roles {
            after.roles = Role::ALL.iter().copied().filter(|role| roles.contains(role)).collect();
        }

        if changes.team_id.is_some() || changes.leads_team.is_some() {
            let on = changes.effective_on.unwrap_or_else(|| after.moves_on(today));
            let place = after.place(changes, on);
            after.memberships.move_to(self.id, place, on);
        }
        after.settle(today);
        after
    }

    /// Returns the default first day of a move.
    fn moves_on(&self, today: Date) -> Date {
        let beginning = Date(jiff::civil::date(1, 1, 1));
        let first = || self.employed_from.unwrap_or(beginning);
        if self.memberships.is_empty() { first() } else { today }
    }

    /// Returns the place of the user after the changes. Fields that were not sent stay as they are
    /// on that day.
    fn place(&self, changes: &UserChanges, on: Date) -> Place {
        let now = self.memberships.on(on);
        let team = changes.team_id.unwrap_or(now.map(|now| now.0));
        let leads = changes.leads_team.unwrap_or(now.is_some_and(|now| now.1));
        team.map(|team| (team, leads))
    }

    /// Sets the row's team and leadership from today's membership.
    fn settle(&mut self, today: Date) {
        let now = self.memberships.on(today);
        self.team_id = now.map(|now| now.0);
        self.leads_team = now.is_some_and(|now| now.1);
    }

    /// Checks the rules that hold for every user, whether written by people or imported.
    fn faults(&self, changes: &UserChanges, today: Date) -> Vec<Fault> {
        let mut faults = vec![];
        if matches!((self.employed_from, self.employed_to), (Some(from), Some(to)) if to <= from) {
            faults.push(Fault::new("/employed_to", "range", "must be after `employed_from`"));
        }
        let on = changes.effective_on.unwrap_or(today);
        if changes.leads_team == Some(true) && self.memberships.on(on).is_none() {
            let why = "a leader must belong to a team; send `team_id` as well";
            faults.push(Fault::new("/leads_team", "no_team", why));
        }
        faults
    }

    /// Returns `true` if the user has access.
    fn works(&self, today: Date) -> bool {
        self.active && self.employed_to.is_none_or(|end| today < end)
    }

    /// Returns the day until which the user is an admin. `None` for other users.
    fn admin_until(&self, today: Date) -> Option<Date> {
        let admin = self.works(today) && self.roles.contains(&Role::Admin);
        admin.then(|| self.employed_to.unwrap_or(FOREVER))
    }
}

impl UserChanges {
    /// Checks the roles that were sent: only an admin grants roles, others may only repeat them.
    fn roles_for(&mut self, caller: &Caller, before: Option<&User>) -> Result<(), Fault> {
        let Some(roles) = self.roles.as_ref().filter(|_| !caller.is(Role::Admin)) else {
            return Ok(());
        };
        let now = before.map_or(&[Role::Salesperson][..], |before| &before.roles);
        let same = roles.len() == now.len() && roles.iter().all(|role| now.contains(role));
        // An ERP sends `salesperson` for all users, which must not take other roles away.
        let plain = caller.is(Role::Erp) && roles[..] == [Role::Salesperson];
        if !same && !plain {
            let why = "Only admins can grant roles.";
            return Err(Fault::new("/roles", "roles_not_grantable", why));
        }
        self.roles = None;
        Ok(())
    }
}

fn not_grantable(fault: Fault) -> Error {
    Error::forbidden_because("roles_not_grantable", fault.message.clone()).faults(vec![fault])
}

fn last_admin() -> Error {
    let fault = Fault::new("", "last_admin", "at least one active admin must remain");
    Error::conflict("last_admin", "There is no other active admin.").faults(vec![fault])
}

fn own_account() -> Error {
    Error::conflict("own_account", "You cannot deactivate your own account.")
}
