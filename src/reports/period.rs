//! Period of a report: `from` and `to`, or a period by its name.

use jiff::ToSpan;
use jiff::civil::{self, ISOWeekDate, Weekday};
use platform::{Date, Error, Fault, NoFilter, Result};
use serde::Deserialize;
use utoipa::IntoParams;

/// Earliest and latest day of every report. They bound the cost of a careless question.
const EARLIEST: Date = Date::FIRST;
const LATEST: Date = Date(civil::date(2200, 1, 1));

/// Days from `from` up to, but not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first day
    pub from: Date,
    /// The day after the last day
    pub to: Date,
}

impl Range {
    /// All days that a report can cover.
    pub const ALL: Self = Self { from: EARLIEST, to: LATEST };

    /// Returns the days up to `as_of` if that day is in the range, because the range is then still
    /// running.
    #[must_use]
    pub fn until(self, as_of: Date) -> Self {
        let running = self.from <= as_of && as_of < self.to;
        match as_of.0.tomorrow() {
            Ok(tomorrow) if running => Self { to: Date(tomorrow), ..self },
            _ => self,
        }
    }

    /// Returns the same days of the period before: shifted by the months that `whole` has, or by
    /// its days if it does not consist of whole months.
    #[must_use]
    pub fn before(self, whole: Self) -> Self {
        let (from, to) = (whole.from.0, whole.to.0);
        let months = (to.year() - from.year()) * 12 + i16::from(to.month() - from.month());
        if from.day() == 1 && to.day() == 1 {
            self.months_before(i32::from(months))
        } else {
            let days = (to - from).get_days();
            let back = |day: Date| day.0.checked_sub(days.days()).map_or(EARLIEST, Date);
            Self { from: back(self.from), to: back(self.to) }
        }
    }

    /// Returns the same days a year before; 29 February is compared with 28 February.
    #[must_use]
    pub fn year_before(self) -> Self {
        self.months_before(12)
    }

    fn months_before(self, months: i32) -> Self {
        let back = |day: Date| day.0.checked_sub(months.months()).map_or(EARLIEST, Date);
        let (from, to) = (back(self.from), back(self.to));
        // An exclusive end of 29 February becomes 28 February a year earlier, which must stay
        // included.
        let last = if to.0.day() < self.to.0.day() { to.0.tomorrow().ok() } else { None };
        Self { from, to: last.map_or(to, Date) }
    }
}

/// The part of a query string that names the period.
pub trait HasPeriod {
    /// Returns the requested days, or an error that names the wrong parameters.
    fn range(&self) -> Result<Range>;
}

/// The period of a report: either `period`, or `from` and `to`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PeriodQuery {
    /// First day. Requires `to`.
    #[param(example = "2026-07-01")]
    from: Option<Date>,
    /// Day after the last one. Requires `from`.
    #[param(example = "2026-08-01")]
    to: Option<Date>,
    /// Instead of `from` and `to`: a year `2026`, a quarter `2026-Q3`, a month `2026-07`, or an ISO
    /// week `2026-W31`
    #[param(pattern = r"^[0-9]{4}(-Q[1-4]|-[01][0-9]|-W[0-5][0-9])?$", example = "2026-Q3")]
    period: Option<String>,
}

impl HasPeriod for PeriodQuery {
    fn range(&self) -> Result<Range> {
        self.given()?.ok_or_else(|| {
            let message = "required unless `from` and `to` are sent";
            invalid(vec![Fault::new("/period", "required", message)])
        })
    }
}

impl PeriodQuery {
    fn given(&self) -> Result<Option<Range>> {
        let contradiction = |name: &str| {
            let message = "cannot be combined with `period`";
            Fault::new(format!("/{name}"), "contradiction", message)
        };

        let range = match (&self.period, self.from, self.to) {
            (None, None, None) => return Ok(None),
            (Some(period), None, None) => named(period).ok_or_else(|| {
                vec![Fault::new(
                    "/period",
                    "format",
                    "must be a period such as 2026, 2026-Q3, 2026-07 or 2026-W31",
                )]
            }),
            (Some(_), from, to) => {
                let both = [from.map(|_| contradiction("from")), to.map(|_| contradiction("to"))];
                Err(both.into_iter().flatten().collect())
            }
            (None, Some(from), Some(to)) if from < to => Ok(Range { from, to }),
            (None, Some(_), Some(_)) => Err(vec![Fault::new(
                "/to",
                "range",
                "must be after `from`, because `to` is exclusive",
            )]),
            (None, Some(_), None) => {
                Err(vec![Fault::new("/to", "required", "required with `from`")])
            }
            (None, None, Some(_)) => {
                Err(vec![Fault::new("/from", "required", "required with `to`")])
            }
        };

        range.and_then(within_reason).map(Some).map_err(invalid)
    }
}

