//! The service level of a complaint: due times, completion times and escalation.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use platform::{Embedded, Timestamp};
use schema::complaint_clocks;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Severity;
use crate::sla::{Hours, Pause, Term};

/// Percentages of a term at which a complaint escalates to its owner, the manager and the director.
const STEPS: [i64; 3] = [80, 100, 150];

/// The highest escalation level, the director.
pub const HIGHEST: i16 = 3;

/// The smallest step of stored time.
const MOMENT: jiff::SignedDuration = jiff::SignedDuration::from_micros(1);

/// Due times of a complaint and the times at which each step was done
#[allow(clippy::struct_excessive_bools, reason = "a flag for each of three terms")]
#[derive(
    Default,
    Debug,
    Clone,
    PartialEq,
    Serialize,
    Deserialize,
    ToSchema,
    Insertable,
    AsChangeset,
    FromSqlRow,
)]
#[diesel(table_name = complaint_clocks)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ComplaintClock {
    /// The time of the complaint as reported by the person who registered it
    pub occurred_at: Timestamp,
    /// The time at which the company received the complaint
    pub received_at: Timestamp,
    /// Start of the terms: `occurred_at`, or `received_at` if the complaint occurred more than 24
    /// hours before that
    pub sla_started_at: Timestamp,
    pub first_response_due: Timestamp,
    pub first_response_at: Option<Timestamp>,
    /// Due time of interim feedback. Only major complaints have one
    pub interim_due: Option<Timestamp>,
    pub interim_at: Option<Timestamp>,
    /// Start of the terms for interim feedback and resolution. Reopening the complaint restarts
    /// them
    pub resolve_started_at: Timestamp,
    pub resolve_due: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub reopened_at: Option<Timestamp>,
    /// Start of the current wait for the customer. The resolution does not become overdue meanwhile
    pub paused_since: Option<Timestamp>,
    #[schema(value_type = Vec<Pause>)]
    pub pauses: Embedded<Vec<Pause>>,
    /// Minutes by which pauses have extended the resolution: all minutes for a term by the clock,
    /// otherwise those within working hours
    pub paused_minutes: i64,
    pub first_response_breached: bool,
    pub interim_breached: bool,
    pub resolve_breached: bool,
    /// Highest level notified: `0` nobody, `1` the owner, `2` the manager, `3` the director
    #[schema(minimum = 0, maximum = 3)]
    pub escalation_level: i16,
    pub escalation_reason: Option<String>,
    pub escalated_at: Option<Timestamp>,
    /// Due time of the reporter's proposal (处理建议): the end of the next working day, like
    /// `filing_due`. Null when another system registered the complaint, when it was settled on the
    /// spot, and after it was reopened
    #[diesel(skip_insertion, skip_update)]
    pub proposal_due_at: Option<Timestamp>,
    /// The time of the reporter's first proposal
    #[diesel(skip_insertion, skip_update)]
    pub proposed_at: Option<Timestamp>,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    pub(super) halved: bool,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    pub(super) ended_at: Option<Timestamp>,
    #[serde(skip_serializing)]
    #[schema(ignore)]
    pub(super) next_check_at: Option<Timestamp>,
}

impl FromSql<Jsonb, Pg> for ComplaintClock {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        Embedded::<Self>::from_sql(value).map(|clock| clock.0)
    }
}

/// A term that is still running.
struct Running<'a> {
    start: Timestamp,
    term: Term,
    pauses: &'a [Pause],
}

/// SQL conditions on a term.
#[derive(Debug)]
pub struct TermSql {
    /// The step was done, or the complaint ended without it
    pub over: String,
    /// The term was exceeded by the time the step was done, or by now
    pub late: String,
}

impl ComplaintClock {
    /// Starts the clock of a new complaint. The terms start at `occurred_at` if that is at most 24
    /// hours before `received_at`.
    pub(super) fn starting(occurred_at: Timestamp, received_at: Timestamp, halved: bool) -> Self {
        let ago = received_at.0.duration_since(occurred_at.0);
        let recent = ago <= jiff::SignedDuration::from_hours(24);
        let started = if recent { occurred_at.min(received_at) } else { received_at };
        Self {
            occurred_at,
            received_at,
            sla_started_at: started,
            first_response_due: started,
            first_response_at: None,
            interim_due: None,
            interim_at: None,
            resolve_started_at: started,
            resolve_due: started,
            resolved_at: None,
            closed_at: None,
            reopened_at: None,
            paused_since: None,
            pauses: vec![].into(),
            paused_minutes: 0,
            first_response_breached: false,
            interim_breached: false,
            resolve_breached: false,
            escalation_level: 0,
            escalation_reason: None,
            escalated_at: None,
            proposal_due_at: None,
            proposed_at: None,
            halved,
            ended_at: None,
            next_check_at: None,
        }
    }

