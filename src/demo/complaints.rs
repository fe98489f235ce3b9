//! The complaints of a year: settled on the spot or in the office, in time or late, filed 备案 or not
//! yet, and repeated ones.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::calendar::{is_working, working_after, working_before, working_from};
use crate::catalogue::Product;
use crate::market::Customer;
use crate::money::yuan;
use crate::organisation::leader_of;
use crate::random::Random;
use crate::sayings::{CATEGORIES, TOPICS, Topic};
use crate::visits::{Visit, at};

/// Days of complaints before today.
const PAST: i64 = 365;

struct Case<'a> {
    code: String,
    customer: &'a str,
    seller: &'static str,
    visit: Option<&'a Visit>,
    when: Timestamp,
    day: Date,
    /// The complaint that this one repeats, with its topic and product
    repeats: Option<(String, &'static Topic, Option<String>)>,
}

/// Generates the complaints that customers made during visits, and those that others made by
/// telephone, message or mail.
pub fn complaints(
    today: Date,
    customers: &[Customer],
    products: &[Product],
    visits: &[Visit],
) -> Vec<Value> {
    let mut items = vec![];
    let heard = visits.iter().filter_map(|visit| Some((visit, visit.complained?)));
    for (visit, when) in heard {
        let case = Case {
            code: format!("K{}", &visit.external_id[1..]),
            customer: &visit.customer,
            seller: visit.seller,
            visit: Some(visit),
            when,
            day: visit.day,
            repeats: None,
        };
        tell(today, &case, products, &mut items);
    }

    let first = today.saturating_sub(PAST.days());
    let days = first.series(1.day()).take_while(|day| *day < today);
    for day in days.filter(|day| is_working(*day)) {
        let mut random = Random::of_day("complaints", day);
        for number in 1..=random.between(0, 1) {
            let place = random.weighted(customers.iter().map(|customer| customer.importance(day)));
            let Some(customer) = place.map(|place| &customers[place]) else { continue };
            let case = Case {
                code: format!("K{:04}{:02}{:02}-{number}", day.year(), day.month(), day.day()),
                customer: &customer.external_id,
                seller: customer.owner,
                visit: None,
                when: at(day, 9 * 60 + random.between(0, 500)),
                day,
                repeats: None,
            };
            tell(today, &case, products, &mut items);
        }
    }

    items.extend(again_and_open(today, customers, products));
    items
}

/// An open complaint for the salesperson of the demo and the quality department, so that both have
/// work on any day. It is from the end of last month and repeats an earlier, closed one.
fn again_and_open(today: Date, customers: &[Customer], products: &[Product]) -> Vec<Value> {
    let (topic, month) = (&TOPICS[0], today.first_of_month());
    let (first, second) = (working_from(month.saturating_sub(60.days())), working_before(month));
    let theirs = customers
        .iter()
        .find(|customer| customer.owner == "wang.fang" && customer.importance(first) > 0);
    let product = products.iter().find(|product| product.category() == topic.products);
    let (Some(customer), Some(product)) = (theirs, product) else { return vec![] };

    let code = |number: i64| format!("KQ{:04}{:02}-{number}", month.year(), month.month());
    let item = |number: i64, day: Date| {
        json!({
            "external_id": code(number),
            "customer_external_id": customer.external_id,
            "product_external_id": product.code,
            "reporter_external_id": customer.owner,
            "owner_external_id": "guo.chao",
            "category": topic.category,
            "severity": "general",
            "channel": "phone",
            "description": topic.sayings[0],
            "occurred_at": at(day, 10 * 60).to_string(),
            "received_at": at(day, 10 * 60).to_string(),
            "first_response_at": at(day, 11 * 60).to_string(),
            "status": "in_progress",
        })
    };

    let (mut before, mut open) = (item(1, first), item(2, second));
    for (name, days) in
        [("resolved_at", 2), ("filed_at", 4), ("follow_up_call_at", 8), ("closed_at", 8)]
    {
        before[name] = at(working_after(first, days), 15 * 60).to_string().into();
    }

    before["status"] = "closed".into();
    before["resolution_mode"] = "office".into();
    before["resolution"] = topic.answers[0].into();
    before["root_cause"] = topic.causes[0].into();
    before["filed_no"] = format!("F-{}", code(1)).into();
    before["satisfaction"] = 2.into();

    open["repeat_of_external_id"] = code(1).into();
    vec![before, open]
}