fn within_reason(range: Range) -> Result<Range, Vec<Fault>> {
    let fault = |name| Fault::new(name, "range", "must be between 1900-01-01 and 2200-01-01");
    let names = match range {
        Range { from, .. } if from < EARLIEST || from >= LATEST => "/from",
        Range { to, .. } if to > LATEST => "/to",
        _ => return Ok(range),
    };
    Err(vec![fault(names)])
}

fn invalid(faults: Vec<Fault>) -> Error {
    Error::bad_request("invalid_query", "Some query parameters are invalid; see `errors`.")
        .faults(faults)
}

/// An optional period, for reports that also make sense over all time. Default: all time.
#[derive(Debug, Deserialize)]
pub struct AnyPeriod {
    #[serde(flatten)]
    period: PeriodQuery,
}

impl HasPeriod for AnyPeriod {
    fn range(&self) -> Result<Range> {
        Ok(self.period.given()?.unwrap_or(Range::ALL))
    }
}

impl IntoParams for AnyPeriod {
    fn into_params(
        at: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
    ) -> Vec<utoipa::openapi::path::Parameter> {
        PeriodQuery::into_params(at)
    }
}

/// For reports without a period in the query string, such as those for a single day.
impl HasPeriod for NoFilter {
    fn range(&self) -> Result<Range> {
        Ok(Range::ALL)
    }
}

