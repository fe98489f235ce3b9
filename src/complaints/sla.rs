//! Service levels, 时限: due times by the clock or by the company's working hours. Pure functions,
//! so that registering, reading and the background job agree.

use company::setting;
use company::{Calendar, Company};
use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp as Instant};
use platform::{Date, Error, Result, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::complaint::Severity;

/// Maximum number of days to look ahead. Counting ends there if the calendar has no working day.
const HORIZON: usize = 3660;

/// The unit in which a term is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Every minute counts
    Clock,
    /// Only the minutes of working hours on working days count
    Working,
}

/// An allowance of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub unit: Unit,
    pub length: SignedDuration,
}

impl Term {
    /// Returns a percentage of the term, such as 80 or 150 percent.
    #[must_use]
    pub fn percent(self, percent: i64) -> Self {
        let micros = self.length.as_micros() * i128::from(percent) / 100;
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Self { length: SignedDuration::from_micros(micros), ..self }
    }
}

/// The terms of a complaint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub response: Term,
    /// Interim feedback. `None` for general and urgent complaints
    pub interim: Option<Term>,
    pub resolution: Term,
}

/// A time during which the complaint was waiting for the customer. `to` is null while it lasts
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pause {
    pub from: Timestamp,
    pub to: Option<Timestamp>,
}

/// The working hours of the company.
#[derive(Debug, Clone)]
pub struct Hours {
    calendar: Calendar,
    zone: TimeZone,
    opens: i64,
    closes: i64,
}

type Window = (Instant, Instant);

impl Hours {
    pub fn new(calendar: Calendar, zone: TimeZone, opens: i64, closes: i64) -> Self {
        Self { calendar, zone, opens, closes }
    }

    pub fn of(company: &Company, calendar: Calendar) -> Result<Self> {
        let zone = TimeZone::get(&company.time_zone).map_err(Error::internal)?;
        let hour = |key| company.settings.get(key);
        Ok(Self::new(
            calendar,
            zone,
            hour(setting::WORKING_DAY_STARTS),
            hour(setting::WORKING_DAY_ENDS),
        ))
    }

    /// Returns a term of so many working days. A day of 9 hours that starts at 15:00 ends at 15:00
    /// of the next working day.
    pub fn working_days(&self, days: i64) -> Term {
        Term {
            unit: Unit::Working,
            length: SignedDuration::from_hours(days * (self.closes - self.opens)),
        }
    }

    /// Returns the terms for a severity. `halved` halves the first response, as for customers of
    /// tier A.
    pub fn terms(&self, severity: Severity, halved: bool) -> Terms {
        let hours = |hours| Term { unit: Unit::Clock, length: SignedDuration::from_hours(hours) };
        let response = |whole| hours(whole).percent(if halved { 50 } else { 100 });
        match severity {
            Severity::General => {
                Terms { response: response(24), interim: None, resolution: self.working_days(3) }
            }
            Severity::Major => Terms {
                response: response(12),
                interim: Some(self.working_days(2)),
                resolution: self.working_days(5),
            },
            Severity::Urgent => {
                Terms { response: response(2), interim: None, resolution: hours(24) }
            }
        }
    }

    /// Returns the instant at which a term that starts at `start` ends. A pause extends the term
    /// only where it overlaps the time that the term counts: a pause at night adds no working time,
    /// but every minute of it extends a term by the clock. A pause that has not ended extends
    /// nothing yet.
    pub fn due(&self, start: Timestamp, term: Term, pauses: &[Pause]) -> Timestamp {
        let mut left = term.length;
        for window in self.windows(term.unit, start.0) {
            for (from, to) in without(window, pauses) {
                let span = to.duration_since(from);
                if left <= span {
                    return Timestamp(from + left);
                }
                left -= span;
            }
        }
        start
    }

    /// Returns the part of the pauses since `start` that a term of this unit counts.
    pub fn paused(&self, start: Timestamp, unit: Unit, pauses: &[Pause]) -> SignedDuration {
        let part = |pause: &Pause| {
            let Some(end) = pause.to.map(|to| to.0) else { return SignedDuration::ZERO };
            let windows = self.windows(unit, pause.from.0.max(start.0));
            let within = windows.take_while(|(from, _)| *from < end);
            within.map(|(from, to)| to.min(end).duration_since(from)).sum()
        };
        pauses.iter().map(part).sum()
    }

    /// Returns the end of the next working day, by which a complaint must be filed.
    pub fn end_of_next_working_day(&self, of: Timestamp) -> Timestamp {
        let tomorrow = of.0.to_zoned(self.zone.clone()).date().tomorrow();
        let next = tomorrow.map(|day| self.calendar.nth_working_day(Date(day), 1));
        let end = next.ok().and_then(|day| self.hours_of(day.0));
        end.map_or(of, |(_, end)| Timestamp(end))
    }

    /// Returns the stretches of time that count from an instant on.
    fn windows(&self, unit: Unit, from: Instant) -> Box<dyn Iterator<Item = Window> + '_> {
        if unit == Unit::Clock {
            return Box::new(std::iter::once((from, Instant::MAX)));
        }
        let first = from.to_zoned(self.zone.clone()).date();
        let days = first.series(Span::new().days(1)).take(HORIZON);
        let worked = days.filter(move |day| self.calendar.is_working(Date(*day)));
        let windows = worked.filter_map(move |day| self.hours_of(day));
        let after = windows.filter(move |(_, to)| *to > from);
        Box::new(after.map(move |(begins, ends)| (begins.max(from), ends)))
    }

    fn hours_of(&self, day: civil::Date) -> Option<Window> {
        let at = |hour: i64| {
            let (day, hour) = if hour < 24 { (day, hour) } else { (day.tomorrow().ok()?, 0) };
            let time = day.at(i8::try_from(hour).ok()?, 0, 0, 0);
            Some(time.to_zoned(self.zone.clone()).ok()?.timestamp())
        };
        Some((at(self.opens)?, at(self.closes)?))
    }
}

