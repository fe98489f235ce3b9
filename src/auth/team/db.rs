//! Queries on teams. All teams are visible to every caller.

use access::Caller;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, Bool, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use intake::Unique;
use intake::external_id::key_of;
use intake::{Arrival, Draft, Imported, Keys};
use intake::{Body, parameters, reference::Find};
use platform::characters::fold;
use platform::search::{self, TextMatch};
use platform::upsert::all_but;
use platform::{Change, Conn, Error, Fault, IfMatch, List, Resource, Result, Tx};
use schema::teams;
use uuid::Uuid;

use super::{NewTeam, Team, TeamChanges, TeamFilter, TeamItem, TeamPage, find_teams};
use crate::authority::OwnScope;
use crate::directory;

fn matching(filter: &TeamFilter) -> teams::BoxedQuery<'_, Pg> {
    let mut query = teams::table.into_boxed();
    if let Some(parent) = filter.parent_id {
        query = query.filter(teams::parent_id.eq(parent));
    }
    if let Some(code) = &filter.code {
        query = query.filter(teams::code_key.eq(fold(code)));
    }
    if let Some(q) = &filter.q {
        query = query.filter(TextMatch::new(q, "teams.search", None));
    }
    query
}

impl Team {
    pub async fn list(
        conn: &mut Conn,
        caller: &Caller,
        list: &List<TeamFilter>,
    ) -> Result<TeamPage> {
        let filter = parameters::of_list(conn, caller, list).await?;
        let listed = || matching(&filter).filter(list.rows(teams::id, teams::updated_at));
        let total =
            if list.counted { Some(listed().count().get_result(conn).await?) } else { None };
        let rows = listed()
            .select(Self::as_select())
            .filter(list.after::<String, _, _>(teams::name, teams::id)?)
            .order((teams::name, teams::id))
            .limit(list.fetch());
        list.page(rows.load(conn).await?, total, |team: &Self| (team.name.clone(), team.id))
    }

    pub async fn find(conn: &mut Conn, _: &Caller, id: Uuid) -> Result<Self> {
        Ok(Self::query().filter(teams::id.eq(id)).first(conn).await?)
    }

    /// Returns a team, locked until the end of the transaction.
    async fn find_for_update(tx: &mut Tx, id: Uuid) -> Result<Self> {
        let row = teams::table.find(id).select(Self::as_select()).for_update();
        Ok(row.first(tx.conn()).await?)
    }

    pub async fn create(tx: &mut Tx, caller: &Caller, new: &Body<NewTeam>) -> Result<Self> {
        let new = new.resolve(tx.conn(), caller).await?;
        let NewTeam { code, name, parent_id, source_system, external_id } = new;
        let (system, external) = (source_system.as_deref(), external_id.as_deref());
        let (source_system, external_id) = key_of(tx, caller, system, external).await?;
        let blank = Self::blank(Uuid::now_v7(), tx.now);
        let team = Self { code, name, parent_id, source_system, external_id, ..blank };
        store(tx, &[&team]).await?;
        tx.record(Change::created(&team)).await?;
        Ok(team)
    }

    pub async fn update(
        tx: &mut Tx,
        caller: &Caller,
        id: Uuid,
        based_on: IfMatch,
        changes: &Body<TeamChanges>,
    ) -> Result<Self> {
        let fields = changes.fields();
        let changes = changes.resolve(tx.conn(), caller).await?;
        if changes.parent_id.is_some() {
            lock_tree(tx).await?;
        }
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, fields).await?;

        let after = before.next(before.with(&changes), tx.now);
        if after != before {
            let scope = OwnScope::read(tx, caller).await?;
            store(tx, &[&after]).await?;
            scope.check(tx).await?;
            tx.record(Change::updated(&before, &after)).await?;
        }
        Ok(after)
    }

    pub async fn delete(tx: &mut Tx, id: Uuid, based_on: IfMatch) -> Result<()> {
        let before = Self::find_for_update(tx, id).await?;
        based_on.check(tx, &before, &[]).await?;
        diesel::delete(teams::table.find(id)).execute(tx.conn()).await?;
        tx.record(Change::deleted(&before)).await?;
        directory::touch(tx.conn()).await
    }
}

/// Serialises moves of teams: two concurrent moves could make a cycle that neither of them sees.
async fn lock_tree(tx: &mut Tx) -> Result<()> {
    tx.lock("teams").await
}

type FoundBy = diesel::dsl::Eq<teams::search, String>;

/// The column with the text by which a team is found.
fn found_by(team: &Team) -> FoundBy {
    let others: Vec<&str> = team.code.as_deref().into_iter().collect();
    teams::search.eq(search::text(&team.name, &others, None))
}