/// Adds a complaint with its later course.
fn tell(today: Date, case: &Case<'_>, products: &[Product], items: &mut Vec<Value>) {
    let mut random = Random::of(&format!("complaint {}", case.code));
    let (topic, product) = match &case.repeats {
        Some((_, topic, product)) => (*topic, product.clone()),
        None => topic(products, &mut random),
    };

    let severity = match random.between(0, 99) {
        0..65 => "general",
        65..90 => "major",
        _ => "urgent",
    };
    let channel = match (&case.visit, random.between(0, 9)) {
        (Some(_), _) => "visit",
        (None, 0..5) => "phone",
        (None, 5..8) => "wechat",
        (None, 8) => "email",
        _ => "portal",
    };

    let mut item = json!({
        "external_id": case.code,
        "customer_external_id": case.customer,
        "category": topic.category,
        "severity": severity,
        "channel": channel,
        "description": random.choose(topic.sayings),
        "occurred_at": case.when.to_string(),
        "received_at": case.when.to_string(),
        "reporter_external_id": case.seller,
    });
    if let Some(visit) = case.visit {
        item["visit_external_id"] = visit.external_id.clone().into();
    }
    if let Some((first, ..)) = &case.repeats {
        item["repeat_of_external_id"] = first.clone().into();
    }
    if let Some(product) = &product {
        item["product_external_id"] = product.clone().into();
    }

    let on_the_spot = case.visit.is_some() && case.repeats.is_none() && random.percent(55);
    let closed = if on_the_spot {
        on_the_spot_item(today, (case, topic), &mut item, &mut random)
    } else {
        office_item(today, (case, topic), severity, &mut item, &mut random)
    };
    items.push(item);

    // Repeated complaints 再次追诉 come within 90 days of the closing; some customers complain a third
    // time.
    let again =
        closed.filter(|_| random.percent(9) || case.repeats.is_some() && random.percent(20));
    if let Some(closed) = again {
        let day = working_from(closed.saturating_add(random.between(10, 80).days()));
        if day < today {
            let code = format!("{}-R", case.code);
            let (when, first) = (at(day, 10 * 60), case.code.clone());
            let repeats = Some((first, topic, product));
            tell(today, &Case { code, visit: None, when, day, repeats, ..*case }, products, items);
        }
    }
}

/// Chooses a topic and a product that fits.
fn topic(products: &[Product], random: &mut Random) -> (&'static Topic, Option<String>) {
    let place = random.weighted(CATEGORIES.iter().map(|category| category.1)).unwrap_or_default();
    let fitting: Vec<&'static Topic> =
        TOPICS.iter().filter(|topic| topic.category == CATEGORIES[place].0).collect();
    let topic = *random.choose(&fitting);
    let theirs: Vec<&Product> =
        products.iter().filter(|product| product.category() == topic.products).collect();
    let product = (!theirs.is_empty()).then(|| random.choose(&theirs).code.clone());
    (topic, product)
}