    /// Returns the clock with the breaches as of `now`. Readers and the background job share this
    /// rule. While the complaint waits for the customer, its resolution does not become overdue.
    #[must_use]
    pub fn judged(&self, now: Timestamp) -> Self {
        let late =
            |due: Timestamp, done: Option<Timestamp>| done.or(self.ended_at).unwrap_or(now) > due;
        Self {
            first_response_breached: late(self.first_response_due, self.first_response_at),
            interim_breached: self.interim_due.is_some_and(|due| late(due, self.interim_at)),
            resolve_breached: late(self.resolve_due, self.resolved_at.or(self.paused_since)),
            ..self.clone()
        }
    }

    /// Returns the rule of [`Self::judged`] as SQL over `complaint_clocks`, for first response,
    /// interim feedback and resolution. `now` is an SQL expression. `late` is null where a
    /// complaint has no such term.
    #[must_use]
    pub fn judged_sql(now: &str) -> [TermSql; 3] {
        let term = |due: &str, done: &str, paused: &str| TermSql {
            over: format!("coalesce({done}, ended_at) is not null"),
            late: format!("coalesce({done}, {paused}ended_at, {now}) > {due}"),
        };
        [
            term("first_response_due", "first_response_at", ""),
            term("interim_due", "interim_at", ""),
            term("resolve_due", "resolved_at", "paused_since, "),
        ]
    }

    /// Returns the clock with due times that follow from the severity and the working hours. Due
    /// times of steps that are done do not change.
    #[must_use]
    pub(super) fn timed(&self, hours: &Hours, severity: Severity, now: Timestamp) -> Self {
        let mut after = self.clone();
        if self.ended_at.is_some() {
            after.next_check_at = None;
            return after;
        }
        let terms = hours.terms(severity, self.halved);
        if self.first_response_at.is_none() {
            after.first_response_due = hours.due(self.sla_started_at, terms.response, &[]);
        }
        if self.interim_at.is_none() {
            let due = |term| hours.due(self.resolve_started_at, term, &[]);
            after.interim_due = terms.interim.map(due);
        }
        let (start, pauses) = (self.resolve_started_at, self.pauses.as_slice());
        after.resolve_due = hours.due(start, terms.resolution, pauses);
        after.paused_minutes = hours.paused(start, terms.resolution.unit, pauses).as_mins();

        after.next_check_at = after.next_check(hours, severity, now);
        after
    }

    /// Returns the clock with all due times recomputed, also those of steps that are done. For
    /// imported complaints.
    #[must_use]
    pub(super) fn timed_anew(&self, hours: &Hours, severity: Severity, now: Timestamp) -> Self {
        let open =
            Self { ended_at: None, first_response_at: None, interim_at: None, ..self.clone() };
        let open = open.timed(hours, severity, now);
        Self {
            first_response_due: open.first_response_due,
            interim_due: open.interim_due,
            resolve_due: open.resolve_due,
            paused_minutes: open.paused_minutes,
            ..self.clone()
        }
        .timed(hours, severity, now)
    }

    /// Returns the clock as the background job updates it: due times by the current calendar,
    /// breaches and escalation level.
    #[must_use]
    pub(super) fn looked_at(&self, hours: &Hours, severity: Severity, now: Timestamp) -> Self {
        let mut after = self.timed(hours, severity, now).judged(now);
        let level = after.level(hours, severity, now);
        if after.ended_at.is_none() && level > after.escalation_level {
            let percent = STEPS[usize::try_from(level - 1).unwrap_or(0)];
            after.escalation_level = level;
            after.escalation_reason = Some(format!("SLA {percent} %"));
            after.escalated_at = Some(now);
            after.next_check_at = after.next_check(hours, severity, now);
        }
        after
    }

    /// Returns the escalation level that the most advanced term has reached.
    fn level(&self, hours: &Hours, severity: Severity, now: Timestamp) -> i16 {
        let reached = |running: &Running| {
            let due =
                |percent| hours.due(running.start, running.term.percent(percent), running.pauses);
            STEPS.into_iter().take_while(|percent| due(*percent) <= now).count()
        };
        let most = self.running(hours, severity).iter().map(reached).max();
        most.and_then(|level| i16::try_from(level).ok()).unwrap_or(0)
    }

    /// Returns the next instant at which something becomes late or escalates. The job ignores the
    /// complaint until then.
    fn next_check(&self, hours: &Hours, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if self.level(hours, severity, now) > self.escalation_level {
            return Some(now);
        }
        let running = self.running(hours, severity);
        let moments = running.iter().flat_map(|running| {
            let due = move |percent| {
                hours.due(running.start, running.term.percent(percent), running.pauses)
            };
            STEPS.into_iter().map(due).chain([Timestamp(due(100).0 + MOMENT)])
        });
        moments.filter(|moment| *moment > now).min()
    }

    fn running(&self, hours: &Hours, severity: Severity) -> Vec<Running<'_>> {
        let terms = hours.terms(severity, self.halved);
        let mut running = vec![];
        if self.ended_at.is_some() {
            return running;
        }

