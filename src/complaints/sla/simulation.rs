//! Due times by brute force, minute by minute and with a calendar of its own, for comparison.

use std::collections::HashMap;

use company::holiday::HolidayKind;
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use platform::{Date, Timestamp};
use proptest::prelude::*;

use super::{Hours, Pause, Term, Unit};

/// Thursday, 1 October 2026, 00:00 UTC, in minutes since 1970.
const EPOCH: i64 = 20_727 * 1440;

/// Time zones without daylight saving, with their offset from UTC in minutes.
const ZONES: [(&str, i64); 5] = [
    ("Asia/Shanghai", 480),
    ("UTC", 0),
    ("Asia/Kolkata", 330),
    ("Pacific/Kiritimati", 840),
    ("Pacific/Niue", -660),
];

#[derive(Debug, Clone)]
struct Case {
    zone: usize,
    opens: i64,
    closes: i64,
    /// Days after the epoch that deviate from their weekday: `true` if worked
    odd: HashMap<i64, bool>,
    start: i64,
    clock: bool,
    minutes: i64,
    /// Start in minutes after `start`, and length in minutes
    pauses: Vec<(i64, i64)>,
}

fn cases() -> impl Strategy<Value = Case> {
    let hours = prop_oneof![3 => Just((9, 18)), 1 => (0..23_i64).prop_flat_map(|opens| {
        (Just(opens), opens + 1..=24)
    })];
    let odd = prop::collection::hash_map(-2..30_i64, any::<bool>(), 0..8);
    let pauses = prop::collection::vec((-2_000..12_000_i64, 1..4_000_i64), 0..5);

    (0..ZONES.len(), hours, odd, 0..20_000_i64, any::<bool>(), 1..2_700_i64, pauses).prop_map(
        |(zone, (opens, closes), odd, start, clock, minutes, pauses)| Case {
            zone,
            opens,
            closes,
            odd,
            start,
            clock,
            minutes,
            pauses,
        },
    )
}

/// Steps through every minute until enough of them have counted.
fn simulated(case: &Case) -> i64 {
    let (mut minute, mut counted) = (case.start, 0);
    while counted < case.minutes {
        let local = EPOCH + minute + ZONES[case.zone].1;
        let (day, of_day) = (local.div_euclid(1440), local.rem_euclid(1440));

        // 1 January 1970 was a Thursday.
        let weekday = (day + 3).rem_euclid(7) < 5;
        let worked = case.odd.get(&(day - EPOCH / 1440)).copied().unwrap_or(weekday);

        let open = worked && (case.opens * 60..case.closes * 60).contains(&of_day);
        let since = minute - case.start;
        let paused = case.pauses.iter().any(|(from, long)| (*from..from + long).contains(&since));

        if (case.clock || open) && !paused {
            counted += 1;
        }
        minute += 1;
    }
    minute
}

fn computed(case: &Case) -> i64 {
    let first = date(2026, 10, 1);
    let kind = |works: bool| if works { HolidayKind::Working } else { HolidayKind::Holiday };
    let odd = case.odd.iter();
    let odd = odd.map(|(day, works)| (Date(first + Span::new().days(*day)), kind(*works)));
    let zone = TimeZone::get(ZONES[case.zone].0).unwrap();
    let hours = Hours::new(odd.collect(), zone, case.opens, case.closes);
    let at = |minute: i64| Timestamp(jiff::Timestamp::from_second((EPOCH + minute) * 60).unwrap());

    let mut pauses: Vec<Pause> = case
        .pauses
        .iter()
        .map(|(from, long)| (case.start + from, case.start + from + long))
        .map(|(from, to)| Pause { from: at(from), to: Some(at(to)) })
        .collect();
    pauses.sort_by_key(|pause| pause.from);

    let unit = if case.clock { Unit::Clock } else { Unit::Working };
    let term = Term { unit, length: SignedDuration::from_mins(case.minutes) };
    hours.due(at(case.start), term, &pauses).0.as_second() / 60 - EPOCH
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn due_times_are_those_of_a_simulation(case in cases()) {
        prop_assert_eq!(computed(&case), simulated(&case));
    }
}
