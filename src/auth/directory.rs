//! Who works here: current roles, and whose rows each person reaches. Cached in the process.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::tz::TimeZone;
use platform::{Clock, Conn, Date, Db, Result};
use schema::directory;
use uuid::Uuid;

use super::Role;

/// One person as decisions need them.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: Uuid,
    pub roles: Vec<Role>,
    /// A program with a key of its own.
    pub machine: bool,
    /// The system that a program speaks for.
    pub source_system: Option<String>,
    /// The person, and the members of all teams below one that the person leads today.
    pub reach: Vec<Uuid>,
    /// Those teams.
    pub teams: Vec<Uuid>,
}

#[derive(Clone)]
pub struct Directory {
    db: Db,
    clock: Clock,
    cache: Arc<RwLock<Cache>>,
}

#[derive(Default)]
struct Cache {
    /// The version of the directory, and the day: memberships begin and end at midnight.
    state: (i64, Date),
    people: HashMap<Uuid, Option<Arc<Person>>>,
}

impl Directory {
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, cache: Arc::default() }
    }

    /// Nobody for the unknown and the disabled.
    pub async fn person(&self, id: Uuid) -> Result<Option<Arc<Person>>> {
        if let Some(known) = self.cache.read().expect("no panic under the lock").people.get(&id) {
            return Ok(known.clone());
        }
        let today = self.clock.today();
        let row: Row = diesel::sql_query(PERSON)
            .bind::<SqlUuid, _>(id)
            .bind::<diesel::sql_types::Date, _>(today)
            .get_result(&mut *self.db.conn().await?)
            .await?;
        let (version, roles) = (row.version, row.roles.clone());
        let person = roles.map(|roles| {
            let known = |role: &String| Role::ALL.iter().copied().find(|r| r.as_str() == *role);
            let roles = roles.iter().filter_map(known).collect();
            let Row { machine, source_system, reach, teams, .. } = row;
            Arc::new(Person { id, roles, machine, source_system, reach, teams })
        });
        let mut cache = self.cache.write().expect("no panic under the lock");
        // What was read before the poller saw a change would otherwise stay for ever.
        if cache.state == (version, today) {
            cache.people.insert(id, person.clone());
        }
        Ok(person)
    }

    /// Forgets everybody when somebody changed. One statement, four times a second.
    pub async fn poll(&self) -> Result<()> {
        let query =
            diesel::sql_query("select version, (select time_zone from company) from directory");
        let Poll { version, time_zone } = query.get_result(&mut *self.db.conn().await?).await?;
        // Another instance may have moved the company.
        if let Some(zone) = time_zone.and_then(|name| TimeZone::get(&name).ok()) {
            self.clock.set_zone(zone);
        }
        let mut cache = self.cache.write().expect("no panic under the lock");
        let state = (version, self.clock.today());
        if cache.state != state {
            *cache = Cache { state, people: HashMap::new() };
        }
        Ok(())
    }

    /// Polls for as long as the service runs. A poll that fails is tried again by the next one.
    pub async fn watch(self) {
        loop {
            if let Err(error) = self.poll().await {
                tracing::warn!(%error, "the directory could not be polled");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// Says that the directory has changed. Call it in the transaction of the change.
pub async fn touch(conn: &mut Conn) -> Result<()> {
    let bump = diesel::update(directory::table).set(directory::version.eq(directory::version + 1));
    bump.execute(conn).await?;
    Ok(())
}

#[derive(QueryableByName)]
struct Poll {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Text>)]
    time_zone: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    roles: Option<Vec<String>>,
    #[diesel(sql_type = Bool)]
    machine: bool,
    #[diesel(sql_type = Nullable<Text>)]
    source_system: Option<String>,
    #[diesel(sql_type = Array<SqlUuid>)]
    reach: Vec<Uuid>,
    #[diesel(sql_type = Array<SqlUuid>)]
    teams: Vec<Uuid>,
}

/// Written as SQL, because diesel has no recursive queries.
const PERSON: &str = "
    with recursive led as (
        select team_id from memberships
        where user_id = $1 and leads and valid_from <= $2 and (valid_to is null or valid_to > $2)
        union
        select teams.id from teams join led on teams.parent_id = led.team_id
    )
    select directory.version, coalesce(users.roles, api_clients.roles) as roles,
        api_clients.id is not null as machine, api_clients.source_system,
        array(
            select $1
            union
            select user_id from memberships join led using (team_id)
            where valid_from <= $2 and (valid_to is null or valid_to > $2)
        ) as reach,
        array(select team_id from led) as teams
    from directory
    left join users on users.id = $1 and users.active
        and (users.employed_to is null or users.employed_to > $2)
    left join api_clients on api_clients.id = $1 and api_clients.active";
