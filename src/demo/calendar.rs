//! Working days 工作日 in China, with public holidays 法定节假日 and make-up working days 调休.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::ToSpan;
use jiff::civil::{Date, Weekday};

/// The announced calendar, which the service also starts with: each day, and whether people work.
static ANNOUNCED: LazyLock<HashMap<Date, bool>> = LazyLock::new(|| {
    let rows = include_str!("../company/holidays.csv").lines().skip(1);
    let days = rows.filter_map(|row| {
        let mut cells = row.split(',');
        let (from, to): (Date, Date) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        let works = cells.next()? == "working";
        Some(from.series(1.day()).take_while(move |day| *day <= to).map(move |day| (day, works)))
    });
    days.flatten().collect()
});

/// Checks for a public holiday. Years without an announcement have only the holidays with a fixed
/// date in the solar calendar.
pub fn is_holiday(day: Date) -> bool {
    let fixed = matches!((day.month(), day.day()), (1, 1) | (5, 1..=5) | (10, 1..=7));
    let announced = ANNOUNCED.keys().any(|known| known.year() == day.year());
    ANNOUNCED.get(&day).map_or(fixed && !announced, |works| !works)
}

pub fn is_working(day: Date) -> bool {
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    !is_holiday(day) && (!weekend || ANNOUNCED.get(&day).copied().unwrap_or_default())
}

/// The day itself, or the next working day.
pub fn working_from(day: Date) -> Date {
    day.series(1.day()).find(|day| is_working(*day)).unwrap_or(day)
}

/// The day `count` working days later.
pub fn working_after(day: Date, count: i64) -> Date {
    (0..count).fold(day, |day, _| working_from(day.saturating_add(1.day())))
}

/// The last working day before `day`.
pub fn working_before(day: Date) -> Date {
    let mut before = day.saturating_sub(1.day());
    while !is_working(before) {
        before = before.saturating_sub(1.day());
    }
    before
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn nobody_works_on_holidays() {
        for day in [
            date(2026, 1, 1),
            date(2026, 2, 17),
            date(2026, 10, 1),
            date(2026, 11, 28),
            date(2027, 5, 1),
            date(2028, 10, 7),
        ] {
            assert!(!is_working(day), "{day}");
        }
        // A Sunday and a Saturday that make up for the National Day holiday.
        assert!(is_working(date(2026, 9, 20)) && is_working(date(2026, 10, 10)));
        assert_eq!(working_from(date(2026, 10, 1)), date(2026, 10, 8));
        assert_eq!(working_after(date(2026, 9, 30), 1), date(2026, 10, 8));
        assert_eq!(working_before(date(2026, 10, 8)), date(2026, 9, 30));
    }
}
