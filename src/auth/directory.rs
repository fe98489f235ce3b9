//! Who works here: current roles, and whose rows each person reaches. Cached in the process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::tz::TimeZone;
use platform::feed::{self, Position};
use platform::{Clock, Conn, Date, Db, Result};
use schema::directory;
use tokio::sync::watch;
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
    /// The newest position of the change feed, as of the last poll
    newest: Arc<watch::Sender<Position>>,
}

#[derive(Default)]
struct Cache {
    /// The version of the directory, and the day: memberships begin and end at midnight.
    state: (i64, Date),
    people: HashMap<Uuid, Option<Arc<Person>>>,
}

impl Directory {
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, cache: Arc::default(), newest: Arc::new(watch::Sender::new((0, 0))) }
    }

    /// Told when the change feed goes on, so that whoever waits for it need not ask.
    pub fn newest(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Nobody for the unknown and the disabled.
    pub async fn person(&self, id: Uuid) -> Result<Option<Arc<Person>>> {
        if let Some(known) = self.cache.read().expect("no panic under the lock").people.get(&id) {
            return Ok(known.clone());
        }
        let today = self.clock.today();
        let (version, person) = read(&mut *self.db.conn().await?, id, today).await?;
        let person = person.map(Arc::new);
        let mut cache = self.cache.write().expect("no panic under the lock");
        // What was read before the poller saw a change would otherwise stay for ever.
        if cache.state == (version, today) {
            cache.people.insert(id, person.clone());
        }
        Ok(person)
    }

    /// Forgets everybody when somebody changed, and wakes those who wait for changes. One
    /// statement, four times a second.
    pub async fn poll(&self) -> Result<()> {
        let query = diesel::sql_query(POLL.as_str());
        let query = query.bind::<Timestamptz, _>(feed::recent(self.clock.today()));
        let poll = query.get_result(&mut *self.db.conn().await?).await?;
        let Poll { version, time_zone, newest } = poll;
        if let Some([xid, seq]) = newest.as_deref() {
            let newest = (*xid, *seq);
            self.newest.send_if_modified(|it| std::mem::replace(it, newest) != newest);
        }
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

/// What decides about a person on a day, read anew: nobody for the unknown and the disabled. With
/// the version of the directory.
pub async fn read(conn: &mut Conn, id: Uuid, today: Date) -> Result<(i64, Option<Person>)> {
    let row: Row = diesel::sql_query(PERSON)
        .bind::<SqlUuid, _>(id)
        .bind::<diesel::sql_types::Date, _>(today)
        .get_result(conn)
        .await?;
    let Row { version, roles, machine, source_system, reach, teams } = row;
    let known = |role: &String| Role::ALL.iter().copied().find(|r| r.as_str() == *role);
    let person = roles.map(|roles| {
        let roles = roles.iter().filter_map(known).collect();
        Person { id, roles, machine, source_system, reach, teams }
    });
    Ok((version, person))
}

#[derive(QueryableByName)]
struct Poll {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Text>)]
    time_zone: Option<String>,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    newest: Option<Vec<i64>>,
}

static POLL: LazyLock<String> = LazyLock::new(|| {
    let newest = feed::NEWEST;
    format!("select version, (select time_zone from company), {newest} as newest from directory")
});

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
