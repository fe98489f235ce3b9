//! Periods of targets: half-open. A year, quarter, month, week or day is that of the calendar.

use jiff::civil::date;
use jiff::{Span, ToSpan};
use platform::Date;

use super::PeriodType;

/// Returns the end of the period that starts on this day. `None` when no such period does, or when
/// it is custom.
pub fn end(kind: PeriodType, start: Date) -> Option<Date> {
    if start_of(kind, start)? == start { add(start, length(kind)?) } else { None }
}

/// Returns the periods of a kind in `[from, to)`, without a gap. Those that the edges cut short are
/// custom. Stops after `most`; `None` for custom periods.
pub fn parts(
    kind: PeriodType,
    from: Date,
    to: Date,
    most: usize,
) -> Option<Vec<(PeriodType, Date, Date)>> {
    let (mut parts, mut at) = (vec![], from);
    while at < to && parts.len() < most {
        let start = start_of(kind, at)?;
        let end = add(start, length(kind)?)?;
        let whole = start == at && end <= to;
        parts.push((if whole { kind } else { PeriodType::Custom }, at, end.min(to)));
        at = end;
    }
    Some(parts)
}

fn start_of(kind: PeriodType, day: Date) -> Option<Date> {
    let civil = day.0;
    match kind {
        PeriodType::Year => Some(date(civil.year(), 1, 1)),
        PeriodType::Quarter => Some(date(civil.year(), (civil.month() - 1) / 3 * 3 + 1, 1)),
        PeriodType::Month => Some(civil.first_of_month()),
        PeriodType::Week => {
            let monday = i64::from(civil.weekday().to_monday_zero_offset());
            civil.checked_sub(monday.days()).ok()
        }
        PeriodType::Day => Some(civil),
        PeriodType::Custom => None,
    }
    .map(Date)
}

fn length(kind: PeriodType) -> Option<Span> {
    match kind {
        PeriodType::Year => Some(1.year()),
        PeriodType::Quarter => Some(3.months()),
        PeriodType::Month => Some(1.month()),
        PeriodType::Week => Some(1.week()),
        PeriodType::Day => Some(1.day()),
        PeriodType::Custom => None,
    }
}

fn add(day: Date, length: Span) -> Option<Date> {
    day.0.checked_add(length).ok().map(Date)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        Date(text.parse().unwrap())
    }

    #[test]
    fn a_period_starts_where_its_kind_does() {
        let cases = [
            (PeriodType::Year, "2026-01-01", Some("2027-01-01")),
            (PeriodType::Year, "2026-02-01", None),
            (PeriodType::Quarter, "2026-10-01", Some("2027-01-01")),
            (PeriodType::Quarter, "2026-11-01", None),
            (PeriodType::Month, "2028-02-01", Some("2028-03-01")),
            (PeriodType::Month, "2028-02-02", None),
            (PeriodType::Week, "2026-12-28", Some("2027-01-04")),
            (PeriodType::Week, "2026-12-27", None),
            (PeriodType::Day, "2026-12-27", Some("2026-12-28")),
            (PeriodType::Custom, "2026-01-01", None),
            (PeriodType::Year, "9999-01-01", None),
        ];
        for (kind, start, expected) in cases {
            assert_eq!(end(kind, day(start)), expected.map(day), "{kind:?} from {start}");
        }
    }

    #[test]
    fn weeks_are_cut_at_the_edges_of_the_month() {
        let weeks = parts(PeriodType::Week, day("2026-07-01"), day("2026-08-01"), 99).unwrap();
        let text: Vec<String> =
            weeks.iter().map(|(kind, from, to)| format!("{} {from} {to}", kind.as_str())).collect();
        assert_eq!(
            text,
            [
                "custom 2026-07-01 2026-07-06",
                "week 2026-07-06 2026-07-13",
                "week 2026-07-13 2026-07-20",
                "week 2026-07-20 2026-07-27",
                "custom 2026-07-27 2026-08-01",
            ]
        );
        assert_eq!(parts(PeriodType::Custom, day("2026-07-01"), day("2026-08-01"), 9), None);
    }
}
