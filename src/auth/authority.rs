//! Rules on changing users and teams, 谁能改谁. Every operation that changes a user or team checks
//! them.
//!
//! Admins may change every user. Other callers may change only users whose roles are among their
//! own or `salesperson`. They may set a password only for themselves and for salespeople who lead
//! no team and have no other role, and may never widen their own scope.

use std::collections::HashSet;

use access::{Caller, Role};
use diesel::sql_types::{Array, Date as SqlDate, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Date, Error, Fault, Result, Tx};
use uuid::Uuid;

use crate::SetPasswords;
use crate::membership::Stay;
use crate::user::{FOREVER, User};

/// A violated rule: becomes a 403 response, or a fault of one item in a batch.
#[derive(Debug)]
pub(crate) struct Refusal {
    pointer: &'static str,
    code: &'static str,
    why: &'static str,
}

impl From<Refusal> for Fault {
    fn from(Refusal { pointer, code, why }: Refusal) -> Self {
        Self::new(pointer, code, why)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::forbidden_because(refusal.code, refusal.why).faults(vec![refusal.into()])
    }
}

fn refuse(pointer: &'static str, code: &'static str, why: &'static str) -> Refusal {
    Refusal { pointer, code, why }
}

fn exceeds() -> Refusal {
    let why = "The person has roles or a scope that you do not have. Only an admin can \
               change this person.";
    refuse("", "roles_exceed_yours", why)
}

fn own_scope(pointer: &'static str, why: &'static str) -> Refusal {
    refuse(pointer, "own_scope", why)
}

/// Checks that the caller may change a user from `before` to `after`. `before` is `None` for a new
/// user.
pub(crate) fn check(
    caller: &Caller,
    before: Option<&User>,
    after: &User,
    today: Date,
) -> Result<(), Refusal> {
    if caller.is(Role::Admin) || before == Some(after) {
        return Ok(());
    }
    if !before.is_none_or(|before| is_within(caller, before)) {
        return Err(exceeds());
    }

    let led: Vec<&Stay> = before.map_or(vec![], |before| leads(before, today).collect());
    let appointed = leads(after, today).any(|stay| !led.iter().any(|led| includes(led, stay)));
    if appointed && after.id == caller.id() {
        let why = "You cannot make yourself the leader of a team. Ask an admin.";
        return Err(own_scope("/leads_team", why));
    }
    // The caller knows the password and could log in as the new leader.
    if appointed && after.password_set_by == Some(caller.id()) {
        let why = "You set this person's password, so only an admin can make the person a leader.";
        return Err(own_scope("/leads_team", why));
    }
    Ok(())
}

/// Checks that the caller may set passwords at all.
pub(crate) fn check_passwords(caller: &Caller) -> Result<(), Refusal> {
    if caller.may::<SetPasswords>() {
        return Ok(());
    }
    let why = "Only admins and HR can set passwords.";
    Err(refuse("/password", "password_not_settable", why))
}

/// Checks that the caller may change the credentials of a user. A caller who may do so can log in
/// as that user.
pub(crate) fn check_login(caller: &Caller, person: &User, today: Date) -> Result<(), Refusal> {
    check_passwords(caller)?;
    if caller.is(Role::Admin) || person.id == caller.id() {
        return Ok(());
    }
    let leads = leads(person, today).next().is_some();
    // Users with the same roles as the caller are refused as well: with their login, the caller
    // could make them appoint the caller.
    let more = person.roles.iter().any(|role| *role != Role::Salesperson);
    if leads || more { Err(exceeds()) } else { Ok(()) }
}

fn is_within(caller: &Caller, person: &User) -> bool {
    person.roles.iter().all(|role| *role == Role::Salesperson || caller.is(*role))
}

/// Returns the current and future memberships in which the person leads the team.
fn leads(person: &User, today: Date) -> impl Iterator<Item = &Stay> {
    let stays = person.memberships.0.iter();
    stays.filter(move |stay| stay.leads && stay.valid_to.is_none_or(|end| today < end))
}

/// Checks whether one leadership is a part of another: a shortened leadership appoints no one.
fn includes(whole: &Stay, part: &Stay) -> bool {
    let ends = |stay: &Stay| stay.valid_to.unwrap_or(FOREVER);
    let within = whole.valid_from <= part.valid_from && ends(part) <= ends(whole);
    whole.team_id == part.team_id && within
}

/// The users and teams that a caller with a limited scope leads, today or on a later day. Read
/// before a write and compared after it.
pub(crate) struct OwnScope(Option<(Uuid, Led)>);

impl OwnScope {
    pub async fn read(tx: &mut Tx, caller: &Caller) -> Result<Self> {
        let limited = caller.reach().is_some() && !caller.is_machine();
        let id = caller.id();
        Ok(Self(if limited { Some((id, Led::read(tx, id).await?)) } else { None }))
    }

    /// Refuses a write that has widened the scope, no matter what it has written.
    pub async fn check(self, tx: &mut Tx) -> Result<()> {
        let Some((id, before)) = self.0 else { return Ok(()) };
        let after = Led::read(tx, id).await?;
        let wider = |before: &[Uuid], after: &[Uuid]| {
            let before: HashSet<&Uuid> = before.iter().collect();
            after.iter().any(|id| !before.contains(id))
        };
        if wider(&before.people, &after.people) || wider(&before.teams, &after.teams) {
            let why = "This change would put more people or teams below you. Ask an admin.";
            return Err(own_scope("", why).into());
        }
        Ok(())
    }
}

#[derive(diesel::QueryableByName)]
struct Led {
    #[diesel(sql_type = Array<SqlUuid>)]
    people: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    teams: Vec<Uuid>,
}

impl Led {
    async fn read(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let query = diesel::sql_query(LED).bind::<SqlUuid, _>(id);
        let query = query.bind::<SqlDate, _>(tx.today);
        Ok(query.get_result(tx.conn()).await?)
    }
}

/// The users and teams below a user, from today on. A membership that begins later counts as well,
/// without a check that the memberships overlap.
const LED: &str = "
    with recursive led as (
        select team_id from memberships
        where user_id = $1 and leads and (valid_to is null or valid_to > $2)
        union
        select teams.id from teams join led on teams.parent_id = led.team_id
    )
    select array(
            select user_id from memberships join led using (team_id)
            where valid_to is null or valid_to > $2
        ) as people,
        array(select team_id from led) as teams";
