//! The visits of the last year, and the plans of the next days.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::calendar::{is_holiday, is_working};
use crate::market::Customer;
use crate::organisation::{leader_of, sellers};
use crate::random::Random;

/// Days of visits before today.
const PAST: i64 = 365;

/// Days of plans after today.
const AHEAD: i64 = 5;

const PURPOSES: &[&str] = &["新品推荐", "回款沟通", "季度回访", "库存盘点", "合同续签", "技术交流"];
const SUMMARIES: &[&str] =
    &["客户对样品满意", "需要再报价", "下月有采购计划", "已确认库存数量", "约定下次带技术人员"];
const REASONS: &[&str] = &["客户临时有会", "暴雨封路", "客户出差", "车辆故障"];

/// A visit, with the data that complaints need.
pub struct Visit {
    pub item: Value,
    pub external_id: String,
    pub customer: String,
    pub seller: &'static str,
    pub day: Date,
    /// The end of the visit, if the customer complained
    pub complained: Option<Timestamp>,
}

/// Converts a day and a minute in China, which has no daylight saving time, to an instant.
pub fn at(day: Date, minute: i64) -> Timestamp {
    let midnight = day.at(0, 0, 0, 0).in_tz("UTC").map(|time| time.timestamp());
    midnight.unwrap_or_default() + (minute - 8 * 60).minutes()
}

/// The visits around `today`. Those that are over at `now` have an outcome.
pub fn visits(today: Date, now: Timestamp, customers: &[Customer]) -> Vec<Visit> {
    let mut of = HashMap::<&str, Vec<&Customer>>::new();
    let mut places = HashMap::new();
    for customer in customers {
        of.entry(customer.owner).or_default().push(customer);
        places.insert(&*customer.external_id, customer.place());
    }

    let (first, last) = (today.saturating_sub(PAST.days()), today.saturating_add(AHEAD.days()));
    let days = first.series(1.day()).take_while(|day| *day <= last);
    let mut visits = vec![];
    // Today counts as a working day even on a weekend, so that the demo has visits to show.
    let works = |day: Date| is_working(day) || day == today && !is_holiday(day);

    for day in days.filter(|day| works(*day)) {
        for seller in sellers() {
            let mut random = Random::of_day(&format!("visits {}", seller.username), day);
            let theirs = of.get(seller.username).map_or(&[][..], Vec::as_slice);
            for number in 1..=random.between(1, 3) {
                let mut random =
                    Random::of_day(&format!("visit {number} {}", seller.username), day);
                let place = random.weighted(theirs.iter().map(|customer| customer.importance(day)));
                let Some(customer) = place.map(|place| theirs[place]) else { continue };
                let (number, place) = ((seller.username, number), places[&*customer.external_id]);
                visits.push(visit((now, day), number, (customer, place), &mut random));
            }
        }
    }
    visits
}