/// A job: writes search texts that are missing after an upgrade. Returns the number of teams.
pub async fn write_search_texts(tx: &mut Tx) -> Result<u64> {
    let due =
        teams::table.filter(teams::search.is_null()).order(teams::id).limit(search::AT_A_TIME);
    let due = due.select(Team::as_select()).for_update().skip_locked();
    let due: Vec<Team> = due.load(tx.conn()).await?;
    for team in &due {
        let update = diesel::update(teams::table.find(team.id)).set(found_by(team));
        update.execute(tx.conn()).await?;
    }
    Ok(due.len() as u64)
}

/// Writes new and changed teams, and checks that the tree has no cycle.
async fn store(tx: &mut Tx, rows: &[&Team]) -> Result<()> {
    for rows in rows.chunks(1000) {
        diesel::insert_into(teams::table)
            .values(rows.iter().map(|team| (*team, found_by(team))).collect::<Vec<_>>())
            .on_conflict(teams::id)
            .do_update()
            .set(all_but::<teams::table>(&["id", "created_at", "code_key"]))
            .execute(tx.conn())
            .await
            .map_err(refused)?;
    }

    let moved = rows.iter().filter(|team| team.parent_id.is_some());
    let ids: Vec<Uuid> = moved.map(|team| team.id).collect();
    if !ids.is_empty() {
        let query = diesel::sql_query(CIRCLES).bind::<Array<SqlUuid>, _>(ids);
        let circles: Circles = query.get_result(tx.conn()).await?;
        if circles.found {
            return Err(circle());
        }
    }
    directory::touch(tx.conn()).await
}

#[derive(QueryableByName)]
struct Circles {
    #[diesel(sql_type = Bool)]
    found: bool,
}

/// The query for cycles. `union` drops rows that it has already found, so that the recursion ends
/// even in a cycle.
const CIRCLES: &str = "
    with recursive above as (
        select id as start, parent_id from teams where id = any($1) and parent_id is not null
        union
        select above.start, teams.parent_id from above join teams on teams.id = above.parent_id
        where teams.parent_id is not null
    )
    select exists(select from above where start = parent_id) as found";

fn circle() -> Error {
    let why = "A team cannot be below itself.";
    let fault = Fault::new("/parent_id", "team_cycle", why);
    Error::conflict("team_cycle", why).faults(vec![fault]).as_constraint("team_cycle")
}

fn refused(error: diesel::result::Error) -> Error {
    let error = Error::from(error);
    if error.violates("teams_parent_id_check") {
        return circle();
    }
    error.on_constraint("teams_code_key", "/code", "duplicate").on_constraint(
        "teams_external_id_key",
        "/external_id",
        "duplicate",
    )
}

impl Imported for Team {
    type Item = TeamItem;
    type Context = ();

    const FIND: Find = find_teams;
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        pointer: "/code",
        of: |team| team.code.as_deref().map(fold),
        holders: "select id, code_key as value from teams where code_key = any($1)",
        release: "update teams set code = null where id = any($1)",
    }];

    async fn stored(conn: &mut Conn, _: &Caller, keys: &Keys<'_>) -> Result<Vec<Self>> {
        let known = teams::source_system.eq(keys.source_system);
        let known = known.and(teams::external_id.eq_any(&keys.external_ids));
        let rows = teams::table
            .filter(known.or(teams::id.eq_any(&keys.ids)))
            .select(Self::as_select())
            .order(teams::id)
            .for_no_key_update();
        Ok(rows.load(conn).await?)
    }

    async fn context(tx: &mut Tx, _: &Caller, arrivals: &[Arrival<Self>]) -> Result<()> {
        let moves = arrivals.iter().any(|arrival| arrival.item.changes.parent_id.is_some());
        if moves { lock_tree(tx).await } else { Ok(()) }
    }

    fn drafted(arrival: &Arrival<Self>, (): &()) -> Result<Self, Vec<Fault>> {
        let changes = &arrival.item.changes;
        if arrival.before.is_none() && changes.name.is_none() {
            return Err(vec![Fault::new("/name", "required", "required for a new team")]);
        }
        let before = arrival.before.clone();
        let before = before.unwrap_or_else(|| Self::blank(arrival.id, arrival.now));
        let source_system = Some(arrival.source_system.clone());
        let external_id = Some(arrival.key.external_id.clone());
        Ok(Self { source_system, external_id, ..before.with(changes) })
    }

    async fn store(tx: &mut Tx, drafts: &[&Draft<Self>]) -> Result<()> {
        store(tx, &drafts.iter().map(|draft| &draft.after).collect::<Vec<_>>()).await
    }

    fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    fn parent(&self) -> Option<Uuid> {
        self.parent_id
    }
}
