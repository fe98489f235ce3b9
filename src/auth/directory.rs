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
use super::token::{LIFETIME, Verified};

/// A person with what decides whether a token is good.
#[derive(Debug)]
pub struct Entry {
    pub person: Arc<Person>,
    /// Which secret of a program is the valid one
    secret_id: Option<Uuid>,
    /// The roles require a second factor, and there is none yet
    pub second_factor_due: bool,
}

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

/// Seconds for which an ended session is remembered: no access token of it is left then.
const FORGOTTEN_AFTER: i64 = 2 * LIFETIME;

#[derive(Clone)]
pub struct Directory {
    db: Db,
    clock: Clock,
    cache: Arc<RwLock<Cache>>,
    /// The newest position of the change feed, as of the last poll
    newest: Arc<watch::Sender<Position>>,
    /// Roles that require a second factor
    second_factor: Arc<[Role]>,
}

/// The sessions that have ended lately, of which there may still be tokens.
#[derive(Default)]
struct Ended {
    /// The number of the last end that is known
    number: i64,
    /// Until when, in seconds, each is remembered
    sessions: HashMap<Uuid, i64>,
}

#[derive(Default)]
struct Cache {
    /// The version of the directory, and the day: memberships begin and end at midnight.
    state: (i64, Date),
    people: HashMap<Uuid, Option<Arc<Entry>>>,
    ended: Ended,
}

impl Directory {
    pub fn new(db: Db, clock: Clock) -> Self {
        let newest = Arc::new(watch::Sender::new((0, 0)));
        Self { db, clock, cache: Arc::default(), newest, second_factor: Arc::default() }
    }

    /// These roles work only with a second factor.
    #[must_use]
    pub fn requiring(self, roles: &[Role]) -> Self {
        Self { second_factor: roles.into(), ..self }
    }

    pub(crate) fn requires_second_factor(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.second_factor.contains(role))
    }

    /// Told when the change feed goes on, so that whoever waits for it need not ask.
    pub fn newest(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Nobody for the unknown and the disabled.
    pub async fn person(&self, id: Uuid) -> Result<Option<Arc<Person>>> {
        Ok(self.entry(id).await?.map(|entry| entry.person.clone()))
    }

    /// The holder of a token whose session has not ended; no query for somebody who is known.
    pub(crate) async fn holder(&self, token: &Verified) -> Result<Option<Arc<Entry>>> {
        let session = token.session;
        let ended =
            |cache: &Cache| session.is_some_and(|id| cache.ended.sessions.contains_key(&id));
        if ended(&self.cache.read().expect("no panic under the lock")) {
            return Ok(None);
        }
        let entry = self.entry(token.holder).await?;
        // A program's token is for one secret; a new one ends it.
        let replaced = |entry: &Arc<Entry>| {
            entry.secret_id.is_some() && session.is_some() && entry.secret_id != session
        };
        match entry {
            // Or what is known is older than the token.
            Some(entry) if replaced(&entry) => {
                Ok(self.read_entry(token.holder).await?.filter(|entry| !replaced(entry)))
            }
            entry => Ok(entry),
        }
    }

    async fn entry(&self, id: Uuid) -> Result<Option<Arc<Entry>>> {
        if let Some(known) = self.cache.read().expect("no panic under the lock").people.get(&id) {
            return Ok(known.clone());
        }
        self.read_entry(id).await
    }

    async fn read_entry(&self, id: Uuid) -> Result<Option<Arc<Entry>>> {
        let today = self.clock.today();
        let row = row(&mut *self.db.conn().await?, id, today).await?;
        let (version, secret_id, enrolled) = (row.version, row.secret_id, row.enrolled);
        let entry = row.person(id).map(|person| {
            let required = !person.machine && self.requires_second_factor(&person.roles);
            let (person, second_factor_due) = (Arc::new(person), required && !enrolled);
            Arc::new(Entry { person, secret_id, second_factor_due })
        });
        let mut cache = self.cache.write().expect("no panic under the lock");
        // What was read before the poller saw a change would otherwise stay for ever.
        if cache.state == (version, today) {
            cache.people.insert(id, entry.clone());
        }
        Ok(entry)
    }

    /// Forgets everybody when somebody changed, learns of the sessions that have ended, and wakes
    /// those who wait for changes. One statement, four times a second.
    pub async fn poll(&self) -> Result<()> {
        let query = diesel::sql_query(POLL.as_str());
        let query = query.bind::<Timestamptz, _>(feed::recent(self.clock.today()));
        let number = self.cache.read().expect("no panic under the lock").ended.number;
        let query = query.bind::<BigInt, _>(number);
        let poll = query.get_result(&mut *self.db.conn().await?).await?;
        let Poll { version, time_zone, currency, newest, ended, sessions } = poll;
        if let Some([xid, seq]) = newest.as_deref() {
            let newest = (*xid, *seq);
            self.newest.send_if_modified(|it| std::mem::replace(it, newest) != newest);
        }
        // Another instance may have moved the company.
        if let Some(zone) = time_zone.and_then(|name| TimeZone::get(&name).ok()) {
            self.clock.set_zone(zone);
        }
        if let Some(currency) = currency {
            self.clock.set_currency(&currency);
        }
        let mut cache = self.cache.write().expect("no panic under the lock");
        let state = (version, self.clock.today());
        if cache.state != state {
            (cache.state, cache.people) = (state, HashMap::new());
        }
        let now = self.clock.now().0.as_second();
        cache.ended.number = cache.ended.number.max(ended);
        cache.ended.sessions.retain(|_, until| now < *until);
        let until = now + FORGOTTEN_AFTER;
        cache.ended.sessions.extend(sessions.into_iter().map(|id| (id, until)));
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
    let row = row(conn, id, today).await?;
    Ok((row.version, row.person(id)))
}

async fn row(conn: &mut Conn, id: Uuid, today: Date) -> Result<Row> {
    let query = diesel::sql_query(PERSON).bind::<SqlUuid, _>(id);
    Ok(query.bind::<diesel::sql_types::Date, _>(today).get_result(conn).await?)
}

impl Row {
    fn person(self, id: Uuid) -> Option<Person> {
        let Self { roles, machine, source_system, reach, teams, .. } = self;
        let known = |role: &String| Role::ALL.iter().copied().find(|r| r.as_str() == *role);
        let roles = roles?.iter().filter_map(known).collect();
        Some(Person { id, roles, machine, source_system, reach, teams })
    }
}

#[derive(QueryableByName)]
struct Poll {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Text>)]
    time_zone: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    currency: Option<String>,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    newest: Option<Vec<i64>>,
    #[diesel(sql_type = BigInt)]
    ended: i64,
    #[diesel(sql_type = Array<SqlUuid>)]
    sessions: Vec<Uuid>,
}

static POLL: LazyLock<String> = LazyLock::new(|| {
    let newest = feed::NEWEST;
    format!(
        "select version, (select time_zone from company),
            (select currency from company), {newest} as newest, ended,
            array(select id from sessions where ended_no > $2) as sessions
        from directory"
    )
});

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    version: i64,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    roles: Option<Vec<String>>,
    #[diesel(sql_type = Bool)]
    machine: bool,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    secret_id: Option<Uuid>,
    #[diesel(sql_type = Bool)]
    enrolled: bool,
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
        api_clients.id is not null as machine, api_clients.source_system, api_clients.secret_id,
        exists (
            select from second_factors where user_id = $1 and secret is not null
        ) as enrolled,
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
