//! The working calendar, 工作日历: Monday to Friday, without holidays, plus make-up days (调休).

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use jiff::civil::Weekday;
use platform::{Conn, Date, Result};
use schema::holidays;

use crate::holiday::HolidayKind;

/// The days that deviate from their weekday.
#[derive(Debug, Clone, Default)]
pub struct Calendar(HashMap<Date, HolidayKind>);

impl Calendar {
    pub async fn load(conn: &mut Conn) -> Result<Self> {
        let days = holidays::table.select((holidays::date, holidays::kind));
        Ok(days.load::<(Date, HolidayKind)>(conn).await?.into_iter().collect())
    }

    pub fn is_working(&self, day: Date) -> bool {
        match self.0.get(&day) {
            Some(HolidayKind::Working) => true,
            Some(HolidayKind::Holiday) => false,
            None => !matches!(day.0.weekday(), Weekday::Saturday | Weekday::Sunday),
        }
    }

    /// Counts the working days in `[from, to)`.
    pub fn working_days(&self, from: Date, to: Date) -> i64 {
        let days = from.0.series(jiff::Span::new().days(1)).take_while(|day| *day < to.0);
        days.filter(|day| self.is_working(Date(*day))).count().try_into().unwrap_or(i64::MAX)
    }

    /// Returns SQL that counts the working days between two expressions like
    /// [`Calendar::working_days`], for reports that count within the database.
    pub fn counted(from: &str, to: &str) -> String {
        format!(
            "(select count(*) from generate_series({from}, {to} - 1, interval '1 day') as day
                left join holidays on holidays.date = day::date
                where case kind when 'working' then true when 'holiday' then false
                    else extract(isodow from day) < 6 end)"
        )
    }

    /// Returns the nth working day from `from` on. `n` starts at 1, and `from` itself counts if it
    /// is a working day.
    pub fn nth_working_day(&self, from: Date, n: usize) -> Date {
        let days = from.0.series(jiff::Span::new().days(1)).map(Date);
        days.filter(|day| self.is_working(*day)).nth(n.saturating_sub(1)).unwrap_or(from)
    }
}

impl FromIterator<(Date, HolidayKind)> for Calendar {
    fn from_iter<I: IntoIterator<Item = (Date, HolidayKind)>>(days: I) -> Self {
        Self(days.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_make_up_day_is_worked_and_a_holiday_is_not() {
        let calendar: Calendar = crate::holiday::known().map(|it| (it.0, it.1)).collect();
        let day = |y, m, d| Date(date(y, m, d));
        // Spring festival 2026: 15 to 23 February, worked for on the 14th and the 28th.
        assert!(calendar.is_working(day(2026, 2, 14)));
        assert!(!calendar.is_working(day(2026, 2, 16)));
        assert_eq!(calendar.working_days(day(2026, 2, 1), day(2026, 3, 1)), 16);
        assert_eq!(calendar.working_days(day(2026, 2, 1), day(2026, 2, 1)), 0);
        assert_eq!(calendar.nth_working_day(day(2026, 2, 14), 2), day(2026, 2, 24));
    }
}