        if self.first_response_at.is_none() {
            running.push(Running { start: self.sla_started_at, term: terms.response, pauses: &[] });
        }
        if let (None, Some(term)) = (self.interim_at, terms.interim) {
            running.push(Running { start: self.resolve_started_at, term, pauses: &[] });
        }
        if self.paused_since.is_none() {
            let (start, term) = (self.resolve_started_at, terms.resolution);
            running.push(Running { start, term, pauses: &self.pauses });
        }
        running
    }

    pub(super) fn pause(&mut self, now: Timestamp) {
        self.paused_since = Some(now);
        self.pauses.0.push(Pause { from: now, to: None });
    }

    pub(super) fn go_on(&mut self, now: Timestamp) {
        self.paused_since = None;
        if let Some(last) = self.pauses.0.last_mut() {
            last.to.get_or_insert(now);
        }
    }

    /// Ends the clock: the complaint was resolved, rejected or withdrawn.
    pub(super) fn end(&mut self, now: Timestamp) {
        self.ended_at = Some(now);
        self.next_check_at = None;
    }

    /// Restarts the terms for interim feedback and resolution.
    pub(super) fn restart(&mut self, now: Timestamp) {
        *self = Self {
            reopened_at: Some(now),
            resolve_started_at: now,
            interim_at: None,
            resolved_at: None,
            closed_at: None,
            ended_at: None,
            escalation_level: 0,
            escalation_reason: None,
            escalated_at: None,
            proposal_due_at: None,
            ..self.clone()
        };
    }
}

#[cfg(test)]
mod tests {
    use company::Calendar;
    use jiff::tz::TimeZone;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse().unwrap())
    }

    fn hours() -> Hours {
        Hours::new(Calendar::default(), TimeZone::get("Asia/Shanghai").unwrap(), 9, 18)
    }

    fn clock() -> ComplaintClock {
        // Monday, 10:00 in Shanghai.
        let now = at("2026-11-23T02:00:00Z");
        ComplaintClock::starting(now, now, false).timed(&hours(), Severity::General, now)
    }

    #[test]
    fn what_happened_more_than_a_day_ago_counts_from_when_it_was_received() {
        let start = |occurred: &str| {
            let received = at("2026-11-23T02:00:00Z");
            ComplaintClock::starting(at(occurred), received, false).sla_started_at.to_string()
        };
        assert_eq!(start("2026-11-22T02:00:00Z"), "2026-11-22T02:00:00Z");
        assert_eq!(start("2026-11-22T01:59:59Z"), "2026-11-23T02:00:00Z");
        assert_eq!(start("2026-11-23T02:01:00Z"), "2026-11-23T02:00:00Z", "a clock that is fast");
    }

    #[test]
    fn late_is_after_the_due_time_and_not_at_it() {
        let clock = clock();
        assert_eq!(clock.first_response_due, at("2026-11-24T02:00:00Z"));
        assert_eq!(clock.resolve_due, at("2026-11-26T02:00:00Z"));
        let late = |now: &str| {
            let it = clock.judged(at(now));
            (it.first_response_breached, it.resolve_breached)
        };
        assert_eq!(late("2026-11-24T02:00:00Z"), (false, false));
        assert_eq!(late("2026-11-24T02:00:00.000001Z"), (true, false));
        assert_eq!(late("2026-11-26T02:00:01Z"), (true, true));
        let waiting = ComplaintClock { paused_since: Some(at("2026-11-26T02:00:00Z")), ..clock };
        assert!(!waiting.judged(at("2026-12-26T02:00:00Z")).resolve_breached);
    }

    #[test]
    fn the_job_looks_when_something_happens() {
        let (hours, severity) = (hours(), Severity::General);
        let accepted = at("2026-11-23T03:00:00Z");
        let mut clock = ComplaintClock { first_response_at: Some(accepted), ..clock() };
        clock = clock.timed(&hours, severity, accepted);
        let mut seen = vec![];
        while let Some(next) = clock.next_check_at {
            clock = clock.looked_at(&hours, severity, next);
            seen.push(format!("{next} {} {}", clock.escalation_level, clock.resolve_breached));
        }
        // 27 working hours: 80 % are 21.6, which end on Wednesday at 13:36; 150 % are 40.5.
        assert_eq!(
            seen,
            [
                "2026-11-25T05:36:00Z 1 false",
                "2026-11-26T02:00:00Z 2 false",
                "2026-11-26T02:00:00.000001Z 2 true",
                "2026-11-27T06:30:00Z 3 true",
            ]
        );
        let late = at("2026-11-27T06:30:00Z");
        let missed =
            ComplaintClock { escalation_level: 0, ..clock }.looked_at(&hours, severity, late);
        assert_eq!(missed.escalation_level, 3, "all at once when nobody looked");
    }
}
