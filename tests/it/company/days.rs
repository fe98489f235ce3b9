//! An independent calendar based on day numbers, which checks the calendar library, and the periods
//! and working days of the service.

use std::str::FromStr;

use salesbook::access::Role;
use salesbook::company::Calendar;
use salesbook::company::holiday::HolidayKind;
use salesbook::platform::{Clock, Date, Timestamp};
use salesbook::targets::target::{PeriodType, period};
use serde_json::json;

use crate::support::harness::Service;
use crate::support::inventing::Dice;

/// Days since 1 January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub i64);

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Day {
    pub fn of(year: i64, month: i64, day: i64) -> Self {
        let leaps = |year: i64| year / 4 - year / 100 + year / 400;
        let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
        Self(years + (1..month).map(|it| length(year, it)).sum::<i64>() + day - 1)
    }

    /// The year, month and day.
    pub fn parts(self) -> (i64, i64, i64) {
        // A lower bound of the year.
        let mut year = 1970 + self.0.div_euclid(if self.0 < 0 { 365 } else { 366 });
        while Self::of(year + 1, 1, 1) <= self {
            year += 1;
        }
        let mut month = 1;
        while month < 12 && Self::of(year, month + 1, 1) <= self {
            month += 1;
        }
        (year, month, self.0 - Self::of(year, month, 1).0 + 1)
    }

    /// The day of the week; Monday is 0. 1 January 1970 was a Thursday.
    pub fn weekday(self) -> i64 {
        (self.0 + 3).rem_euclid(7)
    }

    pub fn month_after(self) -> Self {
        let (year, month, _) = self.parts();
        if month == 12 { Self::of(year + 1, 1, 1) } else { Self::of(year, month + 1, 1) }
    }

    fn date(self) -> Date {
        Date(self.to_string().parse().unwrap())
    }
}

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Day {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::of(text[..4].parse()?, text[5..7].parse()?, text[8..].parse()?))
    }
}

/// The year and number of a week, which are those of its Thursday.
pub fn iso_week(day: Day) -> (i64, i64) {
    let thursday = Day(day.0 - day.weekday() + 3);
    let year = thursday.parts().0;
    (year, (thursday.0 - Day::of(year, 1, 1).0) / 7 + 1)
}

#[test]
fn every_period_ends_where_it_should() {
    let mut cases = 0;
    let first = Day::of(1896, 1, 1).0;
    for day in (first..Day::of(2104, 1, 1).0).step_by(1).map(Day) {
        let (year, month, of_month) = day.parts();
        let quarter = Day::of(year, (month - 1) / 3 * 3 + 1, 1);
        let quarter_end = (0..3).fold(quarter, |it, _| it.month_after());
        let starts = [
            (PeriodType::Year, month == 1 && of_month == 1, Day::of(year + 1, 1, 1)),
            (PeriodType::Quarter, day == quarter, quarter_end),
            (PeriodType::Month, of_month == 1, day.month_after()),
            (PeriodType::Week, day.weekday() == 0, Day(day.0 + 7)),
            (PeriodType::Day, true, Day(day.0 + 1)),
            (PeriodType::Custom, false, day),
        ];
        // The first and last day of every month, and every twentieth day.
        if of_month > 1 && day.month_after().0 - day.0 > 1 && day.0 % 20 > 0 {
            continue;
        }
        for (kind, starts, end) in starts {
            let expected = starts.then(|| end.date());
            assert_eq!(period::end(kind, day.date()), expected, "{kind:?} from {day}");
            cases += 1;
        }
    }
    println!("{cases} periods");
}

#[test]
fn working_days_are_counted_day_by_day() {
    let mut dice = Dice(11);
    let roll = |dice: &mut Dice, sides| i64::try_from(dice.roll(sides)).unwrap();
    for _ in 0..400 {
        let from = Day::of(2020, 1, 1).0 + roll(&mut dice, 5_000);
        let to = from + roll(&mut dice, 90);
        let odd: Vec<(Day, bool)> = (0..12)
            .map(|_| (Day(from + roll(&mut dice, 90)), dice.roll(2) == 0))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .collect();
        let kind = |works| if works { HolidayKind::Working } else { HolidayKind::Holiday };
        let calendar: Calendar = odd.iter().map(|it| (it.0.date(), kind(it.1))).collect();
        let works = |day: Day| {
            let odd = odd.iter().find(|it| it.0 == day);
            odd.map_or(day.weekday() < 5, |it| it.1)
        };
        let expected = (from..to).filter(|day| works(Day(*day))).count();
        let told = calendar.working_days(Day(from).date(), Day(to).date());
        assert_eq!(told, i64::try_from(expected).unwrap());
        let nth = 1 + dice.roll(20);
        let expected = (from..).filter(|day| works(Day(*day))).nth(nth - 1).unwrap();
        assert_eq!(calendar.nth_working_day(Day(from).date(), nth), Day(expected).date());
    }
}

#[actix_web::test]
async fn a_day_begins_where_the_company_is() {
    let mut cases = 0;
    let clock = Clock::default();
    for minutes in (-14 * 60..=14 * 60).step_by(30) {
        let offset = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
        clock.set_zone(jiff::tz::TimeZone::fixed(offset));
        for day in [
            Day::of(2028, 2, 28),
            Day::of(2026, 12, 31),
            Day::of(2028, 2, 29),
            Day::of(2100, 2, 28),
        ] {
            // One second before midnight in this time zone, and midnight.
            let midnight = (day.0 + 1) * 86_400 - i64::from(minutes) * 60;
            for (second, expected) in [(midnight - 1, day), (midnight, Day(day.0 + 1))] {
                let instant = Timestamp(jiff::Timestamp::from_second(second).unwrap());
                assert_eq!(clock.day_of(instant).to_string(), expected.to_string(), "{minutes}");
                cases += 1;
            }
        }
    }
    let service =
        Service::start_at(Clock::fixed(Timestamp("2028-02-29T10:30:00Z".parse().unwrap()))).await;
    let admin = service.actor(Role::Admin).await;
    let customer = admin.customer("Lin & Sons").await;
    let product = json!({ "code": "P", "name": "P", "list_price": "1" });
    let product = admin.post("/api/v1/products", product).await.expect(201)["id"].clone();
    let zones = [
        ("Pacific/Kiritimati", "2028-03-01"),
        ("Etc/GMT+12", "2028-02-28"),
        ("Asia/Shanghai", "2028-02-29"),
    ];
    for (version, (zone, day)) in zones.into_iter().enumerate() {
        let version = i64::try_from(version).unwrap() + 1;
        let before = admin.get("/api/v1/company").await.expect(200);
        if before["time_zone"] != zone {
            let version = before["version"].as_i64().unwrap_or(version);
            admin.patch("/api/v1/company", version, json!({ "time_zone": zone })).await.expect(200);
        }
        let new = json!({ "customer_id": customer.rsplit('/').next(),
            "lines": [{ "product_id": product, "quantity": "1" }] });
        assert_eq!(
            admin.post("/api/v1/orders", new).await.expect(201)["order_date"],
            day,
            "{zone}"
        );
    }
    println!("{cases} midnights");
}
