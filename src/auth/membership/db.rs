//! Queries on memberships. All memberships are visible to every caller.

use std::collections::HashMap;

use access::Caller;
use diesel::prelude::*;
use diesel::sql_types::{self, Array, Timestamptz, Uuid as SqlUuid};
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use intake::Body;
use platform::{Conn, Date, Error, Fault, IfMatch, IfSent, List, Result, Tx, fixed_sql};
use schema::memberships;
use uuid::Uuid;

use super::{
    Membership, MembershipEnd, MembershipFilter, MembershipPage, Memberships, NewMembership, Stay,
};
use crate::team::Team;
use crate::user::{self, User};

/// Returns the memberships of each of these users.
pub(crate) async fn of_people(
    conn: &mut Conn,
    people: &[Uuid],
) -> Result<HashMap<Uuid, Memberships>> {
    let rows = Stay::query().filter(memberships::user_id.eq_any(people));
    let rows: Vec<Stay> = rows.order(memberships::valid_from).load(conn).await?;
    let mut found: HashMap<Uuid, Memberships> = HashMap::new();
    for stay in rows {
        found.entry(stay.user_id).or_default().0.push(stay);
    }
    Ok(found)
}

/// Writes the differences between the memberships before and after, for any number of users.
pub(crate) async fn store(tx: &mut Tx, people: &[(&Memberships, &Memberships)]) -> Result<()> {
    let (mut gone, mut changed) = (vec![], vec![]);
    for (before, after) in people {
        let still = |id| after.0.iter().any(|stay| stay.id == id);
        gone.extend(before.0.iter().map(|stay| stay.id).filter(|id| !still(*id)));
        changed.extend(after.0.iter().filter(|stay| !before.0.contains(stay)));
    }

    // Deleted first: a new membership may begin on the day of a deleted one, and a user has only
    // one membership per first day.
    if !gone.is_empty() {
        let rows = memberships::table.filter(memberships::id.eq_any(gone));
        diesel::delete(rows).execute(tx.conn()).await?;
    }
    for rows in changed.chunks(1000) {
        diesel::insert_into(memberships::table)
            .values(rows.to_vec())
            .on_conflict(memberships::id)
            .do_update()
            .set(memberships::valid_to.eq(excluded(memberships::valid_to)))
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

impl Membership {
    fn of(stay: &Stay, user: &user::Brief) -> Self {
        let Stay { id, user_id, team_id, leads, valid_from, valid_to } = *stay;
        let user::Brief { name, version, created_at, updated_at, .. } = user.clone();
        let user_name = name;
        Self {
            id,
            version,
            user_id,
            user_name,
            team_id,
            leads,
            valid_from,
            valid_to,
            created_at,
            updated_at,
        }
    }

    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        team: Uuid,
        list: &List<MembershipFilter>,
    ) -> Result<MembershipPage> {
        use memberships::{id, team_id, valid_from, valid_to};
        Team::find(conn, caller, team).await?;

        // A membership is a part of its user, so its last change is that of the user.
        let changed = "(select updated_at from users where users.id = memberships.user_id)";
        let matching = || {
            let mut query = memberships::table.filter(team_id.eq(team)).into_boxed();
            query = query.filter(list.rows(id, fixed_sql::<Timestamptz>(changed)));
            if let Some(day) = list.as_sent().on {
                query = query.filter(valid_from.le(day));
                query = query.filter(valid_to.is_null().or(valid_to.gt(day)));
            }
            query
        };

        let total =
            if list.counted { Some(matching().count().get_result(conn).await?) } else { None };
        let rows = matching()
            .select(Stay::as_select())
            .filter(list.after::<Date, _, _>(valid_from, id)?)
            .order((valid_from, id))
            .limit(list.fetch());
        let stays: Vec<Stay> = rows.load(conn).await?;

        let people: Vec<Uuid> = stays.iter().map(|stay| stay.user_id).collect();
        let people = user::briefs(conn, &people).await?;
        let rows = stays.into_iter().filter_map(|stay| {
            let user = people.get(&stay.user_id)?;
            Some(Self::of(&stay, user))
        });
        list.page(rows.collect(), total, |membership: &Self| (membership.valid_from, membership.id))
    }

    pub async fn find(conn: &mut Conn, id: Uuid) -> Result<Self> {
        let stay: Stay = Stay::query().filter(memberships::id.eq(id)).first(conn).await?;
        let people = user::briefs(conn, &[stay.user_id]).await?;
        let user = people.get(&stay.user_id).ok_or_else(Error::not_found)?;
        Ok(Self::of(&stay, user))
    }

    pub async fn create(
        tx: &mut Tx,
        caller: &Caller,
        team_id: Uuid,
        new: &Body<NewMembership>,
    ) -> Result<Self> {
        Team::find(tx.conn(), caller, team_id).await?;
        let new = new.resolve(tx.conn(), caller).await?;
        let user = User::find_for_update(tx, new.user_id).await;
        let unknown = || Error::invalid(vec![Fault::unknown_reference("/user_id")]);
        let user = user.map_err(|error| error.or(unknown))?;

        let (id, valid_from) = (Uuid::now_v7(), new.valid_from.unwrap_or(tx.today));
        let NewMembership { user_id, leads, valid_to, .. } = new;
        let mut after = user.clone();
        after.memberships.add(Stay { id, user_id, team_id, leads, valid_from, valid_to })?;
        user.save(tx, caller, after).await?;
        Self::find(tx.conn(), id).await
    }

    pub async fn end(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfSent,
        end: &MembershipEnd,
    ) -> Result<Self> {
        let (user, current) = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &current).await?;
        let mut after = user.clone();
        after.memberships.end(id, end.valid_to)?;
        user.save(tx, caller, after).await?;
        Self::find(tx.conn(), id).await
    }

    pub async fn delete(tx: &mut Tx, caller: &Caller, id: Uuid, based_on: IfMatch) -> Result<()> {
        let (user, current) = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &current, &[]).await?;
        let mut after = user.clone();
        after.memberships.remove(id);
        user.save(tx, caller, after).await.map(drop)
    }

    /// Returns a membership and its user, locked until the end of the transaction.
    async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<(User, Self)> {
        let query = memberships::table.find(id).select(memberships::user_id);
        let person: Uuid = query.first(tx.conn()).await?;
        let user = User::find_for_update(tx, person).await?;
        Ok((user, Self::find(tx.conn(), id).await?))
    }
}

