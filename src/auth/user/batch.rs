//! Import of users from another system, and the job that applies planned moves between teams.

use std::cell::RefCell;
use std::collections::HashMap;

use access::{Caller, Role};
use diesel::prelude::*;
use diesel::sql_types;
use diesel_async::RunQueryDsl;
use intake::Unique;
use intake::reference::Find;
use intake::{Arrival, Draft, Imported, Keys};
use platform::characters::fold;
use platform::{Change, Conn, Date, Fault, Result, Tx};
use schema::users;
use uuid::Uuid;

use super::db::{admins, store, with_memberships};
use super::{User, UserItem, UserRow, find_users};
use crate::authority;

/// Data that the drafts of one batch share.
pub struct Context {
    caller: Caller,
    /// The active admins after the items so far, each with the day until which they are admins.
    admins: RefCell<HashMap<Uuid, Date>>,
}

impl Imported for User {
    type Item = UserItem;
    type Context = Context;

    const FIND: Find = find_users;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/username",
        of: |user| user.row.username.as_deref().map(fold),
        holders: "select id, username_key as value from users where username_key = any($1)",
        release: "update users set username = null where id = any($1)",
    }];
    const TOGETHER: &'static [&'static [&'static str]] = &[&["team", "leads_team", "effective_on"]];

    async fn stored(conn: &mut Conn, _: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = users::source_system.eq(keys.source_system);
        let known = known.and(users::external_id.eq_any(&keys.external_ids));
        let query = users::table
            .filter(known.or(users::id.eq_any(&keys.ids)))
            .select(UserRow::as_select())
            .order(users::id)
            .for_no_key_update();
        let rows = query.load(conn).await?;
        with_memberships(conn, rows).await
    }

    async fn context(
        tx: &mut Tx,
        caller: &Caller,
        arrivals: &[Arrival<Self>],
    ) -> Result<Self::Context> {
        let before = arrivals.iter().filter_map(|arrival| arrival.before.as_ref());
        let concerned = before.into_iter().any(|user| user.roles.contains(&Role::Admin));
        let admins = if concerned { admins(tx).await? } else { vec![] };
        let admins = RefCell::new(admins.into_iter().collect());
        Ok(Context { caller: caller.clone(), admins })
    }

    fn drafted(arrival: &Arrival<Self>, context: &Context) -> Result<Self, Vec<Fault>> {
        let Arrival { before, today, now, .. } = arrival;
        let mut changes = arrival.item.changes.clone();
        changes.roles_for(&context.caller, before.as_ref()).map_err(|fault| vec![fault])?;

        let start = before.clone().unwrap_or_else(|| Self::blank(arrival.id, *now));
        let mut after = start.with(&changes, *today);
        after.source_system = Some(arrival.source_system.clone());
        after.external_id = Some(arrival.key.external_id.clone());

        let mut faults = after.faults(&changes, *today);
        if before.is_none() && changes.name.is_none() {
            faults.push(Fault::new("/name", "required", "required for a new user"));
        }
        if let Some(before) = before {
            let out = before.works(*today) && !after.works(*today);
            if out && after.id == context.caller.id() {
                let why = "you cannot deactivate your own account";
                faults.push(Fault::new("/active", "own_account", why));
            }

            // An admin may leave only if another admin stays at least as long.
            let end = before.admin_until(*today);
            if after.admin_until(*today) < end {
                let mut admins = context.admins.borrow_mut();
                admins.remove(&before.id);
                if admins.values().max().copied() < end {
                    admins.extend(end.map(|end| (before.id, end)));
                    let why = "at least one active admin must remain";
                    faults.push(Fault::new("", "last_admin", why));
                } else {
                    admins.extend(after.admin_until(*today).map(|end| (before.id, end)));
                }
            }
        }

        let allowed = authority::check(&context.caller, before.as_ref(), &after, *today);
        faults.extend(allowed.err().map(Fault::from));
        if faults.is_empty() { Ok(after) } else { Err(faults) }
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        let people: Vec<_> =
            drafts.iter().map(|draft| (draft.before.as_ref(), &draft.after)).collect();
        store(tx, &people).await
    }

    fn external_id(&self) -> Option<&str> {
        self.row.external_id.as_deref()
    }
}

/// A daily job: updates the team of users whose planned moves have taken place. Returns the number
/// of users.
pub async fn apply_memberships(tx: &mut Tx) -> Result<u64> {
    let query = diesel::sql_query(MOVED).bind::<sql_types::Date, _>(tx.today);
    let moved: Vec<Moved> = query.load(tx.conn()).await?;
    let rows = users::table
        .filter(users::id.eq_any(moved.into_iter().map(|row| row.id)))
        .select(UserRow::as_select())
        .order(users::id)
        .for_update();
    let rows = rows.load(tx.conn()).await?;
    let before = with_memberships(tx.conn(), rows).await?;

    let next = |user: &User| {
        let mut after = user.clone();
        after.settle(tx.today);
        platform::Resource::next(user, after, tx.now)
    };
    let after: Vec<User> = before.iter().map(next).collect();
    let pairs: Vec<_> = before.iter().zip(&after).filter(|(b, a)| b != a).collect();
    if pairs.is_empty() {
        return Ok(0);
    }

    let rows: Vec<_> = pairs.iter().map(|(before, after)| (Some(*before), *after)).collect();
    store(tx, &rows).await?;
    let records = pairs.iter().map(|(before, after)| Change::updated(*before, *after));
    let records = records.collect::<Result<Vec<_>>>()?;
    tx.record_all(&records).await?;
    Ok(records.len() as u64)
}

#[derive(QueryableByName)]
struct Moved {
    #[diesel(sql_type = sql_types::Uuid)]
    id: Uuid,
}

/// The users whose row differs from the membership of the day.
const MOVED: &str = "
    select users.id from users
    left join memberships on memberships.user_id = users.id
        and valid_from <= $1 and (valid_to is null or valid_to > $1)
    where users.team_id is distinct from memberships.team_id
        or users.leads_team <> coalesce(memberships.leads, false)";