/// Generates a visit. As with orders, random choices do not depend on the time: visits whose time
/// is over have taken place, later ones are plans.
fn visit(
    (now, day): (Timestamp, Date),
    (seller, number): (&'static str, i64),
    (customer, place): (&Customer, Option<(f64, f64)>),
    random: &mut Random,
) -> Visit {
    let code = format!("V{:04}{:02}{:02}-{seller}-{number}", day.year(), day.month(), day.day());
    let start = 9 * 60 + (number - 1) * 160 + random.between(0, 50);
    let (begins, ends) = (at(day, start), at(day, start + random.between(3, 75)));

    let kind = match random.between(0, 99) {
        0..50 => "planned",
        50..65 => "route",
        65..80 => "revisit",
        80..90 => "ad_hoc",
        90..95 => "inspection",
        _ => "accompanied",
    };
    let source = match kind {
        "route" => "route",
        "revisit" => "cadence",
        _ => *random.choose(&["manual", "weekly"]),
    };

    let remote = kind == "revisit" && random.percent(30);
    let mut item = json!({
        "external_id": code,
        "owner_external_id": seller,
        "customer_external_id": customer.external_id,
        "planned_date": day.to_string(),
        "type": kind,
        "plan_source": source,
        "purpose": random.choose(PURPOSES),
        "remote": remote,
        "window_from": at(day, start).to_string(),
        "window_to": at(day, start + 120).to_string(),
    });

    if kind == "accompanied"
        && let Some(leader) = leader_of(seller)
    {
        item["participant_external_ids"] = json!([leader]);
    }

    // The salesperson who can log in has no visit in progress, so that a check-in can be tried.
    let forgotten = number == 3 && random.percent(30) && seller != "wang.fang";
    let evening = at(day, 24 * 60);
    let status = match random.between(0, 99) {
        _ if ends > now => "planned",
        // Without a check-out, the visit is in progress for one more day, and abandoned afterwards.
        _ if forgotten && evening > now => "planned",
        _ if forgotten && evening + 24.hours() > now => "in_progress",
        _ if forgotten => "abandoned",
        0..6 => "cancelled",
        6..13 if evening > now => "planned",
        6..13 => "missed",
        13..15 => "abandoned",
        _ => "completed",
    };

    item["status"] = status.into();
    let reason = *random.choose(REASONS);
    // All missed visits are explained after ten days at the latest.
    let explained = status == "missed" && (random.percent(60) || evening + 240.hours() < now);
    if matches!(status, "cancelled" | "abandoned") || explained {
        item["reason"] = reason.into();
    }
    if matches!(status, "completed" | "abandoned" | "in_progress") {
        item["check_in"] = check(begins, place, random);
    }

    let mut complained = None;
    if status == "completed" {
        item["check_out"] = check(ends, place, random);
        let says = random.percent(4);
        outcome(&mut item, day, says, random);
        complained = says.then_some(ends);
    }

    let customer = customer.external_id.clone();
    Visit { item, external_id: code, customer, seller, day, complained }
}

/// A check-in or check-out as a phone sends it: usually near the customer, sometimes far away,
/// inaccurate, stale, mocked or without a position.
fn check(when: Timestamp, place: Option<(f64, f64)>, random: &mut Random) -> Value {
    let mut metres = |most: i64| {
        let moved = i32::try_from(random.between(-most, most)).unwrap_or_default();
        // A degree of latitude is about 111 km.
        f64::from(moved) / 111_000.0
    };
    let (north, east, far) = (metres(120), metres(120), metres(900));

    // A phone has a position even if that of the customer is unknown.
    let (latitude, longitude) = place.unwrap_or((31.0, 120.0));
    let mut check = json!({
        "occurred_at": when.to_string(),
        "latitude": latitude + north,
        "longitude": longitude + east,
        "accuracy_m": random.between(5, 60),
        "fix_age_s": random.between(0, 20),
    });

    match random.between(0, 99) {
        0..5 => check["latitude"] = (latitude + 0.02 + far).into(),
        5..8 => check["accuracy_m"] = random.between(250, 2000).into(),
        8..11 => check["fix_age_s"] = random.between(90, 900).into(),
        11..14 => check = json!({ "occurred_at": when.to_string() }),
        14 => check["mock"] = true.into(),
        _ => {}
    }
    check
}

fn outcome(item: &mut Value, day: Date, complained: bool, random: &mut Random) {
    let outcome = match random.between(0, 99) {
        _ if complained => "informed",
        0..20 => "ordered",
        20..45 => "promised",
        45..74 => "informed",
        74..86 => "refused",
        86..96 => "absent",
        _ => "closed_shop",
    };

    item["outcome"] = outcome.into();
    let next = day.saturating_add(random.between(7, 30).days()).to_string();
    if outcome == "refused" {
        let reasons = ["price", "no_need", "no_budget", "competitor", "delivery", "quality"];
        item["refuse_reason"] = (*random.choose(&reasons)).into();
        item["next_visit_on"] = next.into();
    } else if outcome == "promised" && random.percent(40) {
        item["next_action"] = "带合同回访".into();
        item["next_visit_on"] = next.into();
    }

    if random.percent(70) {
        item["summary"] = (*random.choose(SUMMARIES)).into();
    }
    // Sometimes the salesperson forgot to ask.
    if complained || !random.percent(2) {
        item["complaint_answer"] = complained.into();
    }
}
