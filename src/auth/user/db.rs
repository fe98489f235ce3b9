//! Queries on users. Every caller sees every row; [`super::view`] decides which fields.

use std::collections::HashMap;

use access::{Caller, Role};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use intake::external_id::key_of;
use intake::{Body, parameters};
use platform::characters::fold;
use platform::search::{self, TextMatch};
use platform::upsert::all_but;
use platform::{
    Change, Conn, Date, Error, Fault, IfMatch, List, Reply, Result, Timestamp, Tx, Write,
};
use schema::users;
use uuid::Uuid;

use super::view::Shown;
use super::{
    FOREVER, NewUser, User, UserChanges, UserFilter, UserPage, UserRow, UserSort, UserView,
    last_admin, not_grantable, own_account,
};
use crate::authority::{self, OwnScope};
use crate::{directory, hooks, membership, password, session};

/// The fields of a user that other resources show.
#[derive(Debug, Clone, HasQuery)]
#[diesel(table_name = users)]
pub(crate) struct Brief {
    pub id: Uuid,
    pub name: String,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

pub(crate) async fn briefs(conn: &mut Conn, people: &[Uuid]) -> Result<HashMap<Uuid, Brief>> {
    let rows: Vec<Brief> = Brief::query().filter(users::id.eq_any(people)).load(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

fn matching(filter: &UserFilter) -> users::BoxedQuery<'_, Pg> {
    let mut query = users::table.into_boxed();
    platform::filter_by!(
        query,
        users::team_id.eq(filter.team_id),
        users::roles.overlaps_with(&filter.role),
        users::active.eq(filter.active),
    );
    if let Some(text) = &filter.q {
        query = query.filter(TextMatch::new(text, "users.search", None));
    }
    query
}

impl UserView {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<UserFilter>,
    ) -> Result<UserPage> {
        use users::{created_at, id, name, name_pinyin};
        let filter = parameters::of_list(conn, caller, list).await?;
        if filter.role.is_some() && !caller.knows_everybody() {
            let why = "You cannot see the roles of all users, so you cannot filter by `role`.";
            let fault = Fault::new("/role", "field_not_readable", why);
            return Err(Error::forbidden_because("field_not_readable", why).faults(vec![fault]));
        }

        let listed = || matching(&filter).filter(list.rows(id, users::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let query = listed().select(Shown::as_select()).limit(list.fetch());
        let sort = filter.sort.unwrap_or(UserSort::Name);
        let rows: Vec<Shown> = match sort {
            UserSort::Name => {
                let query = query.filter(list.after::<String, _, _>(name, id)?);
                query.order((name, id)).load(conn).await?
            }
            UserSort::NamePinyin => {
                let query = query.filter(list.after::<String, _, _>(name_pinyin, id)?);
                query.order((name_pinyin, id)).load(conn).await?
            }
            UserSort::NewestFirst => {
                let query = query.filter(list.before::<Timestamp, _, _>(created_at, id)?);
                query.order((created_at.desc(), id.desc())).load(conn).await?
            }
        };

        let items = rows.into_iter().map(|row| row.to(caller)).collect();
        match sort {
            UserSort::Name => list.page(items, total, |user: &Self| (user.name.clone(), user.id)),
            UserSort::NamePinyin => {
                list.page(items, total, |user: &Self| (platform::pinyin::full(&user.name), user.id))
            }
            UserSort::NewestFirst => {
                list.page(items, total, |user: &Self| (user.created_at, user.id))
            }
        }
    }

    pub async fn find(conn: &mut Conn, caller: &Caller, id: Uuid) -> Result<Self> {
        let row: Shown = Shown::query().filter(users::id.eq(id)).first(conn).await?;
        Ok(row.to(caller))
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<UserChanges>,
    ) -> Result<Self> {
        let before = User::find_for_update(tx, id).await?;
        let shown = Self::find(tx.conn(), caller, id).await?;
        based_on.check(tx, &shown, changes.fields()).await?;

        let mut changes = changes.resolve(tx.conn(), caller).await?;
        changes.roles_for(caller, Some(&before)).map_err(not_grantable)?;
        let after = before.with(&changes, tx.today);
        let faults = after.faults(&changes, tx.today);
        if !faults.is_empty() {
            return Err(Error::invalid(faults));
        }
        before.save(tx, caller, after).await?;
        Self::find(tx.conn(), caller, id).await
    }
}

impl User {
    /// Creates a user. The password is hashed before a connection is taken, because that takes as
    /// long as twenty queries.
    pub async fn create(write: Write, caller: Caller, new: Body<NewUser>) -> Result<Reply> {
        let hash = match new.text("password") {
            Some(password) => {
                authority::check_passwords(&caller)?;
                Some(password::hash(password, new.text("username")).await?)
            }
            None => None,
        };

        let work = async move |tx: &mut Tx| {
            let new = new.resolve(tx.conn(), &caller).await?;
            let (system, external) = (new.source_system.as_deref(), new.external_id.as_deref());
            let key = key_of(tx, &caller, system, external).await?;
            let mut changes = new.changes();
            changes.roles_for(&caller, None).map_err(not_grantable)?;

            let mut user = Self::new(tx, &changes, key)?;
            user.password_set_by = hash.as_ref().map(|_| caller.id());
            authority::check(&caller, None, &user, tx.today)?;
            user.insert(tx, hash.as_deref()).await?;
            UserView::find(tx.conn(), &caller, user.id).await
        };
        write.create(work).await
    }

    /// Makes a user that is not stored yet.
    pub(super) fn new(
        tx: &Tx,
        changes: &UserChanges,
        (source_system, external_id): (Option<String>, Option<String>),
    ) -> Result<Self> {
        let mut user = Self::blank(Uuid::now_v7(), tx.now).with(changes, tx.today);
        (user.source_system, user.external_id) = (source_system, external_id);
        let faults = user.faults(changes, tx.today);
        if faults.is_empty() { Ok(user) } else { Err(Error::invalid(faults)) }
    }

    /// Stores a new user, with the hash of a password if there is one.
    pub(super) async fn insert(&self, tx: &mut Tx, hash: Option<&str>) -> Result<()> {
        store(tx, &[(None, self)]).await?;
        if let Some(hash) = hash {
            set_hash(tx, self.id, hash, self.password_set_by).await?;
        }
        tx.record(Change::created(self)).await
    }

    /// Returns a user, locked until the end of the transaction.
    pub async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let row = users::table.find(id).select(UserRow::as_select()).for_update();
        let rows = vec![row.first(tx.conn()).await?];
        with_memberships(tx.conn(), rows).await?.pop().ok_or_else(Error::not_found)
    }

    /// Stores the user as `after` if something differs and the caller may make the change.
    pub async fn save(&self, tx: &mut Tx, caller: &Caller, mut after: Self) -> Result<Self> {
        after.settle(tx.today);
        let after = platform::Resource::next(self, after, tx.now);
        if after != *self {
            authority::check(caller, Some(self), &after, tx.today)?;
            self.guard(tx, &after).await?;
            let scope = OwnScope::read(tx, caller).await?;
            store(tx, &[(Some(self), &after)]).await?;
            scope.check(tx).await?;
            tx.record(Change::updated(self, &after)).await?;
        }
        Ok(after)
    }

    /// Checks that the caller does not lock out themself, and that the time with an active admin
    /// does not become shorter.
    async fn guard(&self, tx: &mut Tx, after: &Self) -> Result<()> {
        let today = tx.today;
        if self.id == tx.actor && self.works(today) && !after.works(today) {
            return Err(own_account());
        }
        let (before, after) = (self.admin_until(today), after.admin_until(today));
        if after < before {
            let others = admins(tx).await?;
            let others = others.into_iter().filter(|admin| admin.0 != self.id);
            if others.map(|admin| Some(admin.1)).max().flatten() < before {
                return Err(last_admin());
            }
        }
        Ok(())
    }
}

/// Returns the active admins, each with the day until which they are employed. Takes a lock, so
/// that no other transaction can count admins until this one ends.
pub(super) async fn admins(tx: &mut Tx) -> Result<Vec<(Uuid, Date)>> {
    tx.lock("admins").await?;
    let end = users::employed_to;
    let query = users::table
        .filter(users::active.and(users::roles.contains(vec![Role::Admin])))
        .filter(end.is_null().or(end.gt(tx.today)));
    let rows: Vec<(Uuid, Option<Date>)> = query.select((users::id, end)).load(tx.conn()).await?;
    Ok(rows.into_iter().map(|(id, end)| (id, end.unwrap_or(FOREVER))).collect())
}

pub(super) async fn with_memberships(conn: &mut Conn, rows: Vec<UserRow>) -> Result<Vec<User>> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let mut memberships = membership::of_people(conn, &ids).await?;
    let whole = |row: UserRow| {
        let memberships = memberships.remove(&row.id).unwrap_or_default();
        User { row, memberships }
    };
    Ok(rows.into_iter().map(whole).collect())
}

/// Returns up to `limit` users with ids after `after`, in the order of ids, for copies of all
/// users.
pub async fn everybody(conn: &mut Conn, after: Uuid, limit: i64) -> Result<Vec<User>> {
    let query = users::table.select(UserRow::as_select()).filter(users::id.gt(after));
    let rows: Vec<UserRow> = query.order(users::id).limit(limit).load(conn).await?;
    with_memberships(conn, rows).await
}

/// Returns users by id.
pub async fn people(conn: &mut Conn, ids: &[Uuid]) -> Result<Vec<User>> {
    let query = users::table.select(UserRow::as_select()).filter(users::id.eq_any(ids));
    let rows: Vec<UserRow> = query.load(conn).await?;
    with_memberships(conn, rows).await
}

/// Writes new and changed users and their memberships, ends the sessions of disabled users, and
/// runs the hooks for first memberships.
pub(super) async fn store(tx: &mut Tx, people: &[(Option<&User>, &User)]) -> Result<()> {
    for people in people.chunks(1000) {
        diesel::insert_into(users::table)
            .values(
                people.iter().map(|(_, after)| (&after.row, found_by(after))).collect::<Vec<_>>(),
            )
            .on_conflict(users::id)
            .do_update()
            .set(all_but::<users::table>(&[
                "id",
                "password_hash",
                "created_at",
                "password_set_by",
                "username_key",
            ]))
            .execute(tx.conn())
            .await
            .map_err(refused)?;
    }

    let none = membership::Memberships::default();
    let stays =
        |before: Option<&'_ User>| before.map_or(none.clone(), |user| user.memberships.clone());
    let before: Vec<_> = people.iter().map(|pair| stays(pair.0)).collect();
    let moved = before.iter().zip(people).map(|(before, pair)| (before, &pair.1.memberships));
    membership::store(tx, &moved.collect::<Vec<_>>()).await?;

    let first = people.iter().zip(&before);
    let first = first.filter(|(pair, before)| before.is_empty() && !pair.1.memberships.is_empty());
    let first: Vec<Uuid> = first.map(|(pair, _)| pair.1.id).collect();
    let out = people.iter().filter(|(b, after)| b.is_some_and(|b| b.active) && !after.active);
    let out: Vec<Uuid> = out.map(|(_, after)| after.id).collect();
    session::end_all(tx, &out).await?;
    hooks::first_membership(tx, &first).await?;
    directory::touch(tx.conn()).await
}

/// Sets the hash of a password. `by` is the user who knows the password.
pub(super) async fn set_hash(tx: &mut Tx, id: Uuid, hash: &str, by: Option<Uuid>) -> Result<()> {
    let set = (users::password_hash.eq(hash), users::password_set_by.eq(by));
    diesel::update(users::table.find(id)).set(set).execute(tx.conn()).await?;
    Ok(())
}

type FoundBy = diesel::dsl::Eq<users::search, String>;

/// The column with the text by which a user is found.
fn found_by(person: &UserRow) -> FoundBy {
    users::search.eq(search::text(&person.name, &[], None))
}

/// A job: writes search texts that are missing after an upgrade. Returns the number of users.
pub async fn write_search_texts(tx: &mut Tx) -> Result<u64> {
    let due =
        users::table.filter(users::search.is_null()).order(users::id).limit(search::AT_A_TIME);
    let due = due.select(UserRow::as_select()).for_update().skip_locked();
    let due: Vec<UserRow> = due.load(tx.conn()).await?;
    for person in &due {
        let update = diesel::update(users::table.find(person.id)).set(found_by(person));
        update.execute(tx.conn()).await?;
    }
    Ok(due.len() as u64)
}

/// A user who may log in, with the hash of the password.
pub(crate) struct Credentials {
    pub id: Uuid,
    pub username: Option<String>,
    pub roles: Vec<Role>,
    pub hash: Option<String>,
}

type Login = (Uuid, Option<String>, Vec<Role>, Option<String>);

/// Returns the credentials of a user. `None` if the user is unknown, disabled or no longer
/// employed.
pub(crate) async fn credentials(
    conn: &mut Conn,
    who: Who<'_>,
    today: Date,
) -> Result<Option<Credentials>> {
    let end = users::employed_to;
    let rows = users::table.filter(users::active).filter(end.is_null().or(end.gt(today)));
    let columns = (users::id, users::username, users::roles, users::password_hash);
    let rows = rows.select(columns).into_boxed();
    let rows = match who {
        Who::Id(id) => rows.filter(users::id.eq(id)),
        Who::Name(name) => rows.filter(users::username_key.eq(fold(name))),
    };
    let found: Option<Login> = rows.first(conn).await.optional()?;
    Ok(found.map(|(id, username, roles, hash)| Credentials { id, username, roles, hash }))
}

pub(crate) enum Who<'a> {
    Id(Uuid),
    Name(&'a str),
}

pub(super) async fn are_there(conn: &mut Conn) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(users::table.select(users::id))).get_result(conn).await?)
}

/// Maps violations of constraints to errors of the API.
pub(super) fn refused(error: diesel::result::Error) -> Error {
    Error::from(error).on_constraint("users_username_key", "/username", "duplicate").on_constraint(
        "users_external_id_key",
        "/external_id",
        "duplicate",
    )
}
