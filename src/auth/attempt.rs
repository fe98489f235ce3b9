//! Failed logins, per account and per address: guessing is slow.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use diesel::prelude::*;
use diesel::sql_types::{Array, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use jiff::SignedDuration;
use platform::{Conn, Error, Result, Timestamp, Tx};
use schema::login_failures;

const WINDOW: SignedDuration = SignedDuration::from_mins(15);
/// Of one account in a window, whether it exists or not.
const PER_ACCOUNT: i32 = 10;
/// Of one address: an office behind one address has many people.
const PER_ADDRESS: i32 = 50;

/// Whose failures are counted.
pub enum Subject {
    /// Only a digest is kept: people type their passwords into the wrong field.
    Account(String),
    Address(String),
}

impl Subject {
    pub fn account(username: &str) -> Self {
        let name = username.to_ascii_lowercase();
        let digest = BASE64.encode(digest(&SHA256, name.as_bytes()));
        Self::Account(format!("account {digest}"))
    }

    pub fn address(address: &str) -> Self {
        Self::Address(format!("address {address}"))
    }

    fn name(&self) -> &str {
        let (Self::Account(name) | Self::Address(name)) = self;
        name
    }

    fn limit(&self) -> i32 {
        match self {
            Self::Account(_) => PER_ACCOUNT,
            Self::Address(_) => PER_ADDRESS,
        }
    }
}

/// An attempt that counts as failed until it has succeeded: of many at the same moment none gets
/// past the limit.
#[must_use]
pub struct Attempt(Vec<Subject>);

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Text)]
    subject: String,
    #[diesel(sql_type = Integer)]
    failures: i32,
    #[diesel(sql_type = Timestamptz)]
    first_at: Timestamp,
}

impl Attempt {
    /// 429 when there were too many, the same whether the account exists or not.
    pub async fn begin(conn: &mut Conn, now: Timestamp, subjects: Vec<Subject>) -> Result<Self> {
        let names: Vec<&str> = subjects.iter().map(Subject::name).collect();
        let counts: Vec<Count> = diesel::sql_query(COUNT)
            .bind::<Array<Text>, _>(names)
            .bind::<Timestamptz, _>(now)
            .bind::<Timestamptz, _>(Timestamp(now.0 - WINDOW))
            .load(conn)
            .await?;
        let limit = |count: &Count| subjects.iter().find(|it| it.name() == count.subject);
        let over = |count: &&Count| limit(count).is_some_and(|it| count.failures > it.limit());
        let wait = |count: &Count| (count.first_at.0 + WINDOW).duration_since(now.0).as_secs();
        match counts.iter().filter(over).map(wait).max() {
            Some(seconds) => Err(Error::too_many_requests("too_many_attempts", seconds + 1)
                .detail("too many failed attempts")),
            None => Ok(Self(subjects)),
        }
    }

    /// The account starts anew; of the address only this one is taken back, or one account of
    /// one's own would be enough to go on guessing at others.
    pub async fn succeeded(self, conn: &mut Conn) -> Result<()> {
        use login_failures::{failures, subject, table};
        for it in &self.0 {
            let row = table.filter(subject.eq(it.name()));
            match it {
                Subject::Account(_) => diesel::delete(row).execute(conn).await?,
                Subject::Address(_) => {
                    let row = row.filter(failures.gt(0));
                    diesel::update(row).set(failures.eq(failures - 1)).execute(conn).await?
                }
            };
        }
        Ok(())
    }
}

/// In the order of the subjects, so that two attempts cannot deadlock.
const COUNT: &str = "
    insert into login_failures (subject, failures, first_at, last_at)
    select subject, 1, $2, $2 from unnest($1) as it (subject) order by subject
    on conflict (subject) do update set
        failures = case when login_failures.first_at > $3
            then least(login_failures.failures, 1000000) + 1 else 1 end,
        first_at = case when login_failures.first_at > $3
            then login_failures.first_at else excluded.first_at end,
        last_at = excluded.last_at
    returning subject, failures, first_at";

/// A daily job.
pub async fn forget_old(tx: &mut Tx) -> Result<u64> {
    let old = login_failures::last_at.lt(Timestamp(tx.now.0 - SignedDuration::from_hours(24)));
    let gone = diesel::delete(login_failures::table.filter(old)).execute(tx.conn()).await?;
    Ok(gone as u64)
}