/// Parses `2026`, `2026-Q3`, `2026-07` or `2026-W31`.
fn named(text: &str) -> Option<Range> {
    let (year, part) = match text.split_once('-') {
        Some((year, part)) => (year, Some(part)),
        None => (text, None),
    };

    let number = |text: &str, digits: usize| {
        let plain = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i16>().ok()).flatten()
    };

    let year = number(year, 4)?;
    let first_of = |month: i8| civil::Date::new(year, month, 1).ok();
    let (from, length) = match part {
        None => (first_of(1)?, 1.year()),
        Some(part) => match part.as_bytes().first()? {
            b'Q' => {
                let quarter = number(&part[1..], 1).filter(|quarter| (1..=4).contains(quarter))?;
                (first_of(i8::try_from(quarter * 3 - 2).ok()?)?, 3.months())
            }
            b'W' => {
                let week = i8::try_from(number(&part[1..], 2)?).ok()?;
                (ISOWeekDate::new(year, week, Weekday::Monday).ok()?.date(), 7.days())
            }
            _ => (first_of(i8::try_from(number(part, 2)?).ok()?)?, 1.month()),
        },
    };
    Some(Range { from: Date(from), to: Date(from.checked_add(length).ok()?) })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn days(text: &str) -> String {
        named(text).map_or("-".into(), |it| format!("{} {}", it.from, it.to))
    }

    #[test]
    fn periods_by_name() {
        assert_eq!(days("2026"), "2026-01-01 2027-01-01");
        assert_eq!(days("2026-Q4"), "2026-10-01 2027-01-01");
        assert_eq!(days("2024-02"), "2024-02-01 2024-03-01");
        assert_eq!(days("2026-W01"), "2025-12-29 2026-01-05");
        assert_eq!(days("2020-W53"), "2020-12-28 2021-01-04");
        for wrong in [
            "",
            "26",
            "02026",
            "2026-",
            "2026-Q",
            "2026-Q0",
            "2026-Q5",
            "2026-13",
            "2026-00",
            "2026-7",
            "2026-W00",
            "2025-W53",
            "2026-W1",
            "2026-07-01",
            "２０２６",
            "2026-Qé",
            "9999",
        ] {
            assert_eq!(days(wrong), "-", "{wrong}");
        }
    }

    #[test]
    fn every_day_lies_in_one_month_quarter_and_week() {
        let years = 2019..=2031;
        let names = |part: &'static str, count: u8| {
            let name = move |year| {
                (1..=count).map(move |n| match part {
                    "Q" => format!("{year}-Q{n}"),
                    part => format!("{year}-{part}{n:02}"),
                })
            };
            years.clone().flat_map(name).filter_map(|name| named(&name)).collect::<Vec<_>>()
        };
        for (kind, ranges) in
            [("month", names("", 12)), ("quarter", names("Q", 4)), ("week", names("W", 53))]
        {
            let mut day = date(2020, 1, 1);
            while day < date(2031, 1, 1) {
                let holds = |it: &&Range| it.from.0 <= day && day < it.to.0;
                assert_eq!(ranges.iter().filter(holds).count(), 1, "{kind} of {day}");
                day = day.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn one_way_to_say_it() {
        let ask = |from: &str, to: &str, period: &str| {
            let day = |text: &str| (!text.is_empty()).then(|| Date(text.parse().unwrap()));
            let period = (!period.is_empty()).then(|| period.to_owned());
            let answer = PeriodQuery { from: day(from), to: day(to), period }.range();
            answer.map_err(|error| {
                let faults = error.problem().errors;
                faults.iter().map(|it| format!("{} {}", it.pointer, it.code)).collect::<Vec<_>>()
            })
        };
        let range = ask("2026-01-01", "2026-02-01", "").unwrap();
        assert_eq!(range, named("2026-01").unwrap());
        assert_eq!(ask("", "", "").unwrap_err(), ["/period required"]);
        let both = ask("2026-01-01", "2026-02-01", "2026").unwrap_err();
        assert_eq!(both, ["/from contradiction", "/to contradiction"]);
        assert_eq!(ask("2026-02-01", "2026-02-01", "").unwrap_err(), ["/to range"]);
        assert_eq!(ask("2026-02-01", "", "").unwrap_err(), ["/to required"]);
        assert_eq!(ask("", "2026-02-01", "").unwrap_err(), ["/from required"]);
        assert_eq!(ask("", "", "2026-W54").unwrap_err(), ["/period format"]);
        assert_eq!(ask("1899-12-31", "2026-02-01", "").unwrap_err(), ["/from range"]);
        assert_eq!(ask("", "", "1899").unwrap_err(), ["/from range"]);
        assert_eq!(ask("2026-02-01", "2200-01-02", "").unwrap_err(), ["/to range"]);
    }

    #[test]
    fn the_range_before() {
        let days = |range: Range| format!("{} {}", range.from, range.to);
        let before = |text: &str| {
            let range = named(text).unwrap();
            days(range.before(range))
        };

        assert_eq!(before("2026-03"), "2026-02-01 2026-03-01");
        assert_eq!(before("2026-Q1"), "2025-10-01 2026-01-01");
        assert_eq!(before("2026"), "2025-01-01 2026-01-01");
        assert_eq!(before("2026-W02"), "2025-12-29 2026-01-05");
        let leap = named("2024-02").unwrap().year_before();
        assert_eq!(days(leap), "2023-02-01 2023-03-01");
    }

    #[test]
    fn the_same_days_before() {
        let day = |text: &str| Date(text.parse().unwrap());
        let until = |text: &str, as_of: &str| named(text).unwrap().until(day(as_of));
        let before = |text: &str, as_of: &str| {
            let before = until(text, as_of).before(named(text).unwrap());
            format!("{} {}", before.from, before.to)
        };
        let year_before = |text: &str, as_of: &str| {
            let before = until(text, as_of).year_before();
            format!("{} {}", before.from, before.to)
        };

        assert_eq!(year_before("2026", "2026-11-29"), "2025-01-01 2025-11-30");
        assert_eq!(year_before("2026", "2027-03-01"), "2025-01-01 2026-01-01");
        assert_eq!(year_before("2026", "2025-03-01"), "2025-01-01 2026-01-01");
        assert_eq!(before("2026-11", "2026-11-29"), "2026-10-01 2026-10-30");
        assert_eq!(before("2026-W02", "2026-01-07"), "2025-12-29 2026-01-01");
        // Days that the month before does not have
        assert_eq!(before("2026-03", "2026-03-30"), "2026-02-01 2026-03-01");
        // 29 February
        assert_eq!(year_before("2024", "2024-02-28"), "2023-01-01 2023-03-01");
        assert_eq!(year_before("2024", "2024-02-29"), "2023-01-01 2023-03-01");
        assert_eq!(year_before("2025", "2025-02-28"), "2024-01-01 2024-03-01");
    }
}