#[derive(QueryableByName)]
struct TeamPath {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = sql_types::Date)]
    day: Date,
    #[diesel(sql_type = Array<SqlUuid>)]
    path: Vec<Uuid>,
}

/// Returns the team path of each user on each day: the team and all teams above it. Before a user's
/// first membership, it is the path of the first team. A user who has never been in a team has an
/// empty path.
pub async fn team_paths(
    conn: &mut Conn,
    wanted: &[(Uuid, Date)],
) -> Result<HashMap<(Uuid, Date), Vec<Uuid>>> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let (people, days): (Vec<Uuid>, Vec<Date>) = wanted.iter().copied().unzip();
    let query = diesel::sql_query(TEAM_PATHS)
        .bind::<Array<SqlUuid>, _>(people)
        .bind::<Array<sql_types::Date>, _>(days);
    let rows: Vec<TeamPath> = query.load(conn).await?;
    Ok(rows.into_iter().map(|row| ((row.user_id, row.day), row.path)).collect())
}

/// The query for team paths. It climbs from each team once, regardless of the number of its
/// members. Days without a membership count to the user's first membership, even if they come after
/// it.
const TEAM_PATHS: &str = "
    with recursive own as (
        select user_id, day, (
            select team_id from memberships
            where memberships.user_id = it.user_id
            order by (valid_from <= day and (valid_to is null or valid_to > day)) desc, valid_from
            limit 1
        ) as team_id
        from (select distinct * from unnest($1, $2) as pairs (user_id, day)) as it
    ), up as (
        select distinct team_id as start, team_id as id, 0 as depth from own
        where team_id is not null
        union all
        select up.start, teams.parent_id, up.depth + 1 from up join teams on teams.id = up.id
        where teams.parent_id is not null and up.depth < 100
    ), paths as (
        select start, array_agg(id order by depth) as path from up group by start
    )
    select user_id, day, coalesce(path, '{}') as path
    from own left join paths on paths.start = own.team_id";
