//! Time limits of changes, and the answer to one that has taken too long.

use std::time::{Duration, Instant};

use actix_web::http::StatusCode;

use super::db::HOLD;
use super::error::Error;

const ATTEMPTS: u32 = 3;

/// Time between the limit of a statement and that of the whole change, so that the database can
/// still answer.
const MARGIN: Duration = Duration::from_secs(1);

/// Time limits of a change.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// `statement_timeout` of the server
    statements: Duration,
    /// `lock_timeout` of the server
    locks: Duration,
    /// Time after which a connection is closed if the server does not answer
    pub(super) silence: Duration,
    /// All attempts of the request together
    pub(super) whole: Duration,
}

/// The limits of a change of one resource.
pub const ONE: Limits = Limits {
    statements: Duration::from_secs(8),
    locks: Duration::from_secs(5),
    silence: HOLD,
    whole: HOLD,
};

/// The limits of many short statements and some longer ones, as in a batch. The largest batch, if
/// it updates all its items, needs half of the whole time on two processors. Two batches with the
/// same rows wait for each other, because a retry would cost more.
pub(super) const MANY: Limits = Limits {
    statements: Duration::from_secs(30),
    locks: Duration::from_secs(20),
    silence: Duration::from_secs(31),
    whole: Duration::from_mins(2),
};

/// Minimum time for a commit, however long the work has taken. A commit waits only for the disk and
/// the replicas, and if it were cut off, its outcome would be unknown.
pub(super) const COMMIT: Duration = Duration::from_secs(3);

/// The attempts at one change.
pub(super) struct Attempts {
    limits: Limits,
    pub start: Instant,
    count: u32,
    /// Number of items if the change is a batch
    items: Option<usize>,
}

impl Attempts {
    pub fn new(limits: Limits, items: Option<usize>) -> Self {
        Self { limits, start: Instant::now(), count: 0, items }
    }

    /// Returns the SQL that begins a transaction with its time limits. They are enforced by the
    /// database, because dropping the future would not stop the statement.
    pub fn begin(&mut self) -> String {
        self.count += 1;
        let Limits { statements, locks, whole, .. } = self.limits;
        let left = whole.saturating_sub(MARGIN + self.start.elapsed());
        let statements = statements.min(left).as_millis().max(1);
        let locks = locks.as_millis();
        format!(
            "begin; set local statement_timeout = {statements}; set local lock_timeout = {locks}"
        )
    }

    /// Checks whether to retry after this error. A batch that has used half of its time is not
    /// retried, because it would not finish in the other half.
    pub fn go_on(&self, error: &Error) -> bool {
        let late = self.items.is_some() && self.start.elapsed() > self.limits.whole / 2;
        error.is_transient() && self.count < ATTEMPTS && !late
    }

    /// Returns the error to answer with. A batch that has run out of its own time would do so again
    /// when repeated, but its halves may succeed.
    pub fn answer(&self, error: Error) -> Error {
        let Some(items) = self.items.filter(|items| *items > 1) else { return error };
        let over = self.start.elapsed() + MARGIN >= self.limits.whole;
        if error.code() != "timeout" && !(over && error.code() == "unavailable") {
            return error;
        }
        let seconds = self.start.elapsed().as_secs();
        tracing::warn!(items, seconds, cause = error.cause_text(), "batch ran out of time");
        Error::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_large")
            .detail(format!("The batch did not finish within {seconds} s. Nothing was written."))
            .member("items", items.div_ceil(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(limits: Limits, items: Option<usize>, seconds: u64) -> Attempts {
        let start = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        Attempts { start, count: 1, ..Attempts::new(limits, items) }
    }

    fn answer(attempts: &Attempts, code: &'static str) -> (String, Option<u64>) {
        let problem = attempts.answer(Error::unavailable(code)).problem();
        (problem.code, problem.members.get("items").and_then(serde_json::Value::as_u64))
    }

    #[test]
    fn a_batch_without_time_is_too_large() {
        let late = after(MANY, Some(999), 120);
        assert_eq!(answer(&late, "unavailable"), ("batch_too_large".to_owned(), Some(500)));
        let early = after(MANY, Some(999), 30);
        assert_eq!(answer(&early, "timeout"), ("batch_too_large".to_owned(), Some(500)));
        // The database is away, or others are at the same rows.
        assert_eq!(answer(&early, "unavailable").0, "unavailable");
        assert_eq!(answer(&early, "busy").0, "busy");
        // Nothing smaller can be sent.
        assert_eq!(answer(&after(MANY, Some(1), 120), "timeout").0, "timeout");
        assert_eq!(answer(&after(MANY, None, 120), "timeout").0, "timeout");
    }

    #[test]
    fn a_batch_begins_again_while_it_may_end() {
        let busy = Error::unavailable("busy");
        assert!(after(MANY, Some(9), 50).go_on(&busy));
        assert!(!after(MANY, Some(9), 70).go_on(&busy));
        assert!(after(ONE, None, 7).go_on(&busy));
        assert!(!Attempts { count: ATTEMPTS, ..after(ONE, None, 0) }.go_on(&busy));
        assert!(!after(ONE, None, 0).go_on(&Error::unavailable("timeout")));
    }

    #[test]
    fn no_statement_outlives_the_whole() {
        let timeout = |mut attempts: Attempts| {
            let begin = attempts.begin();
            let timeout = begin.split("statement_timeout = ").nth(1).unwrap();
            timeout.split(';').next().unwrap().parse::<u64>().unwrap()
        };
        assert!((29_000..=30_000).contains(&timeout(after(MANY, Some(9), 60))));
        assert!((18_000..=19_000).contains(&timeout(after(MANY, Some(9), 100))));
        assert!((4_000..=5_000).contains(&timeout(after(ONE, None, 3))));
        assert_eq!(timeout(after(ONE, None, 9)), 1);
    }
}
