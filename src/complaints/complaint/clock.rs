//! A complaint's service level: what is due when, what came when, and how far it has escalated.

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

/// At how much of a term a complaint escalates to its owner, the manager, the director.
const STEPS: [i64; 3] = [80, 100, 150];

/// The highest level: the director.
pub const HIGHEST: i16 = 3;

/// The least step of time that is kept.
const MOMENT: jiff::SignedDuration = jiff::SignedDuration::from_micros(1);

/// When a complaint is due, and when what was done for it (RULES 4.8)
#[allow(clippy::struct_excessive_bools, reason = "a flag for each of three terms")]
#[derive(
    Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Insertable, AsChangeset, FromSqlRow,
)]
#[diesel(table_name = complaint_clocks)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct ComplaintClock {
    /// When the customer complained, as whoever registered it says
    pub occurred_at: Timestamp,
    /// When we got to know
    pub received_at: Timestamp,
    /// What the terms count from: `occurred_at`, unless it is more than 24 hours before
    /// `received_at`
    pub sla_started_at: Timestamp,
    pub first_response_due: Timestamp,
    pub first_response_at: Option<Timestamp>,
    /// Only of major complaints: of urgent ones the customer hears all the while
    pub interim_due: Option<Timestamp>,
    pub interim_at: Option<Timestamp>,
    /// What feedback and resolution count from: a reopening starts them anew
    pub resolve_started_at: Timestamp,
    pub resolve_due: Timestamp,
    pub resolved_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub reopened_at: Option<Timestamp>,
    /// While it is with the customer: the resolution is not due in the meantime
    pub paused_since: Option<Timestamp>,
    #[schema(value_type = Vec<Pause>)]
    pub pauses: Embedded<Vec<Pause>>,
    /// How much of them has put the resolution off: by the clock if it is due by the clock, else
    /// within working hours
    pub paused_minutes: i64,
    pub first_response_breached: bool,
    pub interim_breached: bool,
    pub resolve_breached: bool,
    /// 0; 1 the owner, 2 the manager, 3 the director is told
    #[schema(minimum = 0, maximum = 3)]
    pub escalation_level: i16,
    pub escalation_reason: Option<String>,
    pub escalated_at: Option<Timestamp>,
    /// By when whoever registered it proposes how to handle it 处理建议: the end of the next working
    /// day, as the filing is due. Null when another system registered it, when it was settled on
    /// the spot, and once it was reopened
    #[diesel(skip_insertion, skip_update)]
    pub proposal_due_at: Option<Timestamp>,
    /// When whoever registered it first did
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
        Embedded::<Self>::from_sql(value).map(|it| it.0)
    }
}

/// Something that is still to come, and what it counts from.
struct Running<'a> {
    start: Timestamp,
    term: Term,
    pauses: &'a [Pause],
}

/// What is asked of a term: conditions in SQL.
#[derive(Debug)]
pub struct TermSql {
    /// Done, or ended otherwise
    pub over: String,
    /// By what has been done, else by now
    pub late: String,
}

impl ComplaintClock {
    /// Of a complaint that was received just now. What happened in the field counts from when it
    /// happened, if that is not more than a day ago.
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

    /// What is late at this instant: the one answer for reading and for the job. While the
    /// complaint is with the customer, its resolution gets no later.
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

    /// The same in SQL over `complaint_clocks`, for an instant that stands at `now`: the first
    /// response, the interim feedback, the resolution. Null where there is no such term.
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

    /// With the due times that follow from the severity and the working hours, as long as
    /// anything is due; what has been done was due when it was.
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

    /// What the due times shall have been, also of what is over: for facts of another system.
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

    /// What the job makes of it: due times by today's calendar, what is late, who is to be told.
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

    /// How far the term that is furthest gone has got.
    fn level(&self, hours: &Hours, severity: Severity, now: Timestamp) -> i16 {
        let reached = |it: &Running| {
            let due = |percent| hours.due(it.start, it.term.percent(percent), it.pauses);
            STEPS.into_iter().take_while(|percent| due(*percent) <= now).count()
        };
        let most = self.running(hours, severity).iter().map(reached).max();
        most.and_then(|it| i16::try_from(it).ok()).unwrap_or(0)
    }

    /// When something will be late, or escalates: the job need not look before.
    fn next_check(&self, hours: &Hours, severity: Severity, now: Timestamp) -> Option<Timestamp> {
        if self.level(hours, severity, now) > self.escalation_level {
            return Some(now);
        }
        let running = self.running(hours, severity);
        let moments = running.iter().flat_map(|it| {
            let due = move |percent| hours.due(it.start, it.term.percent(percent), it.pauses);
            STEPS.into_iter().map(due).chain([Timestamp(due(100).0 + MOMENT)])
        });
        moments.filter(|it| *it > now).min()
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

    /// Resolved, rejected or withdrawn.
    pub(super) fn end(&mut self, now: Timestamp) {
        self.ended_at = Some(now);
        self.next_check_at = None;
    }

    /// Feedback and resolution begin anew.
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