/// Cuts the pauses out of a window. The pauses must be sorted by their start.
fn without((mut from, to): Window, pauses: &[Pause]) -> Vec<Window> {
    let mut left = vec![];
    for pause in pauses {
        let Some(end) = pause.to else { continue };
        if from >= to {
            break;
        }
        if pause.from.0 > from {
            left.push((from, pause.from.0.min(to)));
        }
        from = from.max(end.0);
    }

    if from < to {
        left.push((from, to));
    }
    left
}

#[cfg(test)]
mod simulation;

#[cfg(test)]
mod tests {
    use company::holiday::HolidayKind;
    use jiff::civil::date;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse().unwrap())
    }

    fn hours() -> Hours {
        // The make-up Saturday before the national day, and its first days.
        let holidays = [
            (Date(date(2026, 10, 1)), HolidayKind::Holiday),
            (Date(date(2026, 10, 2)), HolidayKind::Holiday),
            (Date(date(2026, 9, 26)), HolidayKind::Working),
        ];
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        Hours::new(holidays.into_iter().collect(), zone, 9, 18)
    }

    /// In Shanghai, where 9:00 is 01:00 UTC.
    fn due(start: &str, term: Term, pauses: &[(&str, &str)]) -> String {
        let local = |text: &str| at(&format!("{text}:00+08:00"));
        let pauses: Vec<Pause> =
            pauses.iter().map(|it| Pause { from: local(it.0), to: Some(local(it.1)) }).collect();
        let due = hours().due(local(start), term, &pauses);
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        due.0.to_zoned(zone).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    #[test]
    fn working_time_and_clock_time() {
        let (days, hours) = (
            |days| hours().working_days(days),
            |hours| Term { unit: Unit::Clock, length: SignedDuration::from_hours(hours) },
        );
        assert_eq!(due("2026-11-23T15:00", days(3), &[]), "2026-11-26T15:00");
        assert_eq!(due("2026-11-23T09:00", days(1), &[]), "2026-11-23T18:00");
        assert_eq!(due("2026-11-27T17:00", days(1), &[]), "2026-11-30T17:00", "a weekend");
        assert_eq!(due("2026-11-28T12:00", days(1), &[]), "2026-11-30T18:00");
        assert_eq!(due("2026-09-25T17:00", days(1), &[]), "2026-09-26T17:00", "a make-up day");
        assert_eq!(due("2026-09-30T10:00", days(3), &[]), "2026-10-07T10:00", "a holiday");
        assert_eq!(due("2026-11-27T20:00", hours(24), &[]), "2026-11-28T20:00");
    }

    #[test]
    fn a_pause_counts_where_it_overlaps_what_is_counted() {
        let (day, clock) = (
            hours().working_days(1),
            Term { unit: Unit::Clock, length: SignedDuration::from_hours(24) },
        );
        let night = [("2026-11-23T18:00", "2026-11-24T09:00")];
        assert_eq!(due("2026-11-23T15:00", day, &night), "2026-11-24T15:00");
        assert_eq!(due("2026-11-23T15:00", clock, &night), "2026-11-25T06:00");
        let partly = [("2026-11-23T17:00", "2026-11-24T10:00")];
        assert_eq!(due("2026-11-23T15:00", day, &partly), "2026-11-24T17:00");
        let before = [("2026-11-20T09:00", "2026-11-23T16:00")];
        assert_eq!(due("2026-11-23T15:00", day, &before), "2026-11-24T16:00");
        let open = Pause { from: at("2026-11-23T08:00:00Z"), to: None };
        let start = at("2026-11-23T07:00:00Z");
        assert_eq!(hours().due(start, day, &[open]), hours().due(start, day, &[]));
    }

    #[test]
    fn the_terms_by_severity() {
        let hours = hours();
        let terms = |severity, halved| {
            let Terms { response, interim, resolution } = hours.terms(severity, halved);
            let interim = interim.map(|it| it.length.as_hours());
            (response.length.as_mins(), interim, resolution.unit, resolution.length.as_hours())
        };
        assert_eq!(terms(Severity::General, false), (1440, None, Unit::Working, 27));
        assert_eq!(terms(Severity::Major, false), (720, Some(18), Unit::Working, 45));
        assert_eq!(terms(Severity::Urgent, false), (120, None, Unit::Clock, 24));
        assert_eq!(terms(Severity::Urgent, true), (60, None, Unit::Clock, 24));
        assert_eq!(hours.working_days(3).percent(80).length.as_mins(), 1296);
    }

    #[test]
    fn filing_is_due_at_the_end_of_the_next_working_day() {
        let due = |text| hours().end_of_next_working_day(at(text)).to_string();
        assert_eq!(due("2026-11-23T02:00:00Z"), "2026-11-24T10:00:00Z");
        assert_eq!(due("2026-11-27T02:00:00Z"), "2026-11-30T10:00:00Z");
        // Still Friday in London, Saturday in Shanghai.
        assert_eq!(due("2026-09-25T17:00:00Z"), "2026-09-28T10:00:00Z");
    }

    #[test]
    fn hours_where_the_clocks_change() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let hours = Hours::new(Calendar::default(), zone, 0, 24);
        let term = hours.working_days(1);
        // Friday noon to Monday noon: the weekend, in which an hour is lost, counts nothing.
        let due = hours.due(at("2026-03-06T12:00:00-05:00"), term, &[]);
        assert_eq!(due, at("2026-03-09T12:00:00-04:00"));
    }
}
