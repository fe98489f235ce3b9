//! The directory of callers: current roles and visible users of each, cached in the process.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, RwLock};
use std::time::Duration;

use access::{Person, Role};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use jiff::tz::TimeZone;
use platform::feed::{self, Position};
use platform::{Clock, Conn, Date, Db, Result};
use schema::directory;
use tokio::sync::watch;
use uuid::Uuid;

use super::token::{LIFETIME, Verified};

/// A caller with the data that decides whether a token is valid.
#[derive(Debug)]
pub struct Entry {
    pub person: Arc<Person>,
    /// The id of the valid secret of an API client
    secret_id: Option<Uuid>,
    /// `true` if the roles require a second factor and none is set up
    pub second_factor_due: bool,
}

/// The time in seconds for which an ended session is remembered. All its access tokens have expired
/// by then.
const FORGOTTEN_AFTER: i64 = 2 * LIFETIME;

/// The cached callers. Clones share one cache.
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

/// The sessions that have ended recently and may still have access tokens.
#[derive(Default)]
struct Ended {
    /// The number of the last known end of a session
    number: i64,
    /// The sessions, each with the time until which it is remembered, in seconds since the epoch
    sessions: HashMap<Uuid, i64>,
}

#[derive(Default)]
struct Cache {
    /// The version of the directory, and the day, because memberships begin and end at midnight
    state: (i64, Date),
    people: HashMap<Uuid, Option<Arc<Entry>>>,
    ended: Ended,
}

impl Directory {
    pub fn new(db: Db, clock: Clock) -> Self {
        let newest = Arc::new(watch::Sender::new((0, 0)));
        Self { db, clock, cache: Arc::default(), newest, second_factor: Arc::default() }
    }

    /// Sets the roles that require a second factor.
    #[must_use]
    pub fn requiring(self, roles: &[Role]) -> Self {
        Self { second_factor: roles.into(), ..self }
    }

    pub(crate) fn requires_second_factor(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.second_factor.contains(role))
    }

    /// Returns a receiver of the newest position of the change feed, so that readers that wait for
    /// changes need not poll.
    pub fn newest(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Returns a user or API client. `None` if unknown or disabled.
    pub async fn person(&self, id: Uuid) -> Result<Option<Arc<Person>>> {
        Ok(self.entry(id).await?.map(|entry| entry.person.clone()))
    }

    /// Returns the holder of a token, or `None` if its session has ended. Needs no query for a
    /// cached caller.
    pub(crate) async fn holder(&self, token: &Verified) -> Result<Option<Arc<Entry>>> {
        let session = token.session;
        let ended =
            |cache: &Cache| session.is_some_and(|id| cache.ended.sessions.contains_key(&id));
        if ended(&self.cache.read().expect("no panic under the lock")) {
            return Ok(None);
        }
        let entry = self.entry(token.holder).await?;

        // A client's token is tied to one secret and ends when the secret is replaced.
        let replaced = |entry: &Arc<Entry>| {
            entry.secret_id.is_some() && session.is_some() && entry.secret_id != session
        };
        match entry {
            // Read again, because the cached entry may be older than the token.
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

        // Cached only if the cache has the version that was read: an entry that was read before the
        // poll saw a change would otherwise stay.
        if cache.state == (version, today) {
            cache.people.insert(id, entry.clone());
        }
        Ok(entry)
    }

    /// Drops all cached callers if one has changed, reads the sessions that have ended, and wakes
    /// the readers that wait for changes. Runs one statement four times a second.
    pub async fn poll(&self) -> Result<()> {
        let query = diesel::sql_query(POLL.as_str());
        let query = query.bind::<Timestamptz, _>(feed::recent(self.clock.today()));
        let number = self.cache.read().expect("no panic under the lock").ended.number;
        let query = query.bind::<BigInt, _>(number);
        let poll = query.get_result(&mut *self.db.conn().await?).await?;
        let Poll { version, time_zone, currency, newest, ended, sessions } = poll;

        if let Some([xid, seq]) = newest.as_deref() {
            let newest = (*xid, *seq);
            self.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
        }

        // Another instance may have changed the company's time zone or currency.
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

    /// Polls for as long as the service runs. A failed poll is logged and repeated.
    pub async fn watch(self) {
        loop {
            if let Err(error) = self.poll().await {
                tracing::warn!(%error, "failed to poll the directory");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// Marks the directory as changed. Must be called in the transaction of the change.
pub async fn touch(conn: &mut Conn) -> Result<()> {
    let bump = diesel::update(directory::table).set(directory::version.eq(directory::version + 1));
    bump.execute(conn).await?;
    Ok(())
}

/// Reads a user or API client from the database, as of a day, with the version of the directory.
/// The person is `None` if unknown or disabled.
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

/// The query for a caller. Raw SQL, because diesel has no recursive queries.
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