/// Fills in a complaint that the salesperson settled on the spot. Returns the day of its closing.
fn on_the_spot_item(
    today: Date,
    (case, topic): (&Case<'_>, &Topic),
    item: &mut Value,
    random: &mut Random,
) -> Option<Date> {
    let confirmed = case.when.to_string();
    item["status"] = "resolved".into();
    item["owner_external_id"] = case.seller.into();
    item["resolution_mode"] = "on_the_spot".into();
    item["resolution"] = (*random.choose(topic.on_the_spot)).into();
    item["first_response_at"] = confirmed.clone().into();
    item["resolved_at"] = confirmed.clone().into();
    item["customer_confirmed_by"] = "signature".into();
    item["customer_confirmed_at"] = confirmed.into();
    item["satisfaction"] = random.between(2, 5).into();

    if random.percent(40) {
        item["compensation_amount"] = yuan(random.between(20, 500) * 100).into();
        item["compensation_currency"] = "CNY".into();
    }
    file(today, case.day, case, item, random)
}

/// Fills in a complaint that the office handled: settled, refused, withdrawn, waiting for the
/// customer, or late. Returns the day of its closing.
fn office_item(
    today: Date,
    (case, topic): (&Case<'_>, &Topic),
    severity: &str,
    item: &mut Value,
    random: &mut Random,
) -> Option<Date> {
    let late = random.percent(15);
    let respond = random.between(10, if severity == "urgent" { 40 } else { 100 });
    // Working days until the settlement
    let takes = match (severity, late) {
        ("urgent", false) => 1,
        (_, false) => random.between(1, 3),
        _ => random.between(5, 14),
    };
    let (fate, waits) = (random.between(0, 99), random.percent(30));
    let owner = match random.between(0, 9) {
        0..4 if topic.category == "quality" => "guo.chao",
        0..7 => "fang.wen",
        _ => leader_of(case.seller).unwrap_or("fang.wen"),
    };

    let next = |days| working_after(case.day, days);
    let accepted = if late { at(next(2), 9 * 60 + respond) } else { case.when + respond.minutes() };
    let settled = next(takes + i64::from(late));
    // These choices come before the status, so that they do not depend on `today`.
    let (answer, root_cause) = (*random.choose(topic.answers), *random.choose(topic.causes));
    let paid = random.percent(35).then(|| yuan(random.between(50, 3000) * 100));
    let foreign = random.percent(10);
    let age = today.since(case.day).map_or(0, |span| span.get_days());

    let status = match age {
        _ if age <= 1 || accepted >= at(today, 0) => "registered",
        _ if fate < 4 => "rejected",
        _ if fate < 8 => "withdrawn",
        2 => "accepted",
        _ if settled < today => "resolved",
        _ if waits => "pending_customer",
        _ => "in_progress",
    };
    item["status"] = status.into();

    let reason = match (status, topic.products) {
        ("rejected", "") => Some("经核实,均按合同约定办理"),
        ("rejected", _) => Some("已过保修期,且为人为损坏"),
        ("withdrawn", _) => Some("客户来电撤回"),
        ("pending_customer", "") => Some("等客户提供单据照片"),
        ("pending_customer", _) => Some("等客户寄回样品"),
        _ => None,
    };
    if let Some(reason) = reason {
        item["status_reason"] = reason.into();
    }

    if matches!(status, "registered" | "withdrawn") {
        return None;
    }
    item["owner_external_id"] = owner.into();
    item["first_response_at"] = accepted.to_string().into();

    let interim = at(next(if late { 3 } else { 1 }), 10 * 60);
    if severity == "major" && interim < at(today, 0) {
        item["interim_at"] = interim.to_string().into();
    }

    if status != "resolved" {
        return None;
    }
    item["resolution_mode"] = "office".into();
    item["resolution"] = answer.into();
    item["root_cause"] = root_cause.into();
    item["resolved_at"] = at(settled, 16 * 60).to_string().into();
    if let Some(paid) = paid {
        item["compensation_amount"] = paid.into();
        item["compensation_currency"] = if foreign { "USD" } else { "CNY" }.into();
    }
    file(today, settled, case, item, random)
}

/// Files a complaint, usually one to three working days after it was settled, and closes it a week
/// later. Returns the day of the closing if it is before today.
fn file(
    today: Date,
    settled: Date,
    case: &Case<'_>,
    item: &mut Value,
    random: &mut Random,
) -> Option<Date> {
    let waits = if random.percent(85) { random.between(1, 3) } else { random.between(6, 20) };
    let (filed, satisfaction) = (working_after(settled, waits), random.between(1, 5));
    if filed >= today {
        return None;
    }

    item["filed_no"] = format!("F-{}", &case.code[1..]).into();
    item["filed_at"] = at(filed, 15 * 60).to_string().into();
    let closed = working_from(filed.saturating_add(7.days()));
    if closed >= today {
        return None;
    }

    item["status"] = "closed".into();
    item["closed_at"] = at(closed, 11 * 60).to_string().into();
    if item["customer_confirmed_by"].is_null() {
        item["follow_up_call_at"] = at(closed, 10 * 60).to_string().into();
        item["satisfaction"] = satisfaction.into();
    }
    Some(closed)
}
