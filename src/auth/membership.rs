//! Who is in which team from when to when, and who leads it, 团队成员 (S1).

use std::collections::HashMap;

use diesel::QueryableByName;
use diesel::sql_types::{self, Array, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use platform::{Conn, Date, Result};
use uuid::Uuid;

#[derive(QueryableByName)]
struct TeamPath {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = sql_types::Date)]
    day: Date,
    #[diesel(sql_type = Array<SqlUuid>)]
    path: Vec<Uuid>,
}

/// The team of each person on each day, and all teams above it. Before the first membership it is
/// the first one's; somebody who has never been in a team has an empty path.
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

/// Each team is climbed once, however many people are in it. The days between two memberships
/// count to the first one, too, as the days before it do.
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
